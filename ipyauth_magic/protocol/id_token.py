"""Verification of an ID token (OpenID Connect Core, 3.1.3.7 and 3.2.2.11).

joserfc verifies signatures. It does not refuse short keys, an algorithm that is not the key's own, critical headers or
payloads in UTF-16, and it rejects a whole key set because of one malformed key. This module makes these checks itself.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import InvalidIdToken, OutOfTime, UnknownKey
from ..text import plain
from .signing_keys import ALGORITHMS, decoded, half_hash, kind_of, refusal

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry

    from .signing_keys import Key

LEEWAY = 60
"""Largest accepted difference between the provider's clock and ours, in seconds."""

MAX_AGE_OF_IAT = 600
"""Largest accepted age of an ID token, in seconds. It is used at once, so an older one is a replay (3.1.3.7, 10)."""

MAX_LENGTH = 64 * 1024
"""Longest accepted ID token, in characters. The listener has the same limit for a whole response."""

_COMPACT_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Expected:
    """The values that an ID token must match.

    Attributes:
        nonce: sent in the authorization request; None if the grant has no nonce, as the device grant.
        nonce_may_be_absent: true for a refreshed ID token, which need not repeat the nonce (12.2).
        access_token: the token in the same response; `at_hash` must be its hash.
        at_hash_required: true in the implicit flow (3.2.2.9). In other flows `at_hash` is optional (3.1.3.6).
        subject: the required `sub`. A refreshed ID token must be for the same user (12.2). None allows any user.
        max_age: largest accepted age of the user's last active sign-in, in seconds; None if the request had no limit.
        acr_values: the requested classes of authentication, separated by spaces; None allows any.
        organization: Auth0's organization that was asked for, by its ID or its name; None allows any.
        algorithms: the provider's `id_token_signing_alg_values_supported`; empty allows all of `ALGORITHMS`.
    """

    issuer: str
    client_id: str
    nonce: str | None = field(repr=False)
    access_token: str = field(repr=False)
    nonce_may_be_absent: bool = False
    at_hash_required: bool = True
    subject: str | None = None
    max_age: int | None = None
    acr_values: str | None = None
    organization: str | None = None
    algorithms: Sequence[str] = ()


def verify_id_token(id_token: str, keys: Iterable[Key], expected: Expected, now: datetime) -> dict[str, Any]:
    """Return the claims of *id_token* if it passes every check of its flow (3.1.3.7, 3.2.2.11, 12.2).

    Raises:
        UnknownKey: no key has its `kid`, or its signature is wrong. Fetch the keys again.
        OutOfTime: only a check of its times failed.
        InvalidIdToken: any other check failed. `check` of the error names it.
    """
    header = _header(id_token)
    algorithm = _algorithm(header, expected)
    claims, kind = _verified_payload(id_token, _matching_keys(keys, header, algorithm), algorithm)
    _check_issuer_and_audience(claims, expected)
    _check_kind(header)
    _check_subject(claims, expected.subject)
    _check_nonce(claims, expected)
    _check_at_hash(claims, expected, algorithm, kind)
    _check_acr(claims, expected.acr_values)
    _check_organization(claims, expected.organization)
    _check_times(claims, now.timestamp())  # near the end, so that OutOfTime means that all checks before it passed
    _check_auth_time(claims, expected.max_age, now.timestamp())
    return claims


def at_hash(access_token: str, algorithm: str = "RS256", kind: str = "RSA") -> str:
    """Return the `at_hash` of *access_token* beside a signature with *algorithm* by a key of this *kind* (3.1.3.6)."""
    return half_hash(access_token, algorithm, kind)


def _header(id_token: str) -> dict[str, Any]:
    if len(id_token) > MAX_LENGTH or not _COMPACT_JWS.fullmatch(id_token):
        raise InvalidIdToken("form", "it is not a signed JWT")
    header = _json_object(id_token.split(".")[0])
    if "crit" in header:
        raise InvalidIdToken("crit", "it requires extensions that are not supported")
    return header


def _algorithm(header: Mapping[str, Any], expected: Expected) -> str:
    if (error := refusal(header.get("alg"), expected.algorithms)) is not None:
        raise error
    return str(header["alg"])


def _matching_keys(keys: Iterable[Key], header: Mapping[str, Any], algorithm: str) -> list[Key]:
    """Return the keys of the right kind that may have signed: those with the `kid` of *header*, else those without any.

    A `kid` is a hint (RFC 7515, 4.1.4). Some providers write it into tokens and not into keys. Without a `kid` in
    *header*, all keys of the right kind are returned.
    """
    fitting = [key for key in keys if kind_of(key) in ALGORITHMS[algorithm] and key.alg in (None, algorithm)]
    if "kid" in header:
        named = [key for key in fitting if key.kid == header["kid"]]
        fitting = named or [key for key in fitting if key.kid is None]
    if not fitting:
        raise UnknownKey
    return fitting


def _verified_payload(id_token: str, keys: Iterable[Key], algorithm: str) -> tuple[dict[str, Any], str]:
    """Return the payload of *id_token*, and the kind of the key that has signed it."""
    from joserfc import jws
    from joserfc.errors import JoseError

    for key in keys:
        try:
            jws.deserialize_compact(id_token, key, registry=_registry(algorithm))
        except (JoseError, ValueError):
            continue
        return _json_object(id_token.split(".")[1]), kind_of(key)
    # The only sign that the provider has replaced a key without a `kid`, or under the same `kid` (10.1.1).
    raise UnknownKey("signature", "its signature is wrong")


@cache
def _registry(algorithm: str) -> JWSRegistry:
    """Return joserfc's rules for one algorithm, with our limits. Unknown header parameters pass (RFC 7515, 4)."""
    from joserfc.jwa import JWSAlgModel
    from joserfc.jws import JWSRegistry

    class OneAlgorithm(JWSRegistry):
        def get_alg(self, name: str) -> JWSAlgModel:
            # joserfc warns of `EdDSA`, whose successors (RFC 9864) hardly any provider has. The user cannot help it.
            return self.algorithms[name] if name == algorithm == "EdDSA" else super().get_alg(name)

    registry = OneAlgorithm(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = MAX_LENGTH
    return registry


def _json_object(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(decoded(segment).decode("utf-8"))  # `loads` of bytes accepts UTF-16 (RFC 8725, 3.7)
    except (ValueError, RecursionError) as error:
        raise InvalidIdToken("form", "it is not a signed JWT") from error
    if not isinstance(value, dict):
        raise InvalidIdToken("form", "it is not a signed JWT")
    return value


def _check_issuer_and_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise InvalidIdToken("iss", "it comes from another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise InvalidIdToken("aud", "it is for another application")
    others = [other for other in audiences if other != expected.client_id]
    # `azp` names the application that the provider has issued it to (section 2). So the other audiences are trusted.
    if others and (claims.get("azp") != expected.client_id or not all(isinstance(other, str) for other in others)):
        names = plain(", ".join(map(str, others)), 200)
        raise InvalidIdToken(
            "aud",
            f"it is for other applications too ({names}), and its azp does not say that it was issued to this one",
            "Set this application as its only audience at the provider, or have the provider add azp.",
        )
    if "azp" in claims and claims["azp"] != expected.client_id:
        raise InvalidIdToken("azp", "it was issued to another application")


def _check_kind(header: Mapping[str, Any]) -> None:
    """Check that it is not another kind of JWT (RFC 8725, 3.11): they are typed at+jwt, logout+jwt, secevent+jwt."""
    if str(header.get("typ")).lower().endswith("+jwt"):
        raise InvalidIdToken("typ", "its typ is that of another kind of token")


def _check_subject(claims: Mapping[str, Any], subject: str | None) -> None:
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise InvalidIdToken("sub", "it does not name a user")
    if subject is not None and claims["sub"] != subject:
        raise InvalidIdToken("sub", "it is for another user")


def _check_auth_time(claims: Mapping[str, Any], max_age: int | None, now: float) -> None:
    """Check the user's last active sign-in, which the provider must tell if `max_age` was sent (3.1.3.7)."""
    if max_age is not None and _time(claims, "auth_time") < now - max_age - LEEWAY:
        raise InvalidIdToken("auth_time", "the user's last sign-in is longer ago than max_age allows")


def _check_acr(claims: Mapping[str, Any], acr_values: str | None) -> None:
    """Check that the user signed in by one of the requested classes.

    The provider need not follow `acr_values` (5.5.1.1), but a caller who asked for two factors must not get one.
    """
    if acr_values is None or claims.get("acr") in acr_values.split():
        return
    fault = "it has no acr, though acr_values asked for one"
    if claims.get("acr"):
        fault = f"its acr is `{plain(claims['acr'], 60)}`, which acr_values did not ask for"
    raise InvalidIdToken("acr", f"{fault} (sign in by a method that acr_values names, or leave acr_values out)")


def _check_organization(claims: Mapping[str, Any], organization: str | None) -> None:
    """Check that the user signed in to *organization* (Auth0, "Work with Tokens and Organizations")."""
    if organization is None:
        return
    is_id = organization.startswith("org_")
    name = "org_id" if is_id else "org_name"  # Auth0 stores names in lower case
    said = str(claims.get(name, ""))
    if said != organization if is_id else said.lower() != organization.lower():
        raise InvalidIdToken(
            name,
            f"its {name} is not the organization that was asked for (sign in to that one, or check `organization`)",
        )


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    exp, iat = _time(claims, "exp"), _time(claims, "iat")
    nbf = _time(claims, "nbf") if "nbf" in claims else iat
    if exp <= now - LEEWAY:
        raise OutOfTime("exp", "it has expired", now - iat)
    if iat > now + LEEWAY:
        raise OutOfTime("iat", "it was issued in the future", now - iat)
    if iat < now - MAX_AGE_OF_IAT - LEEWAY:
        raise OutOfTime("iat", "it was issued too long ago", now - iat)
    if nbf > now + LEEWAY:
        raise OutOfTime("nbf", "it is not valid yet", now - nbf)


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e15:
        raise InvalidIdToken(name, f"its {name} is missing or is not a time")
    return value


def _check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    if expected.nonce is None or (expected.nonce_may_be_absent and "nonce" not in claims):
        return
    if "nonce" not in claims:
        raise InvalidIdToken(
            "nonce",
            "it has no nonce, which this provider must repeat from the request, so it may belong to another sign-in",
            "Use --flow device, which has none, or with --flow code an empty `default_scope`, which needs no ID token.",
        )
    if not _is(claims.get("nonce"), expected.nonce):
        raise InvalidIdToken("nonce", "it does not belong to this sign-in")


def _check_at_hash(claims: Mapping[str, Any], expected: Expected, algorithm: str, kind: str) -> None:
    if not expected.at_hash_required and "at_hash" not in claims:
        return
    if not _is(claims.get("at_hash"), at_hash(expected.access_token, algorithm, kind)):
        raise InvalidIdToken("at_hash", "the access token in the same response does not match its at_hash")


def _is(value: object, expected: str) -> bool:
    """Compare in constant time. JSON may contain lone surrogates, which strict UTF-8 does not encode."""
    return isinstance(value, str) and hmac.compare_digest(value.encode("utf-8", "surrogatepass"), expected.encode())
