"""Waiting for news, among threads that take it from each other."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ipyauth_magic.provider.threads import Bell
from tests.support.threads import joined


@pytest.fixture
def alone() -> Iterator[None]:
    """No other thread runs unless this one waits for something."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(interval)


def test_it_is_heard_by_who_waits_and_by_who_comes() -> None:
    """Rung twice is rung once."""
    bell, heard = Bell(), []
    waiter = threading.Thread(target=lambda: heard.append(bell.wait(60)))
    waiter.start()
    bell.ring()
    joined([waiter])
    bell.ring()
    bell.ring()
    assert [*heard, bell.wait(60), bell.wait(0), bell.wait(0.01)] == [True, True, False, False]


def test_who_is_woken_for_nothing_waits_no_longer_than_he_said(alone: None) -> None:
    """Somebody else takes the news, and it is past the time before the one who was woken can look."""
    bell, heard = Bell(), []
    waiter = threading.Thread(target=lambda: heard.append(bell.wait(0.1)))
    waiter.start()  # comes back when he waits: until then he gives nobody the turn
    bell.ring()
    bell.wait(0)
    ends_at = time.monotonic() + 0.3
    while time.monotonic() < ends_at:
        pass  # waiting for nothing, so that nobody else runs
    joined([waiter], 10)
    assert len(heard) == 1
