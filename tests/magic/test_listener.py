"""The listener beside the corpus: pages, lingering, ends, and what it never lets through."""

from __future__ import annotations

import contextlib
import html.parser
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import pytest
from waitress import wasyncore

from ipyauth_magic.callback import pages, server
from ipyauth_magic.callback.connection import Connection
from ipyauth_magic.callback.listener import Listener
from ipyauth_magic.callback.listener import open_listener as opened_by_route
from ipyauth_magic.callback.receiver import Awaited
from ipyauth_magic.callback.routes import Environment, JupyterServer, routes_to
from ipyauth_magic.errors import InvalidResponse
from tests.support.listening import Waiting, open_listener
from tests.support.ports import free_port, is_free, wait_until_free
from tests.support.scripted_browser import FORM, Answer, send
from tests.support.threads import joined

STATE = "the-right-state"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener on a free port."""
    opened = open_listener("http://127.0.0.1:0/callback/")
    yield opened
    opened.join()


@pytest.fixture
def waiting(listener: Listener) -> Waiting:
    """A sign-in that waits there for STATE."""
    return Waiting(listener, Awaited(STATE))


@contextlib.contextmanager
def served(redirect_uri: str, awaited: Awaited, error: Exception | None = None) -> Iterator[tuple[Listener, Waiting]]:
    """Give a listener, and a sign-in that waits there."""
    opened = open_listener(redirect_uri)
    try:
        yield opened, Waiting(opened, awaited, error)
    finally:
        opened.join()


def origin(listener: Listener) -> str:
    """Return the origin of the redirect URI."""
    return "http://" + urlsplit(listener.redirect_uri).netloc


def relay(listener: Listener, body: str, **headers: str) -> Answer:
    """Post *body* as the relay page does."""
    sent = {"Origin": origin(listener), "Content-Type": FORM, "Sec-Fetch-Site": "same-origin"} | headers
    return send("POST", listener.redirect_uri, body, sent)


@pytest.mark.usefixtures("waiting")
def test_the_page_loads_nothing_and_may_not_be_framed(listener: Listener) -> None:
    """One answer, no second request, nothing from elsewhere; the policy names the script and the style by hash."""
    page = send("GET", listener.redirect_uri)
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?://", page.text) == []
    for kind in ("script", "style"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page.text, re.DOTALL)
        assert content is not None
        assert pages._hash(content[1]) in policy


def test_the_page_is_well_formed() -> None:
    """Every element that is opened is closed."""

    class Balanced(html.parser.HTMLParser):
        open: ClassVar[list[str]] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "link"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balanced()
    parser.feed(pages.page(pages.RELAY, "relay.js").decode())
    assert parser.open == []


def test_no_page_puts_a_script_in_a_string() -> None:
    """What comes from outside is escaped wherever it stands."""
    page = pages.page(pages.failed('<script>alert(1)</script>"&')).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;" in page


def test_the_tab_is_told_only_after_the_verdict(listener: Listener, waiting: Waiting) -> None:
    """While the response is verified the tab waits; then tab and cell agree."""
    answers: list[Answer] = []
    tab = threading.Thread(target=lambda: answers.append(relay(listener, f"state={STATE}&x=1")), daemon=True)
    tab.start()
    tab.join(0.3)
    assert answers == []
    waiting.join()
    joined([tab], 20)
    assert waiting.parameters == {"x": "1"}
    assert (answers[0].status, json.loads(answers[0].body)["outcome"]) == (200, "done")


def test_a_failure_is_told_in_the_same_words(listener: Listener) -> None:
    """With status 400 and the error's own sentence."""
    error = InvalidResponse("x", "it is odd")
    waiting = Waiting(listener, Awaited(STATE), error)
    waiting.verify.set()
    answer = relay(listener, f"state={STATE}&x=1")
    waiting.join()
    told = json.loads(answer.body)
    assert (answer.status, told["outcome"], told["message"]) == (400, "failed", str(error))


def test_form_post_is_answered_by_303_and_leads_to_a_page_without_data() -> None:
    """So that no token stays in the browser's files; the page is served after the wait has ended."""
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE, form_post_origin="https://issuer.test"))
    waiting.verify.set()
    headers = {"Origin": "https://issuer.test", "Content-Type": FORM, "Sec-Fetch-Site": "cross-site"}
    answer = send("POST", opened.redirect_uri, f"state={STATE}&access_token=secret", headers)
    assert (answer.status, answer.body) == (303, b"")
    parts = urlsplit(opened.redirect_uri)
    page = send("GET", f"http://{parts.netloc}{answer.headers['Location']}")
    waiting.join()
    assert page.status == 200
    assert "You are signed in" in page.text
    assert "secret" not in page.text
    assert wait_until_free(int(parts.port or 0))


def test_form_post_that_fails_is_answered_with_400() -> None:
    """As every response that fails validation."""
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE, form_post_origin="https://issuer.test"), InvalidResponse("x", "it is odd"))
    waiting.verify.set()
    answer = send("POST", opened.redirect_uri, f"state={STATE}", {"Origin": "null", "Content-Type": FORM})
    waiting.join()
    assert answer.status == 400
    assert "it is odd" in answer.text


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_browser_whose_form_post_fails_is_led_away_from_the_form(is_ours: bool) -> None:
    """It would write the form into its session files; the page that it is led to has the status 400."""
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE, form_post_origin="https://issuer.test"), InvalidResponse("x", "it is odd"))
    waiting.verify.set()
    form = f"state={STATE if is_ours else 'another'}&access_token=secret"
    answer = send(
        "POST", opened.redirect_uri, form, {"Origin": "null", "Content-Type": FORM, "Sec-Fetch-Dest": "document"}
    )
    page = send("GET", urljoin(opened.redirect_uri, answer.headers["Location"]))
    opened.close()
    opened.join()
    assert (answer.status, answer.text, page.status) == (303, "", 400)
    assert ("it is odd" if is_ours else "another sign-in") in page.text
    assert "secret" not in page.text


@pytest.mark.parametrize("origin", ["null", "https://issuer.test", "http://localhost", None])
@pytest.mark.usefixtures("waiting")
def test_form_post_is_refused_unless_it_was_asked_for(listener: Listener, origin: str | None) -> None:
    """A page anywhere can post a form to loopback; only its Origin tells."""
    headers = {"Content-Type": FORM} | ({"Origin": origin} if origin else {})
    assert send("POST", listener.redirect_uri, f"state={STATE}", headers).status == 403


def test_an_error_in_the_query_ends_the_wait(listener: Listener) -> None:
    """Some providers answer errors there, whatever was asked for."""
    waiting = Waiting(listener, Awaited(STATE), InvalidResponse("x", "it is odd"))
    waiting.verify.set()
    page = send("GET", f"{listener.redirect_uri}?error=access_denied&state={STATE}")
    waiting.join()
    assert waiting.parameters == {"error": "access_denied"}
    assert page.status == 400
    assert "it is odd" in page.text
    assert STATE not in page.text


def test_a_token_in_the_query_is_not_taken(listener: Listener, waiting: Waiting) -> None:
    """It stands in logs and histories already (RFC 9700, 4.3.2)."""
    waiting.verify.set()
    send("GET", f"{listener.redirect_uri}?access_token=abc&state={STATE}")
    waiting.join()
    assert waiting.parameters is not None
    assert waiting.parameters["error"] == "invalid_response_mode"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("?", 200),
        ("?utm_source=x&lang=en", 200),
        ("?note=a;b", 200),
        ("?code=x", 400),
        ("?c%6Fde=x", 400),
        ("?error=access_denied", 400),
        ("?access_token=x", 400),
        ("?id_token=x&utm=1", 400),
        ("?response=x", 400),
        (f"?code=x&state={STATE}x", 400),
        (f"?code=x;state={STATE}", 400),
        (f"?state={STATE};code=x", 400),
        (f"?utm=1;code=x;state={STATE}", 400),
        (f"?utm=1;c%6fde=x;state={STATE}", 400),
        (f"?state={STATE}&utm=1;code=x", 400),
    ],
)
def test_a_part_of_a_response_without_its_state_is_no_page(
    listener: Listener, waiting: Waiting, query: str, status: int
) -> None:
    """Nor is a response whose parameters other marks separate; any other query gets the page, and the wait goes on."""
    waiting.verify.set()
    answer = send("GET", listener.redirect_uri + query)
    assert (answer.status, "location.hash" in answer.text) == (status, status == 200)
    assert waiting.parameters is None


def test_a_short_address_leads_to_the_link_once(listener: Listener, waiting: Waiting) -> None:
    """It tells nothing itself, and no other address leads there."""
    link = "https://issuer.test/authorize?state=secret&nonce=secret"
    short = listener.lead_to(link)
    assert short is not None
    assert short.startswith(origin(listener))
    assert "secret" not in short
    assert send("GET", short[:-1]).status == 404
    assert send("POST", short).status == 404
    assert send("GET", short, headers={"Host": "evil.test"}).status == 400
    first, second = send("GET", short), send("GET", short)
    assert (first.status, first.headers["Location"], first.body) == (303, link, b"")
    assert (first.headers["Cache-Control"], first.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert second.status == 410
    assert "Follow the link in your notebook" in second.text
    assert "secret" not in second.text
    assert waiting.parameters is None


def test_each_short_address_is_its_own() -> None:
    """128 random bits."""
    with (
        served("http://127.0.0.1:0/callback/", Awaited(STATE)) as (one, _),
        served("http://127.0.0.1:0/callback/", Awaited(STATE)) as (other, _),
    ):
        paths = {urlsplit(str(each.lead_to("https://issuer.test/"))).path for each in (one, other)}
    assert len(paths) == 2
    assert all(len(path.rpartition("/")[2]) == 22 for path in paths)


@pytest.mark.parametrize(
    ("redirect_uri", "where", "options"),
    [
        ("http://127.0.0.1:{port}/callback/", Environment(), {"paste": True}),
        ("http://127.0.0.1:{port}/callback/", Environment(), {"bind": "0.0.0.0"}),
        ("http://127.0.0.1:{port}/callback/", Environment(host="Google Colab"), {}),
        ("https://hub.example/user/ada/proxy/{port}/callback/", Environment(), {}),
        ("http://localhost:8888/callback/", Environment(JupyterServer(8888, "/", hands_over=True)), {}),
        ("https://app.example/cb", Environment(), {}),
    ],
)
def test_where_the_browser_may_not_reach_us_it_gets_the_link_itself(
    redirect_uri: str,
    where: Environment,
    options: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind a proxy or a Jupyter server, with --bind, and where the user may have to paste the response."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    opened = opened_by_route(routes_to([redirect_uri.format(port=free_port())], where, **options))
    Waiting(opened, Awaited(STATE))
    assert opened.lead_to("https://issuer.test/") is None
    opened.join()


@pytest.mark.parametrize("query", ["?utm=1", "?x", "?error=access_denied&state=wrong", "?state=a&state=a", "?error=x"])
def test_other_queries_do_not_end_the_wait(listener: Listener, waiting: Waiting, query: str) -> None:
    """Noise, another sign-in's answer, a parameter twice."""
    assert send("GET", listener.redirect_uri + query).status in (200, 400)
    assert waiting.parameters is None


@pytest.mark.usefixtures("waiting")
def test_no_answer_is_kept(listener: Listener) -> None:
    """Neither a page nor a short answer, whatever was asked: the URL of a request may hold a response."""
    form = {"Content-Type": FORM}
    other = urljoin(listener.redirect_uri, "/elsewhere")
    answers = [
        send("GET", f"{listener.redirect_uri}?error=x&state=wrong"),
        send("GET", other),
        send("GET", listener.redirect_uri, headers={"Host": "evil.test"}),
        send("PUT", listener.redirect_uri),
        send("POST", listener.redirect_uri, "x=1", form | {"Origin": "https://evil.test"}),
        send("POST", listener.redirect_uri, "x=1", {"Origin": origin(listener)}),
        relay(listener, "state=wrong"),
    ]
    assert [answer.status for answer in answers] == [400, 404, 400, 405, 403, 415, 400]
    assert [answer.headers.get("Cache-Control") for answer in answers] == ["no-store"] * len(answers)


@pytest.mark.usefixtures("waiting")
def test_a_person_is_refused_by_a_page(listener: Listener) -> None:
    """It looks like the others and runs nothing. A program gets the bare sentence, and the same status and headers."""
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    other, uri = urljoin(listener.redirect_uri, "/elsewhere"), listener.redirect_uri
    requests: list[tuple[str, str, dict[str, str]]] = [
        ("GET", other, {}),
        ("GET", uri, {"Host": "evil.test"}),
        ("POST", uri, {"Origin": "https://evil.test"}),
        ("PUT", uri, {}),
    ]
    for method, url, headers in requests:
        page, plain = (send(method, url, headers=headers | accept) for accept in (html, {}))
        assert page.status == plain.status >= 400
        assert page.headers.get("Allow") == plain.headers.get("Allow")
        assert page.headers["Content-Type"].startswith("text/html")
        assert "script-src 'none'" in page.headers["Content-Security-Policy"]
        assert '<main class="failed"' in page.text
        assert "follow the link in your notebook" in page.text
        assert "<" not in plain.text
    assert send("HEAD", uri, headers=html).body == b""


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods(listener: Listener, waiting: Waiting, method: str) -> None:
    """405 with Allow, and no CORS header ever; a HEAD takes no response."""
    answer = send(method, f"{listener.redirect_uri}?error=x&state={STATE}")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    assert waiting.parameters is None


@pytest.mark.parametrize(
    "path", ["/callback/%70", "/callback", "/callback//", "/Callback/", "/callback/x", "/signed-in"]
)
@pytest.mark.usefixtures("waiting")
def test_the_path_is_exact(listener: Listener, path: str) -> None:
    """Nothing else is served."""
    parts = urlsplit(listener.redirect_uri)
    assert send("GET", f"http://{parts.netloc}{path}").status == 404


def test_a_path_of_odd_letters_is_served() -> None:
    """Percent-encoding, colons and brackets are no patterns."""
    for path in ("/a%20b/", "/cb:x", "/a(b)*", "/%E2%82%AC"):
        opened = open_listener(f"http://127.0.0.1:0{path}")
        Waiting(opened, Awaited(STATE))
        assert send("GET", opened.redirect_uri).status == 200
        opened.close()
        opened.join()


@pytest.mark.usefixtures("waiting")
def test_bytes_that_are_no_text_get_a_short_answer(listener: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    """No 500, and no traceback in the notebook."""
    port = int(urlsplit(listener.redirect_uri).port or 0)
    for header in (b"Origin", b"Sec-Fetch-Site", b"Content-Type", b"X-A"):
        request = b"POST /callback/ HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s: \xff\r\nContent-Length: 0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(request % (port, header))
            assert connection.recv(64).split()[1] in (b"400", b"403", b"415")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("GET http://[::1 HTTP/1.1", "", 400),
        ("POST /callback/ HTTP/1.1", "Transfer-Encoding: gzip", 400),
        ("POST /callback/ HTTP/1.1", "Transfer-Encoding: gzip, chunked", 400),
        ("POST /callback/ HTTP/1.1", f"Content-Length: {'9' * 5000}", 400),
        ("POST /callback/ HTTP/1.1", "Content-Length: -1", 400),
        ("POST /callback/ HTTP/1.1", "Content-Length: 99999999", 413),
        ("GET /callback/ HTTP/1.1", "X-A: {filling}", 431),
        ("GET /callback/ HTTP/1.1", "no header", 400),
        ("GET  HTTP/1.1", "", 400),
    ],
)
@pytest.mark.usefixtures("waiting")
def test_a_broken_request_gets_a_short_answer(
    listener: Listener, capfd: pytest.CaptureFixture[str], request_line: str, header: str, status: int
) -> None:
    """In our own words, and not kept; nothing is printed in the notebook."""
    parts = urlsplit(listener.redirect_uri)
    lines = [request_line, f"Host: {parts.netloc}", *([header] if header else []), "", ""]
    filling = "a" * (32 * 1024 - len("\r\n".join(lines)) + len("{filling}"))  # no byte more: closing would reset it
    with socket.create_connection(("127.0.0.1", int(parts.port or 0)), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).replace("{filling}", filling).encode())
        received = b""
        while more := connection.recv(65536):
            received += more
    head, _, body = received.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.0 {status} ") or head.startswith(f"HTTP/1.1 {status} ")
    assert "Cache-Control: no-store" in head
    assert re.fullmatch(r"The [a-zA-Z ]+\.", body)
    assert "waitress" not in head
    assert send("GET", listener.redirect_uri).status == 200
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.parametrize("target", ["//callback/", "http://evil.test/callback/", "/callback/#"])
@pytest.mark.usefixtures("waiting")
def test_the_target_is_exact(listener: Listener, target: str) -> None:
    """Waitress folds slashes, and takes the path out of another host's address."""
    parts = urlsplit(listener.redirect_uri)
    with socket.create_connection(("127.0.0.1", int(parts.port or 0)), timeout=20) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        assert connection.recv(64).split()[1] in (b"400", b"404")


@pytest.mark.usefixtures("waiting")
def test_many_silent_sockets_make_room(listener: Listener) -> None:
    """The oldest ones go; a response is answered at once."""
    port = int(urlsplit(listener.redirect_uri).port or 0)
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
    started = time.monotonic()
    assert send("GET", listener.redirect_uri).status == 200
    assert time.monotonic() - started < 5
    for connection in silent:
        connection.close()


def test_nobody_takes_the_outcome_page_away() -> None:
    """Another program that asks for it first does not end it."""
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE, form_post_origin="https://issuer.test"))
    waiting.verify.set()
    headers = {"Origin": "https://issuer.test", "Content-Type": FORM}
    answer = send("POST", opened.redirect_uri, f"state={STATE}&x=1", headers)
    parts = urlsplit(opened.redirect_uri)
    pages_seen = [send("GET", f"http://{parts.netloc}{answer.headers['Location']}") for _ in range(3)]
    waiting.join()
    assert [page.status for page in pages_seen] == [200, 200, 200]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no inheritance by number")
def test_a_forked_process_does_not_keep_the_port() -> None:
    """It inherits the sockets; they are shut down before they are closed."""
    opened = open_listener("http://127.0.0.1:0/callback")
    Waiting(opened, Awaited(STATE))
    inherited = [each.fileno() for each in opened._bound.sockets]
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=inherited)
    try:
        opened.join()
        assert wait_until_free(int(urlsplit(opened.redirect_uri).port or 0))
    finally:
        child.kill()
        child.communicate()


@pytest.mark.usefixtures("waiting")
def test_a_response_of_64_kib_is_the_largest(listener: Listener) -> None:
    """More is refused before it is read."""
    assert relay(listener, "state=x&a=" + "a" * (64 * 1024 - 10)).status == 400
    assert relay(listener, "state=x&a=" + "a" * (64 * 1024)).status == 413


def test_a_redirect_that_arrives_before_we_serve_is_answered() -> None:
    """A warm session at the provider answers at once; the sockets queue what comes while libraries load."""
    opened = open_listener("http://127.0.0.1:0/callback/")
    answers: list[Answer] = []
    early = threading.Thread(target=lambda: answers.append(send("GET", opened.redirect_uri)), daemon=True)
    early.start()
    early.join(0.2)
    assert answers == []
    Waiting(opened, Awaited(STATE))
    joined([early], 20)
    opened.close()
    assert answers[0].status == 200


@pytest.mark.parametrize("serves", [False, True])
def test_after_the_end_nothing_is_left(serves: bool) -> None:
    """Port, sockets and threads are gone within a second, also with connections that say nothing."""
    before = set(threading.enumerate())
    opened = open_listener("http://localhost:0/callback/")
    port = int(urlsplit(opened.redirect_uri).port or 0)
    if serves:
        Waiting(opened, Awaited(STATE))
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    opened.close()
    assert wait_until_free(port, 1)
    opened.join(1)
    assert set(threading.enumerate()) <= before
    for connection in silent:
        connection.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        connection.close()


def test_slow_connections_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waitress cuts a silent one by itself, and a dripping one never."""
    monkeypatch.setattr(server, "CONNECTION_LIFETIME", 1)
    opened = open_listener("http://127.0.0.1:0/callback/")
    Waiting(opened, Awaited(STATE))
    parts = urlsplit(opened.redirect_uri)
    with socket.create_connection(("127.0.0.1", int(parts.port or 0))) as dripping:
        dripping.settimeout(0.1)
        deadline = time.monotonic() + 20
        cut = False
        while not cut and time.monotonic() < deadline:
            try:
                dripping.send(b"G")
                cut = dripping.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                cut = True
    opened.close()
    opened.join()
    assert cut


def test_the_loop_rests_while_a_worker_sends_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waitress would ask the system all the time whether it may send too, and slow the worker down."""
    channel = Connection
    send, turns = channel.send, []

    def send_slowly(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.server.pull_trigger()  # the loop is awake, as it is when the sign-in has just ended
        threading.Event().wait(0.1)
        return send(self, *args, **kwargs)

    monkeypatch.setattr(channel, "send", send_slowly)
    poll = wasyncore.poll2
    monkeypatch.setattr(wasyncore, "poll2", lambda *args: turns.append(1) or poll(*args))
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE))
    waiting.verify.set()
    assert relay(opened, f"state={STATE}").status == 200
    opened.join()
    assert 0 < len(turns) < 50


def test_the_next_listener_does_not_wait_for_a_page_that_lingers() -> None:
    """A second sign-in on the same port right after a form_post."""
    opened = open_listener("http://127.0.0.1:0/callback")
    waiting = Waiting(opened, Awaited(STATE, form_post_origin="null"))
    waiting.verify.set()
    send("POST", opened.redirect_uri, f"state={STATE}", {"Origin": "null", "Content-Type": FORM})
    waiting.join()
    again = open_listener(opened.redirect_uri)
    assert again.redirect_uri == opened.redirect_uri
    again.close()


@pytest.mark.usefixtures("waiting")
def test_the_log_is_silent(listener: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    """No request line, no warning of waitress's reaches the notebook."""
    threads = [threading.Thread(target=send, args=("GET", listener.redirect_uri + "?state=secret")) for _ in range(20)]
    for thread in threads:
        thread.start()
    joined(threads, 20)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_the_port_is_free_after_an_end_without_serving() -> None:
    """Closing what never served gives the port back at once."""
    opened = open_listener("http://127.0.0.1:0/")
    opened.close()
    assert is_free(int(urlsplit(opened.redirect_uri).port or 0))


def test_pages_are_files() -> None:
    """No Python file of the callback holds HTML or JavaScript."""
    folder = Path(pages.__file__).parents[1]
    for path in folder.glob("*.py"):
        assert "</" not in path.read_text(encoding="utf-8")


def test_a_server_that_cannot_be_made_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made in its own thread: its error reaches the sign-in, and the port is free."""

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("Too many open files")

    monkeypatch.setattr("waitress.server.create_server", fail)
    with served("http://127.0.0.1:0/callback/", Awaited(STATE)) as (opened, waiting):
        waiting.join()
        assert isinstance(waiting.server_error, OSError)
        assert wait_until_free(int(origin(opened).rpartition(":")[2]))


def test_a_request_that_has_begun_is_answered_after_the_port_is_free(listener: Listener, waiting: Waiting) -> None:
    """The provider may be slow: the tab has its answer even if the cell was interrupted meanwhile."""
    answers: list[Answer] = []
    tab = threading.Thread(target=lambda: answers.append(relay(listener, f"state={STATE}&x=1")), daemon=True)
    tab.start()
    assert waiting.has_response.wait(20)
    listener.close()
    assert is_free(int(origin(listener).rpartition(":")[2]))
    waiting.join()
    joined([tab], 20)
    assert answers[0].status == 200
