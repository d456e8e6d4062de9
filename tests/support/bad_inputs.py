"""The inputs of `tests/corpora/bad_inputs.json`: what they say, and the tokens and key sets that they describe.

The file's `build_language` and `value_language` say how a case is written; this module is their reader.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

CORPUS = Path(__file__).parents[1] / "corpora" / "bad_inputs.json"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA_KEYS = {"K0": 2048, "K1": 2048, "K2": 2048, "K9": 2048, "ATT": 2048, "WEAK": 1024}
KIDS = {"K0": "k0", "K1": "k1", "K2": "k2", "K9": "k9", "ATT": "att", "WEAK": "weak", "EC1": "e1", "OCT1": "oct1"}
OCTETS = b"0123456789abcdef0123456789abcdef"
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CONSTANTS = {
    "ISS": "https://issuer.test/",
    "ISS_NOSLASH": "https://issuer.test",
    "ISS_ORIGIN": "https://issuer.test",
    "AUD": "api/fruit",
    "CLIENT_ID": "ipyauth-test-client",
    "NONCE": "n-0S6_WzA2Mj-abc",
    "OLD_NONCE": "n-old",
    "STATE": "st-AbCdEf0123456789",
    "OLD_STATE": "st-old",
    "CANARY_PORT": "1",
    "PORT": "0",
    "CALLBACK_PATH": "/callback",
    "RELAY_PATH": "/callback",
    "CODE": "SplxlOBeZQQYbYS6WxSbIA",
}


@dataclass(frozen=True)
class Case:
    """One input: how it is built, and what must come of it."""

    id: str
    group: str
    description: str
    build: Mapping[str, Any]
    expect: Mapping[str, Any]
    strength: str

    def __str__(self) -> str:
        """Name the case, for pytest."""
        return self.id


def cases(group: str) -> list[Case]:
    """Return the cases of *group*: `api_token`, `id_token`, `callback` or `config`."""
    names = Case.__dataclass_fields__
    corpus = json.loads(CORPUS.read_text("utf-8"))["cases"]
    return [Case(**{name: case[name] for name in names}) for case in corpus if case["group"] == group]


class Fixtures:
    """Fresh keys, a moment that is now, and the values of the placeholders; *constants* replace some of these."""

    def __init__(self, **constants: str) -> None:
        self.now = int(time.time())
        self.constants = {**CONSTANTS, **constants}
        self.constants.setdefault("ACCESS_TOKEN", f"at-{base64url(hashlib.sha256(b'x').digest())}")
        self.constants |= {
            "NONCE_UPPER": self.constants["NONCE"].upper(),
            "STATE_UPPER": self.constants["STATE"].upper(),
            "STATE_PREFIX": self.constants["STATE"][:-1],
            "AT_HASH": self.at_hash("good"),
        }

    @cached_property
    def keys(self) -> dict[str, PrivateKey]:
        """The private keys, by the names that the cases use."""
        keys: dict[str, PrivateKey] = {name: rsa.generate_private_key(65_537, bits) for name, bits in RSA_KEYS.items()}
        return {**keys, "EC1": ec.generate_private_key(ec.SECP256R1())}

    def at_hash(self, how: str) -> str:
        """Return an `at_hash` of the access token, right (`good`) or wrong in some way."""
        token = self.constants["ACCESS_TOKEN"].encode()
        good = hashlib.sha256(token).digest()
        return {
            "good": base64url(good[:16]),
            "other": base64url(hashlib.sha256(b"other").digest()[:16]),
            "padded": base64url(good[:16]) + "==",
            "full": base64url(good),
            "sha512": base64url(hashlib.sha512(token).digest()[:32]),
        }[how]

    def jwk(self, name: str) -> dict[str, Any]:
        """Return the public key *name* as a JWK; of the symmetric one, all of it."""
        if name == "OCT1":
            return {"kty": "oct", "k": base64url(OCTETS), "kid": KIDS[name], "alg": "HS256"}
        numbers = self.keys[name].public_key().public_numbers()
        if isinstance(numbers, ec.EllipticCurvePublicNumbers):
            members = {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
            return {**members, "kid": KIDS[name], "use": "sig", "alg": "ES256"}
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        return {**members, "kid": KIDS[name], "use": "sig", "alg": "RS256"}

    def header(self, group: str) -> dict[str, Any]:
        """Return the header from which a token of *group* starts."""
        return {"alg": "RS256", "typ": "JWT" if group.startswith("id") else "at+jwt", "kid": "k1"}

    def claims(self, group: str) -> dict[str, Any]:
        """Return the claims from which a token of *group* starts."""
        value = self.constants
        common = {"iss": value["ISS"], "sub": "auth0|u1", "iat": self.now - 10}
        if group.startswith("id"):
            user = {"nonce": value["NONCE"], "at_hash": self.at_hash("good"), "name": "Test User"}
            return {**common, "aud": value["CLIENT_ID"], "exp": self.now + 600, **user}
        client = {"azp": value["CLIENT_ID"], "client_id": value["CLIENT_ID"], "jti": "j-1"}
        audience = [value["AUD"], value["ISS"] + "userinfo"]
        scope = "openid profile read:usual-fruit"
        return {**common, "aud": audience, "exp": self.now + 3600, **client, "scope": scope}


def base64url(octets: bytes) -> str:
    """Return *octets* in base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    """Return a number as a JWK writes it (RFC 7518, section 2: Base64urlUInt)."""
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def substituted(value: Any, fixtures: Fixtures, extra: Mapping[str, str] | None = None) -> Any:
    """Return *value* of a case with its placeholders filled; *extra* has values of the caller's."""
    if isinstance(value, dict):
        return _substituted_object(value, fixtures, extra)
    if isinstance(value, list):
        return [substituted(each, fixtures, extra) for each in value]
    if isinstance(value, str):
        return _substituted_text(value, fixtures, {**fixtures.constants, **(extra or {})})
    return value


def _substituted_object(value: dict[str, Any], fixtures: Fixtures, extra: Mapping[str, str] | None) -> Any:
    special: dict[str, Callable[[Any], Any]] = {
        "$repeat": lambda what: substituted(what[0], fixtures, extra) * what[1],
        "$now": lambda seconds: fixtures.now + seconds,
        "$now_str": lambda seconds: str(fixtures.now + seconds),
        "$at_hash": fixtures.at_hash,
        "$jwk": lambda _: _jwk(value, fixtures),
        # Written by `_json`, since Python has no value for them.
        "$bigint": lambda _: value,
        "$nest": lambda _: value,
    }
    for name, replace in special.items():
        if name in value:
            return replace(value[name])
    return {substituted(name, fixtures, extra): substituted(each, fixtures, extra) for name, each in value.items()}


def _substituted_text(text: str, fixtures: Fixtures, table: Mapping[str, str]) -> str:
    text = re.sub(r"\{\{NOW([+-]\d+)?\}\}", lambda match: str(fixtures.now + int(match[1] or 0)), text)
    return re.sub(r"\{\{([A-Z_]+)\}\}", lambda match: table.get(match[1], match[0]), text)


def _jwk(entry: Any, fixtures: Fixtures) -> Any:
    if isinstance(entry, str):
        return fixtures.jwk(entry)
    if "$jwk" not in entry:
        return entry
    jwk = {name: value for name, value in fixtures.jwk(entry["$jwk"]).items() if name not in entry.get("drop", [])}
    return {**jwk, **entry.get("set", {})}


def jwks(case: Case, fixtures: Fixtures, key: str = "jwks") -> dict[str, Any]:
    """Return the key set that the issuer publishes for *case*; *key* may be `jwks_after_first_fetch`."""
    return {"keys": [_jwk(entry, fixtures) for entry in case.build.get(key, ["K1", "K2"])]}


def build_token(case: Case, fixtures: Fixtures) -> str | None:
    """Return the token of *case*, or None where it has none."""
    return _token(case.build, case.group, fixtures)


def _token(build: Mapping[str, Any], group: str, fixtures: Fixtures) -> str | None:
    kinds: dict[str | None, Callable[[], str | None]] = {
        None: lambda: None,
        "none": lambda: None,
        "raw": lambda: str(substituted(build["raw"], fixtures)),
        "template": lambda: "".join(substituted(part, fixtures) for part in build["template"]),
        "raw_header": lambda: base64url(build["header_raw"].encode()) + str(build["tail"]),
        "jwe": lambda: _encrypted(build["jwe"], build.get("base") or group, fixtures),
        "jws": lambda: _signed(build, build.get("base") or group, fixtures),
    }
    token = kinds[build.get("kind")]()
    for operation in build.get("post", []) if token else []:
        token = _edited(str(token), operation)
    return token


def _encrypted(how: Mapping[str, str], group: str, fixtures: Fixtures) -> str:
    key: OctKey | RSAKey
    if how["alg"] == "dir":
        key = OctKey.import_key({"kty": "oct", "k": base64url(OCTETS)})
    else:
        key = RSAKey.import_key({**fixtures.jwk(how["key"]), "alg": how["alg"], "use": "enc"})
    header = {"alg": how["alg"], "enc": how["enc"], "kid": "k1"}
    claims = json.dumps(fixtures.claims(group))
    return jwe.encrypt_compact(header, claims, key, algorithms=[how["alg"], how["enc"]])


def _signed(build: Mapping[str, Any], group: str, fixtures: Fixtures) -> str:
    header = _with_edits(fixtures.header(group), substituted(build.get("header", {}), fixtures))
    header_text = substituted(build["header_raw"], fixtures) if "header_raw" in build else _json(header)
    payload = _payload(build, group, fixtures)
    payload_text = payload.decode("latin-1") if build.get("unencoded_payload") else base64url(payload)
    signing_input = f"{base64url(header_text.encode())}.{payload_text}"
    sign = build.get("sign", {"key": "K1", "alg": "RS256"})
    return f"{signing_input}.{base64url(signature(signing_input.encode('latin-1'), sign, fixtures))}"


def _payload(build: Mapping[str, Any], group: str, fixtures: Fixtures) -> bytes:
    if "claims_bytes_b64" in build:
        return base64.b64decode(build["claims_bytes_b64"])
    if "claims_raw" in build:
        return str(substituted(build["claims_raw"], fixtures)).encode()
    if build.get("payload", {}).get("nested_valid_token"):
        return _signed({}, group, fixtures).encode()
    claims = _with_edits(fixtures.claims(group), substituted(build.get("claims", {}), fixtures))
    return _json(claims).encode(build.get("claims_encoding", "utf-8"))


def _with_edits(members: dict[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in members.items() if name not in edits.get("drop", [])}
    return {**kept, **edits.get("set", {})}


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(r'\{"\$bigint":(\d+)\}', lambda match: "9" * int(match[1]), text)
    return re.sub(r'\{"\$nest":(\d+)\}', lambda match: "[" * int(match[1]) + "]" * int(match[1]), text)


def signature(signing_input: bytes, sign: Mapping[str, Any], fixtures: Fixtures) -> bytes:
    """Return the signature of *signing_input*, made as *sign* says: by a key and an algorithm, a secret, or none."""
    if sign.get("none"):
        return b""
    if "hmac" in sign:
        return hmac.new(_hmac_key(sign["hmac"], fixtures), signing_input, hashlib.sha256).digest()
    key, algorithm = fixtures.keys[sign["key"]], sign["alg"]
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(signing_input, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if algorithm.startswith("PS"):
        return key.sign(signing_input, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return key.sign(signing_input, padding.PKCS1v15(), digest)


def _hmac_key(what: str, fixtures: Fixtures) -> bytes:
    """Return the secret that an attacker would try: some form of a public key, mostly."""
    kind, _, name = what.partition(":")
    forms = {
        "public_pem": (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "public_pkcs1_pem": (Encoding.PEM, PublicFormat.PKCS1),
        "public_der": (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }
    if kind in forms:
        return fixtures.keys[name].public_key().public_bytes(*forms[kind])
    if kind == "jwk_json":
        return json.dumps(fixtures.jwk(name)).encode()
    return {"empty": b"", "OCT1": OCTETS, "CLIENT_ID": fixtures.constants["CLIENT_ID"].encode()}[kind]


def _edited(token: str, operation: Mapping[str, Any]) -> str:
    """Return *token* after one operation on its text."""
    segments = token.split(".")
    whole: dict[str, Callable[[], str]] = {
        "append": lambda: token + operation["value"],
        "prepend": lambda: operation["value"] + token,
        "keep_segments": lambda: ".".join(segments[: operation["n"]]),
        "percent_dots": lambda: token.replace(".", "%2E"),
        "to_flattened_json": lambda: json.dumps(
            dict(zip(("protected", "payload", "signature"), segments, strict=True))
        ),
        "replace_header": lambda: ".".join([_replaced_header(segments[0], operation["set"]), *segments[1:]]),
    }
    if operation["op"] in whole:
        return whole[operation["op"]]()
    index = operation["index"]
    segments[index] = _edited_segment(segments[index], operation)
    return ".".join(segments)


def _replaced_header(segment: str, members: Mapping[str, Any]) -> str:
    header = json.loads(base64.urlsafe_b64decode(segment + "=="))
    return base64url(json.dumps({**header, **members}).encode())


def _edited_segment(segment: str, operation: Mapping[str, Any]) -> str:
    edits: dict[str, Callable[[], str]] = {
        "set_segment": lambda: str(operation["value"]),
        "pad_segment": lambda: segment + "=" * (-len(segment) % 4 or 1),
        "std_alphabet": lambda: _standard_alphabet(segment),
        "noncanonical": lambda: segment[:-1] + BASE64URL[BASE64URL.index(segment[-1]) | 1],
        "flip_bit": lambda: _flipped_bit(segment),
        "insert": lambda: segment[: operation["at"]] + operation["value"] + segment[operation["at"] :],
    }
    return edits[operation["op"]]()


def _standard_alphabet(segment: str) -> str:
    changed = segment.replace("-", "+").replace("_", "/")
    return changed if changed != segment else "+" + segment[1:]


def _flipped_bit(segment: str) -> str:
    octets = bytearray(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    octets[len(octets) // 2] ^= 1
    return base64url(bytes(octets))
