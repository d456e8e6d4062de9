"""The implicit grant, whole: a local issuer, real sockets, a scripted browser."""

from __future__ import annotations

import gc
import json
import pydoc
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import psutil
import pytest

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.callback import pages
from ipyauth_magic.errors import (
    InvalidIdToken,
    IpyauthError,
    PortTaken,
    ProviderError,
    ProviderRefused,
    SignInCancelled,
    SignInTimeout,
)
from ipyauth_magic.flows.sign_in import Progress
from ipyauth_magic.protocol.metadata import ProviderMetadata
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider import http, provider
from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.settings.params import ParamsAuth0
from tests.support.attempts import Attempt
from tests.support.ports import free_port, is_free, wait_until_free
from tests.support.scripted_browser import Answer, ScriptedBrowser, query_of, send
from tests.support.threads import joined, wait_for
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
        def arrive(self, location: str):
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


def test_a_lifetime_that_is_not_told_is_not_the_id_tokens(params: MakeParams, sign_in: SignIn) -> None:
    """RFC 6749, 4.2.2: another document tells it. So the end is not known."""
    left_out = {"expires_in"}
    browser = ScriptedBrowser(change=lambda given: {name: given[name] for name in given if name not in left_out})
    assert sign_in(params(), browser).expires_at is None


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
    real = provider.fetch_metadata

    def other(issuer: str, address: str | None) -> ProviderMetadata:
        metadata = real(issuer, address)
        return replace(metadata, authorization_endpoint=metadata.authorization_endpoint + "2")

    monkeypatch.setattr(provider, "fetch_metadata", other)
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


def held(go_on: threading.Event, document: Mapping[str, str] = MappingProxyType({})) -> Callable[[], Iterator[bytes]]:
    """Return the body of an answer with *document*, which comes only after *go_on*."""

    def body() -> Iterator[bytes]:
        go_on.wait(30)
        yield json.dumps(dict(document)).encode()

    return body


def test_auth0s_own_endpoint_is_opened_at_once(redirect_uri: str) -> None:
    """With `domain` nobody waits for the discovery document, which may be slow."""
    go_on = threading.Event()

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, held(go_on))
        attempt = Attempt(ParamsAuth0(domain=web.url, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.wait_for_url(20)
        assert str(attempt.url).startswith(f"{web.url}/authorize?")
        attempt.stop("the test is over")
        go_on.set()
        attempt.join()


@pytest.mark.parametrize(("named_by", "seconds"), [("domain", 3), ("issuer", 5)])
def test_a_provider_that_hangs_does_not_stretch_the_timeout(named_by: str, seconds: float, redirect_uri: str) -> None:
    """The wait ends when it should, and the port is free; the thread that discovers goes on meanwhile."""
    over = threading.Event()

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, held(over))
        attempt = Attempt(ParamsAuth0(**{named_by: web.url}, client_id="c", redirect_uri=redirect_uri), 0.3)
        started = time.monotonic()
        with pytest.raises(SignInTimeout):
            attempt.result()
        assert time.monotonic() - started < seconds
        assert is_free(port_of(redirect_uri))
        over.set()
    attempt.join()


def test_a_cancelled_attempt_opens_no_browser(redirect_uri: str, user_browser: ScriptedBrowser) -> None:
    """Discovery is slow, the user interrupts, discovery ends: no tab opens then."""
    go_on = threading.Event()

    with serving() as web:
        document = {"issuer": web.url, "authorization_endpoint": web.url, "jwks_uri": f"{web.url}/k"}
        web.answers["/.well-known/openid-configuration"] = (200, {}, held(go_on, document))
        web.answers["/k"] = (200, {}, b'{"keys": []}')
        attempt = Attempt(ParamsAuth0(issuer=web.url, client_id="c", redirect_uri=redirect_uri), 30, open_browser=True)
        attempt.stop("it was interrupted")
        assert attempt.is_over
        go_on.set()
        with pytest.raises(SignInCancelled):
            attempt.result()
        attempt.join()
    assert user_browser.opened == []


@pytest.fixture
def known_provider(params: MakeParams) -> Provider:
    """A provider of which metadata and keys are known, so that no sign-in loads them."""
    known = Provider.of(params().expected_issuer)
    known.metadata()
    return known


def our_threads() -> list[str]:
    """Return the names of the threads that a sign-in began and that still run."""
    return [
        each.name for each in threading.enumerate() if each.name.startswith(("ipyauth-sign-in", "ipyauth-callback"))
    ]


@pytest.mark.usefixtures("known_provider")
def test_the_callers_thread_only_waits(params: MakeParams, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that brings the response verifies it; `tick` runs in the caller's, at once and once a second."""
    browser, attempt = ScriptedBrowser(), Attempt(params(), 30)
    verify, verified_in, told = Provider.verify, [], []

    def verify_noting(*arguments: Any) -> dict[str, Any]:
        verified_in.append(threading.current_thread())
        return verify(*arguments)

    def tick(progress: Progress) -> None:
        told.append((threading.current_thread(), progress.url))
        if progress.url and not browser.opened:
            browser.open_in_thread(progress.url)

    monkeypatch.setattr(Provider, "verify", verify_noting)
    assert attempt.result(tick).logged_as == "alice"
    assert {thread for thread, _ in told} == {threading.current_thread()}
    assert {url for _, url in told} <= {None, browser.opened[0]}
    assert verified_in != [threading.current_thread()]
    browser.join()
    attempt.join()


@pytest.mark.parametrize(
    "where",
    [
        "ipyauth_magic.flows.sign_in.start_thread",
        "ipyauth_magic.provider.threads.Wakeup.wait",
        "the display",
    ],
)
@pytest.mark.usefixtures("known_provider")
def test_an_interrupt_anywhere_leaves_nothing(
    where: str, params: MakeParams, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Port and threads are gone, and the tab agrees with the cell."""
    original = None if " " in where else pydoc.locate(where)

    def interrupt(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is threading.main_thread():  # the only one that an interrupt meets
            raise KeyboardInterrupt
        assert callable(original)
        return original(*args, **kwargs)

    browser, attempt = ScriptedBrowser(), Attempt(params(), 30)
    if "." in where:
        monkeypatch.setattr(where, interrupt)

    def tick(progress: Progress) -> None:
        if where == "the display":
            raise KeyboardInterrupt
        if progress.url and not browser.opened:
            browser.open_in_thread(progress.url)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        attempt.result(tick)
    assert time.monotonic() - started < 2.5
    monkeypatch.undo()
    browser.join()
    assert wait_until_free(port_of(redirect_uri), 5)
    assert wait_for(lambda: our_threads() == [], 5)
    if attempt.tokens is None:
        assert not [answer for answer in browser.answers if pages.DONE.title in answer.text]
        with pytest.raises(SignInCancelled):
            attempt.result()


@pytest.mark.parametrize("response_type", ["token id_token", "code"])
def test_an_interrupt_while_the_tokens_are_stored(response_type: str, params: MakeParams, redirect_uri: str) -> None:
    """In another thread: the tab is told that it failed, as the caller is, and the port is free at once."""
    storing, go_on, browser = threading.Event(), threading.Event(), ScriptedBrowser()

    def save(tokens: TokenSet) -> None:
        storing.set()
        go_on.wait(20)

    def tick(progress: Progress) -> None:
        if not browser.opened:
            browser.open_in_thread(str(progress.url))
        assert storing.wait(20)
        raise KeyboardInterrupt

    attempt = Attempt(params(response_type=response_type, response_mode="fragment"), 30, save=save)
    with pytest.raises(KeyboardInterrupt):
        attempt.result(tick)
    assert wait_until_free(port_of(redirect_uri), 2)
    go_on.set()
    browser.join()
    assert browser.answers[-1].status == 400
    assert "interrupted" in browser.answers[-1].text
    attempt.join()
    assert attempt.tokens is None
    with pytest.raises(SignInCancelled):
        attempt.result()


def test_an_attempt_that_was_never_begun_gives_its_port_back(params: MakeParams, redirect_uri: str) -> None:
    """An interrupt may come between the two."""
    Attempt(params(), 30).stop("it was interrupted")
    assert is_free(port_of(redirect_uri))


@pytest.mark.usefixtures("known_provider")
def test_another_thread_ends_the_wait(params: MakeParams, redirect_uri: str) -> None:
    """As `clear()` does: the caller has the error at once."""
    attempt = Attempt(params(), 30)

    def clear(progress: Progress) -> None:
        threading.Thread(target=attempt.stop, args=("it was cleared",), daemon=True).start()

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
        monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda shifted=shifted: shifted)
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

    with serving() as web:
        web.answers["/.well-known/openid-configuration"] = (200, {}, held(over))
        attempt = Attempt(ParamsAuth0(issuer=web.url, client_id="c", redirect_uri=redirect_uri), 30)

        def interrupt(progress: Progress) -> None:
            raise KeyboardInterrupt

        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            attempt.result(interrupt)
        assert time.monotonic() - started < 2.5
        assert is_free(port_of(redirect_uri))
        over.set()
    attempt.join()


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
def test_a_silent_provider_holds_neither_port_nor_prompt(named_by: str, redirect_uri: str) -> None:
    """It takes the request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named = {named_by: f"http://127.0.0.1:{silent.getsockname()[1]}"}
        attempt = Attempt(ParamsAuth0(**named, client_id="c", redirect_uri=redirect_uri), 30)
        attempt.begin()
        connection, _ = silent.accept()
        assert connection.recv(3) == b"GET"

        def interrupt(progress: Progress) -> None:
            raise KeyboardInterrupt

        with connection:
            started = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                attempt.result(interrupt)
            assert is_free(port_of(redirect_uri))
            assert time.monotonic() - started < 2.5


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


def is_ours(thread: threading.Thread, before: list[threading.Thread]) -> bool:
    """Tell whether a sign-in began *thread*, which was not there *before*."""
    return thread not in before and thread.name.startswith("ipyauth-")


def test_an_interrupt_while_the_code_is_exchanged(redirect_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes in drips: port and prompt are back at once, and the threads end with the provider's time."""
    monkeypatch.setattr(http, "LIMIT", 2)
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
        answers: list[Answer] = []
        tab = threading.Thread(target=lambda: answers.append(send("GET", arrival)), daemon=True)
        tab.start()

        def interrupt_in_the_exchange(progress: Progress) -> None:
            assert wait_for(lambda: "/token" in web.asked)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            attempt.result(interrupt_in_the_exchange)
        assert is_free(port_of(redirect_uri))
        joined([tab], 20)
        assert "interrupted" in answers[0].text
        assert wait_for(lambda: not [each for each in threading.enumerate() if is_ours(each, before)], 10)
        over.set()


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
    wait_for(lambda: process.num_fds() <= descriptors and threading.active_count() <= threads)
    assert process.num_fds() <= descriptors
    assert threading.active_count() <= threads
