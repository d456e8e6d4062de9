"""The keyring store: a real backend only, and a keyring that fails never ends a sign-in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import keyrings.alt.file
import pytest
from keyring.backend import KeyringBackend

from ipyauth_magic.errors import StoreUnavailable
from ipyauth_magic.settings.params import IpyauthWarning
from ipyauth_magic.store import Store, warning
from ipyauth_magic.store import keyring as keyring_module
from ipyauth_magic.store.file import FileStore
from ipyauth_magic.store.keyring import KeyringStore
from ipyauth_magic.store.memory import SESSION, MemoryStore, NoStore
from ipyauth_magic.store.opening import NAMES, open_store
from ipyauth_magic.store.system_keyring import SERVICE
from tests.support.keyrings import LockedKeyring, MemoryKeyring, ReadOnlyKeyring
from tests.support.store_places import give_away
from tests.support.stored import KEY, token_set


@pytest.fixture(autouse=True)
def new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun, in an empty home."""
    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(keyring_module, "_unsaved", MemoryStore())
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what makes some backends the keyring of this machine; several make a chain, as `keyring` does."""

    def use(*backends: KeyringBackend) -> None:
        found: Any = backends[0]
        if len(backends) > 1:
            found = keyring.backends.chainer.ChainerBackend()  # type: ignore[no-untyped-call]
            monkeypatch.setattr(keyring.backends.chainer.ChainerBackend, "backends", list(backends))
        monkeypatch.setattr(keyring, "get_keyring", lambda: found)

    return use


def save_twice(store: Store) -> None:
    """Renew, as it were: under the lock, the last time as "two"."""
    for mark in ("one", "two"):
        with store.lock(KEY):
            store.save(KEY, token_set(mark))


def test_another_session_finds_what_one_kept(use: Callable[..., None]) -> None:
    """One entry, under our service; replaced, and forgotten, as a whole."""
    backend = MemoryKeyring()
    use(backend)
    store = KeyringStore()
    assert store.load(KEY) is None
    for mark in ("one", "two"):
        store.save(KEY, token_set(mark))
        assert KeyringStore().load(KEY) == token_set(mark)
    assert list(backend.entries) == [(SERVICE, KEY)]
    store.forget(KEY)
    store.forget(KEY)
    assert backend.entries == {}
    assert store.load(KEY) is None


@pytest.mark.parametrize("kept", ["", "nonsense", "parts:", "parts:0123abcd:2", "parts:0123abcd:99999", "é" * 100])
def test_what_is_not_ours_counts_as_absent(kept: str, use: Callable[..., None]) -> None:
    """And the next save replaces it."""
    backend = MemoryKeyring()
    use(backend)
    backend.entries[SERVICE, KEY] = kept
    store = KeyringStore()
    assert store.load(KEY) is None
    store.save(KEY, token_set())
    assert store.load(KEY) == token_set()


def test_where_entries_are_short_a_record_has_several(use: Callable[..., None]) -> None:
    """As in Windows' Credential Manager: 2,560 bytes of UTF-16."""
    backend = MemoryKeyring(longest=2560)
    use(backend)
    store = KeyringStore(longest=1200)
    for mark, filling in (("one", 3000), ("two", 100), ("three", 8000), ("four", 4000)):
        store.save(KEY, token_set(mark, filling=filling))
        assert KeyringStore(longest=1200).load(KEY) == token_set(mark, filling=filling)
    assert len(backend.entries) == 1 + 8  # nothing of the earlier ones is left
    del backend.entries[next(name for name in backend.entries if name[1].endswith(":1"))]
    assert store.load(KEY) is None
    store.forget(KEY)
    assert backend.entries == {}


def test_a_writer_that_breaks_off_leaves_the_old_record(
    use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts of the new one are named last; what was written of them is taken back."""
    backend = MemoryKeyring()
    use(backend)
    KeyringStore(longest=1200).save(KEY, token_set("old", filling=3000))
    before = dict(backend.entries)
    write, written = backend.set_password, []

    def break_off(service: str, name: str, secret: str) -> None:
        written.append(name)
        if len(written) == 3:
            raise OSError("no more")
        write(service, name, secret)

    monkeypatch.setattr(backend, "set_password", break_off)
    with pytest.warns(IpyauthWarning, match="OSError"):
        KeyringStore(longest=1200).save(KEY, token_set("new", filling=3000))
    assert len(written) == 3
    assert backend.entries == before


def test_a_record_too_long_for_the_keyring_costs_a_warning(use: Callable[..., None]) -> None:
    """The session goes on with it."""
    use(MemoryKeyring(longest=2560))
    store = KeyringStore(longest=None)
    with pytest.warns(IpyauthWarning, match="cannot be kept in the keyring"):
        store.save(KEY, token_set())
    assert store.load(KEY) == token_set()


# Which backends will do


class Subclass(keyrings.alt.file.PlaintextKeyring):  # type: ignore[misc]
    """A plain file under another name."""


UNREAL: dict[str, Callable[[], list[KeyringBackend]]] = {
    "none": lambda: [keyring.backends.fail.Keyring()],  # type: ignore[no-untyped-call]
    "one that drops everything": lambda: [keyring.backends.null.Keyring()],  # type: ignore[no-untyped-call]
    "a plain file": lambda: [keyrings.alt.file.PlaintextKeyring()],
    "a plain file by another name": lambda: [Subclass()],
    "a chain of such": lambda: [keyrings.alt.file.PlaintextKeyring(), keyring.backends.null.Keyring()],  # type: ignore[no-untyped-call]
}


@pytest.mark.parametrize("name", UNREAL)
def test_a_backend_that_protects_nothing_is_refused(name: str, use: Callable[..., None]) -> None:
    """By a sentence that says what to choose instead."""
    use(*UNREAL[name]())
    with pytest.raises(StoreUnavailable, match="no keyring here that protects.*Choose `--store file` or"):
        open_store("keyring")


def test_of_a_chain_only_the_real_ones_are_used(use: Callable[..., None], tmp_path: Path) -> None:
    """A read-only one is passed by, and no plain file ever takes what the real one did not."""
    real = MemoryKeyring()
    use(ReadOnlyKeyring(), real, keyrings.alt.file.PlaintextKeyring())
    store = open_store("keyring")
    store.save(KEY, token_set())
    assert list(real.entries) == [(SERVICE, KEY)]
    assert store.load(KEY) == token_set()
    store.forget(KEY)
    assert real.entries == {}
    assert [path for path in tmp_path.rglob("*") if "keyring" in path.name] == []


def test_a_keyring_that_only_reads_costs_a_warning(use: Callable[..., None]) -> None:
    """It is a keyring, but keeps nothing."""
    use(ReadOnlyKeyring())
    with pytest.warns(IpyauthWarning, match="read-only"):
        open_store("keyring").save(KEY, token_set())


def test_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `keyring` is not installed."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(StoreUnavailable) as caught:
        open_store("keyring")
    assert str(caught.value) == (
        "Tokens cannot be kept in the keyring store: the `keyring` package is not installed. "
        "Run `pip install 'ipyauth-magic[keyring]'`, or choose `--store file` or `--store memory`."
    )


def test_without_the_extra_the_file_store_does_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without encryption, as where there is no keyring."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    store = open_store("file")
    store.save(KEY, token_set())
    assert store.load(KEY) == token_set()


def test_a_keyring_that_cannot_be_set_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a PYTHON_KEYRING_BACKEND that is not installed."""

    def fail() -> None:
        raise ModuleNotFoundError("no such backend")

    monkeypatch.setattr(keyring, "get_keyring", fail)
    with pytest.raises(StoreUnavailable, match="cannot be set up"):
        open_store("keyring")


# A keyring that fails


def test_a_locked_keyring_costs_one_warning(use: Callable[..., None]) -> None:
    """The session keeps its tokens, no token is told, and the user is asked to unlock it once, not at each renewal."""
    backend = LockedKeyring()
    use(backend)
    store = open_store("keyring")
    with pytest.warns(IpyauthWarning) as caught:
        save_twice(store)
    assert [str(each.message) for each in caught] == [
        "Tokens cannot be kept in the keyring (KeyringLocked); they last until this session ends."
    ]
    assert backend.calls == 1
    assert store.load(KEY) == token_set("two")
    assert open_store("keyring").load(KEY) == token_set("two")


def test_no_traceback_leads_to_a_secret(use: Callable[..., None]) -> None:
    """A backend's error may quote what it was given; where warnings are errors, it is not in their chain."""
    use(LockedKeyring())
    with pytest.raises(IpyauthWarning) as caught:
        KeyringStore(warn=_raise).save(KEY, token_set())
    error: BaseException | None = caught.value
    while error is not None:
        assert "access-one" not in f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _raise(sentence: str) -> None:
    raise IpyauthWarning(sentence)


def test_processes_share_a_lock_beside_the_file_store(
    use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no place for it, that costs one warning."""
    use(MemoryKeyring())
    with open_store("keyring").lock(KEY):
        assert os.listdir(tmp_path / "ipyauth_magic") == [f"{KEY}.lock"]
    give_away(tmp_path / "ipyauth_magic", monkeypatch)
    store = open_store("keyring")
    with pytest.warns(IpyauthWarning, match="no place for a lock file") as caught:
        save_twice(store)
    assert len(caught) == 1


# By name


def test_each_store_has_its_name(use: Callable[..., None]) -> None:
    """And an unknown name is refused by the list of those there are."""
    use(MemoryKeyring())
    stores: list[Store] = [open_store(name) for name in NAMES]
    assert [type(store) for store in stores] == [MemoryStore, KeyringStore, FileStore, NoStore]
    assert stores[0] is SESSION
    with pytest.raises(ValueError, match="memory, keyring, file, none"):
        open_store("disk")


@pytest.mark.parametrize("name", NAMES)
def test_every_store_keeps_and_forgets(name: str, use: Callable[..., None]) -> None:
    """In the same way; `none` keeps nothing."""
    use(MemoryKeyring())
    store = open_store(name)
    for mark in ("one", "two"):
        with store.lock(KEY):
            store.save(KEY, token_set(mark))
        assert store.load(KEY) == (None if name == "none" else token_set(mark))
    assert store.load("other") is None
    store.forget(KEY)
    store.forget(KEY)
    assert store.load(KEY) is None
