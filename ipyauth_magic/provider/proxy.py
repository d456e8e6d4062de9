"""The proxy that the environment names for a URL, and what is wrong with its address."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from urllib.parse import urlsplit

from ..errors import ProviderError

_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_HOST_AND_PORT = re.compile(r"[\w.:%\[\]-]+")


def environment_proxies(url: str) -> dict[str, str]:
    """Return the `proxies` of `requests` for *url*, from the environment or the system's settings.

    Raises:
        ProviderError: the proxy for *url* is not an address, or needs a package that is not installed.
    """
    from requests.utils import get_environ_proxies, select_proxy

    proxies = dict(get_environ_proxies(url))
    if proxy := select_proxy(url, proxies):
        _check(proxy, url)
    return proxies


def proxy_variable(url: str) -> str:
    """Return the environment variable that names the proxy for *url*; HTTPS_PROXY where none does."""
    for scheme in (urlsplit(url).scheme, "all"):
        for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY"):
            if os.environ.get(name):
                return name
    return "HTTPS_PROXY"


def _check(proxy: str, url: str) -> None:
    """Check the address *proxy*, which may contain a password, so that no error quotes it."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host_and_port = parts.netloc.rpartition("@")[2] if parts.port != 0 else ""
    except ValueError:
        host_and_port = ""
    # `urlsplit` drops white space at the ends, and line breaks anywhere; `requests` keeps them.
    has_space = any(c.isspace() for c in proxy)
    if has_space or not _HOST_AND_PORT.fullmatch(host_and_port) or parts.scheme not in _SCHEMES:
        raise ProviderError(
            f"{proxy_variable(url)} is not the address of a proxy, so {url} cannot be reached. Write it as "
            "`http://proxy.example.com:3128`, without spaces and quotes."
        )
    if parts.scheme.startswith("socks") and find_spec("socks") is None:
        raise ProviderError(
            f"{proxy_variable(url)} names a SOCKS proxy, and the package for that is not installed. Run "
            "`pip install 'requests[socks]'`, then restart the kernel."
        )
