"""URLs: loopback hosts, private addresses, ports and origins."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback_url(url: str) -> bool:
    """Return whether the host of *url* is a loopback address or `localhost`."""
    try:
        return urlsplit(url).hostname in LOOPBACK_HOSTS
    except ValueError:
        return False


def is_clear_text(url: str) -> bool:
    """Return whether a request to *url* crosses a network without TLS, so that others can read it (RFC 6750, 5.3).

    A request to this machine crosses none.
    """
    return url.partition(":")[0].lower() in ("http", "ws") and not is_of_this_machine(url)


def is_of_this_machine(url: str) -> bool:
    """Return whether the host of *url* is `localhost` or any loopback address, as 127.8.9.1."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_private_host(host: str) -> bool:
    """Return whether *host*, of a URL, says by itself that it is no server of the internet.

    So says `localhost`, a literal address that is not global (RFC 6890), and a number that `inet_aton` reads as one,
    as `127.1` or `0x7f000001`. A name is not resolved.
    """
    name = host.rstrip(".").lower()
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        last = name.rpartition(".")[2]
        return last == "localhost" or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last) is not None
    return not (getattr(address, "ipv4_mapped", None) or address).is_global


def is_safe_url(url: object) -> bool:
    """Return whether *url* is https, or http to this machine, with a host and without a user name."""
    if not isinstance(url, str) or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment or any(c in url for c in '\\"<>^`{|}$'):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def why_not_an_api(url: str) -> str | None:
    """Return why *url*, as the user typed it, cannot be the address of an API; None if it can."""
    try:
        parts = urlsplit(url)
        is_clear = parts.scheme == "http" and bool(parts.hostname) and not is_safe_url(url)
    except ValueError:
        return "is not an address. Write it as `https://api.example.com/v1`"
    if "@" in parts.netloc:
        return "has a user name or a password before the host. Leave that out: it would stand in the notebook"
    if parts.fragment:
        return "has a part behind `#`, which no API sees. Leave that out"
    if is_clear:
        return "begins with `http://`, where others can read and change what the API says. Write its https address"
    return None if is_safe_url(url) else "is not an address of an API. Write it as `https://api.example.com/v1`"


def port_of(url: str) -> int:
    """Return the port of *url*; the default port of its scheme if it has none."""
    parts = urlsplit(url)
    port = parts.port
    return _DEFAULT_PORTS.get(parts.scheme, 80) if port is None else port


def origin_of(url: str) -> str:
    """Return the origin of *url* as a browser writes it (RFC 6454, 6.2): lower case, without a default port."""
    parts = urlsplit(url)
    default_port = f":{_DEFAULT_PORTS.get(parts.scheme, '')}"
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default_port)}"
