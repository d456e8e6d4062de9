"""The facts of a sign-in as one value, and the card, the terminal's lines and the widget's state made of it."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..errors import SignInCancelled
from ..flows import clock
from ..flows.authenticator import SESSION, Authenticator
from ..flows.last_users import LAST_USERS, Application
from ..flows.sign_in import Progress
from ..protocol.tokens import TokenSet
from ..settings.params import ParamsAuth0
from ..text import plain
from .card import Card, Row
from .cards import (
    ASK_OWNER,
    HINT,
    HINT_OF_OWN,
    NOT_GRANTED,
    device_card,
    duration,
    end_row,
    is_in_vain,
    local_time,
    not_granted,
    scope_rows,
    signed_in_card,
    waiting_card,
)
from .claims import decode_unverified

NO_REFRESH_TOKEN = "There is no refresh token, so you will be asked to sign in again."


@dataclass(frozen=True)
class View:
    """What may be shown of a sign-in, and may stay in a saved notebook; no secret.

    Attributes:
        scope: what was granted; before a sign-in what is asked for.
        not_granted: the scopes that were asked for and not granted.
        is_in_vain: they are all the scopes of an API that were asked for.
        logged_as: the user's name; None before a sign-in.
        account: the provider's own name of the user, where it is another than `logged_as`, which users choose. Before a
            `sub` stands what the user is called, as a `sub` alone tells a reader little.
        user_before: the name of the user who signed in before, if that was another one; else empty.
        expires_at: of the access token; aware, UTC. None before a sign-in, and where the provider does not tell it.
        is_opaque: the access token is not a JWT.
        is_good: the access token has not ended.
        is_renewable: a refresh token gets the next one.
        renewal: why no refresh token gets the next one, and what may change that, where the sign-in was to have one.
        error: why the last sign-in failed, as a sentence.
        advice: a sentence for one card of the session.
    """

    issuer: str
    audience: str | None
    scope: str
    not_granted: str = ""
    is_in_vain: bool = False
    logged_as: str | None = None
    account: str = ""
    user_before: str = ""
    expires_at: datetime | None = None
    is_opaque: bool = False
    is_good: bool = False
    is_renewable: bool = False
    renewal: str = ""
    error: str = ""
    advice: str = ""

    @property
    def serves(self) -> bool:
        """Whether there is a good access token, or can be one without the user."""
        return self.is_good or self.is_renewable

    @property
    def next_step(self) -> str:
        """What to do where the sign-in brought none of the scopes that were asked for; else empty.

        Where they are misspelt by commas, the row of what was not granted says so.
        """
        return ASK_OWNER if self.is_in_vain and "," not in self.not_granted else ""

    @property
    def account_rows(self) -> tuple[Row, ...]:
        """Rows that tell the user from others of the same name, and say when another one signed in before."""
        return tuple(row for row in (("Account", self.account), ("Last time", self.last_time)) if row[1])

    @property
    def last_time(self) -> str:
        """Words about the user who signed in before, if that was another one; else empty."""
        return f"another account: {self.user_before}" if self.user_before else ""

    def card(
        self,
        more: tuple[Row, ...] = (),
        hint: str = "Run the cell that signs in, or call `auth.sign_in()`.",
        ready: str = "",
    ) -> Card:
        """Return the card; *more* rows stand below, *hint* says how to sign in, and *ready* how to use the token."""
        if self.logged_as is not None and self.serves:
            return self._signed_in(more, ready)
        api = (("API", self.audience),) if self.audience else ()
        rows = [*self.account_rows, ("Provider", self.issuer), *api, *scope_rows(self.scope, self.not_granted)]
        title = "Not signed in"
        if self.logged_as is not None:
            title = f"The sign-in of {self.logged_as} has ended"
            rows.append(end_row(self.expires_at, seconds_left(self.expires_at), self.is_renewable))
        mood = "bad" if self.error else "still"
        return Card(mood, title, (*rows, *more), note=self.error or hint, warned=(NOT_GRANTED,))

    def _signed_in(self, more: tuple[Row, ...], ready: str) -> Card:
        card = signed_in_card(
            str(self.logged_as),
            self.issuer,
            self.audience,
            self.scope,
            self.expires_at,
            seconds_left(self.expires_at),
            self.is_renewable,
            self.account_rows,
            self.is_opaque,
            self.not_granted,
            self.is_in_vain,
        )
        renewal = (("Renewal", self.renewal),) if self.renewal else ()
        note = " ".join(filter(None, (self.next_step, self.advice)))
        return replace(card, rows=(*card.rows, *renewal, *more), note=note, ready=ready)

    def state(self) -> dict[str, Any]:
        """Return the widget's state, as JSON types."""
        return {
            "issuer": self.issuer,
            "audience": plain(self.audience or ""),
            "scope": plain(self.scope, 600),
            "not_granted": plain(self.not_granted, 600),
            "in_vain": self.is_in_vain,
            "next": self.next_step.replace(" (`%logout`)", ""),  # it has a button
            "who": plain(self.logged_as or ""),
            "account": plain(self.account),
            "before": plain(self.last_time),
            "expires_at": self.expires_at.isoformat() if self.expires_at else "",
            "opaque": self.is_opaque,
            "renewable": self.is_renewable,
            "renewal": self.renewal,
        }


def view_of_tokens(params: ParamsAuth0, tokens: TokenSet | None, error: str = "", advice: str = "") -> View:
    """Return the view of *tokens* that were asked for with *params*."""
    view = View(params.expected_issuer, params.audience or params.resource, params.scope, error=error)
    if tokens is None:
        return view
    before = LAST_USERS.before(Application.of(params), tokens)
    return replace(
        view,
        scope=tokens.scope,
        not_granted=not_granted(tokens.scope, params.scope),
        is_in_vain=is_in_vain(tokens.scope, params.scope),
        logged_as=tokens.logged_as,
        account=_account(tokens),
        user_before=before.name if before is not None else "",
        expires_at=tokens.expires_at,
        is_opaque=decode_unverified(tokens.access_token) is None,
        is_good=not tokens.is_expired(clock.utc_now()),
        is_renewable=tokens.refresh_token is not None,
        advice=advice,
    )


def _account(tokens: TokenSet) -> str:
    if tokens.account == tokens.logged_as:
        return ""
    called = "" if tokens.account != tokens.subject else tokens.full_name
    return f"{called} ({tokens.account})" if called not in ("", tokens.logged_as) else tokens.account


def view_of(authenticator: Authenticator) -> View:
    """Return the view of what *authenticator* holds."""
    sign_in, tokens = authenticator.sign_in, authenticator.source.tokens
    failure = sign_in.progress.error if sign_in is not None else None
    flow = authenticator.grant.flow
    advice = flow.advice if tokens is not None and flow.advice and SESSION.may_advise(authenticator) else ""
    view = view_of_tokens(authenticator.asked, tokens, str(failure) if failure else "", advice)
    return view if tokens is None or view.is_renewable else replace(view, renewal=_no_renewal(authenticator))


def _no_renewal(authenticator: Authenticator) -> str:
    """Return why the tokens of *authenticator* are not renewed; empty where the user wants no refresh token."""
    if not authenticator.grant.wants_renewal:
        return ""
    if authenticator.params.domain:
        return f"{NO_REFRESH_TOKEN} At Auth0, enable Allow Offline Access for the API, and the grant Refresh Token."
    more = "" if authenticator.grant.renewable else " --renewable --force asks for one in any case."
    return f"{NO_REFRESH_TOKEN} Some providers give one only with prompt=consent or extra.access_type=offline.{more}"


def signed_in() -> list[Authenticator]:
    """Return the sign-ins of this session that have tokens, ended ones too, the latest last."""
    return [each for each in SESSION.signed_in() if each.source.tokens is not None]


def card_of(authenticator: Authenticator, ready: str = "") -> Card:
    """Return the card of the state: the link of a sign-in under way, unless good tokens are there, else the view's.

    *ready* says how to use the token.
    """
    view = view_of(authenticator)
    if (sign_in := authenticator.under_way) is not None and not view.serves:
        return progress_card(sign_in.progress)
    return view.card(ready=ready)


def progress_card(progress: Progress) -> Card:
    """Return the card of a sign-in under way."""
    if (asked := progress.device) is not None:
        codes = (asked.user_code, asked.verification_uri, asked.verification_uri_complete)
        return device_card(*codes, progress.scope, progress.audience)
    browser = (progress.why_no_browser, progress.wants_browser)
    what = (progress.url, progress.redirect_uri, progress.scope)
    return waiting_card(*what, *browser, progress.route, progress.audience, progress.is_registered_here)


def interrupted(authenticator: Authenticator) -> str:
    """Return the sentences for an interrupt of what *authenticator* was doing.

    They speak of a port only if a sign-in held one, and of an error page of the provider only if no response came.
    """
    sign_in = authenticator.sign_in
    if sign_in is None or not isinstance(sign_in.progress.error, SignInCancelled):
        return "Interrupted."  # before a sign-in, as in a renewal
    if sign_in.response_source.port is None:
        said = "The sign-in was interrupted."
    else:
        said = "The sign-in was interrupted; the port is free again."
    return f"{said}\n{hint}" if (hint := error_page_hint(authenticator)) else said


def error_page_hint(authenticator: Authenticator) -> str:
    """Return lines for a user who met an error page at the provider; empty if a response came from there."""
    sign_in = authenticator.sign_in
    if sign_in is None or not sign_in.is_unanswered or not sign_in.progress.redirect_uri:
        return ""
    if sign_in.progress.is_registered_here:
        return textwrap.fill(HINT_OF_OWN.replace("Interrupt, and run", "Run"), 80)
    hint = HINT.replace("`client_id`", f"`client_id={plain(authenticator.params.client_id, 200)}`")
    lines = textwrap.fill(hint, 80, break_long_words=False, break_on_hyphens=False)
    return f"{lines}\n    {sign_in.progress.redirect_uri}"


def shown_lines(authenticator: Authenticator) -> str:
    """Return the lines of `Auth.show`: name, parameters, user, time left, end and scopes; no secret."""
    tokens = authenticator.source.tokens
    rows = [("name", "auth0"), ("params", _listed(authenticator.asked))]
    if tokens is None:
        rows += [(name, "") for name in ("logged_as", "time_to_exp", "expires_at", "scope")]
    else:
        rows += [("logged_as", plain(tokens.logged_as)), ("time_to_exp", time_left(tokens.expires_at))]
        end = local_time(tokens.expires_at) if tokens.expires_at else "unknown"
        rows += [("expires_at", end), ("scope", plain(tokens.scope, 2000))]
    return "\n".join(f"{name:<11} : {value}" for name, value in rows)


def _listed(params: ParamsAuth0) -> str:
    """Return those of *params* that are not defaults, in one line."""
    return ", ".join(plain(f"{row.name}={row.value}", 2000) for row in params.explain() if not row.is_default)


def time_left(expires_at: datetime | None) -> str:
    """Return the time until *expires_at* as `HH:MM:SS`, `00:00:00` once it is over; `unknown` for None."""
    return duration(seconds_left(expires_at)) if expires_at else "unknown"


def seconds_left(expires_at: datetime | None) -> float:
    """Return the seconds until *expires_at*, negative once it is over; endless for None."""
    return (expires_at - clock.utc_now()).total_seconds() if expires_at else math.inf


def who(authenticator: Authenticator) -> str:
    """Return the name of the user, or `not signed in`."""
    tokens = authenticator.source.tokens
    return plain(tokens.logged_as) if tokens is not None else "not signed in"
