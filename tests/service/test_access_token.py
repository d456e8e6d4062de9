"""The rules for access tokens, as tables: what the corpus does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from fruit_service.access_token import Rules, verify
from fruit_service.bearer import bearer_token
from fruit_service.errors import InvalidToken, MissingToken

NOW = 1_800_000_000
RULES = Rules("https://issuer.test/", "api/fruit")
RSA = RSAKey.generate_key(2048, {"kid": "r"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "e"}, private=True)
CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.test/",
    "sub": "auth0|alice",
    "aud": ["api/fruit", "https://issuer.test/userinfo"],
    "exp": NOW + 60,
    "iat": NOW,
    "scope": "openid read:usual-fruit",
}


def find_key(kid: str | None) -> Key | None:
    """Return the issuer's key of that name."""
    keys: dict[str | None, Key] = {"r": RSA, "e": EC}
    return keys.get(kid)


def token(header: dict[str, Any] | None = None, key: Key = RSA, **claims: Any) -> str:
    """Return a token that is good but for what is given; a claim of None is left out."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    full = {"alg": "RS256", "typ": "JWT", "kid": "r", **(header or {})}
    return jwt.encode(full, said, key, [full["alg"]])


def test_verified_token_has_claims_and_scopes() -> None:
    """As the issuer wrote them."""
    verified = verify(token(), RULES, find_key, NOW)
    assert verified.claims == CLAIMS
    assert verified.scopes == {"openid", "read:usual-fruit"}


@pytest.mark.parametrize(
    ("claims", "now"),
    [
        ({"exp": NOW}, NOW + 59.9),
        ({"nbf": NOW + 60}, NOW),
        ({"iat": NOW + 60}, NOW),
        ({"exp": NOW + 0.5, "iat": NOW - 0.5}, NOW),
        ({"iat": None}, NOW),
        ({"aud": "api/fruit"}, NOW),
    ],
)
def test_good_to_the_last_second_of_the_leeway(claims: dict[str, Any], now: float) -> None:
    """RFC 7519, sections 4.1.4 to 4.1.6."""
    assert verify(token(**claims), RULES, find_key, now)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60}, "expired"),
        ({"exp": True}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": "4000000000"}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"nbf": -(10**400)}, "nbf"),
        ({"weight": float("inf")}, "JSON"),
        ({"nbf": NOW + 61}, "clocks"),
        ({"iat": NOW + 61}, "clocks"),
        ({"iss": "https://issuer.test"}, "issuer"),
        ({"aud": []}, "audience"),
        ({"aud": "api/fruits"}, "audience"),
        ({"aud": {"api/fruit": 1}}, "aud"),
        ({"sub": ""}, "sub"),
        ({"sub": None}, "sub"),
        ({"scope": ["read:usual-fruit"]}, "scope"),
    ],
)
def test_wrong_claim_is_named(claims: dict[str, Any], reason: str) -> None:
    """In a sentence that tells the client what to look at."""
    with pytest.raises(InvalidToken, match=reason):
        verify(token(**claims), RULES, find_key, NOW)


@pytest.mark.parametrize(
    ("profile", "typ", "good"),
    [
        ("auth0", "JWT", True),
        ("auth0", "at+jwt", True),
        ("auth0", "application/AT+JWT", True),
        ("auth0", "logout+jwt", False),
        ("auth0", "", False),
        ("rfc9068", "at+jwt", True),
        ("rfc9068", "JWT", False),
    ],
)
def test_typ_is_that_of_the_profile(profile: str, typ: str, good: bool) -> None:
    """RFC 9068, section 4, or Auth0's default; the operator chooses, the token does not."""
    rules = Rules(RULES.issuer, RULES.audience, profile=profile)
    text = token({"typ": typ}, jti="j", client_id="c")
    if good:
        assert verify(text, rules, find_key, NOW)
    else:
        with pytest.raises(InvalidToken, match="typ"):
            verify(text, rules, find_key, NOW)


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"])
def test_rfc9068_requires_seven_claims(missing: str) -> None:
    """RFC 9068, section 2.2."""
    rules = Rules(RULES.issuer, RULES.audience, profile="rfc9068")
    claims: dict[str, Any] = {"jti": "j", "client_id": "c", missing: None}
    text = token({"typ": "at+jwt"}, **claims)
    with pytest.raises(InvalidToken, match=f"no {missing}"):
        verify(text, rules, find_key, NOW)


def test_es256_only_where_the_operator_allows_it() -> None:
    """RFC 8725, section 3.1: the list is fixed."""
    text = token({"alg": "ES256", "kid": "e"}, EC)
    assert verify(text, Rules(RULES.issuer, RULES.audience, ("RS256", "ES256")), find_key, NOW)
    with pytest.raises(InvalidToken, match="algorithm"):
        verify(text, RULES, find_key, NOW)


def test_algorithm_must_be_that_of_the_key() -> None:
    """RFC 8725, section 3.1: RS256 with the name of an EC key is refused."""
    with pytest.raises(InvalidToken, match="signature"):
        verify(token({"kid": "e"}), Rules(RULES.issuer, RULES.audience, ("RS256", "ES256")), find_key, NOW)


def test_token_without_kid_is_verified_by_the_only_key() -> None:
    """OpenID Connect Core, 10.1; where there are several keys, it is refused."""
    text = jwt.encode({"alg": "RS256", "typ": "JWT"}, CLAIMS, RSA, ["RS256"])
    verified = verify(text, RULES, lambda kid: RSA if kid is None else None, NOW)
    assert verified.kid is None
    with pytest.raises(InvalidToken, match="does not name its key, and the issuer has several"):
        verify(text, RULES, find_key, NOW)


def test_long_token_is_refused_before_it_is_decoded() -> None:
    """16 KiB and a character, whatever they are."""
    with pytest.raises(InvalidToken, match="too long"):
        verify("." * (16 * 1024 + 1), RULES, find_key, NOW)


def test_no_reason_holds_a_part_of_the_token() -> None:
    """Reasons travel in headers and logs, so that they hold no quotes either."""
    text = token(scope=["secret-scope"])
    with pytest.raises(InvalidToken) as caught:
        verify(text + "x", RULES, find_key, NOW)
    assert not any(segment in str(caught.value) for segment in text.split("."))
    assert '"' not in caught.value.msg
    assert "\\" not in caught.value.msg


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER abc", "Bearer  abc "])
def test_scheme_in_any_case(header: str) -> None:
    """RFC 9110, section 11.1."""
    assert bearer_token(header) == "abc"


@pytest.mark.parametrize("header", [None, "", "abc", "Basic abc", "DPoP abc", "Bearerabc"])
def test_other_credentials_are_none(header: str | None) -> None:
    """RFC 6750, section 3.1."""
    with pytest.raises(MissingToken):
        bearer_token(header)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer a", "Bearer \u00e9", "Bearer a\tb"]
)
def test_malformed_credentials_are_invalid(header: str) -> None:
    """RFC 6750, section 2.1."""
    with pytest.raises(InvalidToken):
        bearer_token(header)
