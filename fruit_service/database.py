"""The database: an engine for SQLite or PostgreSQL with durable commits, and a schema with a version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Insert,
    Integer,
    MetaData,
    QueuePool,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from .changes import CHANNEL, Changes, OwnChanges, PostgresChanges, SqliteChanges, identity_of
from .deadline import BoundedExecutor
from .errors import BadConfig

PATIENCE = 5
"""Seconds for which a write waits for a write of another process."""
SCHEMA_VERSION = 1
WRITERS = 0x66727569
"""The advisory lock of writers on PostgreSQL."""
POSTGRESQL: Mapping[str, Any] = {
    "connect_timeout": 3,
    # Detect a vanished server within seconds. TCP's own default is two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": PATIENCE * 1000,
}

T = TypeVar("T")

metadata = MetaData()
fruit = Table(
    "fruit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("basket", String(16), nullable=False),
    Column("identity", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    UniqueConstraint("basket", "identity"),
)
schema = Table("fruit_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))


class Database:
    """The differences between SQLite and PostgreSQL. It knows nothing of fruits."""

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self.engine = _engine(self._url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
            raise BadConfig(_cannot_open(error)) from error
        self._is_closed = False
        event.listen(self.engine, "checkin", self._checked_in)
        self._is_postgresql = self.engine.dialect.name == "postgresql"
        self._executor = BoundedExecutor("fruit-database", "The fruits cannot be reached now.")
        self.changes = self._changes()

    @property
    def place(self) -> str:
        """The place of the data: a path, or a URL without its password."""
        if self._is_postgresql:
            return self._url.render_as_string()
        return self._url.database or "memory"

    def _changes(self) -> Changes:
        if self._is_postgresql:
            return PostgresChanges(lambda: {**self.engine.dialect.create_connect_args(self._url)[1], **POSTGRESQL})
        path = _path(self._url)
        return SqliteChanges(path, lambda: _connect(path, 0)) if path else OwnChanges()

    def within(self, seconds: float, work: Callable[[], T]) -> T:
        """Return the result of *work* with the database, waiting at most *seconds* for a server.

        Raises:
            Unavailable: the time is over, or *work* raised it.
        """
        # SQLite has a time limit of its own.
        return self._executor.within(seconds, work) if self._is_postgresql else work()

    def begin_write(self, connection: Connection, patience: float) -> None:
        """Make *connection* the only writer until its transaction ends. Wait *patience* seconds for another writer."""
        if self._is_postgresql:
            milliseconds = round(patience * 1000)
            connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
            # An acknowledged write is on disk, whatever the server's default is.
            connection.execute(text("SET LOCAL synchronous_commit = on"))
        else:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def begin_read(self, connection: Connection) -> None:
        """Begin a transaction that reads a consistent state of the database."""
        if self._is_postgresql:
            connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE * 1000}"))
        else:
            connection.exec_driver_sql("BEGIN")

    def insert_new(self) -> Insert:
        """Return an INSERT of fruits that skips existing ones and returns the new ones."""
        if self._is_postgresql:
            return postgresql.insert(fruit).on_conflict_do_nothing().returning(fruit.c.identity)
        return sqlite.insert(fruit).on_conflict_do_nothing().returning(fruit.c.identity)

    def tell_others(self, connection: Connection) -> None:
        """Notify the other processes when this transaction commits."""
        if self._is_postgresql:
            connection.execute(text(f"NOTIFY {CHANNEL}"))

    def rest(self) -> None:
        """Close the connections until the next use. A database in memory keeps its one, which holds its data."""
        if isinstance(self.changes, SqliteChanges):
            self.changes.close()
        if not isinstance(self.changes, OwnChanges):
            self.engine.dispose()

    def close(self) -> None:
        """Close all connections. One that work of `within` still uses is closed at the end of that work."""
        self._is_closed = True
        self.changes.close()
        self.engine.dispose()

    def _checked_in(self, _: object, entry: ConnectionPoolEntry) -> None:
        if self._is_closed:
            entry.invalidate()  # it comes back to a pool that is no longer used


def set_up_schema(connection: Connection) -> bool:
    """Create missing tables. Return whether the table of fruits is new."""
    _check_encoding(connection)
    is_new = not inspect(connection).has_table(fruit.name)
    metadata.create_all(connection)
    version = connection.scalar(select(schema.c.version))
    if version is None:  # a new database, or version 1, which had no number
        connection.execute(insert(schema), {"version": SCHEMA_VERSION})
    elif version > SCHEMA_VERSION:
        raise BadConfig(
            f"The database belongs to a newer fruit service (schema {version}, this one supports {SCHEMA_VERSION}). "
            "Update the fruit service."
        )
    return is_new


def _check_encoding(connection: Connection) -> None:
    """Refuse a PostgreSQL database that cannot store every name. SQLite always can."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise BadConfig("The PostgreSQL database is not UTF8. Create it with `CREATE DATABASE ... ENCODING 'UTF8'`.")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # Check each connection before its use: the server may have been restarted.
        return create_engine(url, pool_pre_ping=True, pool_timeout=PATIENCE, connect_args=dict(POSTGRESQL))
    if url.get_backend_name() != "sqlite":
        raise ArgumentError("neither SQLite nor PostgreSQL")
    return _sqlite_engine(url)


def _sqlite_engine(url: URL) -> Engine:
    path = _path(url)
    if path is None:
        # One connection for all threads: each new connection would have an empty database of its own.
        engine = create_engine(
            url, poolclass=QueuePool, pool_size=1, max_overflow=0, connect_args={"check_same_thread": False}
        )
        event.listen(engine, "connect", lambda connection, _: _set_up_sqlite(connection))
        return engine
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(url, creator=lambda: _connect(path, PATIENCE))
    event.listen(engine, "connect", lambda _, record: record.info.update(file=identity_of(path)))
    event.listen(engine, "checkout", lambda _, record, __: _check_file(path, record.info["file"]))
    return engine


def _check_file(path: Path, opened: tuple[int, int]) -> None:
    """Refuse a connection whose file was removed or replaced: its writes would be lost."""
    try:
        if identity_of(path) == opened:
            return
    except OSError:
        pass
    raise DisconnectionError("the file was removed or replaced")


def _path(url: URL) -> Path | None:
    return None if url.database in (None, "", ":memory:") else Path(str(url.database))


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    # mode=rw: do not create an empty file if it was removed.
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False)
    try:
        _set_up_sqlite(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_up_sqlite(connection: sqlite3.Connection) -> None:
    # The driver would begin transactions itself, and too late:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes-with-the-sqlite3-or-aiosqlite-driver
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _cannot_open(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "psycopg":
        return "PostgreSQL needs its driver: pip install 'ipyauth-magic[postgresql]', and a postgresql+psycopg:// URL."
    return "The database URL (--database, FRUIT_DATABASE) cannot be opened."
