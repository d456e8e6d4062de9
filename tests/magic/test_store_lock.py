"""The lock: one at a time among threads and processes, bounded, never left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipyauth_magic.errors import StoreBusy
from ipyauth_magic.store import warning
from ipyauth_magic.store.file import FileStore
from ipyauth_magic.store.memory import MemoryStore
from tests.support.stored import KEY, file_store, token_set
from tests.support.threads import joined

ROOT = Path(__file__).parents[2]

BEGIN = """
import os, sys, time, signal, random
from pathlib import Path
from ipyauth_magic.errors import StoreBusy
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
                time.sleep(0.0002)  # the others may come meanwhile
                crowds.append(len(within))
                within.pop()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for each in threads:
        each.start()
    joined(threads, 60)
    assert crowds == [1] * 160


def test_keys_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Each sign-in has a lock of its own."""
    store = FileStore(tmp_path, timeout=0)
    with store.lock(KEY), store.lock("other"):
        assert sorted(os.listdir(tmp_path)) == [f"{KEY}.lock", "other.lock"]
    assert (tmp_path / "other.lock").stat().st_mode & 0o777 == 0o600


def test_a_wait_has_an_end(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Then the caller gets an error and no lock; the wait takes hardly any processor time."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    began, used = time.monotonic(), time.thread_time()
    with (
        pytest.raises(StoreBusy, match="locked these tokens for 1 second.*Try again"),
        FileStore(tmp_path, timeout=1).lock(KEY),
    ):
        pytest.fail("two held the lock")
    assert 0.95 < time.monotonic() - began < 10
    assert time.thread_time() - used < 0.2
    assert not _is_free_for_another_thread(tmp_path), "the other process has it still"


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
    time.sleep(0.2)  # into the wait; before it, the outcome is the same
    assert entered == []
    assert holder.stdin is not None
    holder.stdin.write("\n")
    freed = said(holder), time.monotonic()
    joined([waiter], 60)
    assert freed[0] == "freed"
    assert entered[0] - freed[1] < 1


def test_a_killed_holder_leaves_no_lock(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """None is ever stale."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    holder.kill()
    holder.wait(60)
    with FileStore(tmp_path, timeout=5).lock(KEY):
        assert not _is_free_for_another_thread(tmp_path)


def test_a_thread_that_would_wait_for_itself_waits_no_longer_than_for_others(tmp_path: Path) -> None:
    """And it still holds what it held."""
    with FileStore(tmp_path).lock(KEY):
        with pytest.raises(StoreBusy), FileStore(tmp_path, timeout=0.1).lock(KEY):
            pytest.fail("entered twice")
        assert not _is_free_for_another_thread(tmp_path)
    assert _is_free_for_another_thread(tmp_path)


def _is_free_for_another_thread(folder: Path) -> bool:
    found: list[bool] = []

    def enter() -> None:
        try:
            with FileStore(folder, timeout=0.05, warn=lambda sentence: None).lock(KEY):
                found.append(True)
        except StoreBusy:
            found.append(False)

    thread = threading.Thread(target=enter)
    thread.start()
    joined([thread], 60)
    return found == [True]


def test_a_removed_lock_file_is_not_the_lock(tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]) -> None:
    """A process that waited for it takes the new one: else two would hold the lock, each in a file of its own."""
    holder = program(HOLD)
    assert said(holder) == "holds"
    entered: list[bool] = []

    def wait() -> None:
        with FileStore(tmp_path).lock(KEY):
            entered.append(is_locked(tmp_path / f"{KEY}.lock"))

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.2)  # into the wait; before it, the outcome is the same
    (tmp_path / f"{KEY}.lock").unlink()
    joined([waiter], 60)
    assert entered == [True]


def is_locked(path: Path) -> bool:
    """Tell whether the file that is at *path* now is locked."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_keeps_threads_apart(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one warning in a process; no other file takes the lock's place, which would stay after a kill."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(fcntl, "flock", refuse)
    shown: list[str] = []
    for _ in range(2):
        with FileStore(tmp_path, warn=shown.append).lock(KEY):
            assert not _is_free_for_another_thread(tmp_path)
    assert len(shown) == 1
    assert f"No file can be locked in `{tmp_path}` ({os.strerror(code)})" in shown[0]
    monkeypatch.undo()
    assert _is_free_for_another_thread(tmp_path)


@pytest.mark.parametrize("place", ["link", "link to nowhere", "folder"])
def test_what_is_no_file_is_not_locked(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is not followed; threads alone are kept apart, with one warning."""
    monkeypatch.setattr(warning, "_warned", {})
    elsewhere, path, shown = tmp_path / "elsewhere", tmp_path / f"{KEY}.lock", list[str]()
    if place == "link":
        elsewhere.write_text("precious")
    if place == "folder":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
    with FileStore(tmp_path, warn=shown.append).lock(KEY):
        assert not _is_free_for_another_thread(tmp_path)
        assert elsewhere.exists() == (place == "link")
        assert place != "link" or not is_locked(elsewhere)
    assert ["No file can be locked" in sentence for sentence in shown] == [True]


def test_an_error_within_frees_the_lock(tmp_path: Path) -> None:
    """Whatever it is."""
    for error in (ValueError, TimeoutError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error), FileStore(tmp_path, timeout=0).lock(KEY):
            raise error
        assert _is_free_for_another_thread(tmp_path)


def test_a_folder_that_cannot_be_written_leaves_threads_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one warning, of the store that cannot save there."""
    monkeypatch.setattr(warning, "_warned", {})
    (tmp_path / "file").write_text("in the way")
    shown: list[str] = []
    store = file_store(tmp_path / "file", shown.append)
    for _ in range(2):
        with store.lock(KEY):
            assert not _is_free_for_another_thread(tmp_path / "file")
            store.save(KEY, token_set())
    assert ["cannot be kept" in sentence for sentence in shown] == [True]


SOURCE = """
from ipyauth_magic import ParamsAuth0
from ipyauth_magic.flows.token_source import TokenSource
from ipyauth_magic.protocol.flow import CODE, Grant
from ipyauth_magic.store.key import store_key
from tests.support.stored import token_set
params = ParamsAuth0(domain="issuer.example", client_id="c")
KEY, source = store_key(params), TokenSource(params, Grant(CODE), FileStore(FOLDER))
"""


def test_an_interrupt_of_a_sign_out_does_not_break_it_off(
    tmp_path: Path, program: Callable[[str], subprocess.Popen[str]]
) -> None:
    """While it waits for another process the prompt is back at once; the tokens go as soon as the lock is free."""
    waiter = program(
        SOURCE
        + """
source.save(token_set())
say(KEY)
sys.stdin.readline()
try:
    say("waits")
    source.take_out()
except KeyboardInterrupt:
    say("interrupted")
say(is_free(timeout=60))
say(source.tokens, FileStore(FOLDER).load(KEY))
"""
    )
    key = said(waiter)
    holder = program(f"KEY = {key!r}\n" + HOLD)
    assert said(holder) == "holds"
    assert waiter.stdin is not None
    waiter.stdin.write("\n")
    assert said(waiter) == "waits"
    time.sleep(0.3)  # into the wait; before it, the outcome is the same
    began = time.monotonic()
    waiter.send_signal(signal.SIGINT)
    assert said(waiter) == "interrupted"
    assert time.monotonic() - began < 5
    assert holder.stdin is not None
    holder.stdin.write("\n")
    assert said(holder) == "freed"
    assert said(waiter) == "True"
    assert said(waiter) == "None None"


def test_an_interrupt_at_any_moment_leaves_no_lock(program: Callable[[str], subprocess.Popen[str]]) -> None:
    """Three hundred of them, spread over saving and clearing; each time the lock is free for another process after."""
    process = program(
        SOURCE
        + """
class Interrupt(BaseException): pass
def interrupt(*_): raise Interrupt
signal.signal(signal.SIGALRM, interrupt)
chance, struck = random.Random(5), 0
for _ in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.000001, 0.004))
        while True:
            source.save(token_set())
            source.take_out()
    except Interrupt:
        struck += 1
    if not is_free(timeout=10):
        say("held after", struck)
say(struck)
"""
    )
    assert said(process) == "300"


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
        assert not _is_free_for_another_thread(tmp_path)
