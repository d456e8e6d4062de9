"""Mutated tokens: a good one with the faults of an attacker, a broken issuer or a bad line.

The good token is an ID token and an access token at once: the client and the API have the same name. Each mutant
follows from the seed and its number alone, but for the keys, which are new in each run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from tests.support.bad_inputs import BASE64URL, Fixtures, base64url, signature

NAME = "api/fruit"
"""Of the client and of the API."""

Members = tuple[tuple[str, str], ...]
"""The members of a JSON object: names and values, both as they are written. A name may occur twice."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Draft:
    """A token before its signature: an algorithm, the way it is signed, its members, and what surrounds the claims."""

    header: Members
    claims: Members
    sign: tuple[tuple[str, Any], ...]
    before: bytes = b""
    after: bytes = b""
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Mutant:
    """A token, and the names of the mutations that made it."""

    number: int
    token: str
    steps: tuple[str, ...]


KEYS: tuple[tuple[str, str], ...] = (("K1", "RS256"), ("EC1", "ES256"))
"""The issuer's keys, by their names in `Fixtures`."""

FORGERIES: tuple[dict[str, Any], ...] = (
    {"key": "K2", "alg": "RS256"},
    {"key": "ATT", "alg": "RS256"},
    {"key": "K1", "alg": "RS512"},
    {"key": "K1", "alg": "PS256"},
    {"key": "K1", "alg": "RS256"},
    {"key": "EC1", "alg": "ES256"},
    {"key": "EC1", "alg": "ES512"},
    {"hmac": "public_pem:K1"},
    {"hmac": "public_pkcs1_pem:K1"},
    {"hmac": "public_der:EC1"},
    {"hmac": "jwk_json:K1"},
    {"hmac": "empty"},
    {"hmac": "CLIENT_ID"},
    {"none": True},
)
"""How another one would sign, and how the issuer would not."""

# As texts, these are one line each.
ALGORITHMS = "none None NONE HS256 hs256 HS512 RS256 rs256 RS512 PS256 ES256 ES384 EdDSA dir RSA-OAEP".split()  # noqa: SIM905
TYPES = "JWT jwt at+jwt AT+JWT application/at+jwt logout+jwt secevent+jwt dpop+jwt JOSE JWE".split()  # noqa: SIM905  # the same
KIDS = (
    "k1",
    "k2",
    "e1",
    "att",
    "",
    "K1",
    "k1 ",
    "k1\x00",
    "../../../dev/null",
    "' OR 1=1 --",
    "http://127.0.0.1:1/",
    "é",
)
ADDRESSES = ("http://127.0.0.1:1/jwks.json", "file:///etc/passwd", "//", "")
ZIPPED = ("DEF", "GZIP")
CRITICAL = ([], ["b64"], ["exp"], ["alg"], "b64", [5], None, ["http://127.0.0.1/ext"])
OFFSETS = (-(10**9), -3600, -700, -120, -30, -0.25, 0.25, 30, 55, 3600, 10**6)
"""Seconds. No sum of a few lies in the last second of the leeway, where PyJWT rounds."""
ODD = (
    *(
        [
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1",
            "1.5",
            "-0.0",
            "1e400",
            "-1e400",
            "1e308",
            "1e-400",
            "NaN",
            "Infinity",
            "-Infinity",
            "[]",
            "{}",
            "[[]]",
            "[null]",
        ]
    ),
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '"\\u202e"',
    "9" * 400,
    "-" + "9" * 400,
    "9" * 5000,
    "1" + "0" * 15,
    "0" * 3,
    "[" * 900 + "]" * 900,
    "[" * 3000,
    '{"a":' * 500 + "1" + "}" * 500,
    '"' + "x" * 3000 + '"',
    "undefined",
    "'x'",
    "",
)
"""Values, as they are written. Some of them are no JSON."""
EXTRAS = (
    "nbf",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "scope",
    "sub",
    "jti",
    "client_id",
    "c_hash",
    "cnf",
    "typ",
    "kid",
    "_",
)
NOISE = ("=", "==", " ", "\n", "\t", "\x00", "+", "/", "%", ".", "..", "é", "\ud800", "٣", "-", "_", "A")


def mutants(seed: int, count: int, fixtures: Fixtures) -> Iterator[Mutant]:
    """Return *count* mutants."""
    return (mutant(seed, number, fixtures) for number in range(count))


def mutant(seed: int, number: int, fixtures: Fixtures) -> Mutant:
    """Return the mutant of that *number*."""
    random = Random(f"{seed} {number}")
    draft, steps = _mutated(
        random, good(random, fixtures), _DRAFT_MUTATIONS, random.choice((0, 1, 1, 1, 2, 3)), fixtures
    )
    count = random.choice((0, 0, 1, 2)) if steps else 1
    token, more = _mutated(random, serialized(draft, fixtures), _TEXT_MUTATIONS, count, fixtures)
    return Mutant(number, token, (*steps, *more))


def good(random: Random, fixtures: Fixtures) -> Draft:
    """Return a token that both verifiers accept."""
    key, algorithm = random.choice(KEYS)
    header = {"alg": algorithm, "typ": "JWT", "kid": fixtures.jwk(key)["kid"]}
    claims = {**fixtures.claims("id_token"), "scope": "openid read:usual-fruit", "jti": "j-1"}
    return Draft(_members(header), _members(claims), (("key", key), ("alg", algorithm)))


def serialized(draft: Draft, fixtures: Fixtures) -> str:
    """Return *draft*, signed."""
    header = base64url(_object(draft.header).encode("utf-8", "surrogatepass"))
    claims = _object(draft.claims).encode(draft.encoding, "surrogatepass")
    signed = f"{header}.{base64url(draft.before + claims + draft.after)}"
    return f"{signed}.{base64url(signature(signed.encode(), dict(draft.sign), fixtures))}"


def _mutated(
    random: Random,
    value: Value,
    mutations: Sequence[Callable[[Random, Value, Fixtures], Value]],
    count: int,
    fixtures: Fixtures,
) -> tuple[Value, list[str]]:
    steps = []
    for _ in range(count):
        mutation = random.choice(mutations)
        value = mutation(random, value, fixtures)
        steps.append(mutation.__name__)
    return value, steps


def _members(values: dict[str, Any]) -> Members:
    return tuple((json.dumps(name), json.dumps(value)) for name, value in values.items())


def _object(members: Members) -> str:
    return "{" + ",".join(f"{name}:{value}" for name, value in members) + "}"


def _changed(random: Random, members: Members) -> Members:
    """Return *members* with one of them left out, repeated, renamed, moved, or with another value."""
    if not members:
        return _members({"sub": "x"})
    at = random.randrange(len(members))
    name, value = members[at]
    odd = (name, _other(random, value))
    changed: Sequence[Members] = random.choice(
        (
            (),
            (odd,),
            (odd,),
            (odd,),
            ((name, value), odd),
            (odd, (name, value)),
            ((name, value), (name, value)),
            ((name.upper(), value),),
            ((name[:-1] + ' "', value),),
            ((name[:-1] + '\\u0000"', value),),
        )
    )
    rest = (*members[:at], *members[at + 1 :])
    return (*rest[:at], *changed, *rest[at:]) if random.random() < 0.8 else (*rest, *changed)


def _other(random: Random, text: str) -> str:
    """Return another value in the place of *text*."""
    near = _near(random, text)
    return random.choice(
        (
            *(random.choice(ODD), random.choice(ODD), near, near, near),
            *(f"[{text}]", f"[{text},{text}]", f"[{text},{near}]", f'{{"a":{text}}}', json.dumps(text), f'"{text}"'),
        )
    )


def _near(random: Random, text: str) -> str:
    """Return a value of the same type, and not far away."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text[: len(text) // 2]
    if isinstance(value, str):
        at = random.randrange(len(value) + 1)
        near = (value[:at] + random.choice(NOISE) + value[at:], value[:-1], value.upper(), value.lower(), value + "/")
        return json.dumps(random.choice(near))
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        return "[" + text + ",null]"
    return repr(value + random.choice(OFFSETS))


def change_header(random: Random, draft: Draft, _: Fixtures) -> Draft:
    """Any change of the header's members."""
    return replace(draft, header=_changed(random, draft.header))


def change_claims(random: Random, draft: Draft, _: Fixtures) -> Draft:
    """Any change of the claims."""
    return replace(draft, claims=_changed(random, draft.claims))


def name_in_header(random: Random, draft: Draft, fixtures: Fixtures) -> Draft:
    """A header parameter by which verifiers were led astray; the one that is there goes."""
    name, value = random.choice(
        (
            ("alg", random.choice(ALGORITHMS)),
            ("typ", random.choice(TYPES)),
            ("kid", random.choice(KIDS)),
            ("crit", random.choice(CRITICAL)),
            ("jwk", fixtures.jwk("ATT")),
            ("jku", random.choice(ADDRESSES)),
            ("x5u", random.choice(ADDRESSES)),
            ("x5c", random.choice(([], ["MIIB"], "MIIB", [5]))),
            ("b64", random.choice((False, True, "false", 0))),
            ("zip", random.choice(ZIPPED)),
            ("cty", random.choice(("JWT", "json"))),
            ("enc", "A256GCM"),
            ("p2c", 10**9),
        )
    )
    rest = tuple(member for member in draft.header if member[0] != json.dumps(name))
    return replace(draft, header=(*rest, *_members({name: value})))


def name_in_claims(random: Random, draft: Draft, fixtures: Fixtures) -> Draft:
    """One more claim, which may be there already, with a value that is odd or near a good one."""
    value = random.choice((NAME, str(fixtures.now), json.dumps(NAME), str(fixtures.now - 100)))
    return replace(draft, claims=(*draft.claims, (json.dumps(random.choice(EXTRAS)), _other(random, value))))


def forge(random: Random, draft: Draft, _: Fixtures) -> Draft:
    """Another key or algorithm, while the header says what it says, or says the same."""
    how = random.choice(FORGERIES)
    said = how.get("alg", "HS256" if "hmac" in how else "none")
    rest = tuple(member for member in draft.header if member[0] != '"alg"')
    header = random.choice((draft.header, (*rest, *_members({"alg": said}))))
    return replace(draft, header=header, sign=tuple(how.items()))


def surround(random: Random, draft: Draft, _: Fixtures) -> Draft:
    """Claims within, beside or before something else."""
    before, after = random.choice(
        (
            (b"[", b"]"),
            (b"\xef\xbb\xbf", b""),
            (b"", b"\x00"),
            (b"", b"{}"),
            (b" \n", b" "),
            (b"", b","),
            (b"/**/", b""),
            (b"\xff", b""),
            (b"[" * 3000, b""),
            (b'{"a":1}\n', b""),
            (b'"', b'"'),
        )
    )
    return replace(draft, before=before, after=after)


def encode(random: Random, draft: Draft, _: Fixtures) -> Draft:
    """Claims that are no UTF-8."""
    return replace(draft, encoding=random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7")))


def nest(random: Random, draft: Draft, fixtures: Fixtures) -> Draft:
    """A token as the claims, or as one of them."""
    inner = serialized(draft, fixtures)
    if random.random() < 0.5:
        return replace(draft, claims=(*draft.claims, (random.choice(draft.claims or (('"a"', ""),))[0], f'"{inner}"')))
    return replace(draft, claims=(), before=inner.encode("utf-8", "surrogatepass"), after=b"")


def change_a_letter(random: Random, token: str, _: Fixtures) -> str:
    """One letter is another one, anywhere."""
    at = random.randrange(len(token) + 1)
    return token[:at] + random.choice(BASE64URL) + token[at + 1 :]


def change_a_bit(random: Random, token: str, _: Fixtures) -> str:
    """One bit of the last letter of a part: what base64 need not keep."""
    parts = token.split(".")
    at = random.randrange(len(parts))
    if not parts[at] or parts[at][-1] not in BASE64URL:
        return token
    parts[at] = parts[at][:-1] + BASE64URL[BASE64URL.index(parts[at][-1]) ^ random.choice((1, 2, 4, 8, 16, 32))]
    return ".".join(parts)


def insert(random: Random, token: str, _: Fixtures) -> str:
    """What base64url does not have, or has in its own place only."""
    at = random.choice((0, len(token), token.find(".") % (len(token) + 1), random.randrange(len(token) + 1)))
    return token[:at] + random.choice(NOISE) + token[at:]


def cut(random: Random, token: str, _: Fixtures) -> str:
    """A piece goes."""
    at = random.randrange(len(token) + 1)
    return token[:at] + token[at + random.choice((1, 2, 3, 4, 40, 10_000)) :]


def pad(random: Random, token: str, _: Fixtures) -> str:
    """Padding at a part, right or wrong."""
    parts = token.split(".")
    at = random.randrange(len(parts))
    parts[at] += "=" * random.choice((-len(parts[at]) % 4, 1, 2, 3, 4))
    return ".".join(parts)


def move_parts(random: Random, token: str, fixtures: Fixtures) -> str:
    """Parts that are twice there, empty, exchanged, or those of another token."""
    parts = token.split(".")
    others = serialized(good(random, fixtures), fixtures).split(".")
    at = random.randrange(len(parts))
    return random.choice(
        (
            ".".join([*parts[:at], *parts[at + 1 :]]),
            ".".join([*parts[:at], "", *parts[at + 1 :]]),
            ".".join([*parts, parts[at]]),
            ".".join(parts[::-1]),
            ".".join([*parts[:at], others[at % 3], *parts[at + 1 :]]),
            ".".join([*others[:2], parts[-1]]),
            ".".join([others[0], "", "", "", parts[-1]]),
        )
    )


def write_otherwise(random: Random, token: str, _: Fixtures) -> str:
    """The alphabet of base64, escapes, the JSON form of RFC 7515, section 7.2, or a header's first word."""
    parts = [*token.split("."), "", "", ""][:3]
    return random.choice(
        (
            token.replace("-", "+").replace("_", "/"),
            token.replace(".", "%2E"),
            token.upper(),
            json.dumps(dict(zip(("protected", "payload", "signature"), parts, strict=True))),
            json.dumps({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}),
            f"Bearer {token}",
            token * 2,
            token * 70,
        )
    )


_DRAFT_MUTATIONS = (
    *(change_claims, change_claims, change_claims, change_header, change_header, name_in_header, name_in_header),
    *(name_in_claims, forge, forge, surround, encode, nest),
)
_TEXT_MUTATIONS = (change_a_letter, change_a_bit, change_a_bit, insert, cut, pad, pad, move_parts, write_otherwise)
