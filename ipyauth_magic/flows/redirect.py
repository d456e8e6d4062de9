"""A sign-in by redirect: the authorization request, its link, and the response at the redirect URI (RFC 6749, 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..callback.listener import Listener, open_listener
from ..callback.routes import Route
from ..protocol.messages import AuthorizationRequest
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..store.redirect_uris import RedirectUris
from . import clock, code, implicit
from .authorization import (
    added_scopes,
    authorization_request,
    awaited,
    check_metadata,
    endpoint_known_at_once,
    requested_scope,
    response_mode,
)
from .sign_in import SignIn
from .sign_in_request import SignInRequest

_TOKENS = {"implicit": implicit.tokens, "code": code.tokens}
"""What turns a response into tokens, by the name of the flow."""


class Redirect:
    """Sends the user to the authorization endpoint, and receives the response at a redirect URI (a `ResponseSource`).

    Args:
        request: what is asked for.
        routes: how the response may come, in the order in which they are tried.
        owners: remembers which provider each redirect URI belongs to; None where no code is sent to any.

    Raises:
        PortTaken: no redirect URI's port is free; else the port is held when this returns.
    """

    def __init__(
        self,
        request: SignInRequest,
        routes: Sequence[Route],
        owners: RedirectUris | None = None,
    ) -> None:
        self._params, self._grant = params, grant = request.params, request.grant
        self._owners = owners
        self._provider = Provider.of(params.expected_issuer, params.discovery_url)
        self._sent: AuthorizationRequest | None = None
        self.is_accepted = False
        self._endpoint = endpoint_known_at_once(params)
        self._listener: Listener = open_listener(routes)
        self.scope = requested_scope(params, grant, None)
        self.redirect_uri = self._listener.redirect_uri
        self.route = self._listener.route
        self._is_forwarded = self.route.is_forwarded
        self.port = self._listener.port

    def start(self, sign_in: SignIn) -> None:
        """Show the link and await the response; the provider may have to be asked for its endpoint."""
        is_ready = self._provider.is_ready
        metadata = self._provider.metadata() if is_ready else None
        mode = response_mode(self._params, self._is_forwarded, metadata)
        if self._endpoint is None or mode is None:
            metadata = self._provider.metadata(with_keys=False)
            self._endpoint = self._endpoint or metadata.authorization_endpoint
            mode = response_mode(self._params, self._is_forwarded, metadata)
        request = authorization_request(self._params, self._grant, self.redirect_uri, str(mode), metadata)
        self._sent, self.scope = request, request.scope
        if metadata is not None:
            self._check(with_keys=False)
        self._listener.expect(awaited(request, self._endpoint, metadata), sign_in.complete)
        # The browser first: what it sends before the server answers stands in the sockets' queue.
        link = request.url(self._endpoint)
        sign_in.show_link(link, opened_at=self._listener.lead_to(link))
        self._listener.serve(sign_in.fail)
        if not is_ready:
            # What verifying needs is loaded while the user signs in. What is wrong with the provider ends the wait.
            self._check()

    def tokens(self, response: Mapping[str, str]) -> TokenSet:
        """Return the verified tokens for the parameters of the response, whose state has been compared.

        Raises:
            SignInFailed: the provider refused, or the response cannot be trusted.
            ProviderError: the provider cannot be reached, or describes itself wrongly.
        """
        self._check(has_code="code" in response)
        assert self._sent is not None
        self.is_accepted = "error" not in response
        return _TOKENS[self._grant.flow.name](self._sent, response, self._provider, clock.utc_now)

    @property
    def added_scopes(self) -> tuple[str, ...]:
        """The requested scopes that the user did not write."""
        return added_scopes(self._params, self.scope)

    def paste(self, text: str) -> str | None:
        """Take the response in *text*; return a sentence that says what is wrong with it, or None once it is taken."""
        return self._listener.take_pasted(text)

    def close(self, linger: bool) -> None:
        """Give the port back, at once or as soon as the tab has been told."""
        self._listener.close(linger)

    def join(self, timeout: float) -> None:
        """Wait until the port is free and the server gone, at most *timeout* seconds."""
        self._listener.join(timeout)

    def _check(self, with_keys: bool = True, has_code: bool = False) -> None:
        """Check the provider's metadata, which may have to be loaded, and the redirect URI against the request.

        A provider that does not name itself in its responses needs a redirect URI of its own (RFC 9700, 4.4.2). It is
        compared before a link goes out. When a code has come, it belongs to this provider.
        """
        assert self._sent is not None
        assert self._endpoint is not None
        metadata = self._provider.metadata(with_keys and self._sent.wants_id_token)
        check_metadata(metadata, self._sent, self._endpoint)
        if self._owners is not None and not metadata.authorization_response_iss_parameter_supported:
            compare = self._owners.take if has_code else self._owners.check
            compare(self._params.expected_issuer, self.route.redirect_uri)
