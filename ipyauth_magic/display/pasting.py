"""Asks for the URL at which the user's browser ended, where nothing shows or keeps what is pasted.

The question ends by itself when the response has come by another way.
"""

from __future__ import annotations

import _thread
import getpass
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

PROMPT = "Paste the address at which your browser ended (it is not shown): "

_SLICE = 0.2
_TICK = 1.0


def read_in_notebook(is_over: Callable[[], bool], tick: Callable[[], None]) -> str | None:
    """Return what the user entered in the front end's box for passwords; None once *is_over* says so.

    Nothing of it reaches the notebook or the history. *tick* is called once a second, in another thread.

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
    """Interrupt the block in the main thread once *is_over* says so: the kernel's question has no other end."""
    lock = threading.Lock()
    done = threading.Event()

    def watch() -> None:
        next_tick = time.monotonic() + _TICK
        while not done.wait(_SLICE):
            if is_over():
                with lock:
                    if not done.is_set():
                        _thread.interrupt_main()
                return
            if time.monotonic() >= next_tick:
                next_tick += _TICK
                tick()

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
    print(PROMPT, end="", file=stream, flush=True)
    try:
        with _unseen(termios, sys.stdin.fileno()) as descriptor:
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
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


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
