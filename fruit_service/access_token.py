"""Access tokens: their verification and their scopes (RFC 9068, section 4; RFC 8725)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from .errors import InvalidToken

MAX_LENGTH = 16 * 1024
"""Longest accepted token in characters. A longer one is refused before anything is decoded."""

TYPES: Mapping[str, frozenset[str]] = {
    "auth0": frozenset({"jwt", "at+jwt", "application/at+jwt"}),
    "rfc9068": frozenset({"at+jwt", "application/at+jwt"}),
}
"""The accepted values of `typ`, by token profile. The operator chooses the profile, never the token."""

REQUIRED_CLAIMS: Mapping[str, tuple[str, ...]] = {
    "auth0": ("iss", "sub", "aud", "exp"),
    "rfc9068": ("iss", "sub", "aud", "exp", "iat", "jti", "client_id"),
}

FindKey = Callable[[str | None], Key | None]
"""Returns the issuer's key with a `kid`, or None. For None, returns the only key, or None if there are several."""

MAX_TIME = 1e15
"""Latest accepted time, in seconds since 1970."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Rules:
    """The operator's requirements for a token."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    profile: str = "auth0"
    leeway: int = 60


@dataclass(frozen=True)
class AccessToken:
    """A verified access token, with all values that requests need, computed once.

    Attributes:
        json: its claims, as JSON.
        subject_json: its `sub`, as JSON.
        scopes: its scopes, as a set.
        good_until: end of its acceptance, leeway included, in seconds since 1970.
        kid: the name that it gives of its key, or None.
        key: that key.
    """

    claims: Mapping[str, Any]
    json: str
    subject_json: str
    scopes: frozenset[str]
    good_until: float
    kid: str | None
    key: Key = field(repr=False)


def verify(token: str, rules: Rules, find_key: FindKey, now: float) -> AccessToken:
    """Return *token*, verified.

    Raises:
        InvalidToken: a check failed.
        Unavailable: from *find_key*.
    """
    if len(token) > MAX_LENGTH:
        raise InvalidToken("The access token is too long.")
    header = _header(token)
    _check_header(header, rules)
    kid = header.get("kid")
    key = find_key(kid)
    if key is None and kid is None:
        raise InvalidToken("The access token does not name its key, and the issuer has several.")
    if key is None:
        raise InvalidToken("The access token is signed by a key that the issuer does not publish.")
    claims = _object(_verified_payload(token, key, rules), "payload")
    _check_claims(claims, rules, now)
    return AccessToken(
        claims=claims,
        json=_json(claims),
        subject_json=json.dumps(str(claims["sub"])),
        scopes=_scopes(claims),
        good_until=claims["exp"] + rules.leeway,
        kid=kid,
        key=key,
    )


def _header(token: str) -> dict[str, Any]:
    segments = token.split(".")
    if len(segments) != 3:
        raise InvalidToken(
            "The access token is not a JWT of three parts. This API does not accept opaque or encrypted tokens."
        )
    header, _, _ = (_decoded(segment) for segment in segments)
    return _object(header, "header")


def _decoded(segment: str) -> bytes:
    """Return the bytes of *segment*, which must be base64url in its canonical form (RFC 7515, section 2)."""
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        raise InvalidToken("A part of the access token is not base64url.")
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode("ascii"):
        raise InvalidToken("A part of the access token is not base64url in its canonical form.")
    return decoded


def _object(text: bytes, part: str) -> dict[str, Any]:
    """Return the JSON object in *text*, which must be UTF-8 (RFC 8725, section 3.7) and have each name once."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_no_json, object_pairs_hook=_no_repetition)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"The {part} of the access token is not JSON in UTF-8.") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"The {part} of the access token is not a JSON object.")
    return value


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name occurs twice")
    return value


def _check_header(header: Mapping[str, Any], rules: Rules) -> None:
    if header.get("alg") not in rules.algorithms:
        raise InvalidToken("The access token is signed by an algorithm that is not accepted here.")
    if str(header.get("typ")).lower() not in TYPES[rules.profile]:
        raise InvalidToken("The typ of the token is not that of an access token.")
    if "crit" in header:
        raise InvalidToken("The access token requires an extension that is not supported.")
    # `jwk`, `jku`, `x5u` and `x5c` are ignored: keys come from the issuer only.
    # OpenID Connect Core, 10.1: a `kid` may be left out where the issuer has one key only.
    if not isinstance(header.get("kid", ""), str):
        raise InvalidToken("The kid of the access token is not a text.")


def _verified_payload(token: str, key: Key, rules: Rules) -> bytes:
    try:
        return jws.deserialize_compact(token, key, registry=_Registry(rules.algorithms)).payload
    # joserfc lets some errors of its own libraries pass. Their texts may contain the token, so our message has none.
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidToken("The signature of the access token is wrong.") from error


class _Registry(jws.JWSRegistry):
    """Joserfc's rules with our length limit. Unknown header parameters are ignored (RFC 7515, section 4)."""

    max_header_length = MAX_LENGTH
    max_payload_length = MAX_LENGTH

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)


def _check_claims(claims: Mapping[str, Any], rules: Rules, now: float) -> None:
    for name in REQUIRED_CLAIMS[rules.profile]:
        if name not in claims:
            raise InvalidToken(f"The access token has no {name}.")
    if claims["iss"] != rules.issuer:
        raise InvalidToken("The access token is from another issuer.")
    if rules.audience not in _audiences(claims["aud"]):
        raise InvalidToken("The access token is for another audience.")
    for name in ("sub", "client_id", "jti"):
        if name in claims and not (isinstance(claims[name], str) and claims[name]):
            raise InvalidToken(f"The {name} of the access token is not a text.")
    _check_times(claims, rules.leeway, now)


def _audiences(audience: object) -> list[str]:
    audiences = audience if isinstance(audience, list) else [audience]
    texts = [each for each in audiences if isinstance(each, str)]
    if len(texts) < len(audiences):
        raise InvalidToken("The aud of the access token is neither a text nor a list of texts.")
    return texts


def _check_times(claims: Mapping[str, Any], leeway: int, now: float) -> None:
    times = {name: _number(name, claims[name]) for name in ("exp", "nbf", "iat") if name in claims}
    if times["exp"] <= now - leeway:
        raise InvalidToken("The access token has expired.")
    if times.get("nbf", now) > now + leeway:
        raise InvalidToken("The access token is not valid yet. Compare the clocks.")
    if times.get("iat", now) > now + leeway:
        raise InvalidToken("The access token was issued in the future. Compare the clocks.")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_TIME < value < MAX_TIME:
        raise InvalidToken(f"The {name} of the access token is not a number.")
    return value


def _json(claims: Mapping[str, Any]) -> str:
    try:
        return json.dumps(claims, allow_nan=False)
    except ValueError as error:  # Python reads a number with too many digits as infinity, which JSON does not have
        raise InvalidToken("The payload of the access token contains a number that is too large.") from error
    except RecursionError as error:  # the limit for writing is lower than that for reading
        raise InvalidToken("The payload of the access token is nested too deeply.") from error


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes, which are separated by single spaces (RFC 6749, section 3.3)."""
    scope = claims.get("scope")
    if scope is None:
        return frozenset()
    if not isinstance(scope, str):
        raise InvalidToken("The scope of the access token is not a text.")
    return frozenset(scope.split(" ")) - {""}
