"""Which browser opens a link: BROWSER as it is now, else the machine's own, and never a text browser unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from ipyauth_magic.callback.browser import open_in_browser

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:9/authorize?state=x&nonce=%73"

PROGRAM = """
import json, os, queue, sys
from ipyauth_magic.callback.browser import open_in_browser, why_no_browser
told, answers = queue.SimpleQueue(), []
for browser in json.loads(sys.argv[1]):
    os.environ.pop("BROWSER", None)
    os.environ.update({} if browser is None else {"BROWSER": browser})
    before = why_no_browser()
    open_in_browser(sys.argv[2], told.put)
    answers.append((before, told.get(timeout=20)))
print(json.dumps(answers))
"""

NEEDS_LINK = "and a value with arguments, quotes or backslashes needs `%s` in the place of the link"
NO_GRAPHICAL = "no graphical browser was found on this machine"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is the whole PATH, with two text browsers and a browser; each logs what it is asked to open."""
    for name in ("w3m", "www-browser", "tab"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/opened"\n')
        program.chmod(0o755)
    return tmp_path


def open_in_turn(machine: Path, *browsers: str | None) -> tuple[list[Any], list[str]]:
    """Open URL in one process, once for each value of BROWSER; return what was told each time, and what was opened."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(browsers), URL]
    environ = {"PATH": str(machine), "PYTHONPATH": str(ROOT), "HOME": str(machine), "TERM": "xterm"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    opened = machine / "opened"
    return json.loads(done.stdout), opened.read_text().splitlines() if opened.exists() else []


def test_browser_counts_as_it_is_at_each_call(machine: Path) -> None:
    """Set, changed and taken away within one process; a text browser opens only while it is named."""
    told, opened = open_in_turn(machine, None, f"{machine}/tab %s", "w3m", f"{machine}/tab", None)
    assert told == [[NO_GRAPHICAL] * 2, [None] * 2, [None] * 2, [None] * 2, [NO_GRAPHICAL] * 2]
    assert opened == [f"tab {URL}", f"w3m {URL}", f"tab {URL}"]


@pytest.mark.parametrize(
    ("value", "opened"),
    [
        ("tab --new %s", "tab --new {url}"),
        ("tab 'a b' %s", "tab a b {url}"),
        ("{folder}/tab", "tab {url}"),
        ("nowhere %s{sep}tab", "tab {url}"),
        ("{sep}tab", "tab {url}"),
    ],
)
def test_how_browser_is_read(value: str, opened: str, machine: Path) -> None:
    """As `webbrowser` reads it: several to try, each a name, a path, or a command in which `%s` is the link."""
    named = value.format(folder=machine, sep=os.pathsep)
    assert open_in_turn(machine, None, named) == ([[NO_GRAPHICAL] * 2, [None] * 2], [opened.format(url=URL)])


def test_a_command_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    """It ends with `&`; the browser may run for as long as it likes."""
    os.mkfifo(tmp_path / "over")
    (tmp_path / "tab").write_text(f'#!/bin/sh\nexec > "{tmp_path}/log" 2>&1\nread over < "{tmp_path}/over"\n')
    (tmp_path / "tab").chmod(0o755)
    try:
        assert open_in_turn(tmp_path, f"{tmp_path}/tab %s &")[0] == [[None] * 2]
    finally:
        (tmp_path / "over").write_text("\n")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere", "the browser did not start (BROWSER is `nowhere`)"),
        ("nowhere --new %s", "the browser did not start (BROWSER is `nowhere --new %s`)"),
        ("tab --private-window", f"the browser did not start (BROWSER is `tab --private-window`, {NEEDS_LINK})"),
        ('"tab"', f'the browser did not start (BROWSER is `"tab"`, {NEEDS_LINK})'),
        ("Program\\ Files/tab", f"the browser did not start (BROWSER is `Program\\ Files/tab`, {NEEDS_LINK})"),
        ("explorer.exe", "the browser did not start (BROWSER is `explorer.exe`)"),
        ("tab 'a %s", "BROWSER cannot be used: No closing quotation"),
    ],
)
def test_a_browser_that_cannot_be_used_is_told(value: str, said: str, machine: Path) -> None:
    """And no other one opens in its place."""
    [[_, told]], opened = open_in_turn(machine, value)
    assert (told, opened) == (said, [])


def test_a_scheme_may_have_capital_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3986, 3.1: a discovery document may write one so."""
    told: SimpleQueue[str | None] = SimpleQueue()
    monkeypatch.setenv("BROWSER", "true %s")
    open_in_browser("HTTPS://idp.test/authorize", told.put)
    assert told.get(timeout=20) is None


@pytest.mark.parametrize("value", ["{folder}/Explorer.EXE", "{folder}/Explorer.EXE %s", "Explorer.EXE"])
def test_the_explorer_of_windows_opens_and_exits_with_1(value: str, machine: Path) -> None:
    """As on WSL, where BROWSER is mostly that; where it is not there, the reason is told."""
    program = machine / "Explorer.EXE"
    program.write_text(f'#!/bin/sh\necho "explorer $*" >> "{machine}/opened"\nexit 1\n')
    program.chmod(0o755)
    assert open_in_turn(machine, value.format(folder=machine)) == ([[None, None]], [f"explorer {URL}"])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "--incognito", "/tmp/x", ""])
def test_only_http_is_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser would do more with other URLs, and a program take an option."""
    monkeypatch.setenv("BROWSER", "true %s")
    with pytest.raises(ValueError, match="only http and https"):
        open_in_browser(url, lambda why_not: None)
