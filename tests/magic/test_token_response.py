"""Token responses and refusals as tables of values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ipyauth_magic.errors import InvalidResponse, ProviderRefused, ProviderUnreachable
from ipyauth_magic.protocol.token_response import (
    TokenResponse,
    refusal,
    renewed,
    token_set,
    token_set_without_id_token,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": "a.b.c", "refresh_token": "rt"}
CLAIMS = {"sub": "alice", "nonce": "n", "exp": NOW.timestamp() + 3600}


def parsed(**changes: Any) -> TokenResponse:
    """Return the good response with changes; None takes a member away."""
    document = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return TokenResponse.from_document(document, "openid a")


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(60, 60), ("60", 60), ("60.0", 60), (60.9, 60), (None, None), (10**11, 10 * 365 * 24 * 3600)],
)
def test_lifetimes(expires_in: Any, seconds: int | None) -> None:
    """A number of seconds, or one in a string; RFC 6749, 5.1 recommends it."""
    assert parsed(expires_in=expires_in).expires_in == seconds


@pytest.mark.parametrize("expires_in", [0, "0", "0.0"])
def test_lifetime_of_nothing(expires_in: Any) -> None:
    """The grammar allows it (RFC 6749, A.14), and the error says what it means."""
    with pytest.raises(InvalidResponse, match="its expires_in is 0, so its access token has expired already"):
        parsed(expires_in=expires_in)


@pytest.mark.parametrize("expires_in", [0, -1, True, "soon", "", "1e3", "60.5", "60.", [], {}, float("nan"), 1e13])
def test_lifetimes_that_are_none(expires_in: Any) -> None:
    """A response that does not keep to its standard is refused whole."""
    with pytest.raises(InvalidResponse) as caught:
        parsed(expires_in=expires_in)
    assert caught.value.check == "expires_in"


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"access_token": None}, "access_token"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": 5}, "access_token"),
        ({"access_token": "a b"}, "access_token"),
        ({"access_token": "a\nb"}, "access_token"),
        ({"id_token": ["x"]}, "id_token"),
        ({"refresh_token": "a\r\nb"}, "refresh_token"),
        ({"token_type": None}, "token_type"),
        ({"token_type": "mac"}, "token_type"),
        ({"token_type": 1}, "token_type"),
    ],
)
def test_responses_that_are_refused(changes: dict[str, Any], check: str) -> None:
    """No value of the response stands in the error."""
    with pytest.raises(InvalidResponse) as caught:
        parsed(**changes)
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        (None, "openid a"),
        ("openid", "openid"),
        (" b  c ", "b c"),
        ("", "openid a"),
        (7, "openid a"),
        (["b", "c d", 5], "b c d"),
        ([], "openid a"),
        ("b,c", "b c"),
    ],
)
def test_scope(scope: Any, granted: str) -> None:
    """Absent when equal to the requested one (RFC 6749, 5.1); some providers send a list, or commas."""
    assert parsed(scope=scope).scope == granted


def test_a_comma_may_be_part_of_a_scope() -> None:
    """RFC 6749, 3.3: the requested scopes tell."""
    assert TokenResponse.from_document(GOOD | {"scope": "a,b c"}, "openid a,b").scope == "a,b c"


def test_no_access_token_names_the_remedy() -> None:
    """A provider that sends one for scopes of an API only."""
    with pytest.raises(InvalidResponse, match="it has no access_token.*Ask for a scope of an API"):
        parsed(access_token=None)


def test_a_first_response_becomes_tokens() -> None:
    """The end counts from the request, in whole seconds; without an ID token it is refused."""
    for asked_at in (NOW, NOW + timedelta(microseconds=999_999)):
        assert token_set(parsed(), CLAIMS, asked_at).expires_at == NOW + timedelta(seconds=60)
    with pytest.raises(InvalidResponse, match="it has no id_token.*leave `default_scope` empty"):
        token_set(parsed(id_token=None), CLAIMS, NOW)


def test_a_lifetime_that_is_not_told_is_not_known() -> None:
    """The ID token's end is another one (RFC 6749, 5.1). Such a token does not end by the clock, and a refresh may."""
    first = token_set(parsed(expires_in=None), CLAIMS, NOW)
    assert first.expires_at is None
    assert not first.is_expired(NOW + timedelta(days=1000))
    assert renewed(first, parsed(expires_in=None), CLAIMS, NOW).expires_at is None
    assert renewed(first, parsed(), CLAIMS, NOW).expires_at == NOW + timedelta(seconds=60)


def test_tokens_without_an_id_token() -> None:
    """No claims; the userinfo names the user; an ID token that comes all the same is not verified, so not kept."""
    about = {"sub": "7", "name": "Alice", "email": "a@x.test", "email_verified": True, "groups": ["many"]}
    named = token_set_without_id_token(parsed(), about, NOW)
    assert (named.id_token, named.claims, named.subject) == (None, {}, "7")
    assert (named.logged_as, named.account) == ("Alice", "a@x.test")
    assert "groups" not in named.userinfo
    again = renewed(named, parsed(access_token="at2"), named.claims, NOW)
    assert (again.access_token, again.id_token, again.subject) == ("at2", None, "7")
    assert again.is_of_same_user(named)


def test_users_without_a_name_are_told_apart_by_their_sign_in() -> None:
    """Two people may sign in for the same; a renewal stays within one sign-in."""
    one, other = (token_set_without_id_token(parsed(), {}, NOW) for _ in range(2))
    assert (one.logged_as, one.account, one.subject) == ("unknown", "unknown", None)
    assert not one.is_of_same_user(other)
    assert renewed(one, parsed(access_token="at2"), {}, NOW).is_of_same_user(one)


def test_a_refresh_that_tells_no_lifetime_gives_the_old_one() -> None:
    """The old ID token's end is past by then, and would have the token renewed at each use."""
    first, later = token_set(parsed(), CLAIMS, NOW), NOW + timedelta(hours=2)
    new = renewed(first, parsed(id_token=None, expires_in=None), first.claims, later)
    assert new.expires_at == later + timedelta(seconds=60)


def test_what_a_refresh_leaves_out_goes_on() -> None:
    """OpenID Connect Core, 12.2: the ID token, the refresh token, the nonce."""
    first = token_set(parsed(), CLAIMS, NOW)
    later = NOW + timedelta(minutes=1)
    new = renewed(first, parsed(access_token="at2", id_token=None, refresh_token=None), first.claims, later)
    assert (new.access_token, new.id_token, new.refresh_token) == ("at2", first.id_token, first.refresh_token)
    assert new.obtained_at == later
    assert new.claims["nonce"] == "n"
    rotated = renewed(first, parsed(refresh_token="rt2"), {"sub": "alice", "exp": 9}, later)
    assert rotated.refresh_token == "rt2"
    assert rotated.claims == {"nonce": "n", "sub": "alice", "exp": 9}


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (400, {"error": "invalid_grant"}, "invalid_grant"),
        (403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}, "invalid_grant"),
        (429, {"error": "slow_down"}, "slow_down"),
        (401, {}, "status 401"),
        (400, {"error": 5}, "status 400"),
        (429, {}, None),
        (429, {"error": "too_many_requests"}, None),
        (500, {"error": "invalid_grant"}, None),
        (503, {}, None),
        (400, {"error": "temporarily_unavailable"}, None),
        (200, {"ok": False, "error": "invalid_code"}, "invalid_code"),
        (200, {"error": "authorization_pending"}, "authorization_pending"),
        (200, {"error": {"message": "no"}}, "unspecified"),
    ],
)
def test_what_a_refusal_means(status: int, document: dict[str, Any], error: str | None) -> None:
    """The error code decides, not the status; a provider that is busy has refused nothing."""
    refused = refusal(status, document)
    if error is None:
        assert isinstance(refused, ProviderUnreachable)
    else:
        assert isinstance(refused, ProviderRefused)
        assert refused.error == error
