"""Whose a token is, for what and until when: what the `repr` of a token says in place of the token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ..protocol.tokens import UNKNOWN, TokenSet
from ..store.key import Requested
from ..text import plain
from . import clock


@dataclass(frozen=True)
class Facts:
    """The public facts about one token, as text.

    Attributes:
        user: the user's name; empty if the provider tells none.
        audience: the API of an access token, or the application of an ID token; empty if there is none.
        ends_at: aware; None if the provider does not tell it.
    """

    user: str
    audience: str
    ends_at: datetime | None

    def __str__(self) -> str:
        """Return `of alice for api/fruit, until 14:05`, without what is not known."""
        whose = [f"of {plain(self.user, 40)}"] if self.user else []
        what = [f"for {plain(self.audience, 60)}"] if self.audience else []
        return ", ".join(filter(None, (" ".join(whose + what), _end(self.ends_at))))


def describe(tokens: TokenSet, requested: Requested) -> None:
    """Let the `repr` of *tokens*, which are for what was *requested*, say whose they are, for what and until when."""
    user = "" if tokens.logged_as == UNKNOWN else tokens.logged_as
    api = requested.audience or dict(requested.passed_on).get("resource", "")
    tokens.access_token.describe(Facts(user, api, tokens.expires_at))
    if tokens.id_token is not None:
        tokens.id_token.describe(Facts(user, requested.client_id, _moment(tokens.claims.get("exp"))))


def _moment(seconds: object) -> datetime | None:
    """Return the time of a claim (RFC 7519, 2); None if it is not a time that this machine knows."""
    if not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _end(ends_at: datetime | None) -> str:
    """Return `until 14:05`, in local time, or `expired 14:05`; empty for None."""
    if ends_at is None:
        return ""
    return f"{'until' if ends_at > clock.utc_now() else 'expired'} {clock.time_of_day(ends_at)}"
