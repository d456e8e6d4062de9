"""A card tells the user from others of the same name, and says when another one signed in last time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.display.card import Row
from ipyauth_magic.flows.authenticator import SESSION
from ipyauth_magic.flows.last_users import LAST_USERS
from tests.magic.test_magics import run
from tests.support.auths import card_of, source_of
from tests.support.scripted_browser import ScriptedBrowser

MakeAuth = Callable[..., Auth]
BEFORE = ("Last time", "another account: alice, auth0|alice")


@pytest.fixture(autouse=True)
def own_session(user_browser: ScriptedBrowser) -> None:
    """A process without a sign-in."""
    SESSION.forget_tokens()


def sign_in_as(issuer: LocalIssuer, auth: Auth, **claims: object) -> Auth:
    """Sign in as Alice, whose ID token has other *claims*."""
    issuer.switches.tamper = lambda draft: draft.claims.update(claims)
    try:
        return auth.sign_in(force=True)
    finally:
        issuer.switches.tamper = None


def rows(auth: Auth) -> list[Row]:
    """Return what the card of *auth* says of the account; HTML and text say the same."""
    card = card_of(auth)
    found = [row for row in card.rows if row[0] in ("Account", "Last time")]
    assert all(value in card.text() and value in card.html() for _, value in found)
    return found


def test_account_stands_beside_the_name(make_auth: MakeAuth, own_issuer: LocalIssuer) -> None:
    """Users choose their nickname; `sub`, or a verified e-mail address, is the provider's word."""
    auth = make_auth().sign_in()
    assert card_of(auth).title == "Signed in as alice"
    assert rows(auth) == [("Account", "Alice (auth0|alice)")]
    mail = {"email": "alice@example.com", "email_verified": True}
    assert rows(sign_in_as(own_issuer, make_auth(), **mail)) == [("Account", "alice@example.com")]
    unverified = {"email": "alice@example.com", "email_verified": False, "name": "alice"}
    assert rows(sign_in_as(own_issuer, make_auth(), **unverified)) == [("Account", "auth0|alice")]
    nameless = {"email": "alice@example.com", "email_verified": False, "name": " "}
    assert rows(sign_in_as(own_issuer, make_auth(), **nameless)) == [("Account", "alice@example.com (auth0|alice)")]
    assert rows(sign_in_as(own_issuer, make_auth(), nickname="", name="auth0|alice")) == []


def test_another_user_of_the_same_name_is_told(make_auth: MakeAuth, own_issuer: LocalIssuer) -> None:
    """Until that user signs in again; the earlier user's own card does not change."""
    alice = make_auth().sign_in()
    other = sign_in_as(own_issuer, make_auth(), sub="auth0|mallory")
    assert card_of(other).title == card_of(alice).title == "Signed in as alice"
    assert rows(other) == [("Account", "Alice (auth0|mallory)"), BEFORE]
    assert rows(alice) == [("Account", "Alice (auth0|alice)")]
    own_issuer.switches.tamper = lambda draft: draft.claims.update(sub="auth0|mallory")
    other.renew()
    assert BEFORE in rows(other)
    equal = make_auth()
    assert source_of(equal).adopt()
    assert BEFORE in rows(equal)
    assert rows(sign_in_as(own_issuer, make_auth(), sub="auth0|mallory")) == [("Account", "Alice (auth0|mallory)")]


def test_sign_out_does_not_hide_it(make_auth: MakeAuth, own_issuer: LocalIssuer) -> None:
    """What is forgotten are tokens; `%unload_ext` forgets users too."""
    make_auth().sign_in().clear()
    assert BEFORE in rows(sign_in_as(own_issuer, make_auth(), sub="auth0|mallory"))
    SESSION.forget_tokens()
    assert rows(make_auth().sign_in()) == [("Account", "Alice (auth0|alice)")]


def test_store_remembers_it_for_another_process(
    make_auth: MakeAuth, own_issuer: LocalIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that a sign-in replaces says who signed in before."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    make_auth(store="file").sign_in()
    LAST_USERS.forget()  # as in another process
    assert BEFORE in rows(sign_in_as(own_issuer, make_auth(store="file"), sub="auth0|mallory"))


def test_user_of_another_application_is_no_change(make_auth: MakeAuth, own_issuer: LocalIssuer) -> None:
    """Two applications, or two issuers, may have two users."""
    make_auth().sign_in()
    with LocalIssuer(port=0, callback_urls=own_issuer.callback_urls, auto_approve="bob") as another:
        params = ParamsAuth0(
            domain=another.issuer.rstrip("/"), client_id=another.client_id, redirect_uri=another.callback_urls[0]
        )
        assert rows(Auth(params, flow="code").sign_in()) == [("Account", "Bob (auth0|bob)")]


def test_magics_tell_it(make_auth: MakeAuth, own_issuer: LocalIssuer, shell: InteractiveShell) -> None:
    """`%token` shows both rows, and `%token --list` names each account."""
    shell.user_ns["auth"] = make_auth().sign_in()
    shell.user_ns["other"] = sign_in_as(own_issuer, make_auth(), sub="auth0|mallory")
    _, _, _, [shown] = run(shell, "%token other")
    text = shown.data["text/plain"]
    assert "Account    Alice (auth0|mallory)" in text
    assert "Last time  another account: alice, auth0|alice" in text
    _, _, _, [listed] = run(shell, "%token --list")
    assert "alice, auth0|mallory" in listed.data["text/plain"]
