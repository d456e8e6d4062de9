"""Tokens in encrypted files, whose key is in the user's own keyring.

The keyring has one short entry for all records: an entry on Windows has at most 2,560 bytes, and macOS may ask the user
about each entry.
"""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StoreBusy
from ..protocol.tokens import TokenSet
from . import StoreFailed
from .file import FileStore
from .lock import TIMEOUT
from .record import LIMIT
from .system_keyring import KeyringFailed, SystemKeyring
from .warning import Warn, issue_warning

if TYPE_CHECKING:
    from joserfc.jwe import JWERegistry
    from joserfc.jwk import OctKey

KEY_NAME = "key of the keyring store"
"""The keyring's entry: 256 bits, base64url."""

_HEADER = {"alg": "dir", "enc": "A256GCM"}
"""RFC 7518, 4.5 and 5.3. Each record has a random nonce, which serves for 2^32 records (NIST SP 800-38D, 8.3)."""


class KeyringStore(FileStore):
    """Keeps each token set as a JWE (RFC 7516) in a file (a `Store`); the key in the keyring decrypts it.

    Any call may wait for the user to unlock the keyring. A keyring that is locked or broken is not asked again, because
    it might ask the user again each time.

    Args:
        folder: of the files; by default the user's data folder.
        warn: shows the user a sentence, if the folder has no locks.
        timeout: seconds to wait for a lock.
        is_attended: a person can unlock the keyring, so the wait for its answer has no limit.

    Raises:
        StoreUnavailable: `keyring` is not installed, or has no backend that protects its entries.
    """

    name = "keyring"
    ending = "jwe"
    longest = 2 * LIMIT  # base64url needs a third more

    def __init__(
        self,
        folder: Path | None = None,
        warn: Warn = issue_warning,
        timeout: float = TIMEOUT,
        is_attended: bool = True,
    ) -> None:
        self._keyring = SystemKeyring(warn, is_attended)
        super().__init__(folder, warn, timeout)
        self._key: OctKey | None = None
        self._broken: str | None = None

    def load(self, key: str) -> TokenSet | None:
        """Return the tokens under *key*, also expired ones; None if there is no file.

        Raises:
            StoreFailed: the keyring is locked or broken, or the folder cannot be read.
            BadRecord: the file is not a record of this package, or the key of its encryption is not in the keyring.
        """
        self._found_key()  # first, so that a locked keyring is noticed before there is any record
        return super().load(key)

    def _encoded(self, key: str, tokens: TokenSet) -> bytes:
        from joserfc import jwe

        data = super()._encoded(key, tokens)
        secret = self._found_key() or self._new_key()
        return jwe.encrypt_compact(_HEADER, data, secret, registry=_registry()).encode("ascii")

    def _decoded(self, key: str, data: bytes) -> TokenSet | None:
        from joserfc import jwe
        from joserfc.errors import JoseError

        if (secret := self._found_key()) is None:
            return None
        try:
            plain = jwe.decrypt_compact(data, secret, registry=_registry()).plaintext
        except (JoseError, ValueError):
            return None
        # The record names its key inside, so one that was copied under another name is not taken.
        return None if plain is None else super()._decoded(key, plain)

    def _found_key(self) -> OctKey | None:
        """Return the key that is in the keyring; None where there is none, or not one of ours."""
        if self._broken is not None:
            raise StoreFailed(self.name, self._broken)
        if self._key is None:
            try:
                self._key = _imported(self._keyring.get(KEY_NAME))
            except KeyringFailed as failure:
                raise self._broken_by(failure) from None
        return self._key

    def _new_key(self) -> OctKey:
        try:
            with self._hold("new-key"):  # two processes must not make one each
                if self._found_key() is None:
                    self._keyring.set(KEY_NAME, urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode("ascii"))
                key = self._found_key()  # read back: other processes will read the same
        except KeyringFailed as failure:
            raise self._broken_by(failure) from None
        except StoreBusy:
            raise StoreFailed(self.name, "another process is busy with it") from None
        if key is None:
            raise self._broken_by(KeyringFailed("it does not keep what it is given"))
        return key

    def _broken_by(self, failure: KeyringFailed) -> StoreFailed:
        self._broken = str(failure)
        return StoreFailed(self.name, self._broken)


def _registry() -> JWERegistry:
    from joserfc.jwe import JWERegistry

    registry = JWERegistry(algorithms=list(_HEADER.values()))
    # joserfc's own limit is 64 KiB, and only decryption has it: what was saved could not be loaded.
    registry.max_ciphertext_length = KeyringStore.longest
    return registry


def _imported(text: str | None) -> OctKey | None:
    from joserfc.jwk import OctKey

    try:
        data = urlsafe_b64decode(f"{text or ''}{'=' * (-len(text or '') % 4)}")
    except (binascii.Error, ValueError):
        return None
    return OctKey.import_key(data) if len(data) == 32 else None
