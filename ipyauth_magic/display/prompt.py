"""The prompt for the URL in the browser's address bar. The input is neither shown nor stored.

It ends as soon as the response has come by another route, in a terminal and in front ends that run the script of
`panel.py`: JupyterLab and Notebook 7. In others it ends some time later.
"""

from __future__ import annotations

import _thread
import getpass
import math
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..provider.threads import start_thread

PROMPT = "Paste the address from your browser's address bar (it is not shown): "

PATIENCE = 30.0
"""Seconds for which a notebook's input box stays open after the sign-in has ended."""

_SLICE = 0.2
_TICK = 1.0


def read_in_notebook(is_over: Callable[[], bool], tick: Callable[[], None]) -> str | None:
    """Return the user's input from the front end's password box; None if the sign-in *is_over* before there is any.

    The input reaches neither the notebook nor the history. Another thread calls *tick* once a second, and a last time
    when *is_over* is true. From then on the user has `PATIENCE` seconds to press Enter.

    Raises:
        KeyboardInterrupt: the user interrupted.
    """
    try:
        with _interrupted_when(is_over, tick):
            return getpass.getpass(PROMPT)  # the kernel's own while a cell runs
    except KeyboardInterrupt:
        if not is_over():
            raise
        return None


@contextmanager
def _interrupted_when(is_over: Callable[[], bool], tick: Callable[[], None]) -> Iterator[None]:
    """Interrupt the block `PATIENCE` seconds after *is_over* is true: nothing else ends the kernel's prompt.

    JupyterLab runs no cell while its input box is open, and only the user can close that box: so the user gets time.
    """
    lock = threading.Lock()
    done = threading.Event()

    def watch() -> None:
        next_tick, end = time.monotonic() + _TICK, math.inf
        while not done.wait(_SLICE):
            now = time.monotonic()
            if end == math.inf and is_over():
                end, next_tick = now + PATIENCE, now
            if now >= next_tick:
                next_tick = now + _TICK if end == math.inf else math.inf
                tick()
            if now >= end:
                with lock:
                    if not done.is_set():
                        _thread.interrupt_main()
                return

    watcher = start_thread(watch, "ipyauth-paste")
    try:
        yield
    finally:
        with lock:
            done.set()
        watcher.join()


def read_in_terminal(stream: TextIO, is_over: Callable[[], bool]) -> str | None:
    """Return a line of any length from the terminal; None without a terminal, or when *is_over* is true.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    try:
        import termios
    except ImportError:  # Windows: the prompt stays until the user presses Enter
        return getpass.getpass(PROMPT)
    with _unseen(termios, sys.stdin.fileno()) as descriptor:
        print(PROMPT, end="", file=stream, flush=True)  # only after the echo is off
        try:
            return _line(descriptor, is_over)
        finally:
            print(file=stream, flush=True)


@contextmanager
def _unseen(termios: Any, descriptor: int) -> Iterator[int]:
    """Switch off echo and line mode: in line mode a terminal cuts a line at 4,096 bytes."""
    before = termios.tcgetattr(descriptor)
    quiet = [*before]
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, quiet)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _line(descriptor: int, is_over: Callable[[], bool]) -> str | None:
    line = bytearray()
    while not is_over():
        if not select.select([descriptor], [], [], _SLICE)[0]:
            continue
        read = os.read(descriptor, 4096)
        if not read:
            return None
        for byte in read:
            if byte in b"\r\n\x04":
                return line.decode("ascii", "replace")
            if byte in b"\x7f\x08":
                del line[-1:]
            else:
                line.append(byte)
    return None
