"""Tokens do not show themselves."""

from __future__ import annotations

import copy
import io
import json
import pickle
import reprlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import rich.console
import rich.pretty

from ipyauth_magic import ParamsAuth0
from ipyauth_magic.flows import clock
from ipyauth_magic.flows.facts import describe
from ipyauth_magic.protocol.tokens import AccessToken, AuthorizationHeader, IdToken, TokenSet

SECRET = "eyJhbGciOiJub25lIn0.c2VjcmV0.c2lnbmF0dXJl"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_zone() -> Iterator[None]:
    """Give the zone of this machine back."""
    yield
    time.tzset()


@pytest.mark.parametrize("kind", [AccessToken, IdToken, AuthorizationHeader])
def test_a_repr_shows_no_part(kind: type[str]) -> None:
    """No prefix and no suffix either, alone or in a container."""
    token = kind(SECRET)
    for shown in (repr(token), f"{token!r}", repr([token]), repr({"Authorization": token}), "%r" % token):  # noqa: UP031  # as users do
        assert not any(SECRET[i : i + 4] in shown for i in range(len(SECRET) - 4))


def described(
    monkeypatch: pytest.MonkeyPatch, seconds: float = 0, claims: dict[str, Any] | None = None, **requested: Any
) -> TokenSet:
    """Return tokens of alice for an API, with facts in their `repr`, seen *seconds* after `NOW`."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    monkeypatch.setattr(clock, "utc_now", lambda: NOW + timedelta(seconds=seconds))
    tokens = token_set(900, **{"nickname": "alice", "exp": NOW.timestamp() + 3600, **(claims or {})})
    given = {"domain": "tenant.eu.auth0.com", "client_id": "my-notebook", "audience": "api/fruit", **requested}
    describe(tokens, ParamsAuth0(**given))
    return tokens


HOW = "hidden: %token shows its claims"


@pytest.mark.parametrize(
    ("seconds", "claims", "requested", "about"),
    [
        (0, {}, {}, "of alice for api/fruit, until 01:15"),
        (900, {}, {}, "of alice for api/fruit, expired 01:15"),
        (86400, {}, {}, "of alice for api/fruit, expired 1 Jan, 01:15"),
        (0, {}, {"audience": None}, "of alice, until 01:15"),
        (0, {}, {"audience": None, "resource": "https://api.test/"}, "of alice for https://api.test/, until 01:15"),
        (0, {"nickname": "al\x1b[31mice\u202e\n"}, {}, "of al [31mice for api/fruit, until 01:15"),
        (0, {"nickname": "a" * 99}, {"audience": "b" * 99}, f"of {'a' * 39}… for {'b' * 59}…, until 01:15"),
    ],
)
def test_a_repr_says_whose_it_is_for_what_and_until_when(
    seconds: float, claims: dict[str, Any], requested: dict[str, Any], about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In local time; what comes from outside is plain and short."""
    token = described(monkeypatch, seconds, claims, **requested).access_token
    assert repr(token) == f"<AccessToken {about}; {HOW}>"
    assert (str(token), f"{token}", token) == (SECRET,) * 3
    assert repr(copy.copy(token)) == repr(copy.deepcopy(token)) == repr(token)
    assert repr(token[:20]) == "<AccessToken, hidden>", "a part is not the token"


def test_the_repr_of_an_id_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is for the application, and has an end of its own."""
    tokens = described(monkeypatch)
    assert repr(tokens.id_token) == f"<IdToken of alice for my-notebook, until 02:00; {HOW}>"
    for exp in (None, "later", 1e300, True):
        told = repr(described(monkeypatch, claims={"exp": exp}).id_token)
        assert told.startswith("<IdToken of alice for my-notebook")


def test_the_repr_without_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known is left out; an opaque token has no claims to be shown."""
    monkeypatch.setattr(clock, "utc_now", lambda: NOW)
    plain = TokenSet(AccessToken("opaque"), None, "a", None, NOW, {})
    assert repr(plain.access_token) == "<AccessToken, hidden>"
    describe(plain, ParamsAuth0(domain="t.auth0.com", client_id="c"))
    assert repr(plain.access_token) == "<AccessToken, hidden>"
    describe(plain, ParamsAuth0(domain="t.auth0.com", client_id="c", audience="api"))
    assert repr(plain.access_token) == "<AccessToken for api; hidden>"


def test_the_help_of_a_token_says_how_to_use_it() -> None:
    """For `token?` and Shift-Tab."""
    assert 'headers={"Authorization": f"Bearer {token}"}' in str(AccessToken.__doc__)
    assert "auth=auth" in str(AccessToken.__doc__)


def test_a_header_gets_the_value() -> None:
    """`print`, `format` and JSON give the token: headers need it."""
    token = AccessToken(SECRET)
    assert f"Bearer {token}" == "Bearer " + SECRET == "Bearer {}".format(token)  # noqa: UP032  # as users do
    assert str(token) == SECRET == json.loads(json.dumps(token))
    assert requests.Request("GET", "http://x", headers={"Authorization": token}).prepare().headers["Authorization"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_refused(protocol: int) -> None:
    """A pickle is a file that nobody knows to hold a secret; the error does not hold it either."""
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps({"t": AccessToken(SECRET)}, protocol)
    assert SECRET not in str(caught.value)
    assert "str(token)" in str(caught.value)
    assert type(pickle.loads(pickle.dumps(str(AccessToken(SECRET)), protocol))) is str


def test_copy_works_and_stays_masked() -> None:
    """Also within what holds it."""
    token = AccessToken(SECRET)
    for copied in (copy.copy(token), copy.deepcopy(token), copy.deepcopy([token])[0]):
        assert copied == SECRET
        assert SECRET not in repr(copied)


@pytest.mark.parametrize("kind", [AccessToken, IdToken, AuthorizationHeader])
def test_a_part_is_masked_too(kind: type[str]) -> None:
    """`rich` and `reprlib` cut a long text first, and show the `repr` of what is left; `print` gives the value."""
    token, header = kind(SECRET), AuthorizationHeader(SECRET).encode()
    for part in (token[:20], token[5:], token[::2], token[3], token[2:][:9], header[:20]):
        assert SECRET[5:9] not in repr(part)
    assert str(token[:20]) == SECRET[:20] == f"{token[:20]}"
    assert (header[:3], header[0], token[-1]) == (SECRET[:3].encode(), ord(SECRET[0]), SECRET[-1])
    shown = [
        rich.pretty.pretty_repr({"token": token, "bytes": header}, max_string=8),
        reprlib.repr([token, header]),
        repr(token)[:80],
    ]
    assert not any(SECRET[i : i + 4] in text for text in shown for i in range(len(SECRET) - 4))


def test_a_traceback_of_rich_shows_no_part() -> None:
    """With the variables of each frame, of which it cuts long ones."""
    token = AccessToken(SECRET * 9)

    def fail(mine: AccessToken) -> None:
        raise ValueError(len(mine))

    console = rich.console.Console(record=True, width=200, file=io.StringIO())
    try:
        fail(token)
    except ValueError:
        console.print_exception(show_locals=True)
    text = console.export_text()
    assert "mine = <AccessToken, hidden>" in text
    assert SECRET[5:9] not in text


def token_set(lifetime: float, **claims: Any) -> TokenSet:
    """Return tokens that live *lifetime* seconds from NOW."""
    expires_at = NOW + timedelta(seconds=lifetime)
    return TokenSet(AccessToken(SECRET), IdToken(SECRET), "openid", expires_at, NOW, {"sub": "auth0|1"} | claims)


@pytest.mark.parametrize(
    ("lifetime", "age", "ended"),
    [
        (60, 0, False),
        (60, 53, False),
        (60, 54, True),
        (7200, 7169, False),
        (7200, 7170, True),
        (0, 0, True),
        (60, 99, True),
    ],
)
def test_the_leeway_is_a_tenth_of_the_lifetime_and_at_most_30_seconds(lifetime: int, age: int, ended: bool) -> None:
    """A token that is about to end is not handed out."""
    assert token_set(lifetime).is_expired(NOW + timedelta(seconds=age)) is ended


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"nickname": "nick", "name": "N", "email": "e"}, "nick"),
        ({"name": "N", "email": "e"}, "N"),
        ({"nickname": " ", "name": 3, "email": "e"}, "e"),
        ({}, "auth0|1"),
    ],
)
def test_who_signed_in(claims: dict[str, object], name: str) -> None:
    """`nickname`, else `name`, else `email`, else `sub`."""
    assert token_set(60, **claims).logged_as == name


@pytest.mark.parametrize(
    ("claims", "account"),
    [
        ({"nickname": "alice", "email": "a@x.test", "email_verified": True}, "a@x.test"),
        ({"nickname": "alice", "email": "a@x.test", "email_verified": False}, "auth0|1"),
        ({"nickname": "alice", "email": "a@x.test", "email_verified": "true"}, "auth0|1"),
        ({"nickname": "alice", "email": "a@x.test"}, "auth0|1"),
        ({"nickname": "alice", "email": 3, "email_verified": True}, "auth0|1"),
        ({}, "auth0|1"),
    ],
)
def test_whose_account_it_is(claims: dict[str, object], account: str) -> None:
    """What the provider answers for: the e-mail address only where it says that it has verified it."""
    assert token_set(60, **claims).account == account


def test_a_token_set_shows_no_secret() -> None:
    """Nor the claims, which hold the nonce."""
    shown = repr(token_set(60, nonce="n0nce"))
    assert SECRET not in shown
    assert "n0nce" not in shown
