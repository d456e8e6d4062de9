"""Where a waiting kernel and its Jupyter server meet: files that only this user can have made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipyauth_magic.callback.environment import own_server, this_environment
from ipyauth_magic.callback.jupyter_handoff import (
    ABANDONED,
    SEAL,
    HandOff,
    lookup,
    publish_server,
    server_hands_over,
)
from ipyauth_magic.callback.routes import JupyterServer

STATE = "a-state-that-nobody-guesses"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's runtime folder, of this test alone."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


def only_file(folder: Path) -> Path:
    """Return the one file in *folder*."""
    [path] = folder.iterdir()
    return path


def test_the_server_finds_the_kernel_by_the_state(folder: Path) -> None:
    """Port and secret; the file is ours alone, tells nothing of the state, and goes when the wait ends."""
    hand_off = HandOff(4711)
    published = hand_off.publish(STATE)
    assert lookup(STATE) == hand_off
    assert lookup("another") is None
    path = only_file(folder)
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert STATE not in path.name + path.read_text()
    published.unpublish()
    published.unpublish()
    assert lookup(STATE) is None
    assert list(folder.iterdir()) == []


def test_each_secret_is_its_own_and_does_not_show() -> None:
    """32 random bytes each; the representation shows none of them."""
    one, other = HandOff(1), HandOff(1)
    assert one.secret != other.secret
    assert len(one.secret) >= 43
    assert one.secret not in repr(one)


def test_only_the_two_who_know_the_secret_read_what_is_handed_over() -> None:
    """A copy of it, sent as the answer, is no answer; neither is one about another response."""
    hand_off = HandOff(1)
    sealed = hand_off.sealed(b"state=abc&code=def", about=b"fragment")
    assert b"state" not in sealed
    assert len(sealed) == len(b"state=abc&code=def") + SEAL
    assert hand_off.opened(sealed, about=b"fragment") == b"state=abc&code=def"
    assert HandOff(1).opened(sealed, about=b"fragment") is None
    assert hand_off.opened(sealed, about=b"query") is None
    assert hand_off.opened(sealed, about=sealed) is None
    for noise in (b"", b"short", sealed[:-1], sealed + b"x", bytes(100)):
        assert hand_off.opened(noise, about=b"fragment") is None


def test_it_goes_with_its_process(folder: Path) -> None:
    """Even without a call of `unpublish`."""
    script = f"from ipyauth_magic.callback.jupyter_handoff import HandOff; HandOff(1).publish({STATE!r})"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert list(folder.iterdir()) == []


def test_a_forked_child_leaves_the_file_to_its_parent() -> None:
    """It may end by `sys.exit`, which runs what `atexit` was told."""
    published = HandOff(1).publish(STATE)
    if (child := os.fork()) == 0:
        published.unpublish()
        os._exit(0)
    os.waitpid(child, 0)
    assert lookup(STATE) is not None
    published.unpublish()
    assert lookup(STATE) is None


def test_what_a_killed_kernel_left_is_swept(folder: Path) -> None:
    """The next sign-in removes it, and nothing that may still be waited for."""
    HandOff(1).publish("killed")
    old = only_file(folder)
    os.utime(old, (time.time() - ABANDONED - 60,) * 2)
    HandOff(2).publish("waiting")
    HandOff(3).publish(STATE)
    assert not old.exists()
    assert (lookup("killed"), lookup("waiting").port, lookup(STATE).port) == (None, 2, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"port": "80", "secret": "x"}',
        b'{"port": 0, "secret": "x"}',
        b'{"port": 99999, "secret": "x"}',
        b'{"port": 80}',
        b'{"port": 80, "secret": 7}',
        b"[" * 1000,
        b'{"port": 80, "secret": "' + b"x" * 2000 + b'"}',
        b"\xff\xfe",
    ],
)
def test_a_file_that_makes_no_sense_is_none(content: bytes, folder: Path) -> None:
    """Any other content counts as no file."""
    HandOff(1).publish(STATE)
    only_file(folder).write_bytes(content)
    assert lookup(STATE) is None


def test_a_file_that_others_could_have_written_is_none(folder: Path) -> None:
    """Nor a link to one."""
    HandOff(1).publish(STATE)
    path = only_file(folder)
    path.chmod(0o666)
    assert lookup(STATE) is None
    path.chmod(0o600)
    assert lookup(STATE) is not None
    elsewhere = folder.parent / "elsewhere.json"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert lookup(STATE) is None


def test_a_kernel_finds_the_server_that_started_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the process that started it and that server's file; the extension's mark tells that it hands over."""
    folder.mkdir()
    described = {"port": 8888, "base_url": "/user/ada/", "token": "secret", "url": "http://127.0.0.1:8888/user/ada/"}
    (folder / f"jpserver-{os.getpid()}.json").write_text(json.dumps(described))
    assert own_server() is None
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    assert own_server() == JupyterServer(8888, "/user/ada/", hands_over=False)
    marker = publish_server(folder)
    assert this_environment().server == JupyterServer(8888, "/user/ada/", hands_over=True)
    assert not server_hands_over(folder, os.getpid() + 1)
    marker.unpublish()
    assert not server_hands_over(folder, os.getpid())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"port": "x", "base_url": "/"}', '{"port": 1, "base_url": 2}'])
def test_a_server_that_says_nonsense_is_none(content: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as a server without a file."""
    monkeypatch.setenv("JPY_PARENT_PID", "4711")
    assert own_server() is None
    folder.mkdir()
    (folder / "jpserver-4711.json").write_text(content)
    assert own_server() is None
    monkeypatch.setenv("JPY_PARENT_PID", "../4711")
    assert own_server() is None
