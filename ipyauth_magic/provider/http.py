"""HTTP to a provider or an API, with limits: no redirects, no proxy for loopback, 1 MiB and 15 seconds an answer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ..errors import ProviderError, ProviderUnreachable
from ..protocol.tokens import RequestBody
from ..protocol.urls import is_loopback_url
from ..text import plain
from .proxy import environment_proxies, proxy_variable
from .threads import run_in_thread

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
"""Seconds of one connection or one read."""

LIMIT = CONNECT_TIMEOUT + READ_TIMEOUT
"""Seconds of a whole answer, even if it comes byte by byte."""

MAX_ANSWER = 1024 * 1024
"""Largest answer in bytes."""

PART = 64 * 1024
"""Bytes of one read at the most."""


@dataclass(frozen=True)
class Peer:
    """What is asked, as an error calls it, and by what the user has named it."""

    name: str
    named_by: str


PROVIDER = Peer("provider", "`domain` or `issuer`")
API = Peer("API", "its address")


@dataclass(frozen=True)
class Answer:
    """A peer's answer: the status, the media type in lower case, and the body, which may contain tokens.

    Attributes:
        www_authenticate: the header of this name; empty without one.
    """

    url: str
    status: int
    media_type: str
    body: bytes = field(repr=False)
    www_authenticate: str = ""
    peer: Peer = PROVIDER

    @property
    def says_there_is_nothing(self) -> bool:
        """Whether the status says that there is nothing at this address, at least for us (RFC 9110, 15.5)."""
        return 400 <= self.status < 500 and self.status != 429

    def successful_object(self) -> dict[str, Any]:
        """Return the JSON object in the body, if the status is 200.

        Raises:
            ProviderUnreachable: the provider is busy.
            ProviderError: another status, or the body is not a JSON object.
        """
        if self.status >= 500 or self.status == 429:
            raise ProviderUnreachable(
                f"The {self.peer.name} is busy (it answered {self.status} at {self.url}). Try again in a moment."
            )
        if self.status != 200:
            raise ProviderError(f"The {self.peer.name} answered {self.status} at {self.url}, where 200 was expected.")
        return self.json_object()

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises:
            ProviderError: the body is not a JSON object.
        """
        document, expected = None, "a JSON object"
        try:
            document = json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            expected = "JSON"
        if not isinstance(document, dict):
            # Not in the handler: the `repr` of a UnicodeDecodeError shows the answer, and so perhaps a token.
            raise ProviderError(
                f"The {self.peer.name}'s answer at {self.url} is not {expected}. Check {self.peer.named_by}."
            )
        return document


def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at *url*.

    Raises:
        ProviderUnreachable: no answer came, or the provider is busy.
        ProviderError: any other failure.
    """
    return ask("GET", url).successful_object()


@dataclass(frozen=True)
class Question:
    """A request, and how its answer is taken.

    Attributes:
        method: the HTTP method, as `POST`.
        url: an endpoint, verbatim.
        body: with its media type in *content_type*; None for none.
        authorization: the value of the `Authorization` header.
        peer: who is asked, for the errors.
        wants_body: if not, only the head of the answer is read.
    """

    method: str
    url: str
    body: RequestBody | None = None
    content_type: str = ""
    authorization: str | None = None
    peer: Peer = PROVIDER
    wants_body: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        if self.content_type:
            headers["Content-Type"] = self.content_type
        if self.authorization:
            headers["Authorization"] = self.authorization
        return headers


def ask(method: str, url: str, form: Mapping[str, str] | None = None, authorization: str | None = None) -> Answer:
    """Return the provider's answer at *url*, with any status.

    Args:
        method: the HTTP method, as `POST`.
        url: an endpoint of the provider, verbatim.
        form: the body, sent form encoded (RFC 6749, appendix B).
        authorization: the value of the `Authorization` header.

    Raises:
        ProviderUnreachable: no answer came, or none in time.
        ProviderError: the answer is too large, or a setting for proxy or certificates does not work.
    """
    if form is None:
        return answer_to(Question(method, url, authorization=authorization))
    body = RequestBody(urlencode(form))  # an error of `requests` holds its request
    return answer_to(Question(method, url, body, "application/x-www-form-urlencoded", authorization))


def answer_to(question: Question) -> Answer:
    """Return the answer to *question*, with any status; redirects are not followed.

    Raises:
        ProviderUnreachable: no answer came, or none in time.
        ProviderError: the answer is too large, or a setting for proxy or certificates does not work.
    """
    # In a thread: the timeout of requests starts again with each byte received.
    try:
        return run_in_thread(lambda: _answer(question), "ipyauth-fetch", LIMIT)
    except TimeoutError as error:
        raise ProviderUnreachable(f"The {question.peer.name}'s answer at {question.url} takes too long.") from error


def _answer(question: Question) -> Answer:
    import requests
    import urllib3.exceptions

    url, name = question.url, question.peer.name
    try:
        with (
            _session(url) as session,
            session.request(
                question.method,
                url,
                data=question.body,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                headers=question.headers,
            ) as response,
        ):
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            body = _read(response, name) if question.wants_body else b""
            challenge = response.headers.get("WWW-Authenticate", "")
            return Answer(url, response.status_code, media_type, body, challenge, question.peer)
    except requests.exceptions.SSLError as error:
        raise ProviderError(_about_tls(error, name, url)) from error
    except (requests.exceptions.ProxyError, requests.exceptions.InvalidSchema) as error:
        raise ProviderError(f"The proxy cannot be used for {url}. Check {proxy_variable(url)} and NO_PROXY.") from error
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        unreachable = ProviderUnreachable(
            f"The {name} cannot be reached at {url}. Check {question.peer.named_by}, and the network."
        )
        if not _quotes_answer(error):
            raise unreachable from error
    except OSError as error:  # requests raises it for a bundle that does not exist
        raise ProviderError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is not a usable file: {error}.") from error
    raise unreachable


def _about_tls(error: BaseException, name: str, url: str) -> str:
    """Return the sentences about a connection that TLS refused, with the reason that it gives."""
    import ssl

    refused = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
    if refused is not None and not isinstance(refused, ssl.SSLCertVerificationError):
        why = plain(str(refused.reason or "the handshake failed").replace("_", " ").lower())
        return (
            f"There is no TLS connection to the {name} at {url} ({why}). Check the address and its port, and the file "
            "in REQUESTS_CA_BUNDLE if you have set that."
        )
    why = f" ({plain(refused.verify_message)})" if refused is not None else ""
    return (
        f"The {name}'s certificate cannot be verified at {url}{why}. Behind a proxy that inspects TLS, set "
        "REQUESTS_CA_BUNDLE to the file with its CA certificate."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error*, and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _quotes_answer(error: BaseException | None) -> bool:
    """Tell whether *error* has the text of an answer without a status line, which may be a token response."""
    from http.client import BadStatusLine

    return any(isinstance(each, BadStatusLine) for each in _causes(error))


def _session(url: str) -> requests.Session:
    """Return a session that reads only proxies and certificates from the environment.

    `trust_env` would also send a password from `.netrc`, and send loopback requests through a proxy.
    """
    session = _session_class()()
    session.trust_env = False
    if not is_loopback_url(url):
        session.proxies = environment_proxies(url)
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return session


def _session_class() -> type[requests.Session]:
    """Return the class that `requests` itself has.

    A notebook may have replaced it by one that answers from a cache (`requests_cache.install_cache()`), where a key
    that the provider has replaced would never be seen (OpenID Connect Core, 10.1.1).
    """
    import requests

    classes = getattr(requests.Session, "__mro__", ())
    return next((each for each in classes if each.__module__ == "requests.sessions"), requests.Session)


def _read(response: requests.Response, name: str) -> bytes:
    """Return the body without decompression: a compressed body could expand a thousandfold.

    The caller waits for at most `LIMIT` seconds; so does this thread, apart from its last read.
    """
    ends_at, body = time.monotonic() + LIMIT, bytearray()
    while part := response.raw.read1(PART, decode_content=False):
        body += part
        if len(body) > MAX_ANSWER:
            raise ProviderError(f"The {name}'s answer at {response.url} is larger than 1 MiB, so it is not read.")
        if time.monotonic() > ends_at:
            raise ProviderUnreachable(f"The {name}'s answer at {response.url} takes too long.")
    return bytes(body)
