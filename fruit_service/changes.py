"""Changes: how a process notices that another one has written to the same database."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Protocol

_log = logging.getLogger(__name__)

CHANNEL = "fruit_service"
"""On which PostgreSQL tells of writes."""
CHECK_INTERVAL = 1
"""Between two looks at a silent connection to PostgreSQL, in seconds."""
RECONNECT_INTERVAL = 1
LOOK_INTERVAL = 0.001
"""For how long the answer to the last look at a SQLite file serves, in seconds."""
FILE_INTERVAL = 0.5
"""Between two looks whether a SQLite file is still the same, in seconds; what is written goes by a look of its own."""


class Changes(Protocol):
    """What tells whether the database may have changed."""

    def version(self) -> Hashable | None:
        """Return a value that is another one after a write by anybody, or None where that cannot be told now."""

    def close(self) -> None:
        """Let go of connections."""


def identity_of(path: Path) -> tuple[int, int]:
    """Return what makes a file this one, and not another one of the same name."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


class OwnChanges:
    """A database that nobody else can reach, such as one in memory."""

    def version(self) -> Hashable | None:
        """Return always the same: our own writes we know of."""
        return 0

    def close(self) -> None:
        """Do nothing."""


class SqliteChanges:
    """A SQLite file: `PRAGMA data_version` differs as soon as another connection has committed.

    What was committed `LOOK_INTERVAL` before a call is seen by it. To ask at each call would need a few microseconds
    only, but a thread that asks SQLite lets go of the interpreter: a busy server answered a sixth fewer requests.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._connections = 0
        self._opened: tuple[int, ...] = ()
        self._look_after = 0.0
        self._seen: tuple[float, Hashable | None] = (0.0, None)  # until when it serves, and the version
        self._lock = threading.Lock()

    def version(self) -> Hashable | None:
        """Return the version of this very moment or of the last `LOOK_INTERVAL`; no lock on the database is taken."""
        serves_until, version = self._seen
        return version if time.monotonic() < serves_until else self._look()

    def _look(self) -> Hashable | None:
        with self._lock:
            began = time.monotonic()
            try:
                version = self._version()
                self._seen = (began + LOOK_INTERVAL, version)
                return version
            except (OSError, sqlite3.Error) as error:
                if self._opened:  # told once, and not for each request
                    _log.warning("The database cannot be looked at: %s", error)
                self._forget()
                return None

    def _version(self) -> Hashable:
        connection = self._connection
        if connection is None or time.monotonic() > self._look_after:
            connection = self._look_at_file()
        # Each connection counts from the beginning: the number alone could be that of another one, before a write.
        return self._opened, self._connections, connection.execute("PRAGMA data_version").fetchone()[0]

    def _look_at_file(self) -> sqlite3.Connection:
        # A file that was removed and put back is another one: our connection would still see the old one.
        file = (os.getpid(), *identity_of(self._path))
        if self._connection is None or file != self._opened:
            self._forget()
            self._connection = self._connect()
            self._connections += 1
            self._opened = file
        self._look_after = time.monotonic() + FILE_INTERVAL
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._opened, self._seen = None, (), (0.0, None)

    def close(self) -> None:
        """Close our connection."""
        with self._lock:
            self._forget()


class PostgresChanges:
    """A PostgreSQL database: each write is told by `NOTIFY`, to a thread that holds a connection and listens.

    While that connection is down nothing can be told, and every reader has to look for itself.
    """

    def __init__(self, conninfo: Callable[[], dict[str, Any]]) -> None:
        self._conninfo = conninfo
        self._told = 0
        self._listening = False
        self._closed = threading.Event()
        self._listener_of: int | None = None
        self._lock = threading.Lock()

    def version(self) -> Hashable | None:
        """Return how often we were told, if we are listening."""
        if self._listener_of != os.getpid():  # on first use: a server may fork after the application was made
            self._start()
        return (os.getpid(), self._told) if self._listening else None

    def _start(self) -> None:
        with self._lock:
            if self._listener_of != os.getpid():
                self._listener_of, self._listening = os.getpid(), False
                threading.Thread(target=self._listen, name="fruit-listener", daemon=True).start()

    def _listen(self) -> None:
        import psycopg

        while not self._closed.is_set():
            try:
                with psycopg.connect(**self._conninfo(), autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._told += 1  # what was written while nobody listened
                    self._listening = True
                    self._follow(connection)
            except psycopg.Error as error:
                # Its sentence names host and user, never the password.
                _log.warning("Writes of other processes cannot be heard of now: %s", str(error).strip())
            finally:
                self._listening = False
            self._closed.wait(RECONNECT_INTERVAL)

    def _follow(self, connection: Any) -> None:
        while not self._closed.is_set():
            for _ in connection.notifies(timeout=CHECK_INTERVAL, stop_after=1):
                self._told += 1
            connection.execute("SELECT 1")  # a connection that is broken is silent too

    def close(self) -> None:
        """End the listening, in a moment."""
        self._closed.set()
