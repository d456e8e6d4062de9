"""What the value of each parameter may be."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import SplitResult, urlsplit

from ..protocol.flow import FLOWS
from ..protocol.metadata import is_safe_url, issuer_at
from ..protocol.tokens import ClientSecret
from ..protocol.urls import LOOPBACK_HOSTS
from ..text import invisible_sign, named_sign, plain
from .dotenv import Unfilled
from .extra import PREFIX, why_not
from .options import STORES
from .parameters import KNOWN_VALUES

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LOOPBACK_NETLOC = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:(0|[1-9][0-9]{0,4}))?")
# As a browser's Host header has it: in small letters.
_FAR_NETLOC = re.compile(r"([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_NO_SCOPE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # RFC 6749, 3.3
_NO_CLIENT_ID = re.compile(r"[^\x21-\x7e]")  # RFC 6749, A.1, without spaces
_TOO_BIG = 10**18  # Python writes no number of over 4300 digits
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")  # RFC 3986, 3.3


class BadValue(ValueError):
    """A value that its parameter cannot take; the message is a sentence."""


def checked(name: str, value: object) -> str:
    """Return *value* as the text of parameter *name*; an empty text means that the parameter is not set.

    A number becomes digits, a list of words one text with spaces between them.

    Raises:
        BadValue: with a sentence that says what the parameter takes.
    """
    if name.startswith(PREFIX) and (sentence := why_not(name.removeprefix(PREFIX))):
        raise BadValue(sentence)
    given = as_text(value)
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in given):
        raise BadValue("must not contain line breaks or other control characters")
    text = given.strip()
    if given and not text:
        raise BadValue("must not be blank")
    # The name of a folder or file may hold such a sign, and is not typed by a person at the provider.
    if not name.startswith("dotenv_") and (sign := invisible_sign(text)):
        raise BadValue(f"must not contain {sign}, which is not seen. Type the value again, or paste it as plain text")
    check = _CHECKS.get(name)
    return check(text) if check and text else text


def as_text(value: object) -> str:
    """Return *value* as text, before any check of its own.

    Raises:
        BadValue: it is not a text, a whole number or several words.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Unfilled):
        raise BadValue(
            f"is not filled in with {value}. A value takes names from the lines above it, and AUTH0_* variables "
            "without secrets. Write the value itself"
        )
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_BIG:
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        words = list(value)
        if all(isinstance(word, str) for word in words):
            return " ".join(words)
    raise BadValue(f"must be text, not {type(value).__name__}")


def _response_type(value: str) -> str:
    words = sorted(value.split())
    if words == ["id_token", "token"]:
        return "token id_token"
    if words == ["code"]:
        return "code"
    raise BadValue("must be `token id_token` (implicit) or `code` (authorization code + PKCE)")


def _response_mode(value: str) -> str:
    if value not in KNOWN_VALUES["response_mode"]:
        raise BadValue("must be `fragment`, `form_post` or, with response_type=code, `query`")
    return value


def _domain(value: str) -> str:
    if value.startswith(("http://", "https://")):
        parts = _split(value)
        if parts.hostname not in LOOPBACK_HOSTS:
            raise BadValue("must be the bare domain, as `tenant.eu.auth0.com`; a scheme goes only with localhost")
        if parts.scheme != "http" or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise BadValue("must be `http://localhost:PORT` and nothing more, for an issuer on this machine")
        return f"http://{parts.netloc}"
    if value.split(":")[0] in LOOPBACK_HOSTS:
        raise BadValue(f"for an issuer on this machine, write `http://{plain(value, 100)}`")
    if not _HOST_NAME.fullmatch(value) or len(value) > 253 or _is_address(value):
        raise BadValue("must be a domain name, as `tenant.eu.auth0.com`")
    return value.lower()


def _issuer(value: str) -> str:
    if issuer_at(value) is not None:
        return _discovery_url(value)  # `resolve` takes it apart
    parts = _split(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        raise BadValue("must begin with https:// (http:// only for localhost)")
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment or value.endswith(("?", "#")):
        raise BadValue("must be the issuer's URL, without user, query and fragment")
    if not _PATH.fullmatch(parts.path):
        raise BadValue("must be a URL")
    return value


def _discovery_url(value: str) -> str:
    if not is_safe_url(value):
        raise BadValue("must be the https address of a discovery document (http:// only for localhost)")
    return value


def _client_id(value: str) -> str:
    if odd := _NO_CLIENT_ID.search(value):
        sign = named_sign(value, odd.start())
        raise BadValue(f"must be the application's Client ID: letters, digits and signs, no spaces. It has {sign}")
    return value


def _client_secret(value: str) -> str:
    if not value.isascii():
        raise BadValue("must be the application's secret: ASCII letters, digits and signs")
    return ClientSecret(value)


def _redirect_uris(value: str) -> str:
    return " ".join(dict.fromkeys(_redirect_uri(uri) for uri in value.split()))


def _redirect_uri(uri: str) -> str:
    parts, shown = _split(uri), plain(uri, 200)
    if parts.scheme != ("http" if parts.hostname in LOOPBACK_HOSTS else "https"):
        raise BadValue(
            f"`{shown}` must be an address of this machine, as `http://127.0.0.1:8765/callback/` (RFC 8252, 7.3), or "
            "the https address of a JupyterHub or a proxy that leads to it"
        )
    if not (_LOOPBACK_NETLOC if parts.scheme == "http" else _FAR_NETLOC).fullmatch(parts.netloc):
        raise BadValue(f"`{shown}` must be written as `http://127.0.0.1:8765/callback/`, the port a number to 65535")
    if parts.query or parts.fragment or uri.endswith(("?", "#")):
        raise BadValue(f"`{shown}` must not have a query or a fragment")
    segments = parts.path.split("/")
    odd = "//" in parts.path or {".", ".."} & set(segments) or re.search("%(?:[01]|2f|7f)", parts.path, re.IGNORECASE)
    if odd or not _PATH.fullmatch(parts.path):
        raise BadValue(f"the path of `{shown}` must be plain, as `/callback/`")
    return uri


def _scope(value: str, name: str = "scope") -> str:
    words = value.split()
    # A comma within a scope is part of it (RFC 6749, 3.3).
    if any(word != word.strip(",") for word in words):
        raise BadValue(
            "must have spaces between the scopes, and no commas. "
            f"Write `{name}={plain(' '.join(value.replace(',', ' ').split()), 1000)}`"
        )
    if odd := _NO_SCOPE.search(value):
        sign = named_sign(value, odd.start())
        raise BadValue(
            "must be scopes separated by spaces, each of ASCII letters, digits and signs (RFC 6749, 3.3). "
            f"It has {sign}"
        )
    return " ".join(words)


def _extra(value: str) -> str:
    raise BadValue(
        "must have the name of a parameter after a dot, as `extra.kc_idp_hint=github`; in Python it is a dict, as "
        '`extra={"kc_idp_hint": "github"}`'
    )


def _max_age(value: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise BadValue("must be a number of seconds")
    return value


def _one_of(value: str, choices: Iterable[str]) -> str:
    if value not in choices:
        raise BadValue(f"must be {' or '.join(f'`{each}`' for each in choices)}")
    return value


def _timeout(value: str) -> str:
    if not is_timeout(value):
        raise BadValue("must be a whole number of seconds from 1 to 3600")
    return value


def is_timeout(value: str) -> bool:
    """Return whether *value* is a time to wait for a sign-in, in seconds."""
    return re.fullmatch(r"[0-9]{1,4}", value) is not None and 1 <= int(value) <= 3600


def _split(url: str) -> SplitResult:
    """Split *url*.

    Raises:
        BadValue: `urlsplit` refuses it, its port is not a number, or it holds spaces or other odd characters.
    """
    try:
        if not url.isascii() or any(c.isspace() or c in '\\"<>^`{|}' for c in url):
            raise ValueError(url)
        parts = urlsplit(url)
        if parts.port is None and parts.netloc.endswith(":"):
            raise ValueError(url)
        return parts
    except ValueError as error:
        raise BadValue("must be a URL; its port, if any, a number from 0 to 65535") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "response_type": _response_type,
    "response_mode": _response_mode,
    "domain": _domain,
    "issuer": _issuer,
    "discovery_url": _discovery_url,
    "client_id": _client_id,
    "client_secret": _client_secret,
    "redirect_uri": _redirect_uris,
    "scope": _scope,
    "default_scope": partial(_scope, name="default_scope"),
    "flow": partial(_one_of, choices=tuple(FLOWS)),
    "store": partial(_one_of, choices=STORES),
    "timeout": _timeout,
    "extra": _extra,
    "max_age": _max_age,
}
