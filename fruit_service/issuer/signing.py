"""Signing: the issuer's keys, and its tokens in Auth0's form."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import KeySet, RSAKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from .directory import User
from .switches import Draft, Switches
from .terms import Terms

ALGORITHM = "RS256"


def new_key() -> RSAKey:
    """Return a new RSA key. Its `kid` is its thumbprint (RFC 7638)."""
    key = RSAKey.generate_key(2048, private=True)
    key.ensure_kid()
    return key


class Keys:
    """The issuer's keys: one signs, and the published ones verify. A test may change both at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: tuple[RSAKey, ...] = (new_key(),)
        self._published: tuple[RSAKey, ...] = self._all
        self._signing = self._all[0]

    @property
    def signing(self) -> RSAKey:
        """The key that signs."""
        return self._signing

    @property
    def published(self) -> tuple[RSAKey, ...]:
        """The keys of the JWKS, oldest first."""
        return self._published

    @property
    def private(self) -> KeySet:
        """All keys since the start, so that the `kid` of any header has its key."""
        return KeySet(list(self._all))

    def publish(self) -> str:
        """Add a new key to the JWKS, which does not sign yet, and return its `kid`."""
        key = new_key()
        with self._lock:
            self._all += (key,)
            self._published += (key,)
        return str(key.kid)

    def sign_with(self, kid: str) -> None:
        """Sign with the key *kid* from now on, published or not."""
        self._signing = next(key for key in self._all if key.kid == kid)

    def withdraw(self, kid: str) -> None:
        """Remove the key *kid* from the JWKS. If it is the signing key, it continues to sign."""
        with self._lock:
            self._published = tuple(key for key in self._published if key.kid != kid)

    def rotate(self) -> str:
        """Sign with a new key from now on, withdraw the old ones, and return its `kid`."""
        kid = self.publish()
        self.sign_with(kid)
        for key in self.published:
            if key.kid != kid:
                self.withdraw(str(key.kid))
        return kid


@dataclass(frozen=True)
class Signer:
    """Makes the tokens of one issuer."""

    issuer: str
    switches: Switches
    keys: Keys = field(default_factory=Keys, repr=False)

    @property
    def key(self) -> RSAKey:
        """The key that signs."""
        return self.keys.signing

    @property
    def header(self) -> dict[str, str]:
        """The header of all tokens. Auth0's default `typ` is `JWT` for access tokens too."""
        return {"alg": ALGORITHM, "typ": "JWT", "kid": str(self.key.kid)}

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a set (RFC 7517, section 5)."""
        published = self.keys.published
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM} for key in published]}

    def access_token(self, user: User, client_id: str, scope: str, terms: Terms) -> str:
        """Return an access token for the API of *terms*, or an opaque one if there is none."""
        if not terms.audience:
            return secrets.token_urlsafe(24)
        now = int(self.switches.now())
        audiences = list(dict.fromkeys((terms.audience, *terms.resources)))
        if "openid" in scope.split(" "):
            audiences.append(self.issuer + "userinfo")
        # RFC 9470, section 6.2
        sign_in = {"auth_time": terms.auth_time, "acr": terms.acr}
        claims = {
            "iss": self.issuer,
            "sub": user.sub,
            "aud": audiences if len(audiences) > 1 else terms.audience,
            "iat": now,
            "exp": now + self.switches.lifetime_for(terms.audience),
            "azp": client_id,
            "scope": scope,
            **{name: value for name, value in sign_in.items() if value is not None},
        }
        return self.sign(claims)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a JWT of this issuer, without a check."""
        return jwt.encode(self.header, dict(claims), self.keys.private, [ALGORITHM])

    def tampered(self, id_token: str) -> str:
        """Return *id_token*, changed by `Switches.tamper` if a test has set it."""
        if self.switches.tamper is None:
            return id_token
        header, claims = (json.loads(urlsafe_b64decode(part)) for part in id_token.encode().split(b".")[:2])
        draft = Draft(header, claims, self.key)
        self.switches.tamper(draft)
        return _serialized(draft)


def _serialized(draft: Draft) -> str:
    payload = json.dumps(draft.claims).encode()
    if draft.header.get("alg") == "none":
        header = json.dumps(draft.header).encode()
        return f"{urlsafe_b64encode(header).decode()}.{urlsafe_b64encode(payload).decode()}."
    return jws.serialize_compact(draft.header, payload, draft.key, [draft.header["alg"]])
