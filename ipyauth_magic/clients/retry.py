"""The token on a request, and another one after a 401 that says `invalid_token` (RFC 6750, section 3.1).

No request is sent here, so `requests`, httpx, httpx2, their event loops and the workers of a cluster drive the same few
lines. An adapter sets the header, and knows whether the body of a request is still there.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..display.traceback_masking import guard_tracebacks
from ..errors import InsecureApi, IpyauthError, OtherOrigin
from ..protocol.tokens import AccessToken, AuthorizationHeader
from ..protocol.urls import is_clear_text, origin_of

_INVALID_TOKEN = re.compile(r"""\bbearer\b.*\berror\s*=\s*"?invalid_token\b""", re.IGNORECASE | re.DOTALL)

_LONGEST_HEADER = 4096
"""Characters of a `WWW-Authenticate` header that are searched."""


class HasAccessToken(Protocol):
    """A value with an access token in it, as a `TokenSet`."""

    @property
    def access_token(self) -> AccessToken:
        """The access token."""


Tokens = TypeVar("Tokens", bound=HasAccessToken, covariant=True)


class TokenProvider(Protocol[Tokens]):
    """A source of tokens, for any thread. Both methods may wait for the network; neither asks the user."""

    @property
    def api(self) -> str | None:
        """The address of the API whose origin alone gets the tokens; None if they are for no origin."""

    def get(self) -> Tokens:
        """Return tokens that are still good.

        Raises:
            IpyauthError: there are none.
        """

    def renew_refused(self, access_token: str) -> Tokens:
        """Return other tokens than *access_token*, which an API has refused although its time is not over.

        Raises:
            IpyauthError: there are no others.
        """


@dataclass(frozen=True)
class Answer:
    """What an API said of the token: the status, and the `WWW-Authenticate` header or an empty string."""

    status: int
    www_authenticate: str

    @property
    def refuses_token(self) -> bool:
        """Whether another token may be accepted."""
        return self.status == 401 and _INVALID_TOKEN.search(self.www_authenticate[:_LONGEST_HEADER]) is not None


def check_transport(url: str, without_tls: bool) -> None:
    """Check that a token may go to *url* (RFC 6750, 5.3).

    Raises:
        InsecureApi: other machines could read it there, and *without_tls* does not allow that.
    """
    if not without_tls and is_clear_text(url):
        raise InsecureApi(origin_of(url))


def check_origin(url: str, api: str | None) -> None:
    """Check that the token for *api*, an address, may go to *url*; None is a token for any origin.

    Raises:
        OtherOrigin: it may not.
    """
    if api is not None and origin_of(url) != origin_of(api):
        raise OtherOrigin(origin_of(url), origin_of(api))


@dataclass(frozen=True)
class Bearer:
    """How the tokens of *provider* go onto requests (RFC 6750, 2.1).

    Attributes:
        provider: gives the tokens.
        header: makes the value of the `Authorization` header.
        without_tls: send the token also over a network without TLS.
    """

    provider: TokenProvider[HasAccessToken]
    header: type[AuthorizationHeader] = AuthorizationHeader
    without_tls: bool = False

    def flow(self, url: str, token: str | None = None) -> Generator[AuthorizationHeader, Answer]:
        """Yield the header for a request to *url*, take the answer, and yield another if it is to be sent once more.

        Args:
            url: where the request goes.
            token: the first token: one that is at hand, or that the request carries already. By default the provider's.

        Raises:
            InsecureApi: the request crosses a network without TLS.
            OtherOrigin: the request goes to another origin than the API's by whose address the user signed in.
            IpyauthError: there is no good token.
        """
        guard_tracebacks()
        check_transport(url, self.without_tls)
        check_origin(url, self.provider.api)
        sent = AccessToken(token) if token is not None else self.provider.get().access_token
        answer = yield self.header.bearer(sent)
        if answer.refuses_token:
            try:
                another = self.provider.renew_refused(sent).access_token
            except IpyauthError:
                return  # the API's own answer says what is wrong
            yield self.header.bearer(another)
