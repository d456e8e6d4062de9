"""How many connections a process may have: each takes an open file."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource

MOST_CONNECTIONS = 12_000
"""Most open connections. One loop polls all of them, so more would slow it down."""
OTHER_FILES = 200
"""File descriptors for databases, logs, the issuer and Python itself."""


def connection_limit() -> int:
    """Return the limit for open connections: that for open files, minus `OTHER_FILES`."""
    if sys.platform == "win32":
        return 1000
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else max(10, min(MOST_CONNECTIONS, files - OTHER_FILES))


def allow_many_files() -> None:
    """Raise this process's limit for open files, as far as the system allows, for many connections."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
