"""A place that will not keep the tokens is told of before the browser opens, once, and the sign-in goes on."""

from __future__ import annotations

import errno
import fcntl
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ipyauth_magic import Auth
from ipyauth_magic.store import fallback, warning
from ipyauth_magic.store.memory import MemoryStore
from ipyauth_magic.store.private_directory import data_folder
from tests.support.auths import source_of
from tests.support.command_line import Machine
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.store_places import give_away, ordinary_home

MakeAuth = Callable[..., Auth]


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun."""
    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the store will make."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return data_folder()


@contextmanager
def warned(browser: ScriptedBrowser) -> Iterator[list[tuple[str, int]]]:
    """Collect the warnings of the block, each with the number of links that were opened before it."""
    seen: list[tuple[str, int]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: seen.append((str(message), len(browser.opened)))
        yield seen


def link(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a symbolic link in the folder's place."""
    (folder.parents[1] / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(folder.parents[1] / "elsewhere")


def foreign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the folder to another user."""
    folder.mkdir(parents=True)
    give_away(folder, monkeypatch)


def unsynced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be forced to the disk, as on some mounted shares."""

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)


def in_the_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no folder be made there: the home is absent, and a file stands above it."""
    folder.parent.write_text("a file")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (link, "it is a symbolic link to `{elsewhere}`, which is not followed"),
        (foreign, "the folder belongs to another user"),
        (unsynced, "Invalid argument"),
        (in_the_way, "Not a directory"),
    ],
)
def test_a_place_that_takes_nothing(
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
    reason: str,
    folder: Path,
    make_auth: MakeAuth,
    user_browser: ScriptedBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One warning that names the reason, before the browser opens; the tokens last as long as the session."""
    spoil(folder, monkeypatch)
    with warned(user_browser) as seen:
        assert make_auth(store="file").sign_in().logged_as == "alice"
        assert make_auth(store="file").sign_in().logged_as == "alice"
    [(sentence, opened)] = seen
    assert opened == 0
    assert f"`{folder}`: {reason.format(elsewhere=folder.parents[1] / 'elsewhere')}" in sentence
    assert "they last until this session ends" in sentence
    assert len(user_browser.opened) == 1


def test_a_home_that_cannot_be_written(
    make_auth: MakeAuth, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not this user's to write."""
    with ordinary_home() as home:
        home.chmod(0o500)
        monkeypatch.setenv("XDG_DATA_HOME", str(home / "share"))
        with warned(user_browser) as seen:
            assert make_auth(store="file").sign_in().logged_as == "alice"
    assert [(opened, "Permission denied" in sentence) for sentence, opened in seen] == [(0, True)]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL])
@pytest.mark.parametrize("refused", ["every call", "locking", "unlocking"])
def test_a_file_system_that_refuses_locks_only(
    refused: str,
    code: int,
    folder: Path,
    make_auth: MakeAuth,
    user_browser: ScriptedBrowser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tokens are kept, and the one warning, before the browser opens, says that processes are not kept apart."""
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        is_unlocking = operation & fcntl.LOCK_UN
        if refused == "every call" or bool(is_unlocking) == (refused == "unlocking"):
            raise OSError(code, os.strerror(code))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with warned(user_browser) as seen:
        auth = make_auth(store="file").sign_in()
    assert auth.logged_as == "alice"
    assert source_of(auth).is_stored
    if refused != "unlocking":
        [(sentence, opened)] = seen
        assert opened == 0
        assert f"No file can be locked in `{folder}`" in sentence
        assert "processes of yours may renew the same tokens" in sentence
        assert "kept" not in sentence
    monkeypatch.setattr(fcntl, "flock", real)
    with warned(user_browser) as seen:
        assert make_auth(store="file").sign_in().logged_as == "alice"
    assert len(user_browser.opened) == 1
    assert seen == []


def test_a_filter_that_makes_warnings_errors(
    folder: Path, make_auth: MakeAuth, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends no sign-in: the sentence comes on standard error in place of the warning."""
    link(folder, monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_auth(store="file").sign_in().logged_as == "alice"
    said = capsys.readouterr().err
    assert said.count("Warning: Tokens cannot be kept in the file store") == 1
    assert "Traceback" not in said


def test_a_good_place_is_left_as_it_was(folder: Path, make_auth: MakeAuth, user_browser: ScriptedBrowser) -> None:
    """No record of the trial stays; an empty lock file does."""
    with warned(user_browser) as seen:
        make_auth(store="file").sign_in()
    assert seen == []
    names = [name for name in os.listdir(folder) if not name.endswith(".lock")]
    assert [name.endswith(".json") for name in names] == [True]
    assert all((folder / name).stat().st_size == 0 for name in set(os.listdir(folder)) - set(names))


def test_login_says_so_before_the_browser_opens(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in that no other command finds would be for nothing."""
    folder = machine.folder / "data" / "ipyauth_magic"
    link(folder, monkeypatch)
    login = machine.run("login", "-f", "demo.env", "--flow", "code")
    assert login.returncode == 1
    assert f"it is a symbolic link to `{machine.folder / 'elsewhere'}`, which is not followed" in login.stderr
    assert "Choose `--store memory`" in login.stderr
    assert machine.opened == []
    with suppress(FileNotFoundError):
        folder.unlink()
    assert machine.run("login", "-f", "demo.env", "--flow", "code").returncode == 0
