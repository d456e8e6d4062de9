"""The store: fruits in a database. Reads come from memory until a write, and an acknowledged write is on disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from .baskets import BASKETS, STARTING_LISTS, Fruits, identity, new_fruits
from .database import PATIENCE, Database, fruit, set_up_schema
from .errors import BadConfig, FruitError, Unavailable
from .shared_check import SharedCheck
from .snapshot import Snapshot

SHORT_PATIENCE = 0.1
"""Seconds for which a write waits for another process after the previous write has waited without success."""
STUCK = 0.5
"""Seconds that a write may take. Then waiting writes are refused, so that threads stay free for reads."""
FEW = 100
"""Most names that are looked up one by one. For more, the whole basket is read."""
READING = 3
"""Limit for reading all fruits, in seconds. It normally takes milliseconds, and a new connection some more."""
WRITING = 1
"""Limit for a write that has the lock, in seconds. After the limit the write may still succeed."""
READ_AGAIN = 1
"""Seconds between two attempts to read from a database that cannot be reached."""


T = TypeVar("T")


@dataclass(frozen=True)
class _Kept:
    version: Hashable | None
    snapshot: Snapshot


class FruitStore:
    """The fruits at one database URL. A new database gets the starting lists."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self._writing = threading.Lock()
        self._writing_since = 0.0
        self._patience: float = PATIENCE
        self._reading = threading.Lock()
        self._read_not_before = 0.0
        self._reachable = SharedCheck(self._read, STUCK, "The fruits cannot be read now.")
        self._writes = 0
        try:
            self._set_up()
            self._kept = self._read()
        except FruitError as error:
            self.close()
            if isinstance(error, BadConfig):
                raise
            raise BadConfig(f"The database {self.place} cannot be opened.") from error

    def _set_up(self) -> None:
        def make(connection: Connection) -> None:
            if set_up_schema(connection):
                _insert(self._database, connection, STARTING_LISTS)

        try:
            self._write(make)
        except Unavailable:
            self._read()  # a read-only database is good enough to start

    @property
    def place(self) -> str:
        """The place of the fruits: a path, or a URL without its password."""
        return self._database.place

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def rest(self) -> None:
        """Close the connections until the next use: a process that forks must not share them with its children."""
        self._database.rest()

    def check(self) -> None:
        """Check that the database can be read. Of several callers at a time, one reads and the others use its result.

        Raises:
            Unavailable: it cannot be read now.
        """
        self._reachable.check()

    def fruits(self, baskets: Iterable[str]) -> dict[str, list[str]]:
        """Return the fruits in *baskets*, in the order in which they were added."""
        snapshot = self.snapshot()
        return {basket: list(snapshot.fruits[basket]) for basket in baskets}

    def snapshot(self) -> Snapshot:
        """Return all fruits: from memory if there was no write since, or if the database cannot be read now."""
        kept = self._kept
        version = self._version()
        if version is not None and version == kept.version:
            return kept.snapshot
        if time.monotonic() < self._read_not_before:
            return kept.snapshot
        return self._read_again()

    def add(self, fruits: Fruits) -> dict[str, list[str]]:
        """Add *fruits*, all or none. Return the new ones.

        Raises:
            BasketFull: they do not fit.
            Unavailable: the database cannot be written now.
        """
        if self._version() == self._kept.version is not None and self._kept.snapshot.hold(fruits):
            return {basket: [] for basket in fruits}  # the snapshot contains committed fruits only
        added = self._write(lambda connection: self._add(connection, fruits))
        self._writes += 1
        # Without a version, so that the next read queries the database: other processes may have written.
        self._kept = _Kept(None, self._kept.snapshot.with_more(added))
        self._read_not_before = 0.0
        return added

    def _add(self, connection: Connection, fruits: Fruits) -> dict[str, list[str]]:
        added = _insert(self._database, connection, fruits)
        if any(added.values()):
            self._database.tell_others(connection)
        return added

    def _version(self) -> Hashable | None:
        """Return a value that changes with each write, our own at once, or None if it is not known."""
        others = self._database.changes.version()
        return None if others is None else (self._writes, others)

    def _read_again(self) -> Snapshot:
        with self._reading:
            if time.monotonic() < self._read_not_before:
                return self._kept.snapshot  # another thread has tried meanwhile, without success
            version = self._version()
            if version is None or version != self._kept.version:
                try:
                    self._kept = self._read()
                except Unavailable:
                    self._read_not_before = time.monotonic() + READ_AGAIN
            return self._kept.snapshot

    def _read(self) -> _Kept:
        version = self._version()  # before the read: a write during it causes another read

        def read() -> Snapshot:
            with self._transaction(self._database.begin_read) as connection:
                return _all(connection)

        return _Kept(version, self._database.within(READING, read))

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Return the result of *work* after its commit. *work* gets the only connection that may write.

        The threads of this process wait here, and not in the database.
        """
        while not self._writing.acquire(timeout=STUCK / 5):
            if time.monotonic() - self._writing_since > STUCK:
                raise Unavailable("The fruits cannot be written now.")
        try:
            self._writing_since = time.monotonic()
            patience, self._patience = self._patience, SHORT_PATIENCE

            def write() -> T:
                with self._transaction(lambda connection: self._database.begin_write(connection, patience)) as one:
                    self._patience = PATIENCE
                    return work(one)

            return self._database.within(patience + WRITING, write)
        finally:
            self._writing.release()

    @contextmanager
    def _transaction(self, begin: Callable[[Connection], None]) -> Iterator[Connection]:
        try:
            with self._database.engine.begin() as connection:
                begin(connection)
                yield connection
        except SQLAlchemyError as error:
            raise Unavailable("The fruits cannot be reached now.") from error


def _insert(database: Database, connection: Connection, fruits: Fruits) -> dict[str, list[str]]:
    """Insert those of *fruits* that are new, and return them."""
    added: dict[str, list[str]] = {}
    for basket, names in fruits.items():
        size = connection.scalar(select(func.count()).where(fruit.c.basket == basket)) or 0
        new = new_fruits(basket, _known(connection, basket, names), size, names)
        rows = [{"basket": basket, "identity": key, "name": name} for key, name in new.items()]
        inserted = set(connection.scalars(database.insert_new(), rows)) if rows else set()
        added[basket] = [name for key, name in new.items() if key in inserted]
    return added


def _known(connection: Connection, basket: str, names: Sequence[str]) -> Sequence[str]:
    """Return identities in *basket*, at least those that are also identities of *names*."""
    known = select(fruit.c.identity).where(fruit.c.basket == basket)
    if len(names) <= FEW:
        known = known.where(fruit.c.identity.in_([identity(name) for name in names]))
    return connection.scalars(known).all()


def _all(connection: Connection) -> Snapshot:
    fruits: dict[str, list[str]] = {basket: [] for basket in BASKETS}
    for basket, name in connection.execute(select(fruit.c.basket, fruit.c.name).order_by(fruit.c.id)):
        fruits[basket].append(name)
    return Snapshot(fruits)
