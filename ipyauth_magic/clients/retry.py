"""The token on a request, another one after a 401 that says `invalid_token`, and a note of what a token lacks.

No request is sent here, so `requests`, httpx, httpx2, their event loops and the workers of a cluster drive the same few
lines. An adapter sets the header, and knows whether the body of a request is still there.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..display.traceback_masking import guard_tracebacks
from ..errors import InsecureApi, IpyauthError, OtherOrigin
from ..protocol.refusal import Refusal, is_invalid_token, refusal_of
from ..protocol.tokens import AccessToken, AuthorizationHeader
from ..protocol.urls import is_clear_text, origin_of


class HasAccessToken(Protocol):
    """A value with an access token in it, such as a `TokenSet`."""

    @property
    def access_token(self) -> AccessToken:
        """The access token."""


Tokens = TypeVar("Tokens", bound=HasAccessToken, covariant=True)


class TokenProvider(Protocol[Tokens]):
    """A source of tokens, for any thread. `get` and `renew_refused` may wait for the network; none asks the user."""

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

    def refused(self, refusal: Refusal) -> None:
        """Take note that an API has refused a good token, for what *refusal* says."""


@dataclass(frozen=True)
class Answer:
    """The answer of an API, as far as it is about the token.

    Attributes:
        status: of the answer.
        www_authenticate: the header, several of them joined by commas, or an empty string.
        may_be_repeated: the request can be sent once more: its body is still there.
    """

    status: int
    www_authenticate: str
    may_be_repeated: bool = True

    @property
    def refuses_token(self) -> bool:
        """Whether another token may be accepted (RFC 6750, 3.1)."""
        return self.status == 401 and is_invalid_token(self.www_authenticate)


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

        The provider is told where the API wants more than the token allows. The user is not asked.

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
        if answer.may_be_repeated and answer.refuses_token:
            try:
                another = self.provider.renew_refused(sent).access_token
            except IpyauthError:
                return  # the API's own answer says what is wrong
            answer = yield self.header.bearer(another)
        if (refusal := refusal_of(answer.status, answer.www_authenticate)) is not None:
            self.provider.refused(refusal)
