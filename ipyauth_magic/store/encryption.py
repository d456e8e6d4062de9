"""Refresh tokens in a file, sealed by a key that is in the user's keyring."""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..errors import StoreBusy, StoreUnavailable
from ..protocol.tokens import RefreshToken
from .system_keyring import KeyringFailed, SystemKeyring

KEY_NAME = "key of the file store"
"""The keyring's entry: 256 bits, base64url."""

_NONCE = 12
"""Bytes; NIST SP 800-38D, 8.2.2: random ones serve for 2^32 records of one key."""


class Seal:
    """Seals refresh tokens by AES-256-GCM; a sealed one opens under its own record's key only.

    Args:
        making_key: a lock, held while a key is made, so that two processes do not make one each.
    """

    def __init__(self, making_key: Callable[[], AbstractContextManager[None]]) -> None:
        self._making_key = making_key
        self._secret: bytes | None = None
        self._failure: str | None = None

    def seal(self, refresh_token: RefreshToken, record_key: str) -> str:
        """Return *refresh_token* sealed, as base64url.

        Raises:
            StoreUnavailable: there is no keyring that protects what it keeps.
            KeyringFailed: there is one, and it is locked or broken.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self._key_or_new()).encrypt(nonce, refresh_token.encode(), _context(record_key))
        return _encode(nonce + sealed)

    def open(self, sealed: str, record_key: str) -> RefreshToken | None:
        """Return the refresh token; None if the key is gone or another one, or *sealed* was changed or moved.

        Raises:
            KeyringFailed: the keyring is locked or broken.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            secret, data = self._key(), _decode(sealed)
            if secret is None or data is None or len(data) <= _NONCE:
                return None
            plain = AESGCM(secret).decrypt(data[:_NONCE], data[_NONCE:], _context(record_key))
            return RefreshToken(plain.decode("ascii"))
        except (StoreUnavailable, InvalidTag, UnicodeDecodeError):
            return None

    def _key(self) -> bytes | None:
        if self._failure is not None:  # each further call could ask the user once more
            raise KeyringFailed(self._failure)
        if self._secret is None:
            try:
                data = _decode(SystemKeyring().get(KEY_NAME) or "")
            except KeyringFailed as failure:
                self._failure = str(failure)
                raise
            self._secret = data if data is not None and len(data) == 32 else None
        return self._secret

    def _key_or_new(self) -> bytes:
        if (secret := self._key()) is not None:
            return secret
        try:
            with self._making_key():
                if self._key() is None:
                    SystemKeyring().set(KEY_NAME, _encode(os.urandom(32)))
                secret = self._key()  # what is read is what others will read
        except StoreBusy:
            raise KeyringFailed("another process is busy with it") from None
        if secret is None:
            raise KeyringFailed("it does not keep")
        return secret


def _context(record_key: str) -> bytes:
    """Return the associated data: a sealed token copied into another record does not open."""
    return f"ipyauth_magic refresh_token {record_key}".encode()


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
