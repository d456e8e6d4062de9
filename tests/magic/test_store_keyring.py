"""The keyring store: a real backend only, and a keyring that fails never ends a sign-in."""

from __future__ import annotations

import base64
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
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
from ipyauth_magic.store import BadRecord, Store, StoreFailed, fallback, system_keyring, warning
from ipyauth_magic.store.fallback import FallbackStore
from ipyauth_magic.store.keyring import KEY_NAME
from ipyauth_magic.store.memory import SHARED, MemoryStore, NoStore
from ipyauth_magic.store.opening import NAMES, open_store
from ipyauth_magic.store.record import encode
from ipyauth_magic.store.system_keyring import SERVICE
from tests.support.keyrings import LockedKeyring, MemoryKeyring, ReadOnlyKeyring, SilentKeyring
from tests.support.store_places import give_away
from tests.support.stored import KEY, found, save_twice, token_set
from tests.support.threads import joined


@pytest.fixture(autouse=True)
def new_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun, in an empty home."""
    monkeypatch.setattr(warning, "_warned", {})
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what makes some backends the keyring of this machine; several make a chain, as `keyring` does."""

    def use(*backends: KeyringBackend) -> None:
        found: Any = backends[0]
        if len(backends) > 1:
            found = keyring.backends.chainer.ChainerBackend()
            monkeypatch.setattr(keyring.backends.chainer.ChainerBackend, "backends", list(backends))
        monkeypatch.setattr(keyring, "get_keyring", lambda: found)

    return use


def new_session(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the store of another process."""
    monkeypatch.setattr(fallback, "_unsaved", MemoryStore())
    return open_store("keyring")


def record(home: Path, key: str = KEY) -> Path:
    """Return the file of a record."""
    return home / "ipyauth_magic" / f"{key}.jwe"


def test_another_session_finds_what_one_kept(use: Callable[..., None], tmp_path: Path) -> None:
    """In a file of which nothing can be read, and a key in one short entry of the keyring, under our service."""
    backend = MemoryKeyring(longest=2560)  # bytes, as in Windows' Credential Manager
    use(backend)
    store = open_store("keyring")
    assert store.load(KEY) is None
    for mark, filling in (("one", 1000), ("two", 500_000)):
        assert store.save(KEY, token_set(mark, filling=filling))
        assert open_store("keyring").load(KEY) == token_set(mark, filling=filling)
    assert list(backend.entries) == [(SERVICE, KEY_NAME)]
    assert record(tmp_path).stat().st_mode & 0o777 == 0o600
    store.forget(KEY)
    store.forget(KEY)
    assert not record(tmp_path).exists()
    assert store.load(KEY) is None


def test_nothing_of_a_record_can_be_read(use: Callable[..., None], tmp_path: Path) -> None:
    """Neither tokens nor claims; and two of the same tokens do not look alike."""
    use(MemoryKeyring())
    contents = []
    for _ in range(2):
        open_store("keyring").save(KEY, token_set())
        contents.append(record(tmp_path).read_bytes())
    assert contents[0] != contents[1]
    header, *parts = contents[0].split(b".")
    assert json.loads(base64.urlsafe_b64decode(header + b"==")) == {"alg": "dir", "enc": "A256GCM"}
    seen = b"".join(base64.urlsafe_b64decode(part + b"==") for part in parts)
    for word in (b"access-", b"refresh-", b"id-one", b"auth0", b"openid", KEY.encode()):
        assert word not in seen


@pytest.mark.parametrize(
    "harm", ["key gone", "another key", "broken key", "tampered", "cut", "noise", "moved", "plain"]
)
def test_a_record_that_does_not_open_counts_as_absent(
    harm: str, use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next save replaces it; a record that was copied into another's place is not taken."""
    backend = MemoryKeyring()
    use(backend)
    open_store("keyring").save(KEY, token_set())
    key, sealed = "other" if harm == "moved" else KEY, record(tmp_path).read_bytes()
    path = record(tmp_path, key)
    if harm == "key gone":
        backend.entries.clear()
    elif harm in ("another key", "broken key"):
        backend.entries[SERVICE, KEY_NAME] = "A" * (43 if harm == "another key" else 1)
    else:
        middle = len(sealed) // 2
        changed = {
            "tampered": sealed[:middle]
            + (b"A" if sealed[middle : middle + 1] != b"A" else b"B")
            + sealed[middle + 1 :],
            "cut": sealed[:middle],
            "noise": bytes(range(256)),
            "moved": sealed,
            "plain": encode(KEY, token_set()) or b"",
        }
        path.write_bytes(changed[harm])
        path.chmod(0o600)
    store = new_session(monkeypatch)
    with pytest.raises(BadRecord):
        store.load(key)
    store.save(key, token_set("two"))
    assert new_session(monkeypatch).load(key) == token_set("two")


def test_noise_is_never_a_record(use: Callable[..., None], tmp_path: Path) -> None:
    """Two thousand files with some bytes overwritten, and headers of other algorithms: no exception but ours."""
    use(MemoryKeyring())
    store = open_store("keyring")
    store.save(KEY, token_set(filling=50))
    sealed, chance = record(tmp_path).read_bytes(), random.Random(3)
    heads = [b'{"alg":"none"}', b'{"alg":"dir","enc":"A128CBC-HS256"}', b'{"alg":"dir"}', b"[]", b"1", b"{" * 9000]
    others = [base64.urlsafe_b64encode(head).rstrip(b"=") + sealed[sealed.index(b".") :] for head in heads]
    for number in range(2000):
        place, noise = chance.randrange(len(sealed)), chance.randbytes(chance.randint(1, 3))
        others.append(sealed[:place] + noise + sealed[place + len(noise) :] if number % 4 else chance.randbytes(300))
    for content in others:
        record(tmp_path).write_bytes(content)
        assert content == sealed or found(store) in (None, token_set(filling=50))


def test_a_keyring_is_asked_once(use: Callable[..., None]) -> None:
    """However often tokens are saved and loaded: each question could be one to the user."""
    backend = MemoryKeyring()
    use(backend)
    save_twice(open_store("keyring"))
    backend.calls = 0
    store = open_store("keyring")
    for _ in range(3):
        save_twice(store)
        assert store.load(KEY) == token_set("two")
    assert backend.calls == 1


def test_two_processes_make_one_key(use: Callable[..., None]) -> None:
    """Eight at once, each with a store of its own: all can read what each has saved."""
    backend = MemoryKeyring()
    use(backend)
    stores = [open_store("keyring") for _ in range(8)]
    threads = [
        threading.Thread(target=store.save, args=(f"key-{number}", token_set())) for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    joined(threads)
    assert [store.load(f"key-{number}") for store in stores for number in range(8)] == [token_set()] * 64


# Which backends will do


class Subclass(keyrings.alt.file.PlaintextKeyring):
    """A plain file under another name."""


UNREAL: dict[str, Callable[[], list[KeyringBackend]]] = {
    "none": lambda: [keyring.backends.fail.Keyring()],
    "one that drops everything": lambda: [keyring.backends.null.Keyring()],
    "a plain file": lambda: [keyrings.alt.file.PlaintextKeyring()],
    "a plain file by another name": lambda: [Subclass()],
    "a chain of such": lambda: [keyrings.alt.file.PlaintextKeyring(), keyring.backends.null.Keyring()],
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
    assert list(real.entries) == [(SERVICE, KEY_NAME)]
    assert open_store("keyring").load(KEY) == token_set()
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
    """It asks no keyring."""
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
    """The session keeps its tokens, and the user is asked to unlock it once; the warning has no token."""
    backend = LockedKeyring()
    use(backend)
    store = open_store("keyring")
    with pytest.warns(IpyauthWarning) as caught:
        save_twice(store)
    assert [str(each.message) for each in caught] == [
        "Tokens cannot be kept in the keyring store (KeyringLocked); they last until this session ends."
    ]
    assert backend.calls == 1
    assert store.load(KEY) == token_set("two")
    assert open_store("keyring").load(KEY) == token_set("two")


def test_no_traceback_leads_to_a_secret(use: Callable[..., None]) -> None:
    """A backend's error may quote what it was given; where warnings are errors, it is not in their chain."""
    use(LockedKeyring())
    with pytest.raises(IpyauthWarning) as caught:
        open_store("keyring", _raise).save(KEY, token_set())
    error: BaseException | None = caught.value
    while error is not None:
        assert "access-one" not in f"{error!r} {error}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _raise(sentence: str) -> None:
    raise IpyauthWarning(sentence)


def test_a_keyring_that_was_locked_may_serve_the_next_sign_in(
    use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that was opened before asks no more; one that is opened after the user unlocked it does."""
    use(LockedKeyring())
    before = open_store("keyring", lambda sentence: None)
    assert not before.save(KEY, token_set())
    use(MemoryKeyring())
    assert not before.save(KEY, token_set("two"))
    assert open_store("keyring").save(KEY, token_set("three"))
    assert new_session(monkeypatch).load(KEY) == token_set("three")


def test_a_folder_that_cannot_be_used_costs_one_warning(
    use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens last as long as the session, and the warning names the folder."""
    use(MemoryKeyring())
    (tmp_path / "ipyauth_magic").mkdir()
    give_away(tmp_path / "ipyauth_magic", monkeypatch)
    store = open_store("keyring")
    with pytest.warns(IpyauthWarning, match="ipyauth_magic.*belongs to another user") as caught:
        save_twice(store)
    assert len(caught) == 1
    assert store.load(KEY) == token_set("two")


# By name


def test_each_store_has_its_name(use: Callable[..., None]) -> None:
    """And an unknown name is refused by the list of those there are."""
    use(MemoryKeyring())
    stores: list[Store] = [open_store(name) for name in NAMES]
    assert [type(store) for store in stores] == [MemoryStore, FallbackStore, FallbackStore, NoStore]
    assert stores[0] is SHARED
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


@pytest.fixture
def silent(use: Callable[..., None]) -> Iterator[SilentKeyring]:
    """A keyring that gives no answer before the test is over."""
    backend = SilentKeyring()
    use(backend)
    yield backend
    backend.answer.set()


def test_a_keyring_that_gives_no_answer(silent: SilentKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is told once what is waited for; without a person the wait has an end, and it is not asked again."""
    monkeypatch.setattr(system_keyring, "TOLD_AFTER", 0.1)
    monkeypatch.setattr(system_keyring, "UNATTENDED", 1.0)
    shown: list[str] = []
    for _ in range(2):
        store = open_store("keyring", shown.append, is_attended=False)
        for _ in range(2):
            with pytest.raises(StoreFailed, match="no answer within 1 second"):
                store.load(KEY)
    assert len(shown) == 1
    assert shown[0].startswith("Waiting for the keyring to be unlocked.")
    assert "`--store file`" in shown[0]
    assert silent.calls == 2


def test_a_person_has_all_the_time(silent: SilentKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer counts whenever it comes."""
    monkeypatch.setattr(system_keyring, "TOLD_AFTER", 0.1)
    monkeypatch.setattr(system_keyring, "UNATTENDED", 0.2)
    store = open_store("keyring", lambda sentence: threading.Timer(0.5, silent.answer.set).start())
    with pytest.raises(StoreFailed, match="KeyringLocked"):
        store.load(KEY)


def test_a_quick_keyring_costs_no_word(use: Callable[..., None]) -> None:
    """And leaves no thread."""
    use(MemoryKeyring())
    store = open_store("keyring", lambda sentence: pytest.fail(sentence))
    store.save(KEY, token_set())
    assert store.load(KEY) == token_set()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            joined([thread], 60)
    assert not [thread for thread in threading.enumerate() if "keyring" in thread.name]
