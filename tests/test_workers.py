"""Two workers of pytest-xdist do not get in each other's way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import END, FIRST, free_port

ROOT = Path(__file__).parents[1]
INSTALLING = """
import sys
from tests.support.installing import one_at_a_time
with one_at_a_time():
    print("begun", flush=True)
    sys.stdin.readline()
    print("ended", flush=True)
"""


def test_each_worker_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port may stay free for long until its test listens there; no other worker takes it meanwhile."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    first = {free_port() for _ in range(200)}
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    second = {free_port() for _ in range(200)}
    assert FIRST <= min(first) <= max(first) < min(second) <= max(second) < END


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such lock")
def test_one_worker_installs_at_a_time() -> None:
    """Another one waits until it has ended."""
    one, other = installing(), None
    try:
        assert one.stdout
        assert one.stdout.readline() == "begun\n"
        other = installing()
        with pytest.raises(subprocess.TimeoutExpired):
            other.communicate("go on\n", timeout=1)
        assert one.communicate("go on\n", timeout=30)[0] == "ended\n"
        assert other.communicate(timeout=30)[0] == "begun\nended\n"
    finally:
        for each in filter(None, (one, other)):
            each.kill()
            each.communicate()


def installing() -> subprocess.Popen[str]:
    """Start a process that installs until it is told to go on."""
    command, pipe = [sys.executable, "-u", "-c", INSTALLING], subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
