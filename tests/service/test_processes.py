"""The service as whole processes: under a crowd, under other servers, reloading, ending under load."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from fruit_service.open_files import allow_many_files
from tests.support.ports import free_port
from tests.support.threads import joined, until

from .test_command_line import ROOT, address, environment, started


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """One issuer for all tests, whose tokens last."""
    with LocalIssuer(port=0, lifetime=3600) as running:
        yield running


@pytest.fixture
def bearer(issuer: LocalIssuer) -> dict[str, str]:
    """The header of one who may read all."""
    return {"Authorization": f"Bearer {issuer.access_token('read:exotic-fruit')}"}


@contextmanager
def running(*command: str, cwd: Path = ROOT, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server's command, its output thrown away, until the block ends."""
    process = subprocess.Popen(
        command, cwd=cwd, env=environment(**variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(url: str, **headers: str) -> bool:
    """Tell whether *url* answers with 200."""
    try:
        return requests.get(url, headers=headers, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def said(url: str) -> Any:
    """Return the JSON at *url*, or None without an answer."""
    try:
        return requests.get(url, timeout=10).json()
    except requests.ConnectionError:
        return None


def test_crowd_keeps_nobody_out(issuer: LocalIssuer, bearer: dict[str, str]) -> None:
    """9,000 idle and 500 dripping connections: a new GET is answered in 2 s, and memory grows by less than 200 MiB."""
    allow_many_files()
    idle = min(9000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 900)
    port = free_port()
    options = ("--issuer", issuer.issuer, "--port", str(port), "--database", "sqlite://")
    url = f"http://127.0.0.1:{port}/api/fruit"
    with running(sys.executable, "-m", "fruit_service", *options) as service:
        until(lambda: answers(url, **bearer), 60)
        before = psutil.Process(service.pid).memory_info().rss
        crowd = [sys.executable, "-m", "tests.service.crowd", str(port), str(idle), "500"]
        with subprocess.Popen(
            crowd, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{idle + 500}\n"
            for _ in range(3):
                began = time.monotonic()
                assert answers(url, **bearer)
                assert time.monotonic() - began < 2
            connections = len(psutil.Process(service.pid).net_connections("tcp"))
            assert connections > (idle + 500) / 2
            assert psutil.Process(service.pid).memory_info().rss - before < 200 * 1024 * 1024
            process.communicate()


def test_nothing_is_cut_off_when_it_is_told_to_end_under_load(issuer: LocalIssuer, bearer: dict[str, str]) -> None:
    """SIGTERM: what was asked is answered in full, new connections are refused, and it is over in 5 seconds."""
    url, cut = "", list[Exception]()
    done = threading.Event()

    def client() -> None:
        while not done.is_set():
            try:
                assert "fruits" in requests.get(url, headers=bearer, timeout=10).json()
            except requests.ConnectionError as error:
                if "Connection refused" not in str(error) and "reset by peer" not in str(error):
                    cut.append(error)
                return

    with started("fruit_service", "--issuer", issuer.issuer, "--port", "0", "--database", "sqlite://", lines=2) as (
        process,
        printed,
    ):
        assert process.stderr is not None
        threading.Thread(target=process.stderr.read, daemon=True).start()
        url = f"{address(printed)}api/fruit"
        clients = [threading.Thread(target=client) for _ in range(8)]
        for each in clients:
            each.start()
        until(lambda: answers(url, **bearer))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
        joined(clients, 20)
        done.set()
    assert cut == []


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn --preload", "waitress-serve"])
def test_other_servers_run_it(server: str, issuer: LocalIssuer, bearer: dict[str, str], tmp_path: Path) -> None:
    """`fruit_service.wsgi:app`, configured by the environment; two workers of gunicorn see each other's writes."""
    port = free_port()
    name, *options = server.split()
    bind = ["--bind", f"127.0.0.1:{port}", "--workers", "2"] if name == "gunicorn" else [f"--listen=127.0.0.1:{port}"]
    command = [script(name), *options, *bind, "fruit_service.wsgi:app"]
    url = f"http://127.0.0.1:{port}"
    settings = {"FRUIT_ISSUER": issuer.issuer, "FRUIT_DATABASE": f"sqlite:///{tmp_path}/fruits.sqlite"}
    with running(*command, **settings, PYTHONWARNINGS="default"):
        until(lambda: answers(f"{url}/readyz"), 60)
        writer = {"Authorization": f"Bearer {issuer.access_token('write:usual-fruit')}"}
        for number in range(10):
            fruit = f"fruit {number}"
            added = requests.post(f"{url}/api/fruit", json={"usual": [fruit]}, headers=writer, timeout=10).json()
            assert added["fruits_added"] == {"usual": [fruit]}
            seen = requests.get(f"{url}/api/fruit", headers=bearer, timeout=10).json()
            assert fruit in seen["fruits"]["usual"]
        in_chunks = {**writer, "Content-Type": "application/json"}
        added = requests.post(
            f"{url}/api/fruit", data=iter([b'{"usual": ', b'["plum"]}']), headers=in_chunks, timeout=10
        )
        assert (added.status_code, added.json()["fruits_added"]) == (200, {"usual": ["plum"]})
        assert broken_chunk(port, writer["Authorization"]) == 400
        large = requests.post(f"{url}/api/fruit", data=iter([b" " * 70_000]), headers=in_chunks, timeout=10)
        assert large.status_code == 413


def broken_chunk(port: int, authorization: str) -> int:
    """Return the status that a body gets whose chunk has no length."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        head = (
            "POST /api/fruit HTTP/1.1",
            "Host: x",
            f"Authorization: {authorization}",
            "Content-Type: application/json",
        )
        lines = [*head, "Transfer-Encoding: chunked", "", "zz", ""]
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(100).split()[1])


def script(name: str) -> str:
    """Return the path of a command of this environment."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None
    return found


def test_reload_starts_anew_after_a_change(tmp_path: Path) -> None:
    """The new code answers on the same port; a signal ends both processes."""
    shutil.copytree(ROOT / "fruit_service", tmp_path / "fruit_service", ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    options = ("--reload", "--issuer", "https://tenant.test/", "--port", str(port), "--database", "sqlite://")
    variables = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    with running(sys.executable, "-m", "fruit_service", *options, cwd=tmp_path, **variables) as process:
        url = f"http://127.0.0.1:{port}/healthz"
        until(lambda: answers(url), 60)
        app = tmp_path / "fruit_service" / "app.py"
        app.write_text(re.sub('"alive"', '"anew"', app.read_text()))
        until(lambda: said(url) == {"msg": "anew"}, 60)
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert psutil.wait_procs(children, 10)[1] == []
