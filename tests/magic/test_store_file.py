"""The file store on a real file system: modes, owners, links, crashes, full disks; nothing of it ends a sign-in."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from ipyauth_magic.errors import StoreUnavailable
from ipyauth_magic.settings.params import IpyauthWarning
from ipyauth_magic.store import BadRecord, Store, fallback, warning
from ipyauth_magic.store.memory import MemoryStore
from ipyauth_magic.store.opening import open_store
from ipyauth_magic.store.private_directory import data_folder
from tests.support.keyrings import MemoryKeyring
from tests.support.machine import environment
from tests.support.store_places import full_disk, give_away, ordinary_home
from tests.support.stored import KEY, file_store, found, is_whole, save_twice, token_set

ROOT = Path(__file__).parents[2]
NAME = f"{KEY}.json"


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun, on a machine without a keyring."""
    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())
    use_keyring(monkeypatch, NoKeyring())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the store will make."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "share"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return data_folder()


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Each umask that users have."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def use_keyring(monkeypatch: pytest.MonkeyPatch, backend: keyring.backend.KeyringBackend) -> None:
    """Make *backend* the keyring of this machine."""
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)


def mode(path: Path) -> int:
    """Return the permissions of *path*."""
    return stat.S_IMODE(path.lstat().st_mode)


def saved(mark: str = "one") -> Store:
    """Return a store that holds a token set."""
    store = file_store()
    store.save(KEY, token_set(mark))
    return store


def new_session(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store of another process."""
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())
    return file_store()


def writer(folder: Path, letter: str, count: int) -> subprocess.Popen[str]:
    """Start a process that saves *count* times, without end if that is 0."""
    command = [sys.executable, "-m", "tests.support.stored", str(folder), KEY, letter, str(count)]
    without_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(without_keyring), stdout=subprocess.PIPE, text=True, bufsize=1
    )


# Keeping


def test_another_session_finds_what_one_kept(folder: Path, umask: int) -> None:
    """In a file and a folder that are closed to other users, whatever the umask."""
    saved()
    assert file_store().load(KEY) == token_set()
    assert mode(folder / NAME) == 0o600
    assert [mode(each) for each in (folder, folder.parent)] == [0o700, 0o700]
    assert os.listdir(folder) == [NAME]


def test_loading_makes_nothing(folder: Path) -> None:
    """The folder is made when tokens are first saved."""
    store = file_store()
    assert store.load(KEY) is None
    store.forget(KEY)
    assert not folder.exists()


def test_what_is_forgotten_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what a killed writer left unfinished."""
    store = saved()
    (folder / f"{NAME}.0123.new").write_text("torn")
    store.forget(KEY)
    assert new_session(monkeypatch).load(KEY) is None
    assert os.listdir(folder) == []


def test_an_unfinished_file_does_not_stay(folder: Path) -> None:
    """The next save removes the file of a writer that was killed over a minute ago, and no other file."""
    store = saved()
    old, new, other = (folder / name for name in (f"{NAME}.1.new", f"{NAME}.2.new", "other.json.1.new"))
    for path in (old, new, other):
        path.write_text("torn")
    for path in (old, other):
        os.utime(path, (0, 0))
    store.save(KEY, token_set("two"))
    assert [path.exists() for path in (old, new, other)] == [False, True, True]


@pytest.mark.parametrize("relative", ["", "share", "./share"])
def test_a_relative_data_folder_is_ignored(relative: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG Base Directory Specification says; no token lands in the folder of a notebook."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", relative)
    assert data_folder() == tmp_path / ".local" / "share" / "ipyauth_magic"


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("darwin", "Library/Application Support/ipyauth_magic"), ("win32", "AppData/Local/ipyauth_magic")],
)
def test_each_platform_has_its_folder(
    platform: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rule of the platform; the variable that names it on Windows may be missing."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert data_folder() == tmp_path / expected


def test_a_user_without_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no place for files, and another store is named."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(StoreUnavailable, match="no home folder.*--store memory"):
        open_store("file")


def test_no_key_leads_out_of_the_folder(folder: Path) -> None:
    """A key is a part of a file's name, and of nothing else."""
    store = file_store()
    for call in (store.load, store.forget, store.lock, lambda key: store.save(key, token_set())):
        with pytest.raises(ValueError, match="key of a record"):
            call("../../x")


# What counts as absent


def test_what_is_not_a_record_of_ours_counts_as_absent(folder: Path) -> None:
    """Torn, of another key, huge, a folder, a pipe, a link: no error, no tokens; the next save mends it."""
    store = saved()
    path = folder / NAME
    whole = path.read_bytes()

    def torn() -> None:
        path.write_bytes(whole[: len(whole) // 2])

    def of_another_key() -> None:
        path.write_bytes(whole.replace(KEY.encode(), KEY[::-1].encode()))

    def huge() -> None:
        with path.open("wb") as file:
            file.truncate(100 * 1024 * 1024)

    def growing() -> None:
        path.symlink_to("/dev/zero")

    def pipe() -> None:
        os.mkfifo(path)

    def link() -> None:
        path.rename(folder / "elsewhere")
        path.symlink_to("elsewhere")

    def writable_by_others() -> None:
        path.chmod(0o620)

    for make in (torn, of_another_key, huge, growing, pipe, link, writable_by_others):
        path.unlink()
        store.save(KEY, token_set())
        if make in (growing, pipe):
            path.unlink()
        make()
        with pytest.raises(BadRecord):
            store.load(KEY)
        store.save(KEY, token_set("two"))
        assert store.load(KEY) == token_set("two"), make.__name__
        assert mode(path) == 0o600


def test_a_link_is_replaced_and_never_followed(folder: Path, tmp_path: Path) -> None:
    """Nothing is written where a link leads, neither the record nor its lock."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    store = saved()
    (folder / NAME).unlink()
    for name in (NAME, f"{KEY}.lock"):
        (folder / name).symlink_to(victim)
    store.save(KEY, token_set())
    with pytest.warns(IpyauthWarning, match="No file can be locked"), store.lock(KEY):
        pass
    assert victim.read_text() == "precious"
    assert not (folder / NAME).is_symlink()
    store.forget(KEY)
    assert victim.read_text() == "precious"


def test_a_folder_in_the_place_of_a_record_costs_a_warning(folder: Path) -> None:
    """It counts as absent, and the session goes on."""
    (folder / NAME).mkdir(parents=True)
    store = file_store()
    assert found(store) is None
    with pytest.warns(IpyauthWarning, match="cannot be kept"):
        store.save(KEY, token_set())
    assert store.load(KEY) == token_set()
    assert os.listdir(folder) == [NAME]


def test_the_file_of_another_user_counts_as_absent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with write access could choose whose tokens are used."""
    store = saved()
    give_away(folder / NAME, monkeypatch)
    assert found(store) is None


def test_a_readable_file_is_closed_to_others(folder: Path) -> None:
    """A copy made by hand is served, and hidden from then on."""
    store = saved()
    (folder / NAME).chmod(0o644)
    assert store.load(KEY) == token_set()
    assert mode(folder / NAME) == 0o600


def test_a_loose_folder_is_tightened(folder: Path) -> None:
    """Before anything is written into it."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    saved()
    assert mode(folder) == 0o700


def test_a_folder_that_cannot_be_closed_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mounted disk without modes."""
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    monkeypatch.setattr(os, "fchmod", lambda descriptor, mode: None)
    with pytest.warns(IpyauthWarning, match="cannot be closed to other users"):
        saved()
    assert os.listdir(folder) == []


def test_the_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read there, and nothing written."""
    folder.mkdir(parents=True)
    give_away(folder, monkeypatch)
    with pytest.warns(IpyauthWarning, match="belongs to another user"):
        saved()
    assert found(new_session(monkeypatch)) is None
    monkeypatch.undo()
    assert os.listdir(folder) == []


def test_a_link_in_the_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """Wherever it leads."""
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(IpyauthWarning, match="cannot be kept"):
        saved()
    assert os.listdir(tmp_path / "elsewhere") == []


# What cannot be written


def test_a_full_disk_costs_one_warning(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session goes on, the warning has no token, and no outdated refresh token is left to be used again."""
    store = saved("old")
    with pytest.warns(IpyauthWarning) as caught, full_disk():
        save_twice(store)
    assert [str(each.message) for each in caught] == [
        f"Tokens cannot be kept in the file store (`{folder}`: File too large); they last until this session ends."
    ]
    assert file_store().load(KEY) == token_set("two")
    assert os.listdir(folder) == [f"{KEY}.lock"]
    store.save(KEY, token_set("three"))
    assert new_session(monkeypatch).load(KEY) == token_set("three")


def test_a_read_only_home_costs_one_warning() -> None:
    """Lock, save, load and forget go on within the session."""
    with ordinary_home() as home:
        home.chmod(0o500)
        store = file_store(home / "share" / "ipyauth_magic")
        with pytest.warns(IpyauthWarning, match="Permission denied") as caught:
            save_twice(store)
        assert len(caught) == 1
        assert store.load(KEY) == token_set("two")
        store.forget(KEY)
        assert store.load(KEY) is None
        assert os.listdir(home) == []


def test_a_folder_that_became_read_only_still_serves() -> None:
    """What was kept is found; it cannot be forgotten, and that is said."""
    with ordinary_home() as home:
        store = file_store(home)
        store.save(KEY, token_set())
        home.chmod(0o500)
        assert store.load(KEY) == token_set()
        with pytest.warns(IpyauthWarning, match="Permission denied"):
            store.forget(KEY)


def test_tokens_that_no_record_can_hold_cost_one_warning(folder: Path) -> None:
    """The session goes on with them."""
    tokens = replace(token_set(), claims={"sub": "x", "n": float("nan")})
    store = file_store()
    with pytest.warns(IpyauthWarning, match="such tokens cannot be written"):
        store.save(KEY, tokens)
    assert store.load(KEY) is tokens


def test_a_warning_goes_where_the_caller_shows_it(folder: Path) -> None:
    """Once in a process, also from another store of the same place."""
    folder.parent.mkdir()
    folder.write_text("in the way")
    shown: list[str] = []
    for _ in range(3):
        file_store(warn=shown.append).save(KEY, token_set())
    assert len(shown) == 1
    assert str(folder) in shown[0]


def test_an_interrupt_leaves_nothing_unfinished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old record stays."""
    store = saved("old")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.save(KEY, token_set("new"))
    assert os.listdir(folder) == [NAME]
    assert new_session(monkeypatch).load(KEY) == token_set("old")


# Others at the same time


def test_no_reader_ever_finds_half_of_a_record(folder: Path) -> None:
    """While four processes save fifty times each."""
    saved()
    store = file_store()
    writers = [writer(folder, letter, 50) for letter in "abcd"]
    read = 0
    while any(each.poll() is None for each in writers):
        tokens = store.load(KEY)
        assert tokens is not None
        assert is_whole(tokens)
        read += 1
    for each in writers:
        output = each.communicate()[0]
        assert (each.returncode, len(output.split())) == (0, 50)
    assert read > 50
    assert os.listdir(folder) == [NAME]


def test_a_killed_writer_leaves_the_old_record_or_the_new(folder: Path) -> None:
    """Twenty times `kill -9` at a moment of chance."""
    chance = random.Random(4)
    store = file_store()
    for _ in range(20):
        process = writer(folder, "k", 0)
        assert process.stdout is not None
        for _ in range(chance.randint(1, 40)):
            assert process.stdout.readline()
        process.kill()
        last = max(int(line) for line in process.communicate()[0].split() or ["0"])
        tokens = store.load(KEY)
        assert tokens is not None
        assert is_whole(tokens)
        number = int(tokens.scope.rpartition(":k")[2])
        assert number >= last
    store.forget(KEY)
    assert os.listdir(folder) == []


# What is in a file


def test_the_file_of_another_store_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store has files of its own; one that was renamed to the other's is no record."""
    use_keyring(monkeypatch, MemoryKeyring())
    in_files, encrypted = open_store("file"), open_store("keyring")
    in_files.save(KEY, token_set("one"))
    assert encrypted.load(KEY) is None
    encrypted.save(KEY, token_set("two"))
    assert (in_files.load(KEY), encrypted.load(KEY)) == (token_set("one"), token_set("two"))
    (folder / f"{KEY}.jwe").rename(folder / NAME)
    assert found(in_files) is None
    in_files.forget(KEY)
    assert [each for each in os.listdir(folder) if not each.endswith(".lock")] == []


def test_no_keyring_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is readable by its user, as the documentation says, and no sign-in waits for an unlock."""
    backend = MemoryKeyring()
    use_keyring(monkeypatch, backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_twice(file_store())
    assert file_store().load(KEY) == token_set("two")
    assert backend.calls == 0
    assert b"refresh-two" in (folder / NAME).read_bytes()


def test_a_record_of_the_version_before_counts_as_absent(folder: Path) -> None:
    """The next save replaces it."""
    store = saved()
    fields = json.loads((folder / NAME).read_bytes())
    (folder / NAME).write_text(json.dumps(fields | {"version": 1, "sealed_refresh_token": None}))
    assert found(store) is None
    store.save(KEY, token_set("two"))
    assert store.load(KEY) == token_set("two")
