"""The device grant: when it polls, how it ends, and what it believes, against the local issuer and its clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import ParamsAuth0
from ipyauth_magic.display.card import Link
from ipyauth_magic.display.cards import device_card
from ipyauth_magic.errors import (
    InvalidIdToken,
    InvalidResponse,
    IpyauthError,
    ProviderError,
    ProviderRefused,
    SignInCancelled,
    SignInTimeout,
)
from ipyauth_magic.flows import device
from ipyauth_magic.protocol.device_authorization import DeviceAuthorization
from ipyauth_magic.protocol.flow import Grant
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider.provider import Provider
from tests.support.attempts import Attempt
from tests.support.form_browser import FormBrowser
from tests.support.threads import wait_for

GRANT = Grant.of("code", "device")
CODES, TOKENS = "/oauth/device/code", "/oauth/token"


class Played:
    """A sign-in whose pauses take no time: they are written down, and the issuer's clock goes on.

    The numbers of `during`, what happens in a pause, and of `too_short` count from 1.
    """

    def __init__(self, issuer: LocalIssuer) -> None:
        self.issuer = issuer
        self.taken: list[float] = []
        self.during: dict[int, Callable[[], object]] = {}
        self.too_short: set[int] = set()
        self.shown: list[DeviceAuthorization] = []

    def sign_in(self, **changes: str) -> TokenSet:
        """Sign in by the issuer's clock."""
        params, provider = for_device(self.issuer, **changes), Provider.of(self.issuer.issuer)
        polling: device.Polling | device.Granted = device.begin(params, GRANT, provider)
        assert isinstance(polling, device.Polling)
        self.shown.append(polling.authorization)
        while isinstance(polling, device.Polling):
            self.pause(polling.pause)
            polling = device.poll(polling, params, provider, self.now)
        return device.tokens(polling, params, GRANT, provider, self.now)

    def pause(self, seconds: float) -> None:
        """Take no time."""
        self.taken.append(seconds)
        number = len(self.taken)
        assert number < 50, "no end in sight"
        if number not in self.too_short:
            self.issuer.switches.advance(seconds)
        self.during.get(number, lambda: None)()

    def now(self) -> datetime:
        """Return the issuer's time."""
        return datetime.fromtimestamp(self.issuer.switches.now(), UTC)

    def person_allows(self) -> None:
        """Open the link, where alice allows everything at once."""
        requests.get(str(self.shown[0].verification_uri_complete), timeout=10).raise_for_status()


@pytest.fixture
def own_issuer() -> Iterator[LocalIssuer]:
    """A local issuer of the test's own, with switches to turn."""
    with LocalIssuer(port=0, auto_approve="alice") as running:
        yield running


@pytest.fixture
def played(own_issuer: LocalIssuer) -> Played:
    """Return a sign-in whose pauses take no time."""
    return Played(own_issuer)


def for_device(issuer: LocalIssuer, **changes: Any) -> ParamsAuth0:
    """Return the parameters of the fruit story."""
    values = {"issuer": issuer.issuer, "client_id": issuer.client_id, "audience": issuer.audience}
    return ParamsAuth0(**(values | {"redirect_uri": "http://127.0.0.1:0/", "scope": "read:usual-fruit"} | changes))


# When it polls (RFC 8628, 3.5)


@pytest.mark.parametrize("asked", [{"organization": "org_a"}, {"acr_values": "urn:mfa"}, {"max_age": "600"}])
def test_what_is_asked_of_the_sign_in_is_compared(
    asked: dict[str, str], own_issuer: LocalIssuer, played: Played
) -> None:
    """With the claims of the ID token, as in the other flows."""
    said = {"organization": "org_id", "acr_values": "acr", "max_age": "auth_time"}
    [(name, value)] = asked.items()
    played.during[1] = played.person_allows
    with pytest.raises(InvalidIdToken) as caught:
        played.sign_in(**asked)
    assert caught.value.check == said[name]
    claim = int(own_issuer.switches.now()) if name == "max_age" else value
    own_issuer.switches.tamper = lambda draft: draft.claims.update({said[name]: claim})
    played.shown.clear()
    played.during[len(played.taken) + 1] = played.person_allows
    assert played.sign_in(**asked).logged_as == "alice"


@pytest.mark.parametrize(("interval", "paused"), [(7, 7), (1, 1), (None, 5)], ids=["7 s", "1 s", "none named"])
def test_it_polls_by_the_interval(interval: int | None, paused: int, own_issuer: LocalIssuer, played: Played) -> None:
    """Never before the first interval is over; by five seconds where the provider names none (section 3.2)."""
    own_issuer.switches.device_interval = interval
    played.during[3] = played.person_allows
    tokens = played.sign_in()
    assert played.taken == [paused, paused, paused]
    assert own_issuer.switches.requests[TOKENS] == 3
    assert tokens.logged_as == "alice"
    assert tokens.refresh_token is not None
    assert "read:usual-fruit" in tokens.scope


def test_slow_down_adds_five_seconds_for_good(own_issuer: LocalIssuer, played: Played) -> None:
    """Each time anew; the issuer would complain again if a later poll came earlier."""
    played.too_short = {2, 4}
    played.during[7] = played.person_allows
    played.sign_in()
    assert played.taken == [5, 5, 10, 10, 15, 15, 15]


def test_a_lost_connection_backs_off_while_it_is_lost(own_issuer: LocalIssuer, played: Played) -> None:
    """Each pause twice the last, up to a minute; then as before."""
    own_issuer.switches.drop(TOKENS, times=5)
    played.during[7] = played.person_allows
    played.sign_in()
    assert played.taken == [5, 10, 20, 40, 60, 60, 5]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_provider_is_given_time(status: int, own_issuer: LocalIssuer, played: Played) -> None:
    """Auth0 answers 429 without a body; that is no answer about the user."""
    own_issuer.switches.answer(TOKENS, status, times=2)
    played.during[4] = played.person_allows
    played.sign_in()
    assert played.taken == [5, 10, 20, 5]


def test_slow_down_outlasts_a_lost_connection(own_issuer: LocalIssuer, played: Played) -> None:
    """What was asked for stays the least, and a lost connection makes it more, also beyond a minute."""
    own_issuer.switches.answer(TOKENS, 429, {"error": "slow_down"}, times=12)
    own_issuer.switches.drop(TOKENS)
    played.during[15] = played.person_allows
    played.sign_in()
    assert played.taken == [*range(5, 70, 5), 130, 65]


# How it ends


def test_a_person_denies() -> None:
    """With the provider's error, and at once."""
    with LocalIssuer(port=0) as issuer:
        played = Played(issuer)

        def deny() -> None:
            page = FormBrowser(issuer.issuer).open(str(played.shown[0].verification_uri_complete))
            page.press("Confirm").press("Alice").press("Deny")

        played.during[2] = deny
        with pytest.raises(ProviderRefused) as caught:
            played.sign_in()
        assert caught.value.error == "access_denied"
        assert played.taken == [5, 5]


def test_the_provider_says_that_the_code_has_ended(own_issuer: LocalIssuer, played: Played) -> None:
    """With the way to a new one."""
    own_issuer.switches.device_code_lifetime = 12
    with pytest.raises(ProviderRefused, match="Run the cell again to get a new one") as caught:
        played.sign_in()
    assert caught.value.error == "expired_token"
    assert played.taken == [5, 5, 5]


def test_a_code_that_has_ended_is_not_asked_about(own_issuer: LocalIssuer) -> None:
    """`expires_in` ends the wait also where the provider never says so."""
    own_issuer.switches.device_code_lifetime = own_issuer.switches.device_interval = 1
    attempt = Attempt(for_device(own_issuer), 60, flow="device", renewable=True)
    with pytest.raises(ProviderRefused) as caught:
        attempt.result()
    attempt.join()
    assert caught.value.error == "expired_token"
    assert own_issuer.switches.requests[TOKENS] == 0


def ends(attempt: Attempt, kind: type[IpyauthError], within: float) -> IpyauthError:
    """Check that *attempt* ends by an error of *kind* within so many seconds, and leaves no thread."""
    begun = time.monotonic()
    with pytest.raises(kind) as caught:
        attempt.result()
    attempt.join()
    assert time.monotonic() - begun < within
    assert wait_for(lambda: "ipyauth-sign-in" not in [thread.name for thread in threading.enumerate()], 2)
    return caught.value


def test_nobody_enters_the_code(own_issuer: LocalIssuer) -> None:
    """The wait's own end comes before the code's, and in the middle of a pause."""
    error = ends(Attempt(for_device(own_issuer), 0.5, flow="device", renewable=True), SignInTimeout, 5)
    assert "The code was not entered within 0.5 seconds" in str(error)
    assert own_issuer.switches.requests[TOKENS] == 0


def test_a_refusal_names_the_scope_that_the_user_did_not_write(own_issuer: LocalIssuer) -> None:
    """The provider may refuse `offline_access`, and the user can leave it out."""
    own_issuer.switches.answer(CODES, 400, {"error": "invalid_scope"})
    params = for_device(own_issuer)
    error = ends(Attempt(params, 60, flow="device", renewable=None), ProviderRefused, 30)
    assert "--no-renewable" in str(error)


def test_a_wait_that_is_cancelled_ends_at_once(own_issuer: LocalIssuer) -> None:
    """In the middle of a pause of five seconds."""
    attempt = Attempt(for_device(own_issuer), 60, flow="device", renewable=True)
    attempt.wait_for_url(10)
    assert attempt.progress.device is not None
    attempt.stop("the test says so")
    assert "the test says so" in str(ends(attempt, SignInCancelled, 2))
    assert attempt.progress.device is None


# What it believes


def test_the_link_is_shown_and_the_device_code_is_not(own_issuer: LocalIssuer, played: Played) -> None:
    """RFC 8628, 5.2: whoever has the device code gets the tokens."""
    played.during[1] = played.person_allows
    played.sign_in()
    [shown] = played.shown
    assert shown.user_code in str(shown.verification_uri_complete)
    assert str(shown.device_code) not in repr(shown)
    assert str(shown.device_code) not in str(shown.verification_uri_complete)


CODES_DOCUMENT = {"device_code": "d", "user_code": "BCDF-GHJK", "verification_uri": "https://x.test/", "expires_in": 60}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"device_code": None}, "device_code"),
        ({"user_code": "<\x1b[2J>"}, "user_code"),
        ({"verification_uri": "javascript:alert(1)"}, "verification_uri"),
        ({"verification_uri": None}, "verification_uri"),
        ({"expires_in": None}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"interval": "soon"}, "interval"),
        ({"interval": -5}, "interval"),
    ],
    ids=str,
)
def test_codes_that_break_the_standard(
    change: dict[str, object], check: str, own_issuer: LocalIssuer, played: Played
) -> None:
    """Nothing is shown, and nobody is asked for tokens (RFC 8628, 3.2)."""
    own_issuer.switches.answer(CODES, 200, CODES_DOCUMENT | change)
    with pytest.raises(InvalidResponse) as caught:
        played.sign_in()
    assert caught.value.check == check
    assert played.shown == []
    assert own_issuer.switches.requests[TOKENS] == 0


def test_a_link_that_is_not_safe_is_left_out(own_issuer: LocalIssuer, played: Played) -> None:
    """The code can still be entered."""
    own_issuer.switches.answer(CODES, 200, CODES_DOCUMENT | {"verification_uri_complete": "file:///etc/passwd"})
    with pytest.raises(ProviderRefused):
        played.sign_in()
    assert played.shown[0].verification_uri_complete is None


@pytest.mark.parametrize(
    ("uri", "complete", "is_used"),
    [
        ("https://x.test/", "https://x.test/activate?user_code=BCDF-GHJK", True),
        ("https://x.test/", "https://X.test:443/activate?user_code=BCDF-GHJK", True),
        ("https://x.test/", "https://evil.test/activate?user_code=BCDF-GHJK", False),
        ("https://x.test/", "https://x.test.evil.test/", False),
        ("https://x.test/", "https://x.test:8443/", False),
        ("http://localhost:9400/activate", "https://localhost:9400/activate", False),
        ("http://localhost:9400/activate", "http://127.0.0.1:9400/activate", False),
    ],
)
def test_a_link_to_another_host_is_left_out(uri: str, complete: str, is_used: bool) -> None:
    """The card names the host of `verification_uri`, and its button and QR code lead nowhere else."""
    links = {"verification_uri": uri, "verification_uri_complete": complete}
    asked = DeviceAuthorization.from_document(CODES_DOCUMENT | links)
    assert (asked.verification_uri_complete == complete) is is_used
    card = device_card(asked.user_code, asked.verification_uri, asked.verification_uri_complete, "openid")
    assert card.link == (Link("Open with the code filled in", complete) if is_used else Link("Open the page", uri))


@pytest.mark.parametrize(("claim", "value"), [("iss", "https://evil.test/"), ("aud", "another"), ("at_hash", "x")])
def test_the_id_token_is_verified(claim: str, value: str, own_issuer: LocalIssuer, played: Played) -> None:
    """As in any grant; only the nonce is not there, since none was sent."""
    own_issuer.switches.tamper = lambda draft: draft.claims.update({claim: value})
    played.during[1] = played.person_allows
    with pytest.raises(InvalidIdToken) as caught:
        played.sign_in()
    assert caught.value.check == claim


def test_a_provider_without_this_grant(own_issuer: LocalIssuer, played: Played) -> None:
    """Its discovery document tells, before anybody is asked."""
    well_known = "/.well-known/openid-configuration"
    document = requests.get(own_issuer.issuer.rstrip("/") + well_known, timeout=10).json()
    own_issuer.switches.answer(well_known, 200, document | {"device_authorization_endpoint": None})
    with pytest.raises(ProviderError, match="no device_authorization_endpoint"):
        played.sign_in()
    assert own_issuer.switches.requests[CODES] == 0
