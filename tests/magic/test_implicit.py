"""The implicit grant, whole: a local issuer, real sockets, a scripted browser."""

from __future__ import annotations

import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.callback import pages
from ipyauth_magic.errors import (
    InvalidIdToken,
    IpyauthError,
    OutOfTime,
    PortTaken,
    ProviderError,
    ProviderRefused,
    SignInCancelled,
    SignInTimeout,
)
from ipyauth_magic.flows import implicit
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider import provider
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.settings.params import ParamsAuth0
from tests.support.attempts import Attempt
from tests.support.ports import free_port, is_free, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser, query_of, send
from tests.support.threads import wait_for
from tests.support.web import serving

MakeParams = Callable[..., ParamsAuth0]
SignIn = Callable[..., TokenSet]


def port_of(redirect_uri: str) -> int:
    """Return the port of a redirect URI."""
    return int(redirect_uri.split(":")[2].split("/")[0])


@pytest.mark.parametrize("mode", ["fragment", "form_post"])
def test_a_user_signs_in(mode: str, params: MakeParams, sign_in: SignIn) -> None:
    """Tokens, scopes and the end as the issuer gave them; the tab says so too."""
    browser = ScriptedBrowser()
    tokens = sign_in(params(response_mode=mode), browser)
    assert tokens.claims["sub"] == "auth0|alice"
    assert tokens.logged_as == "alice"
    assert tokens.scope.split() == ["openid", "profile", "read:usual-fruit"]
    assert timedelta(seconds=50) < tokens.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    assert tokens.access_token.count(".") == 2
    assert "signed in" in browser.answers[-1].text


def test_without_an_audience_the_access_token_is_opaque(params: MakeParams, sign_in: SignIn) -> None:
    """As at Auth0; everything else holds."""
    tokens = sign_in(params(audience=None, scope="email"), ScriptedBrowser())
    assert "." not in tokens.access_token
    assert tokens.claims["sub"] == "auth0|alice"


def test_an_issuer_is_discovered_before_anything_is_opened(
    issuer: LocalIssuer, params: MakeParams, sign_in: SignIn
) -> None:
    """`issuer=` takes the endpoints from the discovery document."""
    tokens = sign_in(params(domain=None, issuer=issuer.issuer), ScriptedBrowser())
    assert tokens.claims["iss"] == issuer.issuer


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
def test_every_loopback_family(host: str) -> None:
    """The redirect may come to ::1 or to 127.0.0.1."""
    uri = f"http://{host}:{free_port()}/cb"
    with LocalIssuer(port=0, auto_approve="bob", callback_urls=(uri,)) as own:
        wanted = ParamsAuth0(domain=own.issuer.rstrip("/"), client_id=own.client_id, redirect_uri=uri)
        attempt = Attempt(wanted, 30)
        attempt.wait_for_url(10)
        ScriptedBrowser().open_in_thread(str(attempt.url))
        assert attempt.result().logged_as == "bob"
        attempt.join()


def test_forged_state_does_not_end_the_wait(params: MakeParams, sign_in: SignIn) -> None:
    """A response with another state is turned away, and the user's own still signs in."""

    def forge(location: str) -> None:
        callback = location.split("#")[0]
        forged = ScriptedBrowser(change=lambda parameters: parameters | {"state": "forged"}, idle_socket=False)
        assert forged.arrive(location).status == 400
        send("GET", callback.rsplit("/callback", 1)[0] + "/")

    assert sign_in(params(), ScriptedBrowser(before=forge)).claims["sub"] == "auth0|alice"


def test_a_second_response_changes_nothing(params: MakeParams, sign_in: SignIn) -> None:
    """The first one with the right state is final."""
    again: list[int | str] = []

    class Twice(ScriptedBrowser):
        def arrive(self, location: str):  # type: ignore[no-untyped-def]
            answer = super().arrive(location)
            try:
                again.append(send("GET", location.split("#")[0]).status)
            except ConnectionError:
                again.append("refused")
            return answer

    assert sign_in(params(), Twice()).logged_as == "alice"
    assert again[0] in ("refused", 200)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"access_token": "another"}, InvalidIdToken),
        ({"error": "access_denied", "error_description": "User did not authorize"}, ProviderRefused),
        ({"id_token": "eyJhbGciOiJub25lIn0.e30."}, InvalidIdToken),
    ],
)
def test_tab_and_caller_hear_the_same(
    change: dict[str, str], error: type[IpyauthError], params: MakeParams, sign_in: SignIn, redirect_uri: str
) -> None:
    """A failure's sentence stands in the tab too, and the port is free again."""
    browser = ScriptedBrowser(change=lambda parameters: parameters | change)
    with pytest.raises(error) as caught:
        sign_in(params(), browser)
    assert browser.answers[-1].status == 400
    assert str(caught.value).split(".")[0] in browser.answers[-1].text
    assert wait_until_free(port_of(redirect_uri))


def test_a_token_with_no_time_left_is_no_sign_in(
    params: MakeParams, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ID token ended within its leeway, and nobody else says how long the access token is good."""
    verify = Provider.verify
    over = {"exp": time.time() - 30}
    monkeypatch.setattr(Provider, "verify", lambda *arguments: verify(*arguments) | over)
    left_out = {"expires_in"}
    browser = ScriptedBrowser(change=lambda given: {name: given[name] for name in given if name not in left_out})
    with pytest.raises(OutOfTime, match="clock"):
        sign_in(params(), browser)
    assert browser.answers[-1].status == 400


def test_user_and_consent_can_be_refused(redirect_uri: str, sign_in: SignIn) -> None:
    """`prompt=none` without a session: the provider's error, with a remedy."""
    with LocalIssuer(port=0, callback_urls=(redirect_uri,)) as own:
        wanted = ParamsAuth0(
            domain=own.issuer.rstrip("/"), client_id=own.client_id, redirect_uri=redirect_uri, prompt="none"
        )
        with pytest.raises(ProviderRefused, match="without prompt=none") as caught:
            sign_in(wanted, ScriptedBrowser())
    assert caught.value.error == "login_required"


def test_a_redirect_uri_that_is_not_registered_times_out(issuer: LocalIssuer) -> None:
    """The provider shows its own page and never calls back; the error names the line to add."""
    wanted = ParamsAuth0(
        domain=issuer.issuer.rstrip("/"), client_id=issuer.client_id, redirect_uri="http://127.0.0.1:0/x"
    )
    attempt = Attempt(wanted, 0.5)
    attempt.wait_for_url(10)
    page = send("GET", str(attempt.url))
    assert page.status == 403
    with pytest.raises(SignInTimeout) as caught:
        attempt.result()
    assert attempt.redirect_uri in str(caught.value)
    attempt.join()


def test_nobody_listens_at_the_provider(redirect_uri: str) -> None:
    """`issuer=`: an error at once, nothing opened, the port free."""
    wanted = ParamsAuth0(issuer="http://127.0.0.1:1", client_id="c", redirect_uri=redirect_uri)
    attempt = Attempt(wanted, 30)
    with pytest.raises(ProviderError, match="cannot be reached"):
        attempt.result()
    attempt.join()
    assert attempt.url is None
    assert is_free(port_of(redirect_uri))


def test_a_domain_whose_document_names_another_endpoint_ends_the_wait(
    params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link was opened at Auth0's own endpoint; what the document says must agree, and nobody waits for more."""
    real = provider.fetch_json

    def other(url: str) -> dict[str, object]:
        document = real(url)
        if "authorization_endpoint" in document:
            document["authorization_endpoint"] += "2"
        return document

    monkeypatch.setattr(provider, "fetch_json", other)
    attempt = Attempt(params(), 300)
    with pytest.raises(ProviderError, match="another authorization endpoint"):
        attempt.result()
    attempt.join()


def test_a_domain_where_nobody_listens_ends_the_wait(redirect_uri: str) -> None:
    """The cause is told at once, and not a missing Callback URL after five minutes."""
    attempt = Attempt(ParamsAuth0(domain="http://127.0.0.1:1", client_id="c", redirect_uri=redirect_uri), 300)
    with pytest.raises(ProviderError, match="cannot be reached"):
        attempt.result()
    attempt.join()


def test_auth0s_own_endpoint_is_opened_at_once(redirect_uri: str) -> None:
    """With `domain` nobody waits for the discovery document, which may be slow."""
    go_on = threading.Event()

    def slow() -> Iterator[bytes]:
        go_on.wait(30)
        yield b"{}"

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, slow)
        attempt = Attempt(ParamsAuth0(domain=web.url, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.wait_for_url(20)
        assert str(attempt.url).startswith(f"{web.url}/authorize?")
        attempt.stop("the test is over")
        go_on.set()
        attempt.join()


def test_a_provider_that_hangs_does_not_stretch_the_timeout(redirect_uri: str) -> None:
    """Discovery goes on meanwhile; the wait ends when it should."""
    over = threading.Event()

    def hang() -> Iterator[bytes]:
        over.wait(30)
        yield b"{}"

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, hang)
        attempt = Attempt(ParamsAuth0(domain=web.url, client_id="c", redirect_uri=redirect_uri), 0.3)
        started = time.monotonic()
        with pytest.raises(SignInTimeout):
            attempt.result()
        assert time.monotonic() - started < 3
        over.set()
    attempt.join()


def test_an_issuer_that_hangs_does_not_stretch_the_timeout(redirect_uri: str) -> None:
    """Its thread is left behind; who waits, and the port, are not."""
    over = threading.Event()

    def hang() -> Iterator[bytes]:
        over.wait(30)
        yield b"{}"

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, hang)
        attempt = Attempt(ParamsAuth0(issuer=web.url, client_id="c", redirect_uri=redirect_uri), 0.3)
        started = time.monotonic()
        with pytest.raises(SignInTimeout):
            attempt.result()
        assert time.monotonic() - started < 5
        assert is_free(port_of(redirect_uri))
        over.set()
    attempt.join()


def test_a_cancelled_attempt_opens_no_browser(redirect_uri: str, user_browser: ScriptedBrowser) -> None:
    """Discovery is slow, the user interrupts, discovery ends: no tab opens then."""
    go_on = threading.Event()

    def slow() -> Iterator[bytes]:
        go_on.wait(30)
        yield json.dumps({"issuer": web.url, "authorization_endpoint": web.url, "jwks_uri": f"{web.url}/k"}).encode()

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, slow)
        web.answers["/k"] = (200, {}, b'{"keys": []}')
        attempt = Attempt(ParamsAuth0(issuer=web.url, client_id="c", redirect_uri=redirect_uri), 30, open_browser=True)
        attempt.stop("it was interrupted")
        assert attempt.is_over
        go_on.set()
        with pytest.raises(SignInCancelled):
            attempt.result()
        attempt.join()
    assert user_browser.opened == []


def test_a_failure_carries_no_frame_with_the_response(params: MakeParams, sign_in: SignIn) -> None:
    """Nor a cause whose frames have it: `%xmode Verbose` prints every variable of every frame."""
    for change in ({"id_token": "e30.e30.AA"}, {"access_token": "a b"}, {"error": "access_denied"}):
        browser = ScriptedBrowser(change=lambda parameters, change=change: parameters | change)
        with pytest.raises(IpyauthError) as caught:
            sign_in(params(), browser)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        modules = {frame.frame.f_globals["__name__"] for frame in caught.traceback}
        assert not [name for name in modules if "oauth" in name or "listener" in name]


@pytest.fixture
def known_provider(params: MakeParams) -> Provider:
    """A provider of which all is at hand, so that whoever asks for the result runs the grant."""
    known = Provider.of(params().expected_issuer)
    known.metadata()
    return known


def our_threads() -> list[str]:
    """Return the names of the threads that a sign-in began and that still run."""
    return [
        each.name for each in threading.enumerate() if each.name.startswith(("ipyauth-sign-in", "ipyauth-callback"))
    ]


@pytest.mark.usefixtures("known_provider")
def test_where_nothing_else_can_be_waited_for_the_caller_runs_the_grant(params: MakeParams) -> None:
    """No thread more; the link is told at once, by `tick`, and the time left once a second."""
    browser, attempt, told = ScriptedBrowser(), Attempt(params(), 30), []

    def tick(attempt: Attempt) -> None:
        told.append((threading.current_thread(), attempt.url, "ipyauth-sign-in" in our_threads()))
        if len(told) == 2:
            browser.open_in_thread(str(attempt.url))

    assert attempt.result(tick).logged_as == "alice"
    assert told == [(threading.current_thread(), browser.opened[0], False)] * len(told)
    browser.join()
    attempt.join()


@pytest.mark.parametrize(
    "where",
    [
        "ipyauth_magic.flows.sign_in.sign_in_with_implicit",
        "ipyauth_magic.flows.sign_in.open_in_browser",
        "ipyauth_magic.callback.listener.Listener.serve",
        "ipyauth_magic.callback.listener._Server.start",
        "ipyauth_magic.callback.listener.Listener._wait_for_response",
        "ipyauth_magic.provider.provider.Provider.verify",
        "ipyauth_magic.flows.implicit._token_set",
        "ipyauth_magic.flows.sign_in.Attempt._keep",
        "ipyauth_magic.flows.sign_in.Attempt._tell of the tokens",
    ],
)
@pytest.mark.usefixtures("known_provider")
def test_an_interrupt_anywhere_leaves_nothing(
    where: str, params: MakeParams, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port and threads are gone, nobody else waits on, and no frame of the flow is in the traceback."""

    def interrupt(*args: object, **kwargs: object) -> None:
        if "of the tokens" not in where or attempt.tokens is not None:
            raise KeyboardInterrupt

    browser, attempt = ScriptedBrowser(), Attempt(params(), 30)
    monkeypatch.setattr(where.split()[0], interrupt)
    if where.endswith("open_in_browser"):
        attempt.open_browser()

    def tick(attempt: Attempt) -> None:
        if not browser.opened:
            browser.open_in_thread(str(attempt.url))

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        attempt.result(tick)
    assert time.monotonic() - started < 2.5
    browser.join()
    assert not [answer for answer in browser.answers if pages.DONE.title in answer.text], "the tab agrees with the cell"
    assert wait_until_free(port_of(redirect_uri), 5)
    deadline = time.monotonic() + 5
    while our_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert our_threads() == []
    assert {frame.frame.f_globals["__name__"] for frame in caught.traceback} <= {
        __name__,
        "ipyauth_magic.flows.sign_in",
    }
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    with pytest.raises(SignInCancelled):
        attempt.result()


@pytest.mark.parametrize("response_type", ["token id_token", "code"])
def test_an_interrupt_while_the_tokens_are_stored(response_type: str, params: MakeParams, redirect_uri: str) -> None:
    """In a thread, while its caller is interrupted: the tab hears that it failed, as the caller does."""
    storing, go_on, browser = threading.Event(), threading.Event(), ScriptedBrowser()

    def store(attempt: Attempt) -> None:
        if attempt.tokens is not None:
            storing.set()
            go_on.wait(20)

    def tick(attempt: Attempt) -> None:
        if not browser.opened:
            browser.open_in_thread(str(attempt.url))
        assert storing.wait(20)
        raise KeyboardInterrupt

    attempt = Attempt(params(response_type=response_type, response_mode="fragment"), 30, changed=store)
    attempt.wait_for_url(10)
    with pytest.raises(KeyboardInterrupt):
        attempt.result(tick)
    go_on.set()
    browser.join()
    assert browser.answers[-1].status == 400
    attempt.join()
    assert attempt.tokens is None
    with pytest.raises(SignInCancelled):
        attempt.result()
    assert wait_until_free(port_of(redirect_uri))


def test_an_attempt_that_was_never_begun_gives_its_port_back(params: MakeParams, redirect_uri: str) -> None:
    """An interrupt may come between the two."""
    Attempt(params(), 30).cancel("it was interrupted")
    assert is_free(port_of(redirect_uri))


@pytest.mark.usefixtures("known_provider")
def test_another_thread_ends_a_grant_that_the_caller_runs(params: MakeParams, redirect_uri: str) -> None:
    """As `clear()` does: the caller is told at once."""
    attempt = Attempt(params(), 30)

    def clear(attempt: Attempt) -> None:
        threading.Thread(target=attempt.cancel, args=("it was cleared",), daemon=True).start()

    started = time.monotonic()
    with pytest.raises(SignInCancelled, match="it was cleared"):
        attempt.result(clear)
    assert time.monotonic() - started < 2.5
    attempt.join()
    assert is_free(port_of(redirect_uri))


def test_a_clock_that_is_wrong_is_named(params: MakeParams, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes off is refused, half a minute is not."""
    for minutes, ok in ((-0.5, True), (0.5, True), (20, False), (-20, False)):
        shifted = datetime.now(UTC) + timedelta(minutes=minutes)
        monkeypatch.setattr(
            "ipyauth_magic.flows.sign_in.sign_in_with_implicit",
            lambda *args, shifted=shifted: implicit.sign_in_with_implicit(*args, now=lambda: shifted),
        )
        if ok:
            assert sign_in(params(), ScriptedBrowser()).logged_as == "alice"
        else:
            with pytest.raises(InvalidIdToken, match="clock"):
                sign_in(params(), ScriptedBrowser())


def test_the_port_is_held_before_the_link_is_known(params: MakeParams, redirect_uri: str) -> None:
    """Whoever has the link can come back at once."""
    attempt = Attempt(params(), 30)
    try:
        assert not is_free(port_of(redirect_uri))
        with pytest.raises(PortTaken):
            Attempt(params(), 30)
    finally:
        attempt.stop("the test is over")
        attempt.join()
    with pytest.raises(SignInCancelled):
        attempt.result()
    assert is_free(port_of(redirect_uri))


def test_an_interrupt_does_not_wait_for_a_provider_that_hangs(redirect_uri: str) -> None:
    """Discovery hangs; the interrupt frees the port all the same."""
    over = threading.Event()

    def hang() -> Iterator[bytes]:
        over.wait(30)
        yield b"{}"

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, hang)
        attempt = Attempt(ParamsAuth0(issuer=web.url, client_id="c", redirect_uri=redirect_uri), 30)

        def interrupt(attempt: Attempt) -> None:
            raise KeyboardInterrupt

        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            attempt.result(interrupt)
        assert time.monotonic() - started < 2.5
        assert is_free(port_of(redirect_uri))
        over.set()
    attempt.join()


def wait_until_nothing_is_left(port: int, before: Collection[threading.Thread]) -> list[str]:
    """Wait a second at most; return the threads that still run, but for those *before*, and connections to *port*."""
    deadline = time.monotonic() + 1
    while True:
        threads = [each for each in threading.enumerate() if each not in before]
        left = [each.name for each in threads if each.name.startswith("ipyauth-")]
        to_port = [each for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port]
        left += [f"a connection, {each.status}" for each in to_port if each.status == psutil.CONN_ESTABLISHED]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


@pytest.mark.parametrize("named_by", ["domain", "issuer"])
def test_who_cancels_is_told_of_no_other_failure(named_by: str, redirect_uri: str) -> None:
    """The provider's connection is shut then, which is not the reason."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named = {named_by: f"http://127.0.0.1:{silent.getsockname()[1]}"}
        attempt = Attempt(ParamsAuth0(**named, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.begin()
        connection, _ = silent.accept()
        attempt.stop("it was cleared")
        attempt.join()
        connection.close()
    with pytest.raises(SignInCancelled, match="it was cleared"):
        attempt.result()


@pytest.mark.parametrize("named_by", ["domain", "issuer"])
def test_an_interrupt_leaves_nothing_that_waits_for_another_sign_in(named_by: str, redirect_uri: str) -> None:
    """Another one has asked the provider, who does not answer: whoever waits for what that brings is given up too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        other = Attempt(ParamsAuth0(**{named_by: url}, client_id="c", redirect_uri="http://127.0.0.1:0/"), 30)
        other.begin()
        connection, _ = silent.accept()
        assert connection.recv(3) == b"GET"
        before = threading.enumerate()
        attempt = Attempt(ParamsAuth0(**{named_by: url}, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.begin()
        name = "ipyauth-discovery" if named_by == "domain" else "ipyauth-sign-in"
        assert wait_for(lambda: [each for each in threading.enumerate() if each not in before and each.name == name])
        attempt.stop("it was interrupted")
        assert wait_until_nothing_is_left(0, before) == []
        other.stop("the test is over")
        connection.close()
    other.join()


@pytest.mark.parametrize("named_by", ["domain", "issuer"])
def test_an_interrupt_leaves_nothing_that_waits_for_a_silent_provider(named_by: str, redirect_uri: str) -> None:
    """It takes the request and never answers; a second later no thread waits for it, and no connection is open."""
    before = threading.enumerate()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        named = {named_by: f"http://127.0.0.1:{port}"}
        attempt = Attempt(ParamsAuth0(**named, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.begin()
        connection, _ = silent.accept()
        assert connection.recv(3) == b"GET"

        def interrupt(attempt: Attempt) -> None:
            raise KeyboardInterrupt

        with connection:
            with pytest.raises(KeyboardInterrupt):
                attempt.result(interrupt)
            assert wait_until_nothing_is_left(port, before) == []


def test_giving_up_ends_nobody_elses_wait(redirect_uri: str) -> None:
    """Two sign-ins at one provider: the second asks for itself what the first one no longer waits for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        domain = f"http://127.0.0.1:{silent.getsockname()[1]}"
        first, second = (
            Attempt(ParamsAuth0(domain=domain, client_id="c", redirect_uri=uri), 30)
            for uri in (redirect_uri, "http://127.0.0.1:0/")
        )
        first.begin()
        connection, _ = silent.accept()
        second.begin()
        with connection:
            first.stop("it was interrupted")
            silent.settimeout(20)
            again, _ = silent.accept()
            with again:
                assert again.recv(3) == b"GET"
                assert not second.is_over
                second.stop("the test is over")
        for attempt in (first, second):
            attempt.join()


def test_an_interrupt_leaves_nothing_that_waits_for_a_token(redirect_uri: str) -> None:
    """The code is being exchanged, and the answer comes in drips."""
    over, before = threading.Event(), threading.enumerate()

    def drip() -> Iterator[bytes]:
        while not over.wait(0.05):
            yield b" "

    with serving() as web:
        issuer = f"{web.url}/"
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        document = {"issuer": issuer} | {name: issuer + path for name, path in endpoints.items()}
        web.answers["/.well-known/openid-configuration"] = (200, {}, json.dumps(document).encode())
        web.answers["/keys"] = (200, {}, b'{"keys": []}')
        web.answers["/token"] = (200, {}, drip)
        wanted = ParamsAuth0(domain=web.url, client_id="c", redirect_uri=redirect_uri, response_type="code")
        attempt = Attempt(wanted, 30)
        attempt.wait_for_url(10)
        arrival = f"{redirect_uri}?code=x&state={query_of(str(attempt.url))['state']}"
        tab = threading.Thread(target=send, args=("GET", arrival), daemon=True)
        tab.start()

        def interrupt_in_the_exchange(attempt: Attempt) -> None:
            while "/token" not in web.asked:
                time.sleep(0.01)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            attempt.result(interrupt_in_the_exchange)
        assert wait_until_nothing_is_left(int(web.url.rpartition(":")[2]), before) == []
        over.set()
        tab.join(20)


def test_state_and_nonce_are_new_each_time(issuer: LocalIssuer) -> None:
    """Also for the same parameters."""
    seen = set()
    for _ in range(5):
        wanted = ParamsAuth0(domain=issuer.issuer.rstrip("/"), client_id="c", redirect_uri="http://127.0.0.1:0/")
        attempt = Attempt(wanted, 30)
        attempt.wait_for_url(10)
        asked = query_of(str(attempt.url))
        seen |= {asked["state"], asked["nonce"]}
        attempt.stop("the test is over")
        attempt.join()
    assert len(seen) == 10


def test_eight_at_once(issuer: LocalIssuer) -> None:
    """On distinct ports all succeed, each with its own state and nonce."""
    uris = [f"http://127.0.0.1:{free_port()}/cb" for _ in range(8)]
    with LocalIssuer(port=0, auto_approve="alice", callback_urls=tuple(uris)) as own:
        domain = own.issuer.rstrip("/")
        attempts = [Attempt(ParamsAuth0(domain=domain, client_id=own.client_id, redirect_uri=uri), 60) for uri in uris]
        for attempt in attempts:
            attempt.wait_for_url(10)
            ScriptedBrowser().open_in_thread(str(attempt.url))
        tokens = [attempt.result() for attempt in attempts]
        for attempt in attempts:
            attempt.join()
    assert len({each.claims["nonce"] for each in tokens}) == 8


@pytest.mark.long
def test_sign_ins_in_a_row_leave_nothing(params: MakeParams, sign_in: SignIn, in_full: bool) -> None:
    """No thread, no socket, no file descriptor, on one port."""
    for _ in range(3):
        sign_in(params(), ScriptedBrowser())
    process = psutil.Process()
    gc.collect()
    descriptors, threads = process.num_fds(), threading.active_count()
    for _ in range(100 if in_full else 10):
        sign_in(params(), ScriptedBrowser())
    gc.collect()
    deadline = time.monotonic() + 10
    while (process.num_fds() > descriptors or threading.active_count() > threads) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.num_fds() <= descriptors
    assert threading.active_count() <= threads
