"""The question for the address at which the browser ended: it shows nothing, and does not outlive its use."""

from __future__ import annotations

import getpass
import sys
import threading
import time
from pathlib import Path

import pexpect
import pytest

from ipyauth_magic.display import prompt as pasting
from ipyauth_magic.display.prompt import read_in_notebook

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from pathlib import Path
from ipyauth_magic.display.prompt import read_in_terminal

over = Path(sys.argv[1])
try:
    text = read_in_terminal(sys.stderr, over.exists)
except KeyboardInterrupt:
    print("interrupted")
else:
    print("nothing" if text is None else f"{len(text)} {text[:5]} {text[-5:]}")
"""


@pytest.fixture
def asked(tmp_path: Path) -> pexpect.spawn[str]:
    """A program that asks in a terminal; the file `over` ends the question."""
    child: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, ["-c", ASK, str(tmp_path / "over")], cwd=str(ROOT), encoding="utf-8", timeout=60
    )
    child.expect("not shown.: ")
    return child


def test_a_line_of_any_length(asked: pexpect.spawn[str]) -> None:
    """Longer than what a terminal takes as one line; none of it is shown."""
    asked.send("http#" + "secret" * 2000 + "=last\n")
    asked.expect(pexpect.EOF)
    assert asked.before is not None
    assert asked.before.split() == ["12010", "http#", "=last"]


def test_what_is_typed_can_be_mended(asked: pexpect.spawn[str]) -> None:
    """By the key that takes a character back."""
    asked.send("wrong" + "\x7f" * 9 + "right\r")
    asked.expect(pexpect.EOF)
    assert asked.before is not None
    assert asked.before.split() == ["5", "right", "right"]


def test_the_question_in_a_terminal_ends_at_once(asked: pexpect.spawn[str], tmp_path: Path) -> None:
    """When the response has come by another way."""
    (tmp_path / "over").touch()
    asked.expect("nothing")


def test_ctrl_c_in_a_terminal(asked: pexpect.spawn[str]) -> None:
    """Ends it, as everything."""
    asked.sendintr()
    asked.expect("interrupted")


def test_without_a_terminal_nobody_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """A script in a pipeline waits for the listener alone."""
    assert pasting.read_in_terminal(sys.stderr, lambda: False) is None
    assert capfd.readouterr().err == ""


def test_what_is_entered_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the front end's own box, which the kernel puts in the place of `getpass` while a cell runs."""
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"{prompt}answered")
    assert read_in_notebook(lambda: False, lambda: None) == f"{pasting.PROMPT}answered"
    assert not [thread for thread in threading.enumerate() if thread.name == "ipyauth-paste"]


class Box:
    """A front end's input box without an input."""

    def __init__(self) -> None:
        self.is_open = threading.Event()

    def __call__(self, prompt: str) -> str:
        """Wait as the kernel does: in slices, for an interrupt or for good."""
        self.is_open.set()
        while True:
            time.sleep(0.01)


def test_a_box_of_no_more_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told, and has a while to press Enter; then the question ends, and nothing else is interrupted."""
    monkeypatch.setattr(getpass, "getpass", Box())
    monkeypatch.setattr(pasting, "PATIENCE", 0.5)
    began, told = time.monotonic(), []
    assert read_in_notebook(lambda: True, lambda: told.append(time.monotonic() - began)) is None
    assert len(told) == 1
    assert told[0] < 0.5 <= time.monotonic() - began
    time.sleep(0)  # an interrupt that came late would show here
    assert not [thread for thread in threading.enumerate() if thread.name == "ipyauth-paste"]


def test_an_interrupt_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the response is awaited still."""
    import _thread

    box = Box()
    monkeypatch.setattr(getpass, "getpass", box)
    threading.Thread(target=lambda: (box.is_open.wait(60), _thread.interrupt_main()), daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        read_in_notebook(lambda: False, lambda: None)
