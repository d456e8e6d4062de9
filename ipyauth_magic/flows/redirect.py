"""A sign-in by redirect: the authorization request, its link, and the response at the redirect URI (RFC 6749, 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..callback.listener import Listener, open_listener
from ..callback.routes import Route
from ..protocol.flow import Grant
from ..protocol.messages import AuthorizationRequest
from ..protocol.tokens import TokenSet
from ..provider.provider import Provider
from ..settings.params import ParamsAuth0
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

_TOKENS = {"implicit": implicit.tokens, "code": code.tokens}
"""What turns a response into tokens, by the name of the flow."""

CheckUri = Callable[[str], None]
"""Takes a redirect URI, and raises `SignInFailed` if it belongs to another provider."""


class Redirect:
    """Sends the user to the authorization endpoint, and receives the response at a redirect URI (a `ResponseSource`).

    Args:
        params: what is asked for.
        grant: the flow, and whether a refresh token is wanted.
        routes: how the response may come, in the order in which they are tried.
        check_redirect_uri, take_redirect_uri: called with the redirect URI before a link goes out and before a code is
            sent, if the provider does not name itself in its responses; they raise if it belongs to another provider.

    Raises:
        PortTaken: no redirect URI's port is free; else the port is held when this returns.
    """

    def __init__(
        self,
        params: ParamsAuth0,
        grant: Grant,
        routes: Sequence[Route],
        check_redirect_uri: CheckUri = lambda redirect_uri: None,
        take_redirect_uri: CheckUri = lambda redirect_uri: None,
    ) -> None:
        self._params = params
        self._grant = grant
        self._check_redirect_uri = check_redirect_uri
        self._take_redirect_uri = take_redirect_uri
        self._provider = Provider.of(params.expected_issuer, params.discovery_url)
        self._request: AuthorizationRequest | None = None
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
        self._request, self.scope = request, request.scope
        if metadata is not None:
            self._check(self._check_redirect_uri, with_keys=False)
        self._listener.expect(awaited(request, self._endpoint, metadata), sign_in.complete)
        # The browser first: what it sends before the server answers stands in the sockets' queue.
        link = request.url(self._endpoint)
        sign_in.show_link(link, opened_at=self._listener.lead_to(link))
        self._listener.serve(sign_in.fail)
        if not is_ready:
            # What verifying needs is loaded while the user signs in. What is wrong with the provider ends the wait.
            self._check(self._check_redirect_uri)

    def tokens(self, response: Mapping[str, str]) -> TokenSet:
        """Return the verified tokens for the parameters of the response, whose state has been compared.

        Raises:
            SignInFailed: the provider refused, or the response cannot be trusted.
            ProviderError: the provider cannot be reached, or describes itself wrongly.
        """
        self._check(self._take_redirect_uri if "code" in response else self._check_redirect_uri)
        assert self._request is not None
        self.is_accepted = "error" not in response
        return _TOKENS[self._grant.flow.name](self._request, response, self._provider, clock.utc_now)

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

    def _check(self, check_redirect_uri: CheckUri, with_keys: bool = True) -> None:
        """Check the provider's metadata, which may have to be loaded, and the redirect URI against the request."""
        assert self._request is not None
        assert self._endpoint is not None
        metadata = self._provider.metadata(with_keys and self._request.wants_id_token)
        check_metadata(metadata, self._request, self._endpoint)
        if not metadata.authorization_response_iss_parameter_supported:
            check_redirect_uri(self.route.redirect_uri)
