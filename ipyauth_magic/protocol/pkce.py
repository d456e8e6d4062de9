"""PKCE: the secret that binds a token request to its authorization request (RFC 7636)."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode

from .tokens import Masked


class CodeVerifier(Masked):
    """A `code_verifier` (section 4.1): a `str` whose `repr` is masked."""

    __slots__ = ()


def new_code_verifier() -> CodeVerifier:
    """Return a new verifier of 256 random bits, 43 characters long (sections 4.1 and 7.1)."""
    return CodeVerifier(secrets.token_urlsafe(32))


def code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge of *code_verifier* (section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
