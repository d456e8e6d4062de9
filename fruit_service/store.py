"""The store: fruits in a database, through SQLAlchemy; an acknowledged write is on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from .baskets import STARTING_LISTS, Fruits, new_fruits
from .errors import BadConfig, Unavailable

BUSY_TIMEOUT = 5
"""How long a write waits for another process's, in seconds."""

_metadata = MetaData()
_fruit = Table(
    "fruit",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("basket", String(16), nullable=False),
    Column("identity", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    UniqueConstraint("basket", "identity"),
)


class FruitStore:
    """The fruits at one database URL; the first to open it puts the starting lists in."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            self._set_up()
        except Unavailable as error:
            raise BadConfig(f"The database {self.place} cannot be opened.") from error

    def _set_up(self) -> None:
        with self._transaction(write=True) as connection:
            _metadata.create_all(connection)
            if connection.execute(select(_fruit.c.id).limit(1)).first() is None:
                self._add(connection, STARTING_LISTS)

    @property
    def place(self) -> str:
        """Where the fruits are: a path, or a URL without its password."""
        url = self._engine.url
        return (url.database or "memory") if url.get_backend_name() == "sqlite" else url.render_as_string()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def check(self) -> None:
        """Raise `Unavailable` where fruits could not be read now."""
        self.fruits(())

    def fruits(self, baskets: Iterable[str]) -> dict[str, list[str]]:
        """Return the fruits in *baskets*, in the order in which they came."""
        fruits: dict[str, list[str]] = {basket: [] for basket in baskets}
        query = select(_fruit.c.basket, _fruit.c.name).where(_fruit.c.basket.in_(fruits)).order_by(_fruit.c.id)
        with self._transaction() as connection:
            for basket, name in connection.execute(query):
                fruits[basket].append(name)
        return fruits

    def add(self, fruits: Fruits) -> dict[str, list[str]]:
        """Add *fruits*, all or none; return those that were not there yet."""
        with self._transaction(write=True) as connection:
            return self._add(connection, fruits)

    def _add(self, connection: Connection, fruits: Fruits) -> dict[str, list[str]]:
        added: dict[str, list[str]] = {}
        for basket, names in fruits.items():
            known = connection.scalars(select(_fruit.c.identity).where(_fruit.c.basket == basket))
            new = new_fruits(basket, known, names)
            if new:
                rows = [{"basket": basket, "identity": identity, "name": name} for identity, name in new.items()]
                connection.execute(insert(_fruit), rows)
            added[basket] = list(new.values())
        return added

    @contextmanager
    def _transaction(self, write: bool = False) -> Iterator[Connection]:
        engine = self._engine.execution_options(begin="BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise Unavailable("The fruits cannot be reached now.") from error


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        pool: dict[str, Any] = {}
        if parsed.database in (None, "", ":memory:"):
            pool = {"poolclass": StaticPool}  # every connection would have a database of its own: threads share one
        else:
            Path(str(parsed.database)).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}, **pool)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
        raise BadConfig("The database URL (--database, FRUIT_DATABASE) is none that can be opened.") from error
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The driver would begin transactions by itself, and too late:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#enabling-non-legacy-sqlite-transactional-modes-with-the-sqlite3-or-aiosqlite-driver
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
