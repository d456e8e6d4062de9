"""Which algorithms and keys may sign an ID token (RFC 7518, 3.1; RFC 8725, 3.1).

All algorithms are asymmetric. HS256 and its like need a secret, which a notebook cannot keep, and `none` signs nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidIdToken, ProviderError
from ..text import plain

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    Key = RSAKey | ECKey | OKPKey

ALGORITHMS: Mapping[str, frozenset[str]] = {
    **{f"{padding}{size}": frozenset({"RSA"}) for padding in ("RS", "PS") for size in (256, 384, 512)},
    "ES256": frozenset({"P-256"}),
    "ES384": frozenset({"P-384"}),
    "ES512": frozenset({"P-521"}),
    "ES256K": frozenset({"secp256k1"}),  # RFC 8812, 3.2
    "EdDSA": frozenset({"Ed25519", "Ed448"}),  # RFC 8037, 3.1
    "Ed25519": frozenset({"Ed25519"}),  # RFC 9864, 2.2, as the next one
    "Ed448": frozenset({"Ed448"}),
}
"""The accepted algorithms, each with the kinds of its keys: `RSA`, or the names of curves."""

_CURVES = {"EC": ("P-256", "P-384", "P-521", "secp256k1"), "OKP": ("Ed25519", "Ed448")}
"""The curves of signatures, by `kty` (RFC 7518, 6.2.1.1; RFC 8037, 2; RFC 8812, 3.1)."""

_MEMBERS = ("kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y")
"""The members of a JWK that count. A fault in another one, as in `x5c`, does not matter."""

_SET_ANOTHER = "Set RS256 for the application at the provider."


def import_keys(jwks: object) -> tuple[Key, ...]:
    """Return the keys of a JWK set (RFC 7517, section 5) that may verify an ID token.

    Each key is imported on its own. A key that is malformed, weak or for another use is left out.
    """
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    found = (_import_key(key) for key in keys[:100]) if isinstance(keys, list) else ()
    return tuple(key for key in found if key is not None)


def refusal(algorithm: object, announced: Sequence[str]) -> InvalidIdToken | None:
    """Return the error for an ID token whose header says *algorithm*; None if it is accepted.

    *announced* are the provider's `id_token_signing_alg_values_supported`; empty allows all of `ALGORITHMS`.
    """
    if not isinstance(algorithm, str) or not algorithm:
        return InvalidIdToken("alg", "its header names no algorithm", _SET_ANOTHER)
    name = plain(algorithm, 20)
    if algorithm.startswith("HS"):
        return InvalidIdToken("alg", f"it is signed with {name}, which needs a secret", _SET_ANOTHER)
    if algorithm not in ALGORITHMS:
        return InvalidIdToken("alg", f"it is signed with `{name}`, an algorithm that is not accepted", _SET_ANOTHER)
    if announced and algorithm not in announced:
        return InvalidIdToken(
            "alg",
            f"it is signed with {name}, which the provider's discovery document does not list",
            "Set an algorithm that is listed there, mostly RS256, for the application at the provider.",
        )
    return None


def check_announced(announced: Sequence[str]) -> None:
    """Check that the provider may sign an ID token with an accepted algorithm. One that lists none may.

    Raises:
        ProviderError: all of its `id_token_signing_alg_values_supported` need a secret, or are not accepted.
    """
    if announced and ALGORITHMS.keys().isdisjoint(announced):
        raise ProviderError(
            f"The provider signs ID tokens with {plain(', '.join(announced), 100)} only. A notebook cannot check that, "
            f"because it has no secret for it, or does not know the algorithm. {_SET_ANOTHER}"
        )


def half_hash(text: str, algorithm: str, kind: str) -> str:
    """Return the left half of the hash of *text*, base64url, as `at_hash` has it (OpenID Connect Core, 3.1.3.6).

    The hash is the one within *algorithm*. For the curves of RFC 8032 that is SHA-512 for Ed25519, and SHAKE256 with
    114 bytes for Ed448. OpenID Connect does not say so in words; libraries of providers compute it in this way.

    Args:
        text: ASCII.
        algorithm: a name of `ALGORITHMS`.
        kind: of the key that signed, as in `ALGORITHMS`.
    """
    data = text.encode("ascii")
    if kind == "Ed448":
        digest = hashlib.shake_256(data).digest(114)
    else:
        size = "512" if kind == "Ed25519" else algorithm[2:5]
        digest = hashlib.new(f"sha{size}", data).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")


def _import_key(document: object) -> Key | None:
    from joserfc.errors import JoseError

    if not isinstance(document, dict):
        return None
    # For a malformed key joserfc raises errors of its own and of Python.
    try:
        return _signing_key(document)
    except (JoseError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _signing_key(document: dict[str, Any]) -> Key | None:
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    # Some providers write null or an empty value for a member that is not there.
    said = {name: document[name] for name in _MEMBERS if document.get(name) not in (None, "", [])}
    if said.pop("use", "sig") != "sig" or "verify" not in said.pop("key_ops", ["verify"]) or document.get("d"):
        return None
    key_type, curve = said.get("kty"), said.get("crv")
    has_curve = curve in _CURVES.get(str(key_type), ())
    kind = curve if has_curve else key_type
    if "alg" in said and kind not in ALGORITHMS.get(said["alg"], ()):
        return None
    if kind == "RSA" and _number(said["n"]).bit_length() >= 2048:  # RFC 7518, 3.3
        exponent = _number(said["e"])
        # It is 65537 in practice. A long one makes each verification slow.
        return RSAKey.import_key(said) if exponent % 2 and 2 < exponent < 2**64 else None
    if has_curve:
        return ECKey.import_key(said) if key_type == "EC" else OKPKey.import_key(said)
    return None


def kind_of(key: Key) -> str:
    """Return `RSA`, or the name of the curve of *key*, as `ALGORITHMS` has them."""
    return "RSA" if key.key_type == "RSA" else str(getattr(key, "curve_name", ""))


def _number(integer: str) -> int:
    """Return the value of a Base64urlUInt (RFC 7518, section 2)."""
    return int.from_bytes(decoded(integer))


def decoded(segment: str) -> bytes:
    """Return the bytes of *segment*, base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
