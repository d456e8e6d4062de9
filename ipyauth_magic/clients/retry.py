"""The token on a request, and another one after a 401 that says `invalid_token` (RFC 6750, section 3.1).

No input or output happens here, so `requests`, httpx and its event loops drive the same few lines.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..errors import InsecureApi, IpyauthError
from ..protocol.tokens import AccessToken
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


def bearer_flow(provider: TokenProvider[HasAccessToken], sent: str | None = None) -> Generator[AccessToken, Answer]:
    """Yield the token for a request and take the answer; yield another token if the request is to be sent once more.

    Args:
        provider: gives the tokens.
        sent: the token that the request carries already; by default the provider's.

    Raises:
        IpyauthError: there is no good token.
    """
    token = AccessToken(sent) if sent is not None else provider.get().access_token
    answer = yield token
    if answer.refuses_token:
        try:
            token = provider.renew_refused(token).access_token
        except IpyauthError:
            return  # the API's own answer says what is wrong
        yield token
