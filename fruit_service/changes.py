"""Changes: detection of writes by other processes to the same database."""

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
"""The PostgreSQL channel for notifications of writes."""
CHECK_INTERVAL = 1
"""Seconds between two checks of a silent connection to PostgreSQL."""
RECONNECT_INTERVAL = 1
"""Seconds until a broken connection to PostgreSQL is opened again."""
LOOK_INTERVAL = 0.001
"""Seconds for which the last version of a SQLite file stays valid."""
FILE_INTERVAL = 0.5
"""Seconds between two checks whether the path still leads to the same SQLite file. Each write makes its own check."""


class Changes(Protocol):
    """Detects changes of the database."""

    def version(self) -> Hashable | None:
        """Return a value that changes with each write of any process, or None if it is not known now."""

    def close(self) -> None:
        """Close the connections."""


def identity_of(path: Path) -> tuple[int, int]:
    """Return the identity of the file at *path*: device and inode. A new file at the same path has another one."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


class OwnChanges:
    """A database of this process only, such as one in memory."""

    def version(self) -> Hashable | None:
        """Return a constant: the store counts its own writes."""
        return 0

    def close(self) -> None:
        """Do nothing."""


class SqliteChanges:
    """A SQLite file: `PRAGMA data_version` changes when another connection commits.

    A call detects each commit that is at least `LOOK_INTERVAL` old. A query of SQLite takes a few microseconds only,
    but it releases the interpreter lock: with a query at each call, a busy server answered a sixth fewer requests.
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
        """Return the version, at most `LOOK_INTERVAL` old. This takes no lock on the database."""
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
                if self._opened:  # one warning, not one for each request
                    _log.warning("The database cannot be checked for changes: %s", error)
                self._forget()
                return None

    def _version(self) -> Hashable:
        connection = self._connection
        if connection is None or time.monotonic() > self._look_after:
            connection = self._look_at_file()
        # `data_version` is per connection: the number alone could equal that of an earlier connection, before a write.
        return self._opened, self._connections, connection.execute("PRAGMA data_version").fetchone()[0]

    def _look_at_file(self) -> sqlite3.Connection:
        # If the file was removed and created again, our connection would still read the old one.
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
    """A PostgreSQL database: each write sends `NOTIFY`, and a thread of ours runs `LISTEN` on its own connection.

    While that connection is down the version is unknown, and each reader queries the database.
    """

    def __init__(self, conninfo: Callable[[], dict[str, Any]]) -> None:
        self._conninfo = conninfo
        self._told = 0
        self._listening = False
        self._closed = threading.Event()
        self._listener_of: int | None = None
        self._lock = threading.Lock()

    def version(self) -> Hashable | None:
        """Return the number of notifications, or None without a connection."""
        if self._listener_of != os.getpid():  # on first use: a server may fork after it has created the application
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
                    self._told += 1  # there may have been writes without a connection
                    self._listening = True
                    self._follow(connection)
            except psycopg.Error as error:
                # The text of the error contains host and user, never the password.
                _log.warning("Writes of other processes cannot be detected now: %s", str(error).strip())
            finally:
                self._listening = False
            self._closed.wait(RECONNECT_INTERVAL)

    def _follow(self, connection: Any) -> None:
        while not self._closed.is_set():
            for _ in connection.notifies(timeout=CHECK_INTERVAL, stop_after=1):
                self._told += 1
            connection.execute("SELECT 1")  # a broken connection would be silent too

    def close(self) -> None:
        """End the listening thread within a second or so."""
        self._closed.set()
