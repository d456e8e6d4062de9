"""Each way by which a response arrives: handed over by Jupyter, forwarded by a proxy, pasted by the user."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ipyauth_magic.callback.jupyter_handoff import HandOff, lookup
from ipyauth_magic.callback.listener import Listener, open_listener
from ipyauth_magic.callback.receiver import Awaited
from ipyauth_magic.callback.routes import Environment, JupyterServer, routes_to
from ipyauth_magic.errors import PortTaken, SignInFailed
from ipyauth_magic.protocol.messages import MalformedResponse, parse_pasted
from ipyauth_magic.protocol.urls import origin_of
from tests.support.listening import Waiting
from tests.support.ports import free_port, is_free
from tests.support.scripted_browser import FORM, Answer, send

STATE = "the-right-state"
BODY = f"state={STATE}&x=1"
AT_JUPYTER = "http://localhost:8888/callback/"
NOWHERE_SPECIAL = Environment()
JUPYTER = Environment(JupyterServer(8888, "/", hands_over=True))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's runtime folder, of this test alone."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "runtime"


@contextmanager
def listening(
    redirect_uri: str, where: Environment = NOWHERE_SPECIAL, in_query: bool = False
) -> Iterator[tuple[Listener, Waiting]]:
    """Wait for STATE by the route that leads here."""
    opened = open_listener(routes_to([redirect_uri], where))
    try:
        yield opened, Waiting(opened, Awaited(STATE, in_query=in_query))
    finally:
        opened.join()


def hand_over(
    hand_off: HandOff, body: str = BODY, about: str = "fragment", said: str | None = None, path: str = "/handover"
) -> Answer:
    """Do what the Jupyter server does, and open the kernel's answer; *said* in place of what the seal is *about*."""
    sealed = hand_off.sealed(body.encode(), about.encode())
    headers = {"Content-Type": "application/octet-stream", "X-Ipyauth-Response-In": about if said is None else said}
    answer = send("POST", f"http://127.0.0.1:{hand_off.port}{path}", sealed, headers)
    return replace(answer, body=hand_off.opened(answer.body, about=sealed) or answer.body)


def meeting() -> HandOff:
    """Return what the Jupyter server finds."""
    found = lookup(STATE)
    assert found is not None
    return found


def test_jupyter_hands_a_response_over(folder: Path) -> None:
    """By the port and the secret of the hand_off, which goes with the wait."""
    with listening(AT_JUPYTER, JUPYTER) as (listener, waiting):
        assert listener.redirect_uri == AT_JUPYTER
        waiting.verify.set()
        answer = hand_over(meeting())
        waiting.join()
        assert waiting.parameters == {"x": "1"}
        assert (answer.status, json.loads(answer.body)["outcome"]) == (200, "done")
        assert lookup(STATE) is None
    assert list(folder.iterdir()) == []


def test_what_jupyter_did_not_hand_over_is_refused(folder: Path) -> None:
    """Sealed by another secret, or not at all, another path or method, another state; and the wait goes on."""
    with listening(AT_JUPYTER, JUPYTER) as (_, waiting):
        hand_off = meeting()
        origin = f"http://127.0.0.1:{hand_off.port}"
        for body in (BODY, "", "short", "x" * 200):
            assert send("POST", f"{origin}/handover", body, {"Content-Type": FORM}).status == 403
        assert hand_over(HandOff(hand_off.port)).status == 403
        assert hand_over(hand_off, said="query").status == 403
        assert hand_over(hand_off, path="/callback/").status == 403
        assert send("POST", f"{origin}/callback/", BODY, {"Origin": "http://localhost:8888"}).status == 403
        assert send("GET", f"{origin}/handover").status == 403
        assert send("GET", f"{origin}/callback/?{BODY}").status == 403
        assert hand_over(hand_off, "state=another&x=1").status == 400
        assert hand_over(hand_off, "x").status == 400
        waiting.verify.set()
        assert hand_over(hand_off).status == 200
        waiting.join()
        assert waiting.parameters == {"x": "1"}


@pytest.mark.parametrize(("where", "error"), [("fragment", None), ("query", "invalid_response_mode")])
def test_a_token_never_comes_in_a_query(folder: Path, where: str, error: str | None) -> None:
    """Jupyter tells where it stood; only a response that was asked for there may come so."""
    with listening(AT_JUPYTER, JUPYTER) as (_, waiting):
        waiting.verify.set()
        hand_over(meeting(), about=where)
        waiting.join()
        assert waiting.parameters is not None
        assert waiting.parameters.get("error") == error


def test_a_runtime_folder_that_cannot_be_used_is_said(folder: Path) -> None:
    """Before any link is out, and the port is free."""
    folder.write_text("a file in its place")
    opened = open_listener(routes_to([AT_JUPYTER], JUPYTER))
    with pytest.raises(SignInFailed, match="runtime folder"):
        opened.expect(Awaited(STATE), lambda parameters: None)
    port = opened.port
    opened.close()
    assert port is not None
    assert is_free(port)


@pytest.mark.parametrize("path", ["/callback/", "/user/ada/proxy/{port}/callback/"])
def test_a_proxy_may_strip_the_front_of_the_path(path: str) -> None:
    """Host and Origin must be those of the redirect URI."""
    port = free_port()
    with listening(f"https://hub.example/user/ada/proxy/{port}/callback/") as (listener, waiting):
        assert listener.port == port
        waiting.verify.set()
        here = f"http://127.0.0.1:{port}{path.format(port=port)}"
        page = send("GET", here, headers={"Host": "hub.example"})
        assert (page.status, "location.pathname" in page.text) == (200, True)
        assert send("GET", here).status == 400
        posted = {"Host": "hub.example", "Origin": "https://hub.example", "Content-Type": FORM}
        assert send("POST", here, BODY, posted | {"Origin": f"http://127.0.0.1:{port}"}).status == 403
        assert send("POST", here, BODY, posted | {"Host": "evil.example"}).status == 400
        assert send("POST", here, BODY, posted).status == 200
        waiting.join()
        assert waiting.parameters == {"x": "1"}


@pytest.mark.parametrize(
    ("pasted", "in_query"),
    [
        (f"https://app.example/cb#{BODY}", False),
        (f"https://app.example/cb?{BODY}", True),
        (f"  https://app.example/cb?{BODY}\n", True),
        (f"https://app.example/cb?{BODY}#_=_", True),
        (f"https://app.example/cb?lang=en#{BODY}", False),
        (f"/cb#{BODY}", False),
        (f"#{BODY}", False),
        (f"?{BODY}", True),
        (BODY, False),
        (f"&{BODY}", False),
        (f"state={STATE}\n&x=1", False),
    ],
)
def test_what_may_be_pasted(pasted: str, in_query: bool) -> None:
    """The whole address or its tail, fragment or query, also as a terminal broke it."""
    assert parse_pasted(pasted) == ({"state": STATE, "x": "1"}, in_query)


@pytest.mark.parametrize(
    "pasted", ["", "   ", "https://app.example/cb", "hello", "x" * 70_000, f"{BODY}&x=2", "#", "?"]
)
def test_what_is_pasted_in_vain(pasted: str) -> None:
    """No response at all, two of one parameter, or far too much."""
    with pytest.raises(MalformedResponse):
        parse_pasted(pasted)


def test_the_user_brings_the_response() -> None:
    """Nothing listens; what is wrong is said, and the wait goes on."""
    with listening("https://app.example/cb") as (listener, waiting):
        assert listener.port is None
        waiting.verify.set()
        for wrong in ("", "https://app.example/cb", "https://app.example/cb#state=another&x=1"):
            refusal = listener.take_pasted(wrong)
            assert refusal is not None
            assert refusal.startswith("This response is not for the sign-in")
        assert listener.take_pasted(f"https://app.example/cb#{BODY}") is None
        waiting.join()
        assert waiting.parameters == {"x": "1"}


def test_the_first_valid_answer_wins() -> None:
    """What is pasted after the tab has brought it is turned away, and the other way round."""
    port = free_port()
    with listening(f"http://127.0.0.1:{port}/callback/") as (listener, waiting):
        assert listener.take_pasted(f"#state={STATE}&x=pasted") is None
        posted = send(
            "POST", listener.redirect_uri, BODY, {"Origin": origin_of(listener.redirect_uri), "Content-Type": FORM}
        )
        assert posted.status == 400
        again = listener.take_pasted(f"#{BODY}")
        assert again is not None
        assert "ended already" in again
        waiting.join()
        assert waiting.parameters == {"x": "pasted"}


def test_a_taken_port_is_no_end_where_the_user_can_paste() -> None:
    """Without the user's hands it is one."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        uri = f"http://127.0.0.1:{other.getsockname()[1]}/callback/"
        with pytest.raises(PortTaken):
            open_listener(routes_to([uri], Environment()))
        opened = open_listener(routes_to([uri], Environment(), paste=True))
        assert (opened.redirect_uri, opened.port) == (uri, None)
        opened.close()


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://hub.example/cb", "https://hub.example"),
        ("https://hub.example:443/cb", "https://hub.example"),
        ("https://hub.example:8443/cb", "https://hub.example:8443"),
        ("http://127.0.0.1:80/cb", "http://127.0.0.1"),
    ],
)
def test_a_redirect_uri_has_its_own_origin(uri: str, origin: str) -> None:
    """With its scheme and, unless it is the usual one, its port (RFC 6454, 6.1)."""
    assert origin_of(uri) == origin
