"""A program to name in BROWSER: follows the redirects of a provider that asks its user nothing."""

from __future__ import annotations

import sys
from urllib.request import ProxyHandler, build_opener

if __name__ == "__main__":
    # No proxy for loopback.
    build_opener(ProxyHandler({})).open(sys.argv[1], timeout=30).read()
