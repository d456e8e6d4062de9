"""What each address may be: domain, issuer, discovery document, redirect URI; and the line to write for a wrong one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ..protocol.metadata import issuer_at
from ..protocol.urls import LOOPBACK_HOSTS, is_safe_url
from ..text import plain
from .pasted import words_in_list

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
"""A host name with a dot in it."""

_ADDRESS = re.compile(r"(?:(https?)(?::/*|//)|([a-z][a-z0-9+.-]*)://|//)?(.*)", re.IGNORECASE | re.DOTALL)
"""Scheme, another scheme, and what follows; a slash or the colon may be missing."""

_AUTH0_PATH = re.compile(r"authorize|oauth|userinfo|v2/|u/|login|\.well-known/|dbconnections|samlp|api/v2|activate")
"""The beginnings of paths below an Auth0 domain: an address that a user copied from there."""

_LOOPBACK_NETLOC = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:(0|[1-9][0-9]{0,4}))?")
# As a browser's Host header has it: in small letters.
_FAR_NETLOC = re.compile(r"([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")  # RFC 3986, 3.3

_NOT_ONE = "must be a domain name, as `tenant.eu.auth0.com`"


class BadValue(ValueError):
    """A value that its parameter cannot take; the message is a sentence without its subject."""


def split(url: str) -> SplitResult:
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
        raise BadValue("must be a URL. Its port, if it has one, is a number from 0 to 65535") from error


@dataclass(frozen=True)
class _Typed:
    """An address as a user typed it: *scheme* may be empty, *port* is one that is not the usual one."""

    scheme: str
    host: str
    port: str
    path: str
    has_user: bool
    has_more: bool

    @classmethod
    def of(cls, value: str) -> _Typed:
        match = _ADDRESS.match(value)
        assert match is not None  # it matches any text
        scheme = (match[1] or match[2] or "").lower()
        try:
            parts = split(f"https://{match[3]}")
        except BadValue:
            if scheme:
                raise
            raise BadValue(_NOT_ONE) from None
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        port = "" if parts.port is None or (scheme, parts.port) in (("https", 443), ("", 443)) else f":{parts.port}"
        path = "" if _AUTH0_PATH.match(parts.path.strip("/")) else plain(parts.path.rstrip("/"), 200)
        return cls(scheme, host, port, path, "@" in parts.netloc, bool(parts.query or parts.fragment))

    @property
    def is_on_this_machine(self) -> bool:
        return self.host.strip("[]") in LOOPBACK_HOSTS

    @property
    def is_name(self) -> bool:
        """Whether the host is a domain name."""
        return HOST_NAME.fullmatch(self.host) is not None and len(self.host) <= 253 and not _is_ip(self.host)

    def as_issuer(self, scheme: str = "https") -> str:
        """Return the line for a provider that is not Auth0."""
        return f"`issuer={scheme}://{self.host}{self.port}{self.path or '/'}`"


def checked_domain(value: str) -> str:
    """Return the domain in *value*; `http://` stays before one of this machine.

    Raises:
        BadValue: it is not an Auth0 domain; with the line to write where one can be seen.
    """
    typed = _Typed.of(value.rstrip(",;"))
    if typed.is_on_this_machine:
        return _local(typed)
    if typed.has_user:
        raise BadValue(f"{_NOT_ONE}, without a user in it")
    if not typed.is_name:
        is_url = typed.host and (typed.scheme or typed.port or typed.path)
        raise BadValue(f"is not an Auth0 domain. Write {typed.as_issuer()}" if is_url else _NOT_ONE)
    if typed.port:
        raise BadValue(f"has a port, which an Auth0 domain has not. Write {typed.as_issuer()}")
    if typed.path:
        another = f"{typed.as_issuer()} for another provider"
        raise BadValue(f"has a path, which is not Auth0's. Write `domain={typed.host}` for Auth0, or {another}")
    if typed.scheme not in ("https", ""):
        raise BadValue(f"must be reached by https, not {typed.scheme}. Write `domain={typed.host}`")
    if typed.has_more and not typed.scheme:
        raise BadValue(f"has a query or a fragment. Write `domain={typed.host}`")
    return typed.host


def _local(typed: _Typed) -> str:
    where = f"{typed.host}{typed.port}"
    if typed.path:
        right = typed.as_issuer(typed.scheme or "http")
        raise BadValue(f"has a path, which the issuer of a domain has not. Write {right}")
    if not typed.scheme:
        raise BadValue(f"has no scheme. For an issuer on this machine, write `domain=http://{where}`")
    if typed.scheme != "http" or typed.has_user or typed.has_more:
        tls = f", or {typed.as_issuer()} if it uses TLS" if typed.scheme == "https" else ""
        raise BadValue(f"is an issuer on this machine. Write `domain=http://{where}`{tls}")
    return f"http://{where}"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def checked_issuer(value: str) -> str:
    """Return the issuer *value*.

    Raises:
        BadValue: it is none.
    """
    if issuer_at(value) is not None:
        return checked_discovery_url(value)  # `resolve` takes it apart
    if HOST_NAME.fullmatch(value.partition("/")[0]) and "://" not in value:
        raise BadValue(f"must begin with https://. Write `issuer=https://{plain(value, 200)}`")
    parts = split(value)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        raise BadValue("must begin with https:// (http:// only for localhost)")
    if not parts.hostname or "@" in parts.netloc:
        raise BadValue("must be the issuer's URL, without a user in it")
    if not _PATH.fullmatch(parts.path):
        raise BadValue("has a path with odd characters. Copy it from the provider's discovery document")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        path = re.sub(r"/(authorize|oauth2/(v\d/)?authorize|(protocol/openid-connect/)?auth)$", "", parts.path)
        raise BadValue(
            "must have no query and no fragment. The provider's discovery document names it: probably "
            f"`issuer={parts.scheme}://{parts.netloc}{plain(path, 200)}`"
        )
    return value


def checked_discovery_url(value: str) -> str:
    """Return the address *value* of a discovery document.

    Raises:
        BadValue: it is not one that may be asked.
    """
    if not is_safe_url(value):
        raise BadValue(
            "must be the https address of a discovery document (http:// only for localhost). It mostly ends with "
            "`/.well-known/openid-configuration`"
        )
    return value


def checked_redirect_uris(value: str) -> str:
    """Return the redirect URIs in *value*, each once.

    Raises:
        BadValue: one of them cannot be listened at.
    """
    return " ".join(dict.fromkeys(_redirect_uri(uri.strip(",;")) for uri in words_in_list(value).split()))


def _redirect_uri(uri: str) -> str:
    parts, shown = split(uri), plain(uri, 200)
    if parts.scheme != ("http" if parts.hostname in LOOPBACK_HOSTS else "https"):
        raise BadValue(
            f"has `{shown}`, which is not an address of this machine. Write `http://127.0.0.1:8765/callback/` (RFC "
            "8252, 7.3), or the https address of a JupyterHub or a proxy that leads to it"
        )
    if not (_LOOPBACK_NETLOC if parts.scheme == "http" else _FAR_NETLOC).fullmatch(parts.netloc):
        raise BadValue(
            f"has `{shown}`, which is not written as `http://127.0.0.1:8765/callback/`, the port a number to 65535"
        )
    if parts.query or parts.fragment or uri.endswith(("?", "#")):
        raise BadValue(
            f"has `{shown}`. A redirect URI here has no query and no fragment: leave out what follows the path"
        )
    segments = parts.path.split("/")
    odd = "//" in parts.path or {".", ".."} & set(segments) or re.search("%(?:[01]|2f|7f)", parts.path, re.IGNORECASE)
    if odd or not _PATH.fullmatch(parts.path):
        raise BadValue(f"has `{shown}`, and its path is not plain. Write a path as `/callback/`")
    return uri
