"""What a sign-in is for, and in which way the user and the response come to it."""

from __future__ import annotations

from dataclasses import dataclass

from ..callback.environment import this_environment
from ..callback.routes import Route, routes_to
from ..protocol.flow import FLOWS, Grant
from ..settings.params import ParamsAuth0
from ..store import Store
from ..store.opening import open_store

TIMEOUT = 300.0
"""Seconds for which a sign-in waits unless the user says otherwise, and the link of a card or of the widget works."""


@dataclass(frozen=True)
class SignInRequest:
    """All that tells one sign-in from another: two equal ones are for the same, in the same way.

    Attributes:
        params: what is asked for.
        grant: the flow, and whether a refresh token is wanted.
        store: where the tokens are kept.
        bind: another address to listen on than the redirect URI's.
        paste: ask also for the URL at which the browser ended.
    """

    params: ParamsAuth0
    grant: Grant
    store: Store
    bind: str | None = None
    paste: bool = False

    @classmethod
    def of(
        cls,
        params: ParamsAuth0,
        flow: str | None = None,
        store: str | Store | None = None,
        renewable: bool | None = None,
        bind: str | None = None,
        paste: bool = False,
        *,
        is_attended: bool = True,
    ) -> SignInRequest:
        """Return the request by the arguments of `Auth`; *is_attended*: a person may unlock a keyring.

        Raises:
            ValueError: there is no such flow.
            InvalidParams: *params* ask for no ID token, and the flow needs one.
            StoreUnavailable: there is no such store here.
        """
        if flow not in (None, *FLOWS):
            raise ValueError(f"flow must be one of {', '.join(FLOWS)}")
        if flow:
            params = params.with_flow(flow, "keyword")
        grant = Grant.of(params.response_type, params.flow, renewable)
        params.check_flow(grant.flow)
        if store is None:
            store = params.store or "memory"
        kept_in = open_store(store, is_attended=is_attended) if isinstance(store, str) else store
        return cls(params, grant, kept_in, bind, paste)

    @property
    def routes(self) -> tuple[Route, ...]:
        """How the response may come to this process, in the order to try; none where the flow needs no redirect URI.

        Raises:
            InvalidParams: the response mode does not go with any route.
        """
        if not self.grant.flow.needs_redirect:
            return ()
        params = self.params
        return routes_to(params.redirect_uris, this_environment(), params.response_mode, self.bind, self.paste)

    def time_to_wait(self, timeout: float | None) -> float:
        """Return *timeout*, or else the time of the parameters, or else `TIMEOUT`; in seconds.

        Raises:
            ValueError: *timeout* is not a number of seconds, above 0 and at most a day.
        """
        if timeout is None:
            return float(self.params.timeout or TIMEOUT)
        if not 0 < timeout <= 24 * 3600:
            raise ValueError("timeout must be a number of seconds, above 0 and at most a day")
        return timeout
