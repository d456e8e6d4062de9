"""The messages of a kernel to the workers of a cluster: a token or an error, encrypted from end to end.

It passes a scheduler, which may log every message (Dask does so at the level DEBUG). So each worker makes a key pair,
the kernel seals one secret for each public key (ECDH-ES, RFC 7518, section 4.6), and by that secret the message for all
of them (`dir`, section 4.5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey

from ... import errors
from ...errors import IpyauthError, ProviderError
from ...protocol.sealing import ALGORITHMS, seal
from ...protocol.tokens import AccessToken

_FOR_ALL = {"alg": "dir", "enc": "A256GCM"}
_ALGORITHMS = [*ALGORITHMS, "dir"]


@dataclass(frozen=True)
class Message:
    """The token that workers may send to the API.

    Attributes:
        serial: counts the tokens and errors of one block; the highest is the latest.
        access_token: the token, or None.
        lasts: seconds for which *access_token* may be sent, from the arrival of this message.
        error: the reason why there is no token, or None.
    """

    serial: int
    access_token: AccessToken | None = None
    lasts: float = 0
    error: IpyauthError | None = None

    def sealed(self, secret: OctKey) -> str:
        """Return this as a JWE that *secret* opens."""
        error = self.error
        content = {
            "serial": self.serial,
            "access_token": str(self.access_token) if self.access_token is not None else None,
            "lasts": self.lasts,
            "error": [type(error).__name__, str(error)] if error is not None else None,
        }
        return jwe.encrypt_compact(_FOR_ALL, json.dumps(content).encode(), secret, algorithms=_ALGORITHMS)

    @classmethod
    def opened(cls, sealed: str, secret: OctKey) -> Message:
        """Return the message that was *sealed* with *secret*.

        Raises:
            ValueError: it was sealed with another secret.
        """
        content = json.loads(_opened(sealed, secret))
        token, error = content["access_token"], content["error"]
        return cls(
            content["serial"],
            AccessToken(token) if token is not None else None,
            content["lasts"],
            _error(*error) if error else None,
        )


def new_secret() -> OctKey:
    """Return a new secret for the workers of one block."""
    return OctKey.generate_key(256, private=True)


def seal_secret(secret: OctKey, public_key: dict[str, Any]) -> str:
    """Return *secret* sealed for the worker of *public_key* (a JWK on the curve P-256).

    Raises:
        ValueError: *public_key* is not such a key.
    """
    return seal(secret.raw_value, public_key)


def open_secret(sealed: str, private_key: ECKey) -> OctKey:
    """Return the secret that was *sealed* for *private_key*.

    Raises:
        ValueError: it was sealed for another key.
    """
    return OctKey.import_key(_opened(sealed, private_key))


def _opened(sealed: str, key: OctKey | ECKey) -> bytes:
    try:
        return jwe.decrypt_compact(sealed, key, algorithms=_ALGORITHMS).plaintext or b""
    except (JoseError, ValueError):
        raise ValueError("the message was sealed for another key") from None


def _error(name: str, sentence: str) -> IpyauthError:
    """Return the kernel's error, of the same class, with its own sentence."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, IpyauthError)):
        kind = ProviderError  # the kernel runs another version of this package
    return errors.restored(kind, (sentence,), {})
