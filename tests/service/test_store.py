"""The store on SQLite, and the rules of its baskets."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from fruit_service.baskets import READ, WRITE, allowed, identity
from fruit_service.errors import BadConfig, BasketFull
from fruit_service.store import FruitStore


@pytest.mark.parametrize(
    ("scopes", "readable", "writable"),
    [
        ((), (), ()),
        (("read:usual-fruit",), ("usual",), ()),
        (("read:exotic-fruit",), ("usual", "exotic"), ()),
        (("write:usual-fruit",), (), ("usual",)),
        (("write:exotic-fruit", "read:usual-fruit"), ("usual",), ("usual", "exotic")),
        (("READ:usual-fruit", "read:usual", "read"), (), ()),
    ],
)
def test_what_a_scope_opens(scopes: tuple[str, ...], readable: tuple[str, ...], writable: tuple[str, ...]) -> None:
    """The table of INTERFACE, section 5."""
    assert (allowed(scopes, READ), allowed(scopes, WRITE)) == (readable, writable)


@pytest.mark.parametrize(("one", "other"), [("Plum", " plum "), ("e\u0301", "\u00c9"), ("Stra\u00dfe", "STRASSE")])
def test_spellings_of_one_fruit(one: str, other: str) -> None:
    """NFC, trim, casefold."""
    assert identity(one) == identity(other)


def test_fruits_outlive_the_process(tmp_path: Path) -> None:
    """The starting lists are put in once, and what was added stays, in its order."""
    url = f"sqlite:///{tmp_path}/deep/er/fruits.sqlite"
    first = FruitStore(url)
    assert first.add({"usual": ["plum"], "exotic": []}) == {"usual": ["plum"], "exotic": []}
    first.close()
    second = FruitStore(url)
    assert second.fruits(["usual"]) == {"usual": ["apple", "orange", "cherry", "apricot", "plum"]}
    second.close()


def test_acknowledged_write_is_on_disk(tmp_path: Path) -> None:
    """WAL with synchronous=FULL on every live connection (2 is FULL), also the one that only looks for changes."""
    store = FruitStore(f"sqlite:///{tmp_path}/fruits.sqlite")
    engine = store._database.engine
    with engine.connect() as one, engine.connect() as other:
        live = [connection.connection.driver_connection for connection in (one, other)]
        live.append(store._database.changes._connection)
        for connection in live:
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_same_fruit_from_many_threads_is_added_once(tmp_path: Path) -> None:
    """On a file and by two stores, as two processes would."""
    stores = [FruitStore(f"sqlite:///{tmp_path}/fruits.sqlite") for _ in range(2)]
    added: list[str] = []

    def add(store: FruitStore) -> None:
        for number in range(20):
            added.extend(store.add({"usual": [f"fruit {number}"]})["usual"])

    threads = [threading.Thread(target=add, args=(store,)) for store in stores * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == sorted(f"fruit {number}" for number in range(20))
    for store in stores:
        assert len(store.fruits(["usual"])["usual"]) == 24
        store.close()


def test_threads_share_the_database_in_memory() -> None:
    """`sqlite://` is one database, and not one for each thread."""
    store = FruitStore("sqlite://")
    thread = threading.Thread(target=store.add, args=({"usual": ["plum"]},))
    thread.start()
    thread.join()
    assert "plum" in store.fruits(["usual"])["usual"]
    store.close()


def test_all_or_nothing() -> None:
    """A basket that would overflow leaves the other one as it was."""
    store = FruitStore("sqlite://")
    with pytest.raises(BasketFull):
        store.add({"usual": ["plum"], "exotic": [str(number) for number in range(997)]})
    assert "plum" not in store.fruits(["usual"])["usual"]
    store.close()


@pytest.mark.parametrize(
    "url", ["nonsense", "nosuchdb://x", "oracle://user:pw@x/y", "sqlite:////dev/null/x.sqlite", ""]
)
def test_url_that_cannot_be_opened(url: str) -> None:
    """One sentence at start, without a password."""
    with pytest.raises(BadConfig) as caught:
        FruitStore(url)
    assert "pw" not in str(caught.value)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    """Named at start."""
    path = tmp_path / "fruits.sqlite"
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(BadConfig, match="cannot be opened"):
        FruitStore(f"sqlite:///{path}")


def test_schema_is_plain(tmp_path: Path) -> None:
    """Any tool can read it."""
    FruitStore(f"sqlite:///{tmp_path}/fruits.sqlite").close()
    connection = sqlite3.connect(tmp_path / "fruits.sqlite")
    assert connection.execute("SELECT basket, count(*) FROM fruit GROUP BY basket").fetchall() == [
        ("exotic", 4),
        ("usual", 4),
    ]
    connection.close()
