"""What threads must come to: their end, where else their stacks are told, or some state."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterable
from threading import Thread


def joined(threads: Iterable[Thread], deadline: float = 30) -> None:
    """Wait until *threads* have ended, *deadline* seconds for all; else fail, and tell where every thread stands."""
    ends_at = time.monotonic() + deadline
    threads = list(threads)
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    stacks = sys._current_frames() if late else {}
    told = ["".join(traceback.format_stack(frame)) for frame in stacks.values()]
    assert not late, "\n\n".join([f"{', '.join(late)} did not end", *told])


def until(is_so: Callable[[], object], deadline: float = 20) -> float:
    """Wait until *is_so*, and return after how many seconds; fail where it is not so within *deadline* seconds."""
    began = time.monotonic()
    assert wait_for(is_so, deadline), f"it is not so within {deadline} s"
    return time.monotonic() - began


def wait_for(is_so: Callable[[], object], deadline: float = 20) -> bool:
    """Wait until *is_so*, *deadline* seconds at the most; tell whether it came."""
    ends_at = time.monotonic() + deadline
    while not (came := bool(is_so())) and time.monotonic() < ends_at:
        time.sleep(0.005)
    return came
