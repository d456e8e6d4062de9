"""The lock: one at a time among threads and processes, bounded, interruptible, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ipyauth_magic.errors import StoreBusy
from ipyauth_magic.store import lock as lock_module
from ipyauth_magic.store import warning
from ipyauth_magic.store.file import FileStore
from ipyauth_magic.store.memory import MemoryStore
from tests.support.stored import KEY

ROOT = Path(__file__).parents[2]

BEGIN = """
import os, sys, time, signal, random
from pathlib import Path
from ipyauth_magic.errors import StoreBusy
from ipyauth_magic.store import lock as lock_module
from ipyauth_magic.store.file import FileStore
FOLDER, KEY = Path(sys.argv[1]), sys.argv[2]
def say(*words): print(*words, flush=True)
def is_free(timeout=0.3):
    try:
        with FileStore(FOLDER, timeout=timeout).lock(KEY):
            return True
    except StoreBusy:
        return False
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Return what starts a program that shares this test's store."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", BEGIN + text, str(tmp_path), KEY]
        started.append(
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that *process* says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


HOLD = """
with FileStore(FOLDER).lock(KEY):
    say("holds")
    sys.stdin.readline()
say("freed")
sys.stdin.readline()
"""


def test_one_process_at_a_time(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Four processes that each read a number and write the next lose none of fifty."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    text = """
for _ in range(50):
    with FileStore(FOLDER).lock(KEY):
        number = int((FOLDER / "counter").read_text())
        time.sleep(0.0005)
        (FOLDER / "counter").write_text(str(number + 1))
say("done")
"""
    processes = [program(text) for _ in range(4)]
    assert [said(each) for each in processes] == ["done"] * 4
    assert counter.read_text() == "200"


@pytest.mark.parametrize("place", ["file", "memory"])
def test_one_thread_at_a_time(place: str, tmp_path: Path) -> None:
    """Eight threads, each with a store of its own, are never two within."""
    shared = MemoryStore()
    within: list[int] = []
    crowds: list[int] = []

    def enter() -> None:
        store = FileStore(tmp_path) if place == "file" else shared
        for _ in range(20):
            with store.lock(KEY):
                within.append(1)
                time.sleep(0.0002)
                crowds.append(len(within))
                within.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert crowds == [1] * 160


def test_keys_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Each sign-in has a lock of its own."""
    store = FileStore(tmp_path, timeout=0)
    with store.lock(KEY), store.lock("other"):
        assert sorted(os.listdir(tmp_path)) == [f"{KEY}.lock", "other.lock"]
    assert (tmp_path / "other.lock").stat().st_mode & 0o777 == 0o600


def test_a_wait_has_an_end(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """At which nobody renews behind another's back, and the processor was left alone meanwhile."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    began, used = time.monotonic(), time.thread_time()
    with (
        pytest.raises(StoreBusy, match="locked these tokens for 1 seconds.*Try again"),
        FileStore(tmp_path, timeout=1).lock(KEY),
    ):
        pytest.fail("two held the lock")
    assert 0.95 < time.monotonic() - began < 10
    assert time.thread_time() - used < 0.2
    assert lock_module._holds == {}


def test_who_waits_gets_the_lock_soon_after(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Not only at the end of its patience."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    entered: list[float] = []

    def wait() -> None:
        with FileStore(tmp_path).lock(KEY):
            entered.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    while KEY not in str(list(lock_module._holds)):
        time.sleep(0.001)
    assert holder.stdin is not None
    holder.stdin.write("\n")
    freed = said(holder), time.monotonic()
    waiter.join(60)
    assert freed[0] == "freed"
    assert entered[0] - freed[1] < 1


def test_a_killed_holder_leaves_no_lock(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """None is ever stale."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    holder.kill()
    holder.wait(60)
    with FileStore(tmp_path, timeout=5).lock(KEY):
        assert list(lock_module._holds) != []


def test_a_thread_that_would_wait_for_itself_is_told(tmp_path: Path) -> None:
    """At once, and it still holds what it held."""
    store = FileStore(tmp_path)
    with store.lock(KEY):
        with pytest.raises(RuntimeError, match="holds the lock already"), store.lock(KEY):
            pytest.fail("entered twice")
        assert not _is_free_for_another_thread(store.lock(KEY))
    assert lock_module._holds == {}


def _is_free_for_another_thread(lock: AbstractContextManager[None]) -> bool:
    found: list[bool] = []

    def enter() -> None:
        lock._timeout = 0.05  # type: ignore[attr-defined]
        try:
            with lock:
                found.append(True)
        except StoreBusy:
            found.append(False)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(60)
    return found == [True]


def test_who_waits_for_a_removed_lock_file_takes_the_new_one(tmp_path: Path) -> None:
    """Else two would hold the lock, each in a file of its own."""
    store = FileStore(tmp_path)
    removed = FileStore(tmp_path)._folder.open_for_lock(f"{KEY}.lock")
    assert lock_module._try_lock(removed)
    entered: list[bool] = []

    def wait() -> None:
        with store.lock(KEY):
            [hold] = lock_module._holds.values()
            assert hold.descriptor is not None
            entered.append(store._folder.is_at(f"{KEY}.lock", hold.descriptor))

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not any(hold.descriptor for hold in list(lock_module._holds.values())):
        time.sleep(0.001)
    os.unlink(tmp_path / f"{KEY}.lock")
    os.close(removed)
    waiter.join(60)
    assert entered == [True]


def test_an_error_within_frees_the_lock(tmp_path: Path) -> None:
    """Whatever it is."""
    store = FileStore(tmp_path, timeout=0)
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error), store.lock(KEY):
            raise error
        assert _is_free_for_another_thread(store.lock(KEY))


def test_a_folder_that_cannot_be_written_leaves_threads_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store's one warning."""
    monkeypatch.setattr(warning, "_warned", {})
    (tmp_path / "file").write_text("in the way")
    shown: list[str] = []
    store = FileStore(tmp_path / "file", warn=shown.append)
    for _ in range(2):
        with store.lock(KEY):
            assert not _is_free_for_another_thread(store.lock(KEY))
    assert len(shown) == 1


def test_a_waiting_process_can_be_interrupted(program: Callable[[str], subprocess.Popen[str]]) -> None:
    """At once, and the lock is there for the next when its holder is done."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    waiter = program("""
try:
    say("waits")
    with FileStore(FOLDER).lock(KEY):
        say("entered")
except KeyboardInterrupt:
    say("interrupted", lock_module._holds, len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc") else "")
sys.stdin.readline()
say(is_free())
""")
    assert said(waiter) == "waits"
    time.sleep(0.1)  # into the wait; before it, the outcome is the same
    began = time.monotonic()
    waiter.send_signal(signal.SIGINT)
    assert said(waiter).startswith("interrupted {}")
    assert time.monotonic() - began < 5
    assert holder.stdin is not None
    assert waiter.stdin is not None
    holder.stdin.write("\n")
    assert said(holder) == "freed"
    waiter.stdin.write("\n")
    assert said(waiter) == "True"


def test_an_interrupt_at_any_moment_frees_the_lock(program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Two thousand of them, spread over taking and freeing; each time the lock is free for another process after."""
    process = program("""
import fcntl
class Interrupt(BaseException): pass
def interrupt(*_): raise Interrupt
signal.signal(signal.SIGALRM, interrupt)
store, chance, struck = FileStore(FOLDER), random.Random(5), 0
with store.lock(KEY): pass
other = os.open(FOLDER / f"{KEY}.lock", os.O_RDWR)
for _ in range(2000):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000001, 0.0002))
        for _ in range(50):
            with store.lock(KEY): pass
    except Interrupt:
        struck += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert lock_module._holds == {}, struck
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_UN)
say(struck)
""")
    assert int(said(process)) > 1000


FORK = """
reader, writer = os.pipe()
with FileStore(FOLDER).lock(KEY):
    child = os.fork()
    if child == 0:
        say("child finds it free:", is_free())
{child}
    else:
{parent}
"""


def test_a_forked_child_does_not_hold_its_parents_lock(program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Nor free it, by leaving the block that it was born in."""
    process = program(
        FORK.format(child="        pass", parent="        os.waitpid(child, 0)")
        + """
    if child:
        second = os.fork()
        if second == 0:
            say("still held:", not is_free())
            os._exit(0)
        os.waitpid(second, 0)
if child == 0:
    os._exit(0)
say("free again:", is_free())
"""
    )
    assert [said(process) for _ in range(3)] == ["child finds it free: False", "still held: True", "free again: True"]


def test_a_child_that_outlives_the_holder_does_not_keep_the_lock(
    tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]
) -> None:
    """As a worker that a notebook forked just then."""
    process = program(
        FORK.format(
            child="        os.write(writer, b'.')\n        sys.stdin.readline()\n        os._exit(0)",
            parent="        os.read(reader, 1)\n        os.kill(os.getpid(), signal.SIGKILL)",
        )
    )
    assert said(process) == "child finds it free: False"
    process.wait(60)
    with FileStore(tmp_path, timeout=5).lock(KEY):
        assert list(lock_module._holds) != []
