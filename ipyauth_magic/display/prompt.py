"""Asks for the URL at which the user's browser ended, where nothing shows or keeps what is pasted.

The question ends by itself some time after the response has come by another way; in a terminal, at once.
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

PROMPT = "Paste the address at which your browser ended (it is not shown): "

PATIENCE = 30.0
"""Seconds for which a notebook's box stays when it is of no use any more."""

_SLICE = 0.2
_TICK = 1.0


def read_in_notebook(is_over: Callable[[], bool], tick: Callable[[], None]) -> str | None:
    """Return what the user entered in the front end's box for passwords; None if it *is_over* and nobody does.

    Nothing of it reaches the notebook or the history. *tick* is called once a second, and at once when it *is_over*, in
    another thread: then the user is to press Enter, and has `PATIENCE` seconds for it.

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
    """Interrupt the block in the main thread when it has been over for a while: the kernel's question has no other end.

    Not at once: JupyterLab runs no cell while a question is open for it, and a question ends there by the user only.
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

    watcher = threading.Thread(target=watch, name="ipyauth-paste", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        with lock:
            done.set()
        watcher.join()


def read_in_terminal(stream: TextIO, is_over: Callable[[], bool]) -> str | None:
    """Return the line that the user entered at the terminal, of any length; None without one, or once it *is_over*.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    try:
        import termios
    except ImportError:  # Windows: the question stays until it is answered
        return getpass.getpass(PROMPT)
    with _unseen(termios, sys.stdin.fileno()) as descriptor:
        print(PROMPT, end="", file=stream, flush=True)  # when nothing is shown any more
        try:
            return _line(descriptor, is_over)
        finally:
            print(file=stream, flush=True)


@contextmanager
def _unseen(termios: Any, descriptor: int) -> Iterator[int]:
    """Let the terminal show nothing, and give each byte at once: a line of its own would end at 4,096."""
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
