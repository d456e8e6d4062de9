"""The keys of a provider in providers.json, and JWTs that they sign.

PyJWT signs them, because our own verifier uses another library.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
CURVES: Mapping[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@functools.cache
def shared_secret(kid: str) -> bytes:
    """Return the secret that an application of the algorithm HS256 has in common with its provider."""
    return secrets.token_bytes(64)


@functools.cache
def private_key(alg: str, kid: str) -> PrivateKey:
    """Return the key of *alg* and *kid*, made once in a process: RSA takes a while."""
    if alg[:2] in ("RS", "PS"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(CURVES[alg]) if alg in CURVES else ed25519.Ed25519PrivateKey.generate()


def public_jwk(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JWK of *key*, a member of `keys`, with no other members than it names (RFC 7517, 4)."""
    if "raw" in key:
        raw: dict[str, Any] = key["raw"]
        return raw
    public = private_key(key["alg"], key["kid"]).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        jwk = json.loads(RSAAlgorithm.to_jwk(public))
    elif isinstance(public, ec.EllipticCurvePublicKey):
        jwk = json.loads(ECAlgorithm.to_jwk(public))
    else:
        jwk = json.loads(OKPAlgorithm.to_jwk(public))
    bare = {name: jwk[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk}
    own = {"kid": key["kid"], "use": "sig", "alg": key["alg"]}
    return {**bare, **{name: own[name] for name in key.get("members", own)}, **key.get("extra", {})}


def signed(claims: Mapping[str, Any], key: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
    """Return *claims* as a JWT that *key* signs; a None in *header* takes that member away (RFC 7515, 7.1)."""
    alg, kid = key["alg"], key["kid"]
    private = shared_secret(kid) if alg.startswith("HS") else private_key(alg, kid)
    head = {"typ": "JWT", "kid": kid, **(header or {})}
    kept = {name: value for name, value in head.items() if value is not None or name == "typ"}
    return jwt.encode(dict(claims), private, algorithm=alg, headers=kept)


def half_hash(alg: str, token: str) -> str:
    """Return the `at_hash` of *token* beside an ID token of *alg* (OpenID Connect Core, 3.1.3.6)."""
    name = {"256": "sha256", "384": "sha384"}.get(alg[2:], "sha512")
    digest = hashlib.new(name, token.encode()).digest()
    return encoded(digest[: len(digest) // 2])


def encoded(data: bytes) -> str:
    """Return *data* in base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
