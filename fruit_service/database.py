"""The database: an engine for SQLite or PostgreSQL, set up so that a commit is on disk; a schema with a version."""

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

from .changes import CHANNEL, Changes, OwnChanges, PostgresChanges, SqliteChanges, identity_of
from .deadline import BoundedExecutor
from .errors import BadConfig

PATIENCE = 5
"""How long a write waits for another process's, in seconds."""
SCHEMA_VERSION = 1
WRITERS = 0x66727569
"""The advisory lock that writers take on PostgreSQL, one after the other."""
POSTGRESQL: Mapping[str, Any] = {
    "connect_timeout": 3,
    # A server that has vanished is given up in seconds, and not after the two hours of TCP's own.
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
    """What differs between SQLite and PostgreSQL, and nothing of fruits."""

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self.engine = _engine(self._url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
            raise BadConfig(_cannot_open(error)) from error
        self._is_postgresql = self.engine.dialect.name == "postgresql"
        self._executor = BoundedExecutor("fruit-database", "The fruits cannot be reached now.")
        self.changes = self._changes()

    @property
    def place(self) -> str:
        """Where the data is: a path, or a URL without its password."""
        if self._is_postgresql:
            return self._url.render_as_string()
        return self._url.database or "memory"

    def _changes(self) -> Changes:
        if self._is_postgresql:
            return PostgresChanges(lambda: {**self.engine.dialect.create_connect_args(self._url)[1], **POSTGRESQL})
        path = _path(self._url)
        return SqliteChanges(path, lambda: _connect(path, 0)) if path else OwnChanges()

    def within(self, seconds: float, work: Callable[[], T]) -> T:
        """Return what *work* with the database returns; a server that stands still is given up after *seconds*.

        Raises:
            Unavailable: it was given up, or *work* raised it.
        """
        # A file does not stand still, and SQLite keeps to its own time.
        return self._executor.within(seconds, work) if self._is_postgresql else work()

    def begin_write(self, connection: Connection, patience: float) -> None:
        """Make *connection* the only writer until its transaction ends; another one is waited for, *patience* long."""
        if self._is_postgresql:
            milliseconds = round(patience * 1000)
            connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
            # Whatever the server's default is: an acknowledged write is on disk.
            connection.execute(text("SET LOCAL synchronous_commit = on"))
        else:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def begin_read(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment of the database."""
        if self._is_postgresql:
            connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE * 1000}"))
        else:
            connection.exec_driver_sql("BEGIN")

    def insert_new(self) -> Insert:
        """Return an insertion of fruits that leaves out those which are there already, and returns the others."""
        if self._is_postgresql:
            return postgresql.insert(fruit).on_conflict_do_nothing().returning(fruit.c.identity)
        return sqlite.insert(fruit).on_conflict_do_nothing().returning(fruit.c.identity)

    def tell_others(self, connection: Connection) -> None:
        """Let the other processes know of this transaction, when it is committed."""
        if self._is_postgresql:
            connection.execute(text(f"NOTIFY {CHANNEL}"))

    def rest(self) -> None:
        """Close what is open and may be opened again; a database in memory is its connection, and stays."""
        if isinstance(self.changes, SqliteChanges):
            self.changes.close()
        if not isinstance(self.changes, OwnChanges):
            self.engine.dispose()

    def close(self) -> None:
        """Close every connection."""
        self.changes.close()
        self.engine.dispose()


def set_up_schema(connection: Connection) -> bool:
    """Make the tables where they are missing; tell whether the fruits are new."""
    _check_encoding(connection)
    is_new = not inspect(connection).has_table(fruit.name)
    metadata.create_all(connection)
    version = connection.scalar(select(schema.c.version))
    if version is None:  # new, or of the days before versions, which is version 1
        connection.execute(insert(schema), {"version": SCHEMA_VERSION})
    elif version > SCHEMA_VERSION:
        raise BadConfig(
            f"The database is of a newer fruit service (schema {version}; this one knows {SCHEMA_VERSION}): update it."
        )
    return is_new


def _check_encoding(connection: Connection) -> None:
    """Refuse a PostgreSQL that cannot hold every name; SQLite always can."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise BadConfig("The PostgreSQL database is not in UTF8: make it by `CREATE DATABASE ... ENCODING 'UTF8'`.")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        # Asked before each use whether it is alive: the server may have been restarted.
        return create_engine(url, pool_pre_ping=True, pool_timeout=PATIENCE, connect_args=dict(POSTGRESQL))
    if url.get_backend_name() != "sqlite":
        raise ArgumentError("neither SQLite nor PostgreSQL")
    return _sqlite_engine(url)


def _sqlite_engine(url: URL) -> Engine:
    path = _path(url)
    if path is None:
        # Every connection would have a database of its own: threads take turns with one.
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
    """Refuse a connection whose file was removed or replaced: what it writes would be lost with it."""
    try:
        if identity_of(path) == opened:
            return
    except OSError:
        pass
    raise DisconnectionError("the file was removed or replaced")


def _path(url: URL) -> Path | None:
    return None if url.database in (None, "", ":memory:") else Path(str(url.database))


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    # mode=rw: where the file is gone no empty one is put in its place.
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False)
    try:
        _set_up_sqlite(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_up_sqlite(connection: sqlite3.Connection) -> None:
    # The driver would begin transactions by itself, and too late:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes-with-the-sqlite3-or-aiosqlite-driver
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _cannot_open(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "psycopg":
        return "PostgreSQL needs its driver: pip install 'ipyauth-magic[postgresql]', and a postgresql+psycopg:// URL."
    return "The database URL (--database, FRUIT_DATABASE) is none that can be opened."
