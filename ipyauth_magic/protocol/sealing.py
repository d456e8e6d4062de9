"""A secret sealed for the holder of one key pair, who sent its public key: JWE with ECDH-ES (RFC 7518, section 4.6)."""

from __future__ import annotations

from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHMS = ["ECDH-ES", "A256GCM"]


def seal(secret: bytes, public_key: Any) -> str:
    """Return *secret* as a compact JWE that the holder of *public_key* (a JWK on the curve P-256) can open.

    Raises:
        ValueError: *public_key* is not such a key.
    """
    header = dict(zip(("alg", "enc"), ALGORITHMS, strict=True))
    try:
        key = ECKey.import_key({name: public_key[name] for name in ("kty", "crv", "x", "y")})
        return jwe.encrypt_compact(header, secret, key, algorithms=ALGORITHMS)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ValueError("the public key cannot be used") from error
