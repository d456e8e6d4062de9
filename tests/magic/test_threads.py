"""Waking one of several waiting threads, and starting one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ipyauth_magic.provider.threads import Wakeup, start_thread
from tests.support.threads import joined


@pytest.fixture
def alone() -> Iterator[None]:
    """No other thread runs unless this one waits for something."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(interval)


def test_it_wakes_a_waiting_thread_or_the_next_one() -> None:
    """Set twice is set once."""
    wakeup, woken = Wakeup(), []
    waiter = threading.Thread(target=lambda: woken.append(wakeup.wait(60)))
    waiter.start()
    wakeup.set()
    joined([waiter])
    wakeup.set()
    wakeup.set()
    assert [*woken, wakeup.wait(60), wakeup.wait(0), wakeup.wait(0.01)] == [True, True, False, False]


def test_a_thread_that_is_woken_for_nothing_waits_no_longer_than_its_timeout(alone: None) -> None:
    """Another thread takes the wakeup, and the time is over before the woken thread runs."""
    wakeup, woken = Wakeup(), []
    waiter = threading.Thread(target=lambda: woken.append(wakeup.wait(0.1)))
    waiter.start()  # returns once the thread waits: until then no other thread runs
    wakeup.set()
    wakeup.wait(0)
    ends_at = time.monotonic() + 0.3
    while time.monotonic() < ends_at:
        pass  # no other thread runs meanwhile
    joined([waiter], 10)
    assert len(woken) == 1


@pytest.mark.parametrize(("context", "raised"), [(KeyboardInterrupt(), KeyboardInterrupt), (None, RuntimeError)])
def test_an_interrupt_while_a_thread_starts_is_raised_as_it_is(
    context: BaseException | None, raised: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one step of the start, CPython makes it "release unlocked lock"; "can't start new thread" stays."""

    def start(thread: threading.Thread) -> None:
        error = RuntimeError("release unlocked lock")
        error.__context__ = context
        raise error

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(raised):
        start_thread(list, "ipyauth-test")
