"""Keyrings for tests: the user's own is never asked."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import keyring.errors
from keyring.backend import KeyringBackend


class MemoryKeyring(KeyringBackend):
    """A keyring that keeps its entries here; *longest* is in bytes of UTF-16, as Windows counts."""

    priority = 5

    def __init__(self, longest: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of keyring
        self.entries: dict[tuple[str, str], str] = {}
        self.calls = 0
        self.longest = longest

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry."""
        self.calls += 1
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry."""
        self.calls += 1
        if self.longest is not None and len(password.encode("utf-16-le")) > self.longest:
            raise OSError(1783, "The stub received bad data", "CredWrite")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Remove an entry."""
        self.calls += 1
        if self.entries.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError(username)


class LockedKeyring(MemoryKeyring):
    """A keyring that the user does not unlock; its error quotes what it was given, as a careless backend does."""

    def get_password(self, service: str, username: str) -> str | None:
        """Fail."""
        self.calls += 1
        raise keyring.errors.KeyringLocked(f"cannot read {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Fail."""
        self.calls += 1
        raise keyring.errors.KeyringLocked(f"cannot write {password}")

    def delete_password(self, service: str, username: str) -> None:
        """Fail."""
        self.calls += 1
        raise keyring.errors.KeyringLocked(f"cannot delete {username}")


class SilentKeyring(MemoryKeyring):
    """A locked keyring, on a machine that shows no window to unlock it: it gives no answer before *answer* is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        """Wait, then fail."""
        self.calls += 1
        self.answer.wait()
        raise keyring.errors.KeyringLocked("at last")


class ReadOnlyKeyring(MemoryKeyring):
    """A keyring of another service, first in the chain, that takes nothing."""

    priority = 9

    def set_password(self, service: str, username: str, password: str) -> None:
        """Refuse."""
        raise NotImplementedError


class FileKeyring(MemoryKeyring):
    """A keyring whose entries other processes find too, in the file that `TEST_KEYRING` names."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry."""
        if (file := Path(os.environ["TEST_KEYRING"])).exists():
            self.entries = {(service, name): secret for service, name, secret in json.loads(file.read_text())}
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry."""
        super().set_password(service, username, password)
        entries = [[*names, secret] for names, secret in self.entries.items()]
        Path(os.environ["TEST_KEYRING"]).write_text(json.dumps(entries))
