"""IPython in a terminal, or `jupyter console`, used as a person would: type a cell, read what comes, press Ctrl-C."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import pexpect

from .machine import environment

ROOT = Path(__file__).parents[2]
PROMPT = r"\r?\nIn \[\d+\]: "
CONTINUED = r"   \.\.\.: "
STARTING = 60
"""Seconds within which the prompt must be there; it takes one."""


class Terminal:
    """A terminal IPython as a context manager: it runs within the block and leaves no process."""

    program: ClassVar[tuple[str, ...]] = (
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-banner",
        "--no-confirm-exit",
        "--colors=nocolor",
    )

    def __init__(self, folder: Path, environ: Mapping[str, str | None]) -> None:
        """Start it in *folder*; a variable of *environ* that is None is taken away."""
        folder.mkdir(parents=True, exist_ok=True)
        own = {
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
            "TERM": "dumb",
        }
        self.transcript = ""
        self._child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            list(self.program),
            cwd=str(folder),
            env=environment(own, environ),
            encoding="utf-8",
            echo=False,
            dimensions=(40, 1000),  # no line is broken
        )
        self._child.delaybeforesend = None
        self._read_to(PROMPT, STARTING)

    def __enter__(self) -> Self:
        """Return itself; it runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it, whatever it does."""
        self._child.close(force=True)

    def run(self, source: str, timeout: float = 60) -> str:
        """Type *source*, and return what came until the next prompt."""
        self.start(source)
        return self.wait(timeout)

    def start(self, source: str) -> None:
        """Type *source*, and do not wait for its end; IPython takes two empty lines for the end of a cell magic's."""
        lines = source.split("\n")
        if len(lines) > 1:
            lines += ["", ""]
        for line in lines[:-1]:
            self._send(line)
            self._read_to(CONTINUED, 30)
        self._send(lines[-1])

    def wait(self, timeout: float = 60) -> str:
        """Return what came until the next prompt."""
        return self._read_to(PROMPT, timeout).strip()

    def wait_for(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Wait until *pattern* has come, and return it."""
        self._read_to(pattern, timeout)
        match = self._child.match
        assert isinstance(match, re.Match)
        return match

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def _send(self, line: str) -> None:
        self.transcript += f"{line}\n"
        self._child.sendline(line)

    def _read_to(self, pattern: str, timeout: float) -> str:
        try:
            self._child.expect(pattern, timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise TimeoutError(f"no {pattern!r} within {timeout:g} s; last came:\n{self._child.before}") from error
        before = str(self._child.before).replace("\r\n", "\n")
        self.transcript += before + str(self._child.after).replace("\r\n", "\n")
        return before


class Console(Terminal):
    """A `jupyter console`, which shows each output once: it does not replace one by another."""

    program: ClassVar[tuple[str, ...]] = ("-m", "jupyter_console", "--simple-prompt", "--no-confirm-exit")
