"""The issuer's keys: which are taken, and when they are fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from fruit_service import key_set as key_set_module
from fruit_service import keys as keys_module
from fruit_service.addresses import is_safe
from fruit_service.errors import Unavailable
from fruit_service.key_set import KeySetAddress, get_json, import_keys
from fruit_service.keys import IssuerKeys
from tests.support.bad_inputs import Fixtures, base64url
from tests.support.key_publisher import KeyPublisher
from tests.support.threads import until
from tests.support.web import serving

FIXTURES = Fixtures()


class Clock:
    """Time that passes when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def publisher() -> Iterator[KeyPublisher]:
    """An issuer with one key, k1."""
    with KeyPublisher({"keys": [FIXTURES.jwk("K1")]}) as publisher:
        yield publisher


@pytest.mark.parametrize(
    "odd",
    [
        {},
        None,
        "key",
        7,
        {"kty": "RSA"},
        {"kty": "RSA", "kid": "x", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "x", "n": 5, "e": "AQAB"},
        {"kty": "EC", "kid": "x", "crv": "P-0", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "AKP", "kid": "x", "alg": "ML-DSA-65", "pub": "AA"},
        {"kty": ["RSA"], "kid": "x"},
        {**FIXTURES.jwk("K2"), "kid": None},
        {**FIXTURES.jwk("K2"), "kid": ["k2"]},
        {**FIXTURES.jwk("K2"), "use": "enc"},
        {**FIXTURES.jwk("K2"), "key_ops": ["encrypt"]},
        {**FIXTURES.jwk("K2"), "alg": 7},
        FIXTURES.jwk("WEAK"),
        FIXTURES.jwk("OCT1"),
    ],
)
def test_odd_key_does_not_spoil_the_others(odd: Any) -> None:
    """Keys are imported one by one; short, symmetric and foreign ones are left out."""
    assert list(import_keys({"keys": [odd, FIXTURES.jwk("K1")]})) == ["k1"]


def test_keys_without_hints_are_taken() -> None:
    """`use`, `alg` and `key_ops` are optional (RFC 7517, section 4), also for elliptic curves."""
    bare = {name: value for name, value in FIXTURES.jwk("K1").items() if name not in ("use", "alg")}
    keys = import_keys({"keys": [bare, FIXTURES.jwk("EC1"), {**FIXTURES.jwk("K2"), "key_ops": ["verify"]}]})
    assert set(keys) == {"k1", "e1", "k2"}


def test_keys_are_fetched_on_first_use_and_kept(publisher: KeyPublisher) -> None:
    """Nothing before, one fetch after."""
    keys = IssuerKeys(publisher.issuer)
    assert publisher.fetches == 0
    assert [keys.find("k1"), keys.find("k1")] == [keys.find("k1")] * 2
    assert publisher.fetches == 1


def test_unknown_keys_cause_no_storm(publisher: KeyPublisher) -> None:
    """One fetch in 30 seconds, whatever unknown names arrive; then one more."""
    clock = Clock()
    keys = IssuerKeys(publisher.issuer, clock)
    keys.find("k1")
    assert [keys.find(f"unknown {number}") for number in range(1000)] == [None] * 1000
    assert publisher.fetches == 2
    clock.now += 29
    keys.find("unknown")
    assert publisher.fetches == 2
    clock.now += 2
    publisher.jwks = {"keys": [FIXTURES.jwk("K2")]}
    assert keys.find("k2") is not None
    assert publisher.fetches == 3


def test_of_many_callers_one_fetches(publisher: KeyPublisher) -> None:
    """The others wait for it."""
    keys = IssuerKeys(publisher.issuer)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(keys.find("k1"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in found
    assert publisher.fetches == 1


@pytest.mark.parametrize("broken", [{"keys": []}, {"keys": 7}, {}, ["keys"], "keys", None])
def test_last_good_keys_are_kept(publisher: KeyPublisher, broken: Any) -> None:
    """Whatever the issuer publishes then."""
    keys = IssuerKeys(publisher.issuer)
    keys.find("k1")
    publisher.jwks = broken
    assert keys.find("k2") is None
    assert keys.find("k1") is not None


def test_issuer_without_any_key(publisher: KeyPublisher) -> None:
    """An empty key set is the issuer's fault; where there are others the token's is, though none verifies anything."""
    publisher.jwks = {"keys": []}
    with pytest.raises(Unavailable):
        IssuerKeys(publisher.issuer).find("k1")
    publisher.jwks = {"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}]}
    keys = IssuerKeys(publisher.issuer)
    assert keys.find("k1") is None
    with pytest.raises(Unavailable, match="publishes no usable key"):
        keys.check()


def test_issuer_that_fails_is_asked_again_after_a_while(publisher: KeyPublisher) -> None:
    """`Unavailable` at first, without a request for each token; good when the issuer is back."""
    clock = Clock()
    keys = IssuerKeys(publisher.issuer, clock)
    publisher.status = 500
    for _ in range(3):
        with pytest.raises(Unavailable):
            keys.find("k1")
    publisher.status = 200
    clock.now += 3
    assert keys.find("k1") is not None
    assert publisher.fetches == 1


def test_last_good_keys_serve_for_a_day(publisher: KeyPublisher) -> None:
    """While the issuer is down; then nothing is known any more, and that is said."""
    clock = Clock()
    keys = IssuerKeys(publisher.issuer, clock)
    key = keys.find("k1")
    assert key is not None
    publisher.status = 500
    clock.now += 24 * 3600 - 1
    assert keys.find("k1") is key
    assert keys.find("k2") is None
    clock.now += 2
    assert not keys.holds(str(key.kid), key)
    with pytest.raises(Unavailable):
        keys.find("k1")


def test_keys_are_refreshed_behind_the_requests(publisher: KeyPublisher) -> None:
    """A withdrawn key is dropped without a request for another one. A key that stays is the same object."""
    publisher.jwks = {"keys": [FIXTURES.jwk("K1"), FIXTURES.jwk("K2")]}
    keys = IssuerKeys(publisher.issuer, refresh_interval=0.05)
    gone, stays = keys.find("k1"), keys.find("k2")
    assert gone is not None
    assert stays is not None
    publisher.jwks = {"keys": [FIXTURES.jwk("K2")]}
    until(lambda: not keys.holds(str(gone.kid), gone))
    assert keys.holds(str(stays.kid), stays)
    keys.close()


def test_key_that_was_replaced_under_its_name_is_another_one(publisher: KeyPublisher) -> None:
    """Tokens known under the old one are not good any more."""
    clock = Clock()
    keys = IssuerKeys(publisher.issuer, clock)
    old = keys.find("k1")
    assert old is not None
    publisher.jwks = {"keys": [{**FIXTURES.jwk("K2"), "kid": "k1"}]}
    assert keys.find("unknown") is None
    assert not keys.holds(str(old.kid), old)
    assert keys.find("k1") is not None


def without_kid(name: str) -> dict[str, Any]:
    """Return a key that has no name."""
    return {member: value for member, value in FIXTURES.jwk(name).items() if member != "kid"}


@pytest.mark.parametrize("only", [FIXTURES.jwk("K1"), without_kid("K1")], ids=["named", "without a name"])
def test_only_key_needs_no_name(publisher: KeyPublisher, only: dict[str, Any]) -> None:
    """OpenID Connect Core, 10.1. Once there is a second key, what the first one verified is not known any more."""
    clock = Clock()
    publisher.jwks = {"keys": [only]}
    keys = IssuerKeys(publisher.issuer, clock)
    key = keys.find(None)
    assert key is not None
    assert keys.holds(None, key)
    assert keys.find("") is None
    clock.now += 31
    publisher.jwks = {"keys": [only, without_kid("K2")]}
    assert keys.find("unknown") is None
    assert not keys.holds(None, key)
    assert keys.find(None) is None


@pytest.mark.parametrize(
    ("exponent", "good"), [(3, True), (65537, True), (1, False), (65536, False), (2**64 + 1, False)]
)
def test_exponent_has_bounds(exponent: int, good: bool) -> None:
    """Verifying by a long one takes long; an even one, or 1, is no key at all."""
    encoded = base64url(exponent.to_bytes((exponent.bit_length() + 7) // 8))
    assert bool(import_keys({"keys": [{**FIXTURES.jwk("K1"), "e": encoded}]})) is good


def test_key_set_on_this_machine_of_an_issuer_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer elsewhere does not have this machine ask itself."""
    document = {"issuer": "https://issuer.test/", "jwks_uri": "http://127.0.0.1:1/keys"}
    monkeypatch.setattr(key_set_module, "get_json", lambda url: document)
    with pytest.raises(ValueError, match="on this machine, and the issuer is not"):
        KeySetAddress("https://issuer.test/").jwks()


def test_caches_are_asked_past_and_the_ca_bundle_holds_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has put under `requests` must not bring back a key that was replaced."""
    sessions: list[requests.Session] = []
    real = requests.Session.request

    def request(session: requests.Session, *args: Any, **kwargs: Any) -> requests.Response:
        sessions.append(session)
        return real(session, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/authority.pem")
    with serving() as web:
        web.answers["/x"] = (200, {}, b"{}")
        get_json(f"{web.url}/x")
        assert web.headers[0]["Cache-Control"] == "no-store"
    assert sessions[0].verify == "/authority.pem"


def test_slow_issuer_holds_nobody_for_long(publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait a moment for a fetch, from its start, and not longer."""
    monkeypatch.setattr(keys_module, "MAX_WAIT", 0.3)
    keys = IssuerKeys(publisher.issuer)
    assert keys.find("k1") is not None
    release = threading.Event()
    monkeypatch.setattr(keys._key_set, "jwks", lambda: release.wait(20) and {"keys": [FIXTURES.jwk("K2")]})
    began = time.monotonic()
    assert [keys.find(f"unknown {number}") for number in range(1000)] == [None] * 1000
    assert keys.find("k1") is not None
    assert time.monotonic() - began < 2
    release.set()


def test_fetch_that_does_not_end_is_given_up(publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds it up, as headers that drip: the next fetch finds the issuer in order again."""
    let_go = threading.Event()
    documents = key_set_module.get_json
    monkeypatch.setattr(key_set_module, "get_json", lambda url: let_go.wait(60) and {})
    monkeypatch.setattr(keys_module, "MAX_FETCH", 0.2)
    monkeypatch.setattr(keys_module, "RETRY_INTERVAL", 0)
    keys = IssuerKeys(publisher.issuer)
    with pytest.raises(Unavailable):
        keys.find("k1")
    monkeypatch.setattr(key_set_module, "get_json", documents)
    monkeypatch.setattr(keys_module, "MAX_FETCH", 30)
    assert found_in_time(keys)
    let_go.set()


def found_in_time(keys: IssuerKeys, deadline: float = 20) -> bool:
    """Ask for k1 until it is there."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        with suppress(Unavailable):
            return keys.find("k1") is not None
    return False


def test_keys_that_come_while_old_ones_are_dropped_stay(
    publisher: KeyPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that saw that the day was over, and goes on when another's fetch has ended."""
    keys = IssuerKeys(publisher.issuer)
    assert keys.find("k1")
    answers = iter([False, True])
    monkeypatch.setattr(keys, "_is_answered", lambda: next(answers))
    assert "k1" in keys._current()


def test_dripping_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it goes on."""
    monkeypatch.setattr(key_set_module, "MAX_DURATION", 0.2)

    def drip() -> Iterator[bytes]:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            yield b" "
            time.sleep(0.01)

    with serving() as web:
        web.answers["/jwks"] = (200, {}, drip)
        with pytest.raises(ValueError, match="seconds"):
            get_json(f"{web.url}/jwks")


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.test/"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://issuer.test/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://localhost:80@issuer.test/"},
    ],
)
def test_discovery_document_that_is_not_in_order_is_refused(publisher: KeyPublisher, change: dict[str, Any]) -> None:
    """OpenID Connect Discovery, section 4.3: its issuer is the one asked for; keys come over a safe way only."""
    publisher.metadata |= change
    with pytest.raises(Unavailable):
        IssuerKeys(publisher.issuer).find("k1")
    assert publisher.fetches == 0


def test_document_of_any_size_is_not_read(publisher: KeyPublisher) -> None:
    """A mebibyte at most."""
    publisher.jwks = {"keys": [], "more": "x" * 2_000_000}
    with pytest.raises(ValueError, match="more than"):
        get_json(f"{publisher.issuer}jwks")


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://issuer.test/", True),
        ("http://localhost:9400/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:1/", True),
        ("http://issuer.test/", False),
        ("http://localhost.test/", False),
        ("http://localhost:80@issuer.test/", False),
        ("ftp://localhost/", False),
        ("issuer.test", False),
        ("https://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_safe_urls(url: str, safe: bool) -> None:
    """https, or this machine."""
    assert is_safe(url) is safe
