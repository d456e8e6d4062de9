"""Which keys count, and what joserfc alone would let pass. The checks of the claims run from the corpus too."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ipyauth_magic.errors import InvalidIdToken, OutOfTime, ProviderError, UnknownKey
from ipyauth_magic.protocol.id_token import Expected, at_hash, verify_id_token
from ipyauth_magic.protocol.signing_keys import ALGORITHMS, check_announced, import_keys

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STAMP = int(NOW.timestamp())
RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig", "alg": "RS256"})
EC = ECKey.generate_key("P-256", {"kid": "e1", "use": "sig", "alg": "ES256"})
ACCESS_TOKEN = "an-opaque-access-token"
EXPECTED = Expected("https://issuer.test/", "client", "n-1", ACCESS_TOKEN)


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims with these changes; None leaves a claim out."""
    good = {
        "iss": "https://issuer.test/",
        "sub": "auth0|alice",
        "aud": "client",
        "iat": STAMP,
        "exp": STAMP + 600,
        "nonce": "n-1",
        "at_hash": at_hash(ACCESS_TOKEN),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(payload: dict[str, Any] | bytes, key: Any = RSA, **header: Any) -> str:
    """Return *payload* as a JWS."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    protected = {"alg": key.alg or "RS256", "kid": key.kid} | header
    header = {name: value for name, value in protected.items() if value is not None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of the signing test, that EdDSA has successors
        return jws.serialize_compact(header, body, key, [str(header["alg"])])


def published(*keys: Any) -> dict[str, Any]:
    """Return a JWK set of the public halves."""
    return {"keys": [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys]}


KEYS = import_keys(published(RSA, EC))


def refusal(id_token: str, keys: Any = KEYS, expected: Expected = EXPECTED) -> str:
    """Return the check that refuses *id_token*."""
    with pytest.raises(InvalidIdToken) as caught:
        verify_id_token(id_token, keys, expected, NOW)
    return caught.value.check


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_good_token_gives_its_claims(key: Any) -> None:
    """RS256 and ES256."""
    assert verify_id_token(sign(claims(), key), KEYS, EXPECTED, NOW) == claims()


BARE: dict[str, Any] = {
    "RSA": RSAKey.import_key({k: v for k, v in RSA.as_dict(private=True).items() if k not in ("alg", "use", "kid")}),
    **{curve: ECKey.generate_key(curve) for curve in ("P-256", "P-384", "P-521", "secp256k1")},
    **{curve: OKPKey.generate_key(curve) for curve in ("Ed25519", "Ed448")},
}
"""Keys without `kid`, `alg` and `use`, by their kinds."""

SIGNED = [(algorithm, kind) for algorithm, kinds in ALGORITHMS.items() for kind in sorted(kinds)]


def hashed(algorithm: str, kind: str) -> str:
    """Return the left half of the access token's hash: that of the algorithm, or of the curve (RFC 8032)."""
    data = ACCESS_TOKEN.encode()
    digest = {
        "Ed25519": lambda: hashlib.sha512(data).digest(),
        "Ed448": lambda: hashlib.shake_256(data).digest(114),
    }.get(kind, lambda: hashlib.new(f"sha{algorithm[2:5]}", data).digest())()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def test_algorithms_are_all_asymmetric_ones() -> None:
    """RFC 7518, 3.1; RFC 8037; RFC 8812; RFC 9864. Those with a secret, and `none`, are not among them."""
    sizes = ("256", "384", "512")
    rsa_and_ec = {f"{kind}{size}" for kind in ("RS", "PS", "ES") for size in sizes}
    assert set(ALGORITHMS) == rsa_and_ec | {"ES256K", "EdDSA", "Ed25519", "Ed448"}


@pytest.mark.parametrize(("algorithm", "kind"), SIGNED)
def test_each_algorithm_is_verified(algorithm: str, kind: str) -> None:
    """By a key that says nothing of itself, among others; `at_hash` is by the algorithm's own hash."""
    keys = import_keys(published(*BARE.values()))
    good = claims(at_hash=hashed(algorithm, kind))
    token = sign(good, BARE[kind], alg=algorithm)
    assert verify_id_token(token, keys, EXPECTED, NOW) == good
    head, body, signature = token.split(".")
    changed = ("A" if signature[5] != "A" else "B").join((signature[:5], signature[6:]))
    assert refusal(f"{head}.{body}.{changed}", keys) == "signature"
    if hashed(algorithm, kind) != at_hash(ACCESS_TOKEN):
        assert refusal(sign(claims(), BARE[kind], alg=algorithm), keys) == "at_hash"


@pytest.mark.parametrize(("algorithm", "kind"), SIGNED)
def test_each_algorithm_is_bound_to_its_keys(algorithm: str, kind: str) -> None:
    """RFC 8725, 3.1: a key of another type or curve, or for another algorithm, verifies nothing."""
    others = [key for other, key in BARE.items() if other not in ALGORITHMS[algorithm]]
    token = sign(claims(at_hash=hashed(algorithm, kind)), BARE[kind], alg=algorithm)
    assert refusal(token, import_keys(published(*others))) == "key"
    for another in ALGORITHMS.keys() - {algorithm}:
        bound = BARE[kind].as_dict(private=False) | {"alg": another}
        assert refusal(token, import_keys({"keys": [bound]})) == "key"


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        (
            "HS256",
            "it is signed with HS256, which needs a secret. No token was accepted. Set RS256 for the application",
        ),
        ("HS512", "it is signed with HS512, which needs a secret"),
        ("none", "it is signed with `none`, an algorithm that is not accepted"),
        ("rs256", "it is signed with `rs256`, an algorithm that is not accepted"),
        ("RSA-OAEP", "it is signed with `RSA-OAEP`, an algorithm that is not accepted"),
        (5, "its header names no algorithm"),
        (None, "its header names no algorithm"),
        ("ES256", "it is signed with ES256, which the provider's discovery document does not list"),
    ],
)
def test_another_algorithm_is_named(algorithm: Any, said: str) -> None:
    """With what to set in its place."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "r1"}).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidIdToken) as caught:
        verify_id_token(head + sign(claims())[sign(claims()).index(".") :], KEYS, announcing("RS256", "HS256"), NOW)
    assert caught.value.check == "alg"
    assert said in str(caught.value)
    assert "for the application at the provider" in str(caught.value)


def announcing(*algorithms: str) -> Expected:
    """Return what is expected of a provider that announces *algorithms*."""
    return replace(EXPECTED, algorithms=algorithms)


@pytest.mark.parametrize(
    ("announced", "is_taken"),
    [
        ((), True),
        (("RS256",), True),
        (("HS256", "ES384"), True),
        (("HS256",), False),
        (("none", "HS256", "HS384"), False),
        (("RS257",), False),
    ],
)
def test_what_a_provider_announces(announced: tuple[str, ...], is_taken: bool) -> None:
    """Where none of its algorithms is accepted, no browser need open."""
    if is_taken:
        check_announced(announced)
        return
    with pytest.raises(ProviderError, match="Set RS256 for the application at the provider") as caught:
        check_announced(announced)
    assert announced[-1] in str(caught.value)


@pytest.mark.parametrize(
    "members",
    [
        {"use": None, "alg": None, "kid": None, "key_ops": None},
        {"key_ops": [], "x5c": []},
        {"use": "", "kid": "", "alg": ""},
        {"x5c": "not a list", "x5t": 5, "oth": None, "d": None},
        {"key_ops": ["verify"], "use": "sig"},
    ],
    ids=str,
)
def test_null_and_odd_members_of_a_key(members: dict[str, Any]) -> None:
    """Some serializers write a member that is not there as null, or empty. Others are not looked at."""
    bare = {name: value for name, value in BARE["RSA"].as_dict(private=False).items() if name in ("kty", "n", "e")}
    assert verify_id_token(sign(claims()), import_keys({"keys": [bare | members]}), EXPECTED, NOW)


def test_keys_without_kid_fit_a_token_with_one() -> None:
    """A key of that `kid` goes before them; a key with another `kid` does not fit."""
    other = RSAKey.generate_key(2048)
    keys = published(other, BARE["RSA"])
    assert verify_id_token(sign(claims()), import_keys(keys), EXPECTED, NOW)
    named = {"keys": [*keys["keys"], other.as_dict(private=False) | {"kid": "r1"}]}
    assert refusal(sign(claims()), import_keys(named)) == "signature"
    assert refusal(sign(claims()), import_keys(published(EC))) == "key"


@pytest.mark.parametrize(
    ("said", "check"),
    [
        ({"aud": ["client", "project"], "azp": "client"}, None),
        ({"aud": ["project", "client", "another"], "azp": "client"}, None),
        ({"aud": ["client", "project"]}, "aud"),
        ({"aud": ["client", "project"], "azp": "project"}, "aud"),
        ({"aud": ["client", {"x": 1}], "azp": "client"}, "aud"),
        ({"aud": ["project"], "azp": "client"}, "aud"),
        ({"aud": "client", "azp": "project"}, "azp"),
    ],
    ids=str,
)
def test_audiences(said: dict[str, Any], check: str | None) -> None:
    """OpenID Connect Core, 3.1.3.7, 3 to 5: others are trusted where azp says that it was issued to this client."""
    if check is None:
        assert verify_id_token(sign(claims(**said)), KEYS, EXPECTED, NOW)
    else:
        assert refusal(sign(claims(**said))) == check


def test_other_audiences_are_named() -> None:
    """So that the operator finds the setting that adds them."""
    with pytest.raises(
        InvalidIdToken, match=r"it is for other applications too \(project, api\), and its azp does not"
    ):
        verify_id_token(sign(claims(aud=["client", "project", "api"])), KEYS, EXPECTED, NOW)


def test_a_nonce_that_is_missing_is_told_apart() -> None:
    """From another one: the provider is at fault, and another flow helps."""
    with pytest.raises(InvalidIdToken, match=r"it has no nonce.*Use --flow device") as caught:
        verify_id_token(sign(claims(nonce=None)), KEYS, EXPECTED, NOW)
    assert caught.value.check == "nonce"
    with pytest.raises(InvalidIdToken, match="it does not belong to this sign-in"):
        verify_id_token(sign(claims(nonce="n-2")), KEYS, EXPECTED, NOW)


def test_at_hash_is_the_one_of_the_standard() -> None:
    """OpenID Connect Core, appendix A.3: the access token and hash of its example."""
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "RSA", "n": "!!", "e": "AQAB", "kid": "x"},
        {"kty": "RSA", "kid": "x"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kid": "x"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": 5},
        {"kty": "RSA", "key_ops": 5},
        {"kty": "RSA", "alg": ["RS256"]},
        {"kty": "RSA", "n": 5, "e": 5, "use": "sig"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "x5c": "not a list"},
        "text",
        None,
        [],
    ],
    ids=repr,
)
def test_an_odd_key_does_not_spoil_the_set(odd: Any) -> None:
    """Joserfc's own set import fails as a whole, partly outside its own errors."""
    keys = import_keys({"keys": [odd, RSA.as_dict(private=False)]})
    assert [key.kid for key in keys] == ["r1"]


@pytest.mark.parametrize("jwks", [None, [], "text", {}, {"keys": None}, {"keys": {"kty": "RSA"}}])
def test_what_is_no_key_set_has_no_keys(jwks: Any) -> None:
    """And raises nothing."""
    assert import_keys(jwks) == ()


def test_keys_that_must_not_verify_are_left_out() -> None:
    """Short keys, keys for encryption, private keys, keys of other algorithms."""
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    short = {"kty": "RSA", "e": "AQAB", "n": base64.urlsafe_b64encode(numbers.n.to_bytes(128)).rstrip(b"=").decode()}
    public = RSA.as_dict(private=False)
    refused = [
        short,
        public | {"use": "enc"},
        public | {"key_ops": ["encrypt"]},
        public | {"alg": "HS256"},
        public | {"alg": "ES256"},
        RSA.as_dict(private=True),
    ]
    assert import_keys({"keys": refused}) == ()


def test_a_key_without_alg_and_use_counts() -> None:
    """RFC 7517 has both as optional."""
    bare = {name: value for name, value in RSA.as_dict(private=False).items() if name not in ("alg", "use")}
    assert verify_id_token(sign(claims()), import_keys({"keys": [bare]}), EXPECTED, NOW)["sub"] == "auth0|alice"


def test_without_kid_any_fitting_key_may_verify() -> None:
    """OpenID Connect Core, 10.1, with one key or with several."""
    other = RSAKey.generate_key(2048, {"kid": "r2"})
    for keys in ((RSA,), (other, RSA)):
        assert verify_id_token(sign(claims(), kid=None), import_keys(published(*keys)), EXPECTED, NOW)


def test_an_unknown_kid_is_told_apart() -> None:
    """The keys may have been rotated: fetching them again may help."""
    with pytest.raises(UnknownKey):
        verify_id_token(sign(claims(), kid="new"), KEYS, EXPECTED, NOW)


def test_an_algorithm_is_bound_to_its_key_type_and_to_what_is_announced() -> None:
    """RFC 8725, 3.1."""
    any_algorithm = RSAKey.import_key({k: v for k, v in RSA.as_dict(private=True).items() if k not in ("alg", "use")})
    assert refusal(sign(claims(), any_algorithm, alg="RS512")) == "key"
    only_rs256 = Expected("https://issuer.test/", "client", "n-1", ACCESS_TOKEN, algorithms=("RS256", "HS256"))
    assert refusal(sign(claims(), EC), expected=only_rs256) == "alg"
    assert refusal(sign(claims(), EC, kid="r1")) == "key"


@pytest.mark.parametrize(
    ("payload", "check"),
    [
        (json.dumps(claims()).encode("utf-16"), "form"),
        (b"[]", "form"),
        (b"nothing", "form"),
        (b"[" * 50_000, "form"),
        (b'{"iss":"https://issuer.test/","exp":' + b"9" * 5000 + b"}", "form"),
        (json.dumps(claims(exp=1e308)).encode(), "exp"),
        (json.dumps(claims(exp=True)).encode(), "exp"),
        (json.dumps(claims(nbf=STAMP + 600)).encode(), "nbf"),
        (json.dumps(claims(nonce="\ud800")).encode(), "nonce"),
        (json.dumps(claims(aud=[["client"]])).encode(), "aud"),
        (json.dumps(claims(aud=["client", "client"])).encode(), None),
        (json.dumps(claims(aud=["client"], azp="client")).encode(), None),
        (json.dumps(claims(iat=STAMP + 61)).encode(), "iat"),
        (json.dumps(claims(iat=STAMP + 59, exp=STAMP - 59)).encode(), None),
        (json.dumps(claims(exp=STAMP - 60)).encode(), "exp"),
    ],
)
def test_payloads(payload: bytes, check: str | None) -> None:
    """UTF-8 JSON objects only, with numbers where numbers belong; the leeway is 60 seconds, exactly."""
    if check is None:
        assert verify_id_token(sign(payload), KEYS, EXPECTED, NOW)
    else:
        assert refusal(sign(payload)) == check


def test_a_critical_header_is_refused() -> None:
    """RFC 7515, 4.1.11, an empty list too."""
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "r1", "crit": []}).encode()).rstrip(b"=").decode()
    )
    assert refusal(header + sign(claims())[sign(claims()).index(".") :]) == "crit"


def test_other_header_parameters_are_let_be() -> None:
    """RFC 7515, 4: what is not understood and not critical is ignored; keys named in a header are never looked at."""
    odd = {"x5t": "abc", "jku": "http://127.0.0.1:1/", "nonce": "x", "typ": "JWT"}
    protected = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "r1"} | odd).encode()).rstrip(b"=")
    assert verify_id_token(signed(protected, claims()), KEYS, EXPECTED, NOW)["sub"] == "auth0|alice"


def signed(protected: bytes, payload: dict[str, Any]) -> str:
    """Return a JWS with a header that joserfc would not write."""
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    signing_input = protected + b"." + body
    signature = RSA.private_key.sign(signing_input, PKCS1v15(), SHA256())
    return (signing_input + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_a_token_may_be_large() -> None:
    """Groups and roles may take tens of kilobytes; what no response can hold is refused before any decoding."""
    large = claims(groups=["g" * 20] * 1500)
    assert verify_id_token(sign(large), KEYS, EXPECTED, NOW)["groups"] == large["groups"]
    assert refusal("a" * 70_000) == "form"


def test_no_message_holds_the_token() -> None:
    """Not even of a forged one."""
    token = sign(claims(nonce="other"))
    with pytest.raises(InvalidIdToken) as caught:
        verify_id_token(token, KEYS, EXPECTED, NOW)
    assert not any(part in str(caught.value) for part in token.split("."))
    assert "n-1" not in str(caught.value)


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "LOGOUT+JWT", "secevent+jwt", "dpop+jwt", "vc+sd+jwt"])
def test_a_token_of_another_kind_is_refused(typ: str) -> None:
    """RFC 8725, 3.11 and 3.12: an access or a logout token of the same provider and client is no ID token."""
    assert refusal(sign(claims(), typ=typ)) == "typ"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "ID", "", None])
def test_a_typ_of_no_other_kind_is_let_be(typ: str | None) -> None:
    """OpenID Connect Core does not ask for one."""
    assert verify_id_token(sign(claims(), typ=typ), KEYS, EXPECTED, NOW)


@pytest.mark.parametrize(("exponent", "counts"), [(3, True), (1, False), (65536, False), (2**64 + 1, False)])
def test_an_exponent_has_bounds(exponent: int, counts: bool) -> None:
    """A long one makes each verification slow; an even one, or 1, is none."""
    encoded = base64.urlsafe_b64encode(exponent.to_bytes(9)).rstrip(b"=").decode()
    assert bool(import_keys({"keys": [RSA.as_dict(private=False) | {"e": encoded}]})) is counts


@pytest.mark.parametrize(
    ("acr_values", "acr", "is_taken"),
    [
        (None, "urn:any", True),
        ("urn:mfa", "urn:mfa", True),
        ("urn:mfa urn:phr", "urn:phr", True),
        ("urn:mfa", "urn:pwd", False),
        ("urn:mfa", "0", False),
        ("urn:mfa", None, False),
        ("urn:mfa", ["urn:mfa"], False),
        ("urn:mfa-strong", "urn:mfa", False),
    ],
)
def test_acr_is_one_of_those_that_were_asked_for(acr_values: str | None, acr: Any, is_taken: bool) -> None:
    """The provider need not follow `acr_values` (OpenID Connect Core, 5.5.1.1); one factor is not taken for two."""
    asked = replace(EXPECTED, acr_values=acr_values)
    if is_taken:
        assert verify_id_token(sign(claims(acr=acr)), KEYS, asked, NOW)
    else:
        assert refusal(sign(claims(acr=acr)), expected=asked) == "acr"


@pytest.mark.parametrize(
    ("organization", "said", "check"),
    [
        (None, {}, None),
        ("org_victim", {"org_id": "org_victim"}, None),
        ("org_victim", {"org_id": "org_other"}, "org_id"),
        ("org_victim", {"org_id": "ORG_VICTIM"}, "org_id"),
        ("org_victim", {"org_name": "org_victim"}, "org_id"),
        ("org_victim", {}, "org_id"),
        ("Victim", {"org_name": "victim"}, None),
        ("victim", {"org_name": "other"}, "org_name"),
        ("victim", {"org_id": "victim"}, "org_name"),
        ("victim", {"org_name": ["victim"]}, "org_name"),
    ],
)
def test_organization_is_the_one_that_was_asked_for(
    organization: str | None, said: dict[str, Any], check: str | None
) -> None:
    """Auth0: an ID to the letter, a name in any case."""
    asked = replace(EXPECTED, organization=organization)
    if check is None:
        assert verify_id_token(sign(claims(**said)), KEYS, asked, NOW)
    else:
        assert refusal(sign(claims(**said)), expected=asked) == check


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"iat": STAMP + 700, "exp": STAMP + 1300}, "it seems to be 12 minutes behind the provider's"),
        ({"iat": STAMP + 90}, "it seems to be 90 seconds behind the provider's"),
        ({"iat": STAMP - 4000, "exp": STAMP - 3400}, "it seems to be 67 minutes ahead of the provider's"),
        ({"iat": STAMP - 7200}, "it seems to be 2 hours ahead of the provider's"),
        ({"iat": STAMP + 5 * 86400, "exp": STAMP + 6 * 86400}, "it seems to be 5 days behind the provider's"),
        ({"nbf": STAMP + 120}, "it seems to be 2 minutes behind the provider's"),
    ],
)
def test_how_far_the_clock_is_off(times: dict[str, int], said: str) -> None:
    """By how much, and on which side."""
    with pytest.raises(OutOfTime) as caught:
        verify_id_token(sign(claims(**times)), KEYS, EXPECTED, NOW)
    assert f"(check that this machine's clock is right: {said})" in str(caught.value)


def test_max_age_is_held_against_auth_time() -> None:
    """OpenID Connect Core, 3.1.3.7, 13."""
    asked = Expected("https://issuer.test/", "client", "n-1", ACCESS_TOKEN, max_age=300)
    assert refusal(sign(claims()), expected=asked) == "auth_time"
    assert refusal(sign(claims(auth_time=STAMP - 361)), expected=asked) == "auth_time"
    assert verify_id_token(sign(claims(auth_time=STAMP - 300)), KEYS, asked, NOW)
