"""Records: what is written comes back, and nothing else is believed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.store.key import checked, store_key
from ipyauth_magic.store.record import LIMIT, decode, encode
from tests.support.stored import KEY, token_set

WRITTEN = encode(KEY, token_set()) or b""


def changed(**fields: Any) -> bytes:
    """Return a record with some fields changed."""
    return json.dumps(json.loads(WRITTEN) | fields).encode()


def without(name: str) -> bytes:
    """Return a record without a field."""
    return json.dumps({field: value for field, value in json.loads(WRITTEN).items() if field != name}).encode()


ODD: dict[str, bytes] = {
    "nothing": b"",
    "torn": WRITTEN[:-1],
    "torn in the middle": WRITTEN[:700],
    "two records": WRITTEN * 2,
    "no JSON": b"\x00" * 100,
    "not ASCII": WRITTEN.replace(b"one", b"\xc3\xa9", 1),
    "a list": b"[" + WRITTEN + b"]",
    "a string": b'"x"',
    "null": b"null",
    "nested without end": b"[" * 200_000,
    "an endless number": changed().replace(b'"version": 4', b'"version": ' + b"1" * 5000),
    "over 1 MiB": changed(scope="x" * LIMIT),
    "a field twice": WRITTEN.replace(b'{"version": 4', b'{"version": 4, "version": 4', 1),
    "another version": changed(version=5),
    "the version before": changed(version=3),
    "a record of an earlier version": changed(version=1, sealed_refresh_token="abcd", refresh_token=None),
    "a version that is true": changed(version=True),
    "a version that is a float": changed(version=4.0),
    "another key": changed(key="f" * 64),
    "a field more": changed(more=1),
    "a token that breaks a header": changed(access_token="abc\r\nX-Evil: 1"),
    "a token with a line's end": changed(access_token="abc\n"),
    "an empty token": changed(access_token=""),
    "a token that is a number": changed(access_token=1),
    "no ID token": changed(id_token=None),
    "an empty refresh token": changed(refresh_token=""),
    "an odd scope": changed(scope='read"'),
    "a scope that is a list": changed(scope=["openid"]),
    "a naive time": changed(expires_at="2030-01-01T13:00:00"),
    "another zone": changed(expires_at="2030-01-01T15:00:00+02:00"),
    "a time in another notation": changed(expires_at="2030-01-01T13:00:00Z"),
    "a week": changed(expires_at="2030-W01-2"),
    "a time that is a number": changed(expires_at=1893502800),
    "no such day": changed(expires_at="2030-02-30T13:00:00+00:00"),
    "an end before the beginning": changed(expires_at="2029-01-01T13:00:00+00:00"),
    "claims that are a list": changed(claims=[]),
    "claims without a subject": changed(claims={}),
    "a subject that is a number": changed(claims={"sub": 1}),
    "claims without an ID token": changed(id_token=None, userinfo={"sub": "x"}),
    "userinfo beside an ID token": changed(userinfo={"sub": "x"}),
    "neither a user nor a sign-in": changed(id_token=None, claims={}),
    "a user and a sign-in": changed(id_token=None, claims={}, userinfo={"sub": "x"}, sign_in_id="abc"),
    "userinfo without a subject": changed(id_token=None, claims={}, userinfo={"name": "x"}),
    "a request that is a list": changed(asked_for=["client_id"]),
    "a request with a number": changed(asked_for={"client_id": 1}),
    "an odd sign-in": changed(id_token=None, claims={}, sign_in_id="a b"),
    "a claim that is no number": changed(claims={"sub": "x", "n": float("nan")}),
} | {f"no {name}": without(name) for name in json.loads(WRITTEN)}


def test_what_is_written_comes_back() -> None:
    """Every field, with its type, and the tokens masked."""
    tokens = decode(KEY, WRITTEN)
    assert tokens == token_set()
    assert tokens is not None
    assert [type(each) for each in (tokens.access_token, tokens.id_token, tokens.refresh_token)] == [
        AccessToken,
        IdToken,
        RefreshToken,
    ]
    assert not [word for word in ("access-", "id-", "refresh-") if word + "one" in repr(tokens)]
    assert tokens.expires_at is not None
    assert tokens.expires_at.tzinfo is not None


@pytest.mark.parametrize(
    "about_user", [{"userinfo": {"sub": "7", "name": "Ålice"}}, {"sign_in_id": "a-B_3"}], ids=["userinfo", "no user"]
)
def test_tokens_without_id_token_come_back(about_user: dict[str, Any]) -> None:
    """And without a known end."""
    kept = replace(token_set(), id_token=None, claims={}, expires_at=None, **about_user)
    assert decode(KEY, encode(KEY, kept) or b"") == kept


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_counts_as_absent(name: str) -> None:
    """No exception, and no token set."""
    assert decode(KEY, ODD[name]) is None


def test_what_was_asked_for_comes_back() -> None:
    """It names the sign-in, and makes no two token sets different."""
    kept = decode(KEY, encode(KEY, replace(token_set(), asked_for={"client_id": "ä"})) or b"")
    assert kept == token_set()
    assert kept.asked_for == {"client_id": "ä"}


def test_noise_counts_as_absent() -> None:
    """Bytes of chance are never a record."""
    chance = random.Random(1)
    noises = [chance.randbytes(chance.randrange(300)) for _ in range(500)]
    assert [noise for noise in noises if decode(KEY, noise) is not None] == []


def test_a_changed_record_never_raises() -> None:
    """A record with some bytes overwritten is absent or still well formed."""
    chance = random.Random(2)
    read = 0
    for _ in range(2000):
        place, noise = chance.randrange(len(WRITTEN)), chance.randbytes(chance.randint(1, 2))
        tokens = decode(KEY, WRITTEN[:place] + noise + WRITTEN[place + len(noise) :])
        read += tokens is not None
        assert tokens is None or tokens.access_token.isprintable()
    assert 0 < read < 2000


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": AccessToken("x" * LIMIT)},
        {"access_token": AccessToken("naïve")},
        {"refresh_token": RefreshToken("\ud800")},
        {"claims": {"sub": "x", "n": float("inf")}},
        {"claims": {"sub": "x", "n": object()}},
    ],
)
def test_what_would_not_be_read_is_not_written(changes: dict[str, Any]) -> None:
    """So that a save that seems to work is one."""
    assert encode(KEY, replace(token_set(), **changes)) is None


def test_each_thing_that_is_asked_for_changes_the_key() -> None:
    """Two sign-ins that differ in anything sent to the provider never share a token."""
    common = {"domain": "tenant.eu.auth0.com", "client_id": "abc", "audience": "api/fruit", "scope": "read:a read:b"}
    differences: list[dict[str, str]] = [
        {},
        {"domain": "tenant.us.auth0.com"},
        {"client_id": "abd"},
        {"audience": "api/fruits"},
        {"scope": "read:a"},
        {"scope": "read:a read:b read:c"},
        {"response_type": "code"},
        *({name: "x1"} for name in ("login_hint", "connection", "organization", "acr_values", "resource")),
        {"prompt": "login"},
        {"max_age": "60"},
    ]
    keys = [store_key(ParamsAuth0(**(common | each))) for each in differences]
    keys.append(store_key(ParamsAuth0(**common), flow="device"))
    assert len(set(keys)) == len(keys)
    assert all(checked(key) == key and len(key) == 64 for key in keys)


def test_what_means_the_same_has_the_same_key() -> None:
    """The order of scopes, and where the response arrives, make no other token."""

    def key(**changes: str) -> str:
        return store_key(ParamsAuth0(**({"domain": "a.auth0.com", "client_id": "c", "scope": "x y"} | changes)))

    assert key() == key(scope="y x x") == key(scope="openid y x") == key(redirect_uri="http://127.0.0.1:9999/callback/")


@pytest.mark.parametrize("key", ["", "../x", "a/b", "a\\b", "a.b", "a\n", "x" * 101, "a\x00b"])
def test_no_key_leads_out_of_the_folder(key: str) -> None:
    """A key is part of a file's name."""
    with pytest.raises(ValueError, match="key of a record"):
        checked(key)
