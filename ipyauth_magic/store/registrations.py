"""The applications that this package has registered, by server and redirect URIs, so that each is registered once.

A server may give an application a secret, which is part of the registration. So only this user can read the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..protocol.registration import Registration
from ..protocol.tokens import ClientSecret
from .private_directory import PrivateFolder, data_folder

FILE = "registrations"
_LONGEST = 256 * 1024
_MOST = 200

_made: dict[str, Registration] = {}
"""In this process, where the file cannot be used."""


class Registrations:
    """Keeps registrations in this process, and in a file in *folder*; if *folder* is None, in this process only."""

    def __init__(self, folder: PrivateFolder | None) -> None:
        self._folder = folder

    @classmethod
    def beside(cls, store: str | None = None) -> Registrations:
        """Return those of this user; of this process without a home folder, or with the *store* `none`."""
        if store == "none":
            return cls(None)
        try:
            return cls(PrivateFolder(data_folder()))
        except OSError:
            return cls(None)

    def find(self, issuer: str, redirect_uris: Sequence[str]) -> Registration | None:
        """Return the registration at *issuer* for *redirect_uris*, or None."""
        key = _key(issuer, redirect_uris)
        return _made.get(key) or _registration(self._kept().get(key))

    def keep(self, issuer: str, redirect_uris: Sequence[str], registration: Registration) -> None:
        """Keep *registration* in the place of an earlier one."""
        key = _key(issuer, redirect_uris)
        _made[key] = registration
        others = {each: value for each, value in self._kept().items() if each != key}
        latest = {**dict(list(others.items())[1 - _MOST :]), key: _record(issuer, registration)}
        if len(json.dumps(latest)) <= _LONGEST:  # else none of them could be read again
            self._write(latest)

    def forget(self, issuer: str, redirect_uris: Sequence[str]) -> bool:
        """Remove the registration at *issuer* for *redirect_uris*; return True if there was one."""
        key, kept = _key(issuer, redirect_uris), self._kept()
        was_there = _made.pop(key, None) is not None or key in kept
        if key in kept:
            self._write({each: value for each, value in kept.items() if each != key})
        return was_there

    def _write(self, records: Mapping[str, Any]) -> None:
        if self._folder is not None:
            with suppress(OSError):  # the next kernel registers once more
                self._folder.replace(FILE, json.dumps(dict(records)).encode("ascii"))

    def _kept(self) -> dict[str, Any]:
        """Return what the file has; nothing if it is not a file of ours."""
        data = None if self._folder is None else self._folder.read(FILE, _LONGEST)
        try:
            records = json.loads(data or b"{}")
        except (ValueError, RecursionError):
            return {}
        return records if isinstance(records, dict) else {}


def _key(issuer: str, redirect_uris: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([issuer, sorted(redirect_uris)]).encode()).hexdigest()


def _record(issuer: str, registration: Registration) -> dict[str, Any]:
    secret = registration.client_secret
    return {
        "issuer": issuer,
        "client_id": registration.client_id,
        "client_secret": str(secret) if secret is not None else None,
        "method": secret.method if secret is not None else None,
        "scope": registration.scope,
        "expires_at": registration.expires_at,
    }


def _registration(record: object) -> Registration | None:
    """Return what *record* says, believing nothing; None if it is not one of ours."""
    if not isinstance(record, dict):
        return None
    client_id, scope, expires_at = (record.get(name) for name in ("client_id", "scope", "expires_at"))
    secret, method = record.get("client_secret"), record.get("method")
    if not isinstance(client_id, str) or not isinstance(scope, str) or not isinstance(expires_at, int):
        return None
    if not isinstance(secret, str | None) or not isinstance(method, str | None):
        return None
    kept = ClientSecret(secret, method) if secret is not None else None
    return Registration(client_id, kept, scope, expires_at)
