"""The data under many processes and under faults, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text

from fruit_service import store as store_module
from fruit_service.baskets import MAX_FRUITS
from fruit_service.changes import LOOK_INTERVAL, SqliteChanges
from fruit_service.database import fruit
from fruit_service.errors import BadConfig, BasketFull, Unavailable
from fruit_service.store import FruitStore
from tests.support.postgres import Postgres
from tests.support.threads import joined, until

from .test_command_line import ROOT, environment


@contextmanager
def writer(url: str, most: int = 1000) -> Iterator[subprocess.Popen[str]]:
    """Start a process that adds what it is told, with room for *most* fruits."""
    command = [sys.executable, "-m", "tests.service.writer", url, str(most)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def tell(process: subprocess.Popen[str], name: str) -> str:
    """Let *process* add *name*; return what it answers, or nothing where it has died."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(name + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline()


@contextmanager
def opened(url: str) -> Iterator[FruitStore]:
    """Open a store and close it."""
    with closing(FruitStore(url)) as store:
        yield store


@pytest.mark.long
def test_eight_processes_lose_nothing(database: str, in_full: bool) -> None:
    """Each adds 1,000 fruits of its own; all 8,000 are acknowledged, and there."""
    count = 1000 if in_full else 40
    with ExitStack() as stack:
        writers = [stack.enter_context(writer(database, 10_000)) for _ in range(8)]

        def add(number: int) -> int:
            return sum(int(tell(writers[number], f"fruit {number} {each}")) for each in range(count))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(add, range(8))) == [count] * 8
    with opened(database) as store:
        assert len(set(store.fruits(["usual"])["usual"])) == 8 * count + 4


def test_same_fruits_from_many_processes_are_added_once(database: str) -> None:
    """The second writer gets no error: the fruits exist already."""
    names = [f"fruit {number}" for number in range(30)]
    with ExitStack() as stack:
        writers = [stack.enter_context(writer(database)) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            added = pool.map(lambda process: [int(tell(process, name)) for name in names], writers)
        assert [sum(each) for each in zip(*added, strict=True)] == [1] * 30
    with opened(database) as store:
        assert sorted(store.fruits(["usual"])["usual"][4:]) == sorted(names)


@pytest.mark.long
def test_kill_loses_no_acknowledged_write(tmp_path: Path, in_full: bool) -> None:
    """`kill -9` at random moments of writing: what was acknowledged is there, and the file is in order."""
    path, chance, acknowledged = tmp_path / "fruits.sqlite", random.Random(1), set[str]()
    for round_ in range(200 if in_full else 10):
        with writer(f"sqlite:///{path}", 100_000) as process:
            end = time.monotonic() + chance.random() / 20
            for number in range(10_000):
                name = f"fruit {round_} {number}"
                if time.monotonic() > end:
                    assert process.stdin is not None
                    process.stdin.write(name + "\n")
                    process.stdin.flush()
                    process.send_signal(signal.SIGKILL)
                    break
                assert tell(process, name) == "1\n"
                acknowledged.add(name)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert acknowledged <= {name for (name,) in connection.execute("SELECT name FROM fruit")}


def test_write_of_another_process_is_seen(database: str) -> None:
    """On SQLite by each read a millisecond later; on PostgreSQL when the notification is here, far below a second."""
    with opened(database) as store, writer(database) as other:
        until(lambda: store._version() is not None)
        assert "plum" not in store.fruits(["usual"])["usual"]
        for number in range(50 if database.startswith("sqlite") else 0):
            store.snapshot()  # the look that serves for a while
            assert tell(other, f"fruit {number}") == "1\n"
            time.sleep(LOOK_INTERVAL)  # the bound itself: later than this no read may miss it
            assert store.fruits(["usual"])["usual"][-1] == f"fruit {number}"
        assert tell(other, "plum") == "1\n"
        assert until(lambda: "plum" in store.fruits(["usual"])["usual"]) < 1


def test_write_is_seen_across_a_connection_made_anew(tmp_path: Path) -> None:
    """SQLite counts anew on each connection: the number of a new one must not pass for the old one's."""
    database = f"sqlite:///{tmp_path}/fruits.sqlite"
    with closing(FruitStore(database)) as store, closing(FruitStore(database)) as other:
        store.snapshot()
        changes = store._database.changes
        assert isinstance(changes, SqliteChanges)
        changes._forget()  # as after an error
        other.add({"usual": ["banana"]})
        assert "banana" in store.fruits(["usual"])["usual"]


def test_own_write_is_seen_at_once(database: str) -> None:
    """By the next read, whatever the notifications do."""
    with opened(database) as store:
        for number in range(20):
            store.add({"exotic": [f"fruit {number}"]})
            assert store.fruits(["exotic"])["exotic"][-1] == f"fruit {number}"


def test_unchanged_lists_are_not_read_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without writes, reads do not use the database, nor does adding existing fruits."""
    with opened(database) as store:
        until(lambda: store.snapshot() is not None and store._kept.version is not None)
        monkeypatch.setattr(store, "_transaction", None)
        assert store.fruits(["usual"])["usual"][0] == "apple"
        assert store.add({"usual": ["APPLE"]}) == {"usual": []}


@contextmanager
def writing(store: FruitStore) -> Iterator[Connection]:
    """Give the store's own way of writing something else than fruits."""
    with store._transaction(lambda connection: store._database.begin_write(connection, 5)) as connection:
        yield connection


def test_row_that_somebody_else_put_in_is_there_already(database: str) -> None:
    """A conflict with a writer who takes no turns is no error."""
    with opened(database) as store, writing(store) as connection:
        rows = [{"basket": "usual", "identity": name, "name": name} for name in ("plum", "pear")]
        assert connection.scalars(store._database.insert_new(), rows[:1]).all() == ["plum"]
        assert connection.scalars(store._database.insert_new(), rows).all() == ["pear"]


def test_schema_has_a_version(database: str) -> None:
    """One of the days before versions is taken over as it is; one of a newer service is left alone."""
    with opened(database) as store, writing(store) as connection:
        connection.exec_driver_sql("DROP TABLE fruit_schema")
        connection.execute(fruit.delete().where(fruit.c.name == "apple"))
    with opened(database) as store:
        assert store.fruits(["usual"])["usual"][0] == "orange"
        with writing(store) as connection:
            connection.exec_driver_sql("UPDATE fruit_schema SET version = 99")
    with pytest.raises(BadConfig, match="newer"):
        FruitStore(database)


def test_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing is `Unavailable` after a while, then at once; reading goes on; it recovers by itself."""
    monkeypatch.setattr(store_module, "PATIENCE", 0.3)
    path = tmp_path / "fruits.sqlite"
    with opened(f"sqlite:///{path}") as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store._patience = 0.3
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(Unavailable):
                store.add({"usual": ["plum"]})
            assert len(store.fruits(["usual"])["usual"]) == 4
        other.execute("ROLLBACK")
        assert store.add({"usual": ["plum"]}) == {"usual": ["plum"]}


def test_writers_do_not_take_all_threads(tmp_path: Path) -> None:
    """While one waits for another process, those behind it are turned away soon, so that others can read."""
    path = tmp_path / "fruits.sqlite"
    with (
        opened(f"sqlite:///{path}") as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("BEGIN IMMEDIATE")
        first = pool.submit(store.add, {"usual": ["plum"]})
        until(store._writing.locked)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            store.add({"usual": ["pear"]})
        assert time.monotonic() - began < 3
        other.execute("ROLLBACK")
        assert first.result(20) == {"usual": ["plum"]}


@pytest.mark.parametrize(("fault", "cure"), [("query_only = 1", "query_only = 0"), ("max_page_count = 1", None)])
def test_read_only_or_full_disk(tmp_path: Path, fault: str, cure: str | None) -> None:
    """Writing is `Unavailable`, nothing is half done, reading goes on, and it recovers by itself."""
    with opened(f"sqlite:///{tmp_path}/fruits.sqlite") as store:
        with store._database.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA {fault}")
        with pytest.raises(Unavailable):
            store.add({"usual": [f"{number} {'x' * 50}" for number in range(900)]})
        assert len(store.fruits(["usual"])["usual"]) == 4
        with store._database.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA {cure or 'max_page_count = 100000'}")
        assert store.add({"usual": ["plum"]}) == {"usual": ["plum"]}


def test_postgresql_that_goes_and_comes_back() -> None:
    """Writing is `Unavailable`, reading goes on from memory, and both recover by themselves."""
    with Postgres() as server, opened(server.url) as store:
        store.add({"usual": ["plum"]})
        server.stop()
        with pytest.raises(Unavailable):
            store.add({"usual": ["pear"]})
        with pytest.raises(Unavailable):
            until(lambda: store.check() is not None)
        assert store.fruits(["usual"])["usual"][-1] == "plum"
        server.start()
        assert store.add({"usual": ["pear"]}) == {"usual": ["pear"]}
        assert store.fruits(["usual"])["usual"][-2:] == ["plum", "pear"]
        server.run("ALTER SYSTEM SET default_transaction_read_only = on")
        server.run("SELECT pg_reload_conf()")
        with pytest.raises(Unavailable):
            until(lambda: not store.add({"usual": [f"fig {time.monotonic()}"]})["usual"])
        assert "pear" in store.fruits(["usual"])["usual"]


def test_postgresql_that_stands_still() -> None:
    """Frozen, with every connection alive: writing is given up, and reading goes on."""
    with Postgres() as server, opened(server.url) as store:
        store.add({"usual": ["plum"]})
        until(lambda: store.snapshot() is not None and store._kept.version is not None)
        with server.standing_still():
            began = time.monotonic()
            with pytest.raises(Unavailable):
                store.add({"usual": ["pear"]})
            assert store.fruits(["usual"])["usual"][-1] == "plum"
            checks = [threading.Thread(target=check, args=(store,)) for _ in range(4)]
            for each in checks:
                each.start()
            joined(checks, 60)
            with pytest.raises(Unavailable):
                store.check()
            assert store.fruits(["usual"])["usual"][-1] == "plum"
            assert time.monotonic() - began < 60, "PostgreSQL itself would be waited for, for ever"
        until(lambda: added(store, "fig"), 60)
        assert "fig" in store.fruits(["usual"])["usual"]
        store.check()


def check(store: FruitStore) -> None:
    """Look at the database, whatever comes of it."""
    with contextlib.suppress(Unavailable):
        store.check()


def added(store: FruitStore, name: str) -> bool:
    """Tell whether *name* could be added."""
    with contextlib.suppress(Unavailable):
        return bool(store.add({"usual": [name]}))
    return False


def test_passwords_are_told_to_nobody() -> None:
    """Not in the sentence of a database that cannot be reached, nor in what is printed at start."""
    with pytest.raises(BadConfig) as caught:
        FruitStore("postgresql+psycopg://fruit:hunter2@127.0.0.1:1/fruit")
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_postgresql_commits_to_the_disk_whatever_its_default() -> None:
    """An acknowledged write is on disk; and the limit holds while many write at once."""
    with Postgres() as server:
        server.run("ALTER SYSTEM SET synchronous_commit = off")
        server.run("SELECT pg_reload_conf()")
        with opened(server.url) as store, writing(store) as connection:
            assert connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert most_after_a_rush(server.url) == MAX_FRUITS


def most_after_a_rush(url: str) -> int:
    """Fill a basket almost, let eight stores add to it at once, and return how many fruits are there."""
    with ExitStack() as stack:
        stores = [stack.enter_context(opened(url)) for _ in range(8)]
        have = len(stores[0].fruits(["usual"])["usual"])
        stores[0].add({"usual": [f"first {number}" for number in range(MAX_FRUITS - have - 4)]})
        ready = threading.Barrier(len(stores))

        def rush(number: int) -> None:
            ready.wait(20)
            for each in range(4):
                with contextlib.suppress(BasketFull):
                    stores[number].add({"usual": [f"rush {number} {each}"]})

        with ThreadPoolExecutor(len(stores)) as pool:
            list(pool.map(rush, range(len(stores))))
        return len(stores[0].fruits(["usual"])["usual"])


def test_connection_in_use_is_closed_when_it_comes_back(database: str) -> None:
    """Work that was given up may end after the store is closed."""
    with opened(database) as store, store._database.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        store.close()
        connection.exec_driver_sql("SELECT 1")
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        raw.cursor().execute("SELECT 1")


def test_postgresql_that_cannot_hold_every_name_is_refused() -> None:
    """At the start, and not by a 500 when the first apple comes."""
    with Postgres() as server:
        server.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        with pytest.raises(BadConfig, match="UTF8"):
            FruitStore(server.url.replace("/postgres", "/latin"))
