"""Addresses whose answers the network cannot change: https, or on this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe(url: str) -> bool:
    """Return whether *url* is https, or on this machine, so that the network cannot change its answers."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def is_here(url: str) -> bool:
    """Return whether *url* is on this machine."""
    return urlsplit(url).hostname in LOOPBACK_HOSTS
