"""A PostgreSQL server of the tests' own, in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from .debian import program
from .ports import free_port
from .threads import wait_for

SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "logging_collector=off")


class Postgres:
    """A server on a free port of 127.0.0.1; a context manager, which takes it and its data away."""

    def __init__(self) -> None:
        """Make a data folder; nothing runs yet."""
        self.port = free_port()
        self.url = f"postgresql+psycopg://fruit@127.0.0.1:{self.port}/postgres"
        self._folder = Path(tempfile.mkdtemp(prefix="fruit-postgres-"))
        self._data = self._folder / "data"
        # The server refuses to run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._postgres = program("postgres", "postgresql")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Postgres:
        """Start it and wait until it answers."""
        if self._user:
            shutil.chown(self._folder, self._user)
        initdb = program("initdb", "postgresql")
        command = [initdb, "-D", str(self._data), "-U", "fruit", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, user=self._user, cwd="/", check=True, capture_output=True, timeout=120)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, also after `stop`: the data is as it was."""
        options = [part for setting in SETTINGS for part in ("-c", setting)]
        self._process = subprocess.Popen(
            [self._postgres, "-D", str(self._data), "-p", str(self.port), *options],
            user=self._user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if not wait_for(self._is_ready, 60):
            raise RuntimeError("PostgreSQL does not start")

    def stop(self) -> None:
        """Stop it at once; connections are cut."""
        if self._process is not None:
            self._process.send_signal(2)  # "fast": transactions are rolled back, clients are not waited for
            self._process.wait(60)
            self._process = None

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let it stand still within the block: its machine answers for it, and nothing else does."""
        assert self._process is not None
        processes = [psutil.Process(self._process.pid)]
        processes += processes[0].children(recursive=True)
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def database(self, name: str) -> str:
        """Make an empty database; return its URL."""
        self.run(f"CREATE DATABASE {name}")
        return self.url.removesuffix("postgres") + name

    def run(self, statement: str) -> None:
        """Run a statement as the owner of everything."""
        import psycopg

        conninfo = f"host=127.0.0.1 port={self.port} user=fruit dbname=postgres"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _is_ready(self) -> bool:
        command = [program("pg_isready", "postgresql"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, timeout=30).returncode == 0
