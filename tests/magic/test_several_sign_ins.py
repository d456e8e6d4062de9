"""Several sign-ins at the same time: on ports of their own, and on one port; no token ever reaches another's."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import ParamsAuth0
from ipyauth_magic.errors import IpyauthError, PortTaken
from ipyauth_magic.protocol.tokens import TokenSet
from tests.support.attempts import Attempt
from tests.support.auths import params_for
from tests.support.form_browser import FormBrowser
from tests.support.ports import free_port, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser, query_of
from tests.support.threads import joined

COUNT = 8
RESPONSE_TYPES = ("token id_token", "code")


def distinct_ports() -> list[int]:
    """Return eight ports that nobody holds."""
    ports: set[int] = set()
    while len(ports) < COUNT:
        ports.add(free_port())
    return sorted(ports)


@pytest.fixture(scope="module")
def ports() -> list[int]:
    """Return the ports of the eight."""
    return distinct_ports()


@pytest.fixture(scope="module")
def asking_issuer(ports: list[int]) -> Iterator[LocalIssuer]:
    """An issuer that asks people who they are, so that two of them can sign in at the same time."""
    with LocalIssuer(port=0, callback_urls=[uri(port) for port in ports], skip_consent=True) as running:
        yield running


def uri(port: int) -> str:
    """Return a redirect URI."""
    return f"http://127.0.0.1:{port}/callback/"


class Person(ScriptedBrowser):
    """A browser without anybody's cookies, in front of which somebody of a name sits."""

    def __init__(self, issuer: str, name: str) -> None:
        super().__init__()
        self._visit = FormBrowser(issuer)
        self._name = name

    def sign_in(self, url: str) -> None:
        """Choose the name, and follow the way back."""
        self.opened.append(url)
        arrival = self._visit.open(url).press(self._name).arrival
        assert arrival is not None
        self.arrive(arrival.url)


@dataclass
class SignIn:
    """One of many: who signs in, and what came of it."""

    name: str
    person: Person
    tokens: TokenSet | None = None
    error: IpyauthError | None = None
    nonce: str = ""

    def run(self, params: ParamsAuth0, together: threading.Barrier) -> None:
        """Sign in when all others do."""
        together.wait(30)
        try:
            attempt = Attempt(params, 60)
        except IpyauthError as error:
            self.error = error
            return
        attempt.wait_for_url(30)
        self.nonce = query_of(str(attempt.url))["nonce"]
        try:
            self.person.sign_in(str(attempt.url))
            self.tokens = attempt.result()
        finally:
            attempt.join()

    def has_own_tokens(self) -> bool:
        """Tell whether every token is this person's, of this very sign-in."""
        assert self.tokens is not None
        sub = f"auth0|{self.name.lower()}"
        return (self.tokens.claims["sub"], self.tokens.claims["nonce"], subject(self.tokens.access_token)) == (
            sub,
            self.nonce,
            sub,
        )


def subject(access_token: str) -> str:
    """Return whose access token it is."""
    payload = access_token.split(".")[1]
    sub: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    return sub


def params(issuer: LocalIssuer, port: int, response_type: str) -> ParamsAuth0:
    """Return the parameters of the fruit story, to be answered on *port*."""
    return params_for(issuer, redirect_uri=uri(port), response_type=response_type)


def all_at_once(issuer: LocalIssuer, ports: list[int], response_type: str) -> list[SignIn]:
    """Let alice and bob sign in by turns, each time on the next of *ports*, all at the same moment."""
    sign_ins = [SignIn(name, Person(issuer.issuer, name)) for name in ("Alice", "Bob") * (len(ports) // 2)]
    together = threading.Barrier(len(ports))
    threads = [
        threading.Thread(target=each.run, args=(params(issuer, port, response_type), together))
        for each, port in zip(sign_ins, ports, strict=True)
    ]
    for thread in threads:
        thread.start()
    joined(threads, 60)
    return sign_ins


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
def test_eight_at_once_on_ports_of_their_own(response_type: str, ports: list[int], asking_issuer: LocalIssuer) -> None:
    """All succeed; each has the tokens of its own user, for its own nonce."""
    sign_ins = all_at_once(asking_issuer, ports, response_type)
    assert [each.error for each in sign_ins] == [None] * COUNT
    assert [each.has_own_tokens() for each in sign_ins] == [True] * COUNT
    assert len({each.tokens.access_token for each in sign_ins if each.tokens}) >= 2
    assert len({each.nonce for each in sign_ins}) == COUNT
    assert all(wait_until_free(port) for port in ports)


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
def test_eight_at_once_on_one_port(response_type: str, ports: list[int], asking_issuer: LocalIssuer) -> None:
    """One at a time; the others hear at once that the port is taken, and by its number."""
    port = ports[0]
    waiting = Attempt(params(asking_issuer, port, response_type), 60)
    try:
        waiting.wait_for_url(30)
        refused = all_at_once(asking_issuer, [port] * COUNT, response_type)
        assert [type(each.error) for each in refused] == [PortTaken] * COUNT
        assert all(f"Port {port} is in use" in str(each.error) for each in refused)
        bob = SignIn("Bob", Person(asking_issuer.issuer, "Bob"), nonce=query_of(str(waiting.url))["nonce"])
        bob.person.sign_in(str(waiting.url))
        bob.tokens = waiting.result()
        assert bob.has_own_tokens()
    finally:
        waiting.join()
    raced = all_at_once(asking_issuer, [port] * COUNT, response_type)
    succeeded = [each for each in raced if each.tokens]
    assert succeeded
    assert all(each.has_own_tokens() for each in succeeded)
    assert [type(each.error) for each in raced if not each.tokens] == [PortTaken] * (COUNT - len(succeeded))
    assert wait_until_free(port)


@pytest.mark.parametrize("response_type", RESPONSE_TYPES)
def test_a_response_that_arrives_at_anothers_port(
    response_type: str, ports: list[int], asking_issuer: LocalIssuer
) -> None:
    """It is turned away there, and both sign-ins go on (RFC 6749, 10.12)."""
    first, second = (Attempt(params(asking_issuer, port, response_type), 60) for port in ports[:2])
    try:
        for attempt in (first, second):
            attempt.wait_for_url(30)
        astray = FormBrowser(asking_issuer.issuer).open(str(first.url)).press("Alice").arrival
        assert astray is not None
        at_second = astray.url.replace(f":{ports[0]}/", f":{ports[1]}/")
        tab = ScriptedBrowser()
        assert tab.arrive(at_second).status == 400
        assert "another sign-in" in tab.answers[-1].text
        assert not second.is_over
        for attempt, name, browser in ((first, "Alice", None), (second, "Bob", Person(asking_issuer.issuer, "Bob"))):
            nonce = query_of(str(attempt.url))["nonce"]
            if browser is None:
                ScriptedBrowser().arrive(astray.url)
            else:
                browser.sign_in(str(attempt.url))
            done = SignIn(name, Person(asking_issuer.issuer, name), attempt.result(), nonce=nonce)
            assert done.has_own_tokens()
    finally:
        for attempt in (first, second):
            attempt.stop("the test is over")
            attempt.join()


def test_a_code_of_another_sign_in_is_refused(ports: list[int], asking_issuer: LocalIssuer) -> None:
    """Bob's code under alice's state: PKCE ties it to his own sign-in (RFC 9700, 4.5), and nobody gets a token."""
    attempts = [Attempt(params(asking_issuer, port, "code"), 60) for port in ports[:2]]
    try:
        for attempt in attempts:
            attempt.wait_for_url(30)
        responses = []
        for attempt, name in zip(attempts, ("Alice", "Bob"), strict=True):
            arrival = FormBrowser(asking_issuer.issuer).open(str(attempt.url)).press(name).arrival
            assert arrival is not None
            responses.append(dict(parse_qsl(urlsplit(arrival.url).query)))
        injected = responses[0] | {"code": responses[1]["code"]}
        tab = ScriptedBrowser()
        assert tab.arrive(f"{uri(ports[0])}?{urlencode(injected)}").status == 400
        with pytest.raises(IpyauthError, match="invalid_grant"):
            attempts[0].result()
        assert attempts[0].tokens is None
    finally:
        for attempt in attempts:
            attempt.stop("the test is over")
            attempt.join()
