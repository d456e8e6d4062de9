"""The live widget of an `Auth`, as a page of a notebook meets it: by messages, and by the state that is saved."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipywidgets.widgets.widget import _instances
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from nbclient import NotebookClient

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.display import auth_display, widget
from ipyauth_magic.display.widget import AuthWidget
from ipyauth_magic.errors import NotSignedIn, SignInNeeded
from ipyauth_magic.flows import clock
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.protocol.urls import port_of
from ipyauth_magic.store import memory
from ipyauth_magic.store.key import store_key
from tests.magic.test_leaks import assert_silent, secrets_in
from tests.magic.test_sockets import held
from tests.support.auths import end_tokens, is_good, params_of, tokens_of
from tests.support.ports import free_port, is_free, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.scripted_tab import browser_command
from tests.support.threads import joined, until

MIME = "application/vnd.jupyter.widget-view+json"
MakeAuth = Callable[..., Auth]


@pytest.fixture(autouse=True)
def no_earlier_sign_ins() -> Iterator[None]:
    """Each test begins a session of its own."""
    yield
    SESSION.end_all("the test is over")
    SESSION.forget_tokens()


class Page:
    """A page with views of widgets: what was displayed, what the kernel said, and every state that was synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.displayed: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self._earlier = set(_instances)
        monkeypatch.setattr(widget, "display", lambda data, **options: self.displayed.append(data))
        monkeypatch.setattr(auth_display, "in_notebook", lambda: True)
        monkeypatch.setattr(AuthWidget, "send", lambda sender, content, buffers=None: self._take(sender, content))

    def _take(self, sender: AuthWidget, content: dict[str, Any]) -> None:
        """Keep a message, unless it comes late, of a widget of an earlier test."""
        if sender.model_id not in self._earlier:
            self.messages.append(content)

    def show(self, shown: Auth) -> AuthWidget:
        """Display *shown* and return its widget."""
        shown._ipython_display_()
        displayed = widget_of(self.displayed[-1])
        displayed.observe(lambda change: self.states.append(change["new"]), "state")
        return displayed

    @property
    def widgets(self) -> list[str]:
        """The identifiers of all widgets that were made, shown or not: nbclient would save each."""
        return [name for name in _instances if name not in self._earlier]

    def press(self, pressed: AuthWidget, action: str, view: str = "first", **more: Any) -> None:
        """Send what a button of *view* sends."""
        pressed._handle_custom_msg({"action": action, "view": view} | more, [])

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message of the kernel with *fields*, and return it."""
        deadline = time.monotonic() + 20
        wanted = {"event": event} | fields
        while True:
            found = [each for each in list(self.messages) if wanted.items() <= each.items()]
            if found:
                return found[-1]
            assert time.monotonic() < deadline, self.messages
            time.sleep(0.01)

    def link(self) -> str:
        """Wait for the link of a sign-in, and return it."""
        return str(self.wait_for("present", doing="waiting")["url"])


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """A page, and a notebook in it."""
    return Page(monkeypatch)


def new_key() -> ECKey:
    """Return a key pair, as a page makes it."""
    return ECKey.generate_key("P-256", private=True)


def public(key: ECKey) -> dict[str, Any]:
    """Return what a page sends of its key pair: as WebCrypto exports it."""
    return {**key.as_dict(private=False), "ext": True, "key_ops": []}


def widget_of(displayed: dict[str, Any]) -> AuthWidget:
    """Return the widget that a bundle names, as a front end finds it."""
    found = _instances[displayed[MIME]["model_id"]]
    assert isinstance(found, AuthWidget)
    return found


def port(of: Auth) -> int:
    """Return the port at which *of* listens."""
    return port_of(params_of(of).redirect_uris[0])


# What is shown


def test_it_is_shown_with_the_card_for_where_there_are_no_widgets(page: Page, make_auth: MakeAuth) -> None:
    """It starts nothing: no thread, no port, and so no link that could be saved."""
    a = make_auth()
    threads = threading.active_count()
    page.show(a)
    [bundle] = page.displayed
    assert set(bundle) == {MIME, "text/html", "text/plain"}
    assert bundle["text/plain"].startswith("Not signed in\n")
    assert "Not signed in" in bundle["text/html"]
    assert threading.active_count() == threads
    assert is_free(port(a))


def test_every_view_is_of_one_widget(page: Page, make_auth: MakeAuth) -> None:
    """So that they stay in step."""
    a = make_auth()
    assert page.show(a) is page.show(a)
    assert page.displayed[0][MIME]["model_id"] == page.displayed[1][MIME]["model_id"]


def test_a_link_under_way_is_in_no_fallback(page: Page, make_auth: MakeAuth) -> None:
    """A view that is shown while the sign-in waits has the card without it."""
    a = make_auth()
    shown = page.show(a)
    page.press(shown, "sign_in")
    link = page.link()
    page.show(a)
    assert "/authorize?" in link
    assert "authorize" not in json.dumps(page.displayed)


def test_where_nobody_can_answer_there_is_no_widget(
    page: Page, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nbclient would save its state."""
    cards: list[dict[str, str]] = []
    monkeypatch.setattr(auth_display.Output, "show", lambda output, bundle: cards.append(bundle))
    monkeypatch.setattr(auth_display, "person_can_answer", lambda: False)
    a = make_auth()
    a._ipython_display_()
    assert page.widgets == []
    assert cards[0]["text/plain"].startswith("Not signed in")


def test_without_anywidget_there_is_the_card(
    page: Page, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch, no_anywidget: None
) -> None:
    """With its link."""
    cards: list[dict[str, str]] = []
    monkeypatch.setattr(auth_display.Output, "show", lambda output, bundle: cards.append(bundle))
    a = make_auth()
    a._ipython_display_()
    assert page.widgets == []
    until(lambda: "/authorize?" in cards[-1]["text/html"])


def test_a_terminal_shows_the_card(page: Page, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of text cannot be pressed."""
    monkeypatch.setattr(auth_display, "in_notebook", lambda: False)
    monkeypatch.setattr(auth_display.Output, "show", lambda output, bundle: None)
    a = make_auth()
    a._ipython_display_()
    assert page.widgets == []


# Signing in


def test_the_view_that_asked_opens_the_page(page: Page, make_auth: MakeAuth) -> None:
    """Once, and no other view does; the kernel's machine opens no browser; then every view knows who it is."""
    a = make_auth()
    shown = page.show(a)
    page.press(shown, "sign_in", "second")
    page.wait_for("heard", view="second", action="sign_in")
    assert page.wait_for("present", doing="waiting", open="second")
    page.press(shown, "hello", "third")
    until(lambda: any(each.get("view") == "third" for each in page.messages))
    assert page.wait_for("present", doing="waiting", open="")
    assert [each for each in page.messages if each.get("open")] == [page.wait_for("present", open="second")]
    browser = ScriptedBrowser()
    browser.open(page.link())
    until(lambda: shown.state["who"] == "alice")
    until(lambda: page.messages[-1]["doing"] == "")
    assert shown.state == {
        "issuer": params_of(a).expected_issuer,
        "audience": "api/fruit",
        "scope": a.scope,
        "not_granted": "",
        "in_vain": False,
        "next": "",
        "who": "alice",
        "account": "Alice (auth0|alice)",
        "before": "",
        "expires_at": a.expires_at.isoformat() if a.expires_at else "",
        "opaque": False,
        "renewable": True,
        "renewal": "",
    }


def test_the_state_says_that_no_scope_was_granted(page: Page, make_auth: MakeAuth) -> None:
    """And whom to ask; the button that signs out is there, so no magic is named."""
    a = make_auth(scope="read:usual-fruits")
    shown = page.show(a)
    page.press(shown, "sign_in")
    ScriptedBrowser().open(page.link())
    until(lambda: shown.state["who"] == "alice")
    assert shown.state["in_vain"]
    assert shown.state["next"].startswith(
        "Check the names of these scopes, and ask the API's owner for them. Or sign out, and"
    )


def test_the_state_holds_no_secret(page: Page, make_auth: MakeAuth) -> None:
    """Not at any moment of a sign-in, a renewal, a look at the claims and a copy; nor does the fallback."""
    a = make_auth()
    shown = page.show(a)
    browser = ScriptedBrowser()
    page.press(shown, "sign_in")
    browser.open(page.link())
    until(lambda: shown.state["who"] == "alice")
    secrets = {str(a.access_token), str(a.id_token), str(tokens_of(a).refresh_token)}
    for action, event in (("inspect", "claims"), ("copy", "token")):
        page.press(shown, action, key=public(new_key()))
        page.wait_for(event)
    page.press(shown, "renew")
    until(lambda: str(tokens_of(a).refresh_token) not in secrets)
    secrets |= {str(a.access_token), str(a.id_token), str(tokens_of(a).refresh_token)}
    secrets |= {value for value in browser.seen if len(value) > 20}
    page.show(a)
    segments = {segment for secret in secrets for segment in secret.split(".")[-2:] if len(segment) > 20}
    saved = json.dumps([shown.get_state(), page.states, page.displayed], default=str).encode()
    assert page.states
    assert b"alice" in saved
    assert_silent(saved, secrets | segments, "the widget's state")
    assert not [mark for mark in (b"state=", b"nonce=", b"authorize?") if mark in saved]
    sent = json.dumps([each for each in page.messages if each["event"] != "present"]).encode()
    assert_silent(sent, secrets | segments, "the widget's messages")


def test_what_fails_is_told_and_then_forgotten(page: Page, make_auth: MakeAuth) -> None:
    """By the same sentence as in a cell; the next press takes it away."""
    a = make_auth("implicit")
    shown = page.show(a)
    page.press(shown, "sign_in")
    denied = {"error": "access_denied"}
    ScriptedBrowser(change=lambda sent: denied | {name: sent[name] for name in ("iss", "state")}).open(page.link())
    until(lambda: "access_denied" in page.messages[-1].get("note", ""))
    page.messages.clear()
    page.press(shown, "sign_in")
    page.wait_for("present", doing="waiting", note="")


def test_a_taken_port_is_told(page: Page, params: Callable[..., ParamsAuth0]) -> None:
    """And can be pressed again once it is free."""
    taken = free_port()
    shown = page.show(Auth(params(redirect_uri=f"http://127.0.0.1:{taken}/callback/")))
    with held("127.0.0.1", taken):
        page.press(shown, "sign_in")
        until(lambda: f"Port {taken} is in use" in page.messages[-1].get("note", ""))
    page.press(shown, "sign_in")
    page.link()


def test_a_device_shows_its_code(page: Page, make_auth: MakeAuth) -> None:
    """By a message, with the page where it is entered and a QR code; no tab opens by itself."""
    shown = page.show(make_auth("device"))
    page.press(shown, "sign_in")
    told = page.wait_for("present", doing="waiting", open="")
    assert told["code"] in told["url"]
    assert told["page"].endswith("/activate")
    assert told["image"][0].startswith("data:image/png")
    assert told["code"] not in json.dumps(shown.get_state(), default=str)


def test_a_cells_sign_in_takes_it_over(page: Page, make_auth: MakeAuth) -> None:
    """The one attempt, the one port; the widget says so too."""
    a = make_auth()
    shown = page.show(a)
    page.press(shown, "sign_in")
    page.link()
    assert a.sign_in().logged_as == "alice"
    until(lambda: shown.state["who"] == "alice")


def test_another_sign_in_takes_its_port(page: Page, make_auth: MakeAuth, user_browser: ScriptedBrowser) -> None:
    """A click that nobody follows up does not hold it."""
    a = make_auth()
    page.press(page.show(a), "sign_in")
    page.link()
    assert make_auth(store="none").sign_in().logged_as == "alice"
    until(lambda: "another sign-in took its place" in page.messages[-1].get("note", ""))


@pytest.mark.parametrize("action", ["stop", "clear"])
def test_a_sign_in_that_waits_can_be_ended(action: str, page: Page, make_auth: MakeAuth) -> None:
    """The port is free again, and nothing is told as a failure."""
    a = make_auth()
    shown = page.show(a)
    page.press(shown, "sign_in")
    page.link()
    page.press(shown, action)
    assert wait_until_free(port(a))
    until(lambda: page.messages[-1] == {"event": "present", "doing": "", "note": ""})


def test_unloading_ends_it(page: Page, make_auth: MakeAuth) -> None:
    """As it ends the sign-in of a card."""
    a = make_auth()
    page.press(page.show(a), "sign_in")
    page.link()
    SESSION.end_all("the extension was unloaded")
    assert wait_until_free(port(a))


# When somebody is signed in


@pytest.fixture
def signed_in(make_auth: MakeAuth) -> Auth:
    """A signed-in Auth with a refresh token."""
    return make_auth().sign_in()


def test_renew_needs_no_browser(page: Page, signed_in: Auth, user_browser: ScriptedBrowser) -> None:
    """By the refresh token: the state has the new end, and no link was sent."""
    shown = page.show(signed_in)
    first, opened = tokens_of(signed_in).refresh_token, len(user_browser.opened)
    page.press(shown, "renew")
    until(lambda: tokens_of(signed_in).refresh_token != first)
    page.wait_for("present", doing="renewing")
    until(lambda: page.messages[-1].get("doing") == "")
    assert shown.state["expires_at"] == signed_in.expires_at.isoformat()
    assert len(user_browser.opened) == opened
    assert not [each for each in page.messages if "url" in each]


def test_renew_without_a_refresh_token_is_a_sign_in(page: Page, make_auth: MakeAuth) -> None:
    """The view opens the page; until it is done the old token serves."""
    a = make_auth("implicit").sign_in()
    shown, first = page.show(a), a.id_token
    page.press(shown, "renew", "second")
    page.wait_for("present", doing="waiting", open="second")
    assert shown.state["who"] == "alice"
    assert a.id_token == first
    ScriptedBrowser().open(page.link())
    until(lambda: a.id_token != first)


def test_the_time_left_and_the_address_to_register_are_told(page: Page, make_auth: MakeAuth) -> None:
    """By a message: neither would be true in a notebook that is opened again."""
    a = make_auth()
    shown = page.show(a)
    page.press(shown, "sign_in")
    told = page.wait_for("present", doing="waiting")
    assert 0 < told["left"] <= told["whole"] <= 301
    assert told["address"] == params_of(a).redirect_uris[0]
    assert "register this exact address" in told["hint"]
    assert told["address"] not in json.dumps([shown.get_state(), page.displayed], default=str)


def test_sign_out_offers_the_link_that_ends_the_session(
    page: Page, signed_in: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel opens no browser; the tokens are gone, and the next press takes the link away."""
    monkeypatch.setattr("ipyauth_magic.flows.sign_out.open_in_browser", lambda url, told: told("none was found"))
    shown = page.show(signed_in)
    page.press(shown, "sign_out")
    page.wait_for("present", doing="leaving")
    until(lambda: "/v2/logout?" in page.messages[-1].get("end", ""))
    assert "To sign out of" in page.messages[-1]["told"]
    assert shown.state["who"] == ""
    with pytest.raises(NotSignedIn):
        _ = signed_in.access_token
    page.press(shown, "sign_in")
    page.link()
    assert "end" not in page.messages[-1]


def test_stop_keeps_the_tokens(page: Page, make_auth: MakeAuth) -> None:
    """Of before the renewal."""
    a = make_auth("implicit").sign_in()
    shown = page.show(a)
    page.press(shown, "renew")
    page.link()
    page.press(shown, "stop")
    assert wait_until_free(port(a))
    assert is_good(a)
    assert shown.state["who"] == "alice"


def test_a_renewal_elsewhere_is_shown(page: Page, signed_in: Auth) -> None:
    """Whoever asks for a token that was about to end."""
    obtained_at = tokens_of(signed_in).obtained_at
    end_tokens(signed_in)
    shown = page.show(signed_in)
    assert signed_in.access_token
    assert page.states[-1]["expires_at"] == signed_in.expires_at.isoformat() > obtained_at.isoformat()
    assert shown.state == page.states[-1]


def test_the_token_goes_to_the_view_that_copies(page: Page, signed_in: Auth) -> None:
    """Sealed for its key: every front end gets the message, and others on the machine can read it."""
    key, other = new_key(), new_key()
    page.press(page.show(signed_in), "copy", "second", key=public(key))
    told = page.wait_for("token", view="second")
    assert set(told) == {"event", "view", "sealed"}
    algorithms = ["ECDH-ES", "A256GCM"]
    opened = jwe.decrypt_compact(told["sealed"], key, algorithms=algorithms)
    assert opened.plaintext == signed_in.access_token.encode()
    assert opened.headers()["alg"] == "ECDH-ES"
    with pytest.raises(JoseError):
        jwe.decrypt_compact(told["sealed"], other, algorithms=algorithms)
    assert_silent(json.dumps(page.messages).encode(), {str(signed_in.access_token)}, "the messages")


@pytest.mark.parametrize(
    "key", [None, "", {}, {"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"}]
)
def test_a_token_that_cannot_be_sealed_is_not_sent(key: Any, page: Page, signed_in: Auth) -> None:
    """The page of ours always sends its key."""
    page.press(page.show(signed_in), "copy", key=key)
    until(lambda: "a defect of ipyauth-magic (ValueError)" in page.messages[-1].get("note", ""))
    assert "token" not in {each["event"] for each in page.messages}


def test_the_page_is_told_whose_account_it_is(
    page: Page, own_issuer: LocalIssuer, make_auth: MakeAuth, user_browser: ScriptedBrowser
) -> None:
    """And when it is another one than last time, though the name is the same."""
    shown = page.show(make_auth().sign_in())
    assert (shown.state["account"], shown.state["before"]) == ("Alice (auth0|alice)", "")
    own_issuer.switches.tamper = lambda draft: draft.claims.update(sub="auth0|mallory")
    shown = page.show(make_auth().sign_in(force=True))
    assert shown.state["who"] == "alice"
    assert (shown.state["account"], shown.state["before"]) == (
        "Alice (auth0|mallory)",
        "another account: alice, auth0|alice",
    )


def test_a_token_that_has_ended_is_not_copied(page: Page, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told what to do."""
    a = make_auth("implicit").sign_in()
    shown = page.show(a)
    monkeypatch.setattr(clock, "utc_now", lambda: datetime.fromisoformat("2999-01-01T00:00:00+00:00"))
    page.press(shown, "copy", key=public(new_key()))
    until(lambda: page.messages[-1].get("note") == str(SignInNeeded()))


def test_the_claims_go_to_the_view_that_inspects(page: Page, signed_in: Auth) -> None:
    """Those that `%token` shows, without what belongs to one request."""
    page.press(page.show(signed_in), "inspect", "second")
    told = page.wait_for("claims", view="second")
    assert [title for title, _ in told["sections"]] == ["Access token: claims", "ID token: claims, verified"]
    names = [name for _, rows in told["sections"] for name, _ in rows]
    assert "scope" in names
    assert "nonce" not in names
    assert told["note"] == ""


def test_clear_forgets(page: Page, signed_in: Auth) -> None:
    """Here and in the store; the views say so."""
    shown = page.show(signed_in)
    page.press(shown, "clear")
    until(lambda: shown.state["who"] == "")
    with pytest.raises(NotSignedIn):
        _ = tokens_of(signed_in)
    assert shown.state["expires_at"] == ""


# Threads, and what is not meant well


def test_the_kernel_is_not_held_up(page: Page, make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message is answered at once, however long its work takes."""
    a = make_auth()
    shown = page.show(a)
    goes_on = threading.Event()
    monkeypatch.setattr(authenticator_of(a), "without_user", lambda renew: goes_on.wait(20))
    page.press(shown, "sign_in")
    assert page.messages[0] == {"event": "heard", "action": "sign_in", "view": "first"}
    page.wait_for("present", doing="asking")
    goes_on.set()
    until(lambda: page.messages[-1].get("doing") == "")


def test_it_waits_for_no_lock_of_the_auth(page: Page, signed_in: Auth) -> None:
    """A renewal holds the store's lock when it tells the widget, and `clear` may hold the other and wait for that."""
    shown = page.show(signed_in)
    refreshed = threading.Thread(target=shown.refresh, daemon=True)
    with authenticator_of(signed_in)._lock, memory.SHARED.lock(store_key(params_of(signed_in))):
        refreshed.start()
        joined([refreshed], 20)
        assert not refreshed.is_alive()


def test_messages_on_many_threads(page: Page, signed_in: Auth) -> None:
    """All are answered, and in the end state and tokens agree."""
    shown = page.show(signed_in)
    actions = ["hello", "renew", "inspect", "copy", "sign_in", "stop"] * 4
    key = {"key": public(new_key())}
    threads = [
        threading.Thread(target=page.press, args=(shown, action, str(i)), kwargs=key)
        for i, action in enumerate(actions)
    ]
    for thread in threads:
        thread.start()
    joined(threads, 20)
    until(lambda: not [each for each in threading.enumerate() if each.name == "ipyauth-widget"])
    assert sorted(each["view"] for each in page.messages if each["event"] == "heard") == sorted(
        str(i) for i in range(len(actions))
    )
    assert shown.state["expires_at"] == signed_in.expires_at.isoformat()
    assert page.messages[-1]["event"] != "present" or page.messages[-1]["note"] == ""


@pytest.mark.parametrize(
    "content", [None, "sign_in", [], {}, {"action": "refresh"}, {"action": "__init__"}, {"action": ["sign_in"]}]
)
def test_what_is_no_message_of_ours_does_nothing(content: Any, page: Page, make_auth: MakeAuth) -> None:
    """It is not even answered."""
    shown = page.show(make_auth())
    shown._handle_custom_msg(content, [])
    assert page.messages == []


def test_no_renewal_fails_by_its_display(
    page: Page, signed_in: Auth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A front end that went away is for the log."""
    page.show(signed_in)

    def fail(*_: object) -> None:
        raise OSError("the socket is closed")

    monkeypatch.setattr(AuthWidget, "send", fail)
    first = tokens_of(signed_in).refresh_token
    signed_in.renew()
    assert tokens_of(signed_in).refresh_token != first
    assert "The widget could not be shown" in caplog.text


def test_a_defect_is_told(
    page: Page, signed_in: Auth, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And no button stays pressed for ever."""
    shown = page.show(signed_in)
    monkeypatch.setattr(authenticator_of(signed_in), "without_user", lambda renew: {}["no such"])
    page.press(shown, "renew")
    until(lambda: "a defect of ipyauth-magic (KeyError)" in page.messages[-1].get("note", ""))
    assert page.messages[-1]["doing"] == ""


# What is saved

WIDGET_UNATTENDED = """
get_ipython().kernel._allow_stdin = True  # as if somebody were there
display(auth)
import threading
from ipywidgets.widgets.widget import _instances
[shown] = [each for each in _instances.values() if hasattr(each, "_esm")]
for action in ("copy", "inspect", "sign_in"):
    shown._handle_custom_msg({"action": action, "view": "x"}, [])
[each.join() for each in threading.enumerate() if each.name == "ipyauth-widget"]
"""


@pytest.mark.parametrize("somebody", [False, True])
def test_nbclient_saves_no_secret(
    somebody: bool, tmp_path: Path, issuer: LocalIssuer, redirect_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the card; and were it the widget, what is saved of it says who, and holds no part of a token."""
    (tmp_path / "demo.env").write_text(
        f"domain={issuer.issuer.rstrip('/')}\nclient_id={issuer.client_id}\nredirect_uri={redirect_uri}\n"
        f"audience={issuer.audience}\nscope=read:usual-fruit\n"
    )
    monkeypatch.setenv("BROWSER", browser_command(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    sources = ["%load_ext ipyauth_magic", "%auth0 -f demo.env", WIDGET_UNATTENDED if somebody else "auth"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=60, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3").execute()
    saved = nbformat.writes(book)
    assert "Signed in as alice" in book.cells[2].outputs[0]["data"]["text/plain"]
    assert (MIME in book.cells[2].outputs[0]["data"]) is somebody
    assert ("widgets" in book.metadata) is somebody
    if somebody:
        states = book.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
        assert [each["state"]["state"]["who"] for each in states if "_esm" in each["state"]] == ["alice"]
    secrets = secrets_in(tmp_path)
    assert len(secrets) >= 4
    assert_silent(saved.encode(), secrets, "the notebook")


def test_its_files_are_not_read_before_it_is_shown() -> None:
    """Importing `Auth` brings neither anywidget nor ipywidgets."""
    program = "import sys; from ipyauth_magic import Auth; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert not {"anywidget", "ipywidgets", "ipyauth_magic.display.widget"} & set(done.stdout.split())
