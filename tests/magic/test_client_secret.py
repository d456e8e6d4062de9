"""An application's secret: where it is taken from, where it is sent, and that nothing else has it."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from ipyauth_magic.auth import authenticator_of
from ipyauth_magic.errors import InvalidParams, ProviderError, ProviderRefused
from ipyauth_magic.flows.authenticator import Authenticator
from ipyauth_magic.protocol.client_authentication import authenticated
from ipyauth_magic.protocol.tokens import ClientSecret
from ipyauth_magic.settings.params import IpyauthWarning
from ipyauth_magic.store.key import store_key
from tests.magic.test_magics import run
from tests.support.confidential import DEMANDING, Confidential, in_front_of
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.threads import until

SECRET = "hunter2+hunter2 hunter/2%"
FORM = {"grant_type": "authorization_code", "client_id": "client 1"}


@pytest.fixture
def in_file(tmp_path: Path) -> Callable[..., ParamsAuth0]:
    """Return a maker of parameters from the lines of a dotenv file that others cannot read."""

    def make(*lines: str, name: str = "x.env", **keywords: Any) -> ParamsAuth0:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        return ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file=name, **keywords)

    return make


# How an application authenticates


@pytest.mark.parametrize(
    ("methods", "way"),
    [
        ((), "basic"),
        (("client_secret_basic",), "basic"),
        (("client_secret_post",), "post"),
        (("client_secret_basic", "client_secret_post", "private_key_jwt", "none"), "post"),
        (("private_key_jwt", "client_secret_basic"), "basic"),
        (("none",), "none"),
        (("private_key_jwt", "none"), "none"),
    ],
)
def test_the_provider_says_how(methods: tuple[str, ...], way: str) -> None:
    """In the body where it may be, else in the header, else not at all; one of them alone (RFC 6749, 2.3)."""
    form, header = authenticated(FORM, ClientSecret(SECRET), methods)
    assert form.get("client_secret") == (SECRET if way == "post" else None)
    assert (header is not None) is (way == "basic")
    assert ("client_id" in form) is (way != "basic")
    assert form["grant_type"] == "authorization_code"


def test_the_header_is_form_encoded() -> None:
    """RFC 6749, 2.3.1; its `repr` shows none of it."""
    _, header = authenticated(FORM, ClientSecret(SECRET), ())
    assert header is not None
    kind, credentials = str(header).split()
    assert (kind, base64.b64decode(credentials)) == ("Basic", b"client+1:hunter2%2Bhunter2+hunter%2F2%25")
    assert credentials not in repr(header)


def test_a_provider_that_takes_no_secret_is_told() -> None:
    """Without a secret nothing changes."""
    with pytest.raises(ProviderError, match="does not take a client secret.*private_key_jwt"):
        authenticated(FORM, ClientSecret(SECRET), ("private_key_jwt", "tls_client_auth"))
    assert authenticated(FORM, None, ("private_key_jwt",)) == (FORM, None)


# Where it is taken from


@pytest.mark.parametrize("name", ["client_secret", "AUTH0_CLIENT_SECRET"])
def test_a_dotenv_file_has_it(name: str, in_file: Callable[..., ParamsAuth0]) -> None:
    """Without a warning."""
    params = in_file("domain=t.auth0.com", "client_id=c", f"{name}='{SECRET}'")
    assert params.client_secret == SECRET
    assert params.warnings == ()


def test_the_environment_has_it(in_file: Callable[..., ParamsAuth0], monkeypatch: pytest.MonkeyPatch) -> None:
    """By one name; a file goes before it, and an empty value there takes it away."""
    monkeypatch.setenv("client_secret", "other")
    assert ParamsAuth0(domain="t.auth0.com", client_id="c").client_secret is None
    monkeypatch.setenv("AUTH0_CLIENT_SECRET", SECRET)
    assert ParamsAuth0(domain="t.auth0.com", client_id="c").client_secret == SECRET
    assert in_file("client_secret=b", domain="t.auth0.com", client_id="c").client_secret == "b"
    assert in_file("client_secret=", domain="t.auth0.com", client_id="c").client_secret is None


def test_the_environments_may_be_filled_in(
    in_file: Callable[..., ParamsAuth0], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name only."""
    monkeypatch.setenv("AUTH0_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("AUTH0_API_TOKEN", "other")
    lines = ("domain=t.auth0.com", "client_id=c")
    assert in_file(*lines, "client_secret=${AUTH0_CLIENT_SECRET}").client_secret == SECRET
    with pytest.raises(InvalidParams, match=r"`client_secret` .* has `\$\{AUTH0_API_TOKEN\}`, which is not filled in"):
        in_file(*lines, "client_secret=${AUTH0_API_TOKEN}")


@pytest.mark.parametrize("given", ["client_secret=hunter2", "AUTH0_CLIENT_SECRET=hunter2", "client_secret=${B}"])
@pytest.mark.parametrize("name", ["client_secret", "AUTH0_CLIENT_SECRET"])
def test_a_value_that_is_shown_is_not_filled_in_with_it(
    given: str, name: str, in_file: Callable[..., ParamsAuth0], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor by a name between."""
    monkeypatch.setenv("AUTH0_CLIENT_SECRET", "hunter2")
    with pytest.raises(InvalidParams) as caught:
        in_file("B=1", given, f"A=${{{name}}}", "login_hint=${A}", "domain=t.auth0.com", "client_id=c")
    assert "`login_hint` (from file x.env) has `${" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    """If it has the secret; the sign-in continues."""
    path = tmp_path / "x.env"
    path.write_text(f"domain=t.auth0.com\nclient_id=c\nclient_secret='{SECRET}'\n")
    path.chmod(0o644)
    with pytest.warns(IpyauthWarning, match="Other users of this machine can read the client secret") as caught:
        params = ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file="x.env")
    assert params.client_secret == SECRET
    assert "hunter2" not in str([str(each.message) for each in caught])


CLIENT_FILE = {
    "client_id": "123.apps.googleusercontent.com",
    "project_id": "p",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "client_secret": SECRET,
    "redirect_uris": ["http://localhost"],
}


@pytest.mark.parametrize("kind", ["installed", "web"])
def test_a_client_file_is_understood(kind: str, in_file: Callable[..., ParamsAuth0]) -> None:
    """The issuer is the origin of its authorization endpoint, unless the user gives another."""
    text = json.dumps({kind: CLIENT_FILE})
    params = in_file(text, name="client_secret_123.json")
    assert (params.client_id, params.client_secret) == (CLIENT_FILE["client_id"], SECRET)
    assert params.issuer == "https://accounts.google.com"
    assert "hunter2" not in repr(params) + repr(params.explain())
    other = in_file(text, name="client_secret_123.json", domain="t.auth0.com")
    assert (other.domain, other.issuer) == ("t.auth0.com", None)


@pytest.mark.parametrize(
    "document", ["{", "[]", "{}", '{"installed": 5}', '{"installed": {"client_secret": "hunter2"}}', '{"a": {}}']
)
def test_other_json_is_not_a_client_file(document: str, in_file: Callable[..., ParamsAuth0]) -> None:
    """The error repeats nothing of it."""
    with pytest.raises(InvalidParams) as caught:
        in_file(document, name="x.json")
    assert "hunter2" not in str(caught.value)
    if document.startswith("{"):
        assert "is JSON without a client_id" in " ".join(str(caught.value).split())


# Where it is sent, and that it is shown nowhere


WAYS = {"post": ["client_secret_post", "client_secret_basic"], "basic": []}


def confidential(in_file: Callable[..., ParamsAuth0], front: Confidential, **changes: str) -> ParamsAuth0:
    """Return parameters for the application that has a secret at *front*."""
    values = {
        "issuer": front.issuer.issuer,
        "discovery_url": front.discovery_url,
        "client_id": front.issuer.client_id,
        "redirect_uri": front.issuer.callback_urls[0],
        "scope": "read:usual-fruit",
        "audience": front.issuer.audience,
        "client_secret": f"'{SECRET}'",
    }
    return in_file(*(f"{name}={value}" for name, value in (values | changes).items() if value))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flow", ["code", "device"])
def test_it_is_sent_to_the_token_and_the_revocation_endpoint_only(
    flow: str,
    way: str,
    own_issuer: LocalIssuer,
    user_browser: ScriptedBrowser,
    in_file: Callable[..., ParamsAuth0],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In each request there, by the provider's method; in no other request, and in no link or log."""
    caplog.set_level(logging.DEBUG)
    with in_front_of(own_issuer, SECRET, WAYS[way]) as front:
        auth = Auth(confidential(in_file, front), flow=flow)
        if flow == "device":
            user_browser.in_tab(lambda: approve(authenticator_of(auth)))
        auth.sign_in(timeout=30)
        auth.renew()
        auth.userinfo()
        auth.sign_out(open_browser=False)
        asked = [name for name, _ in front.sent]
        assert set(front.ways) == {way}
        assert asked.count("revocation_endpoint") == 1
        assert "userinfo_endpoint" in asked
        assert len(front.ways) == sum(name in DEMANDING for name in asked) >= 3
        others = [text for name, text in front.sent if name not in DEMANDING]
        assert all(
            "hunter2" not in text for text in [*others, *user_browser.opened, *user_browser.started, caplog.text]
        )


def approve(authenticator: Authenticator) -> None:
    """Open the device's link, where alice allows everything at once, as soon as it is known."""
    until(lambda: authenticator.sign_in is not None and authenticator.sign_in.progress.url is not None)
    assert authenticator.sign_in is not None
    requests.get(str(authenticator.sign_in.progress.url), timeout=10).raise_for_status()


@pytest.mark.parametrize("secret", ["", "other"])
def test_a_secret_that_is_missing_or_wrong_is_told(
    secret: str, own_issuer: LocalIssuer, user_browser: ScriptedBrowser, in_file: Callable[..., ParamsAuth0]
) -> None:
    """With the place for it, and not with its value."""
    with in_front_of(own_issuer, SECRET, ["client_secret_basic"]) as front:
        auth = Auth(confidential(in_file, front, client_secret=secret), flow="code")
        with pytest.raises(ProviderRefused, match="put it into a dotenv file as `client_secret`") as caught:
            auth.sign_in(timeout=30)
        assert not secret or secret not in str(caught.value).replace("another", "")


def test_the_words_of_a_provider_about_the_secret() -> None:
    """Google says it by `invalid_request`, which is about the parameters otherwise."""
    assert "dotenv file as `client_secret`" in str(ProviderRefused("invalid_request", "client_secret is missing."))
    assert "dotenv file" not in str(ProviderRefused("invalid_request", "nonce is missing."))


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose"])
def test_it_is_in_no_traceback(mode: str, shell: InteractiveShell, in_file: Callable[..., ParamsAuth0]) -> None:
    """Nor in `?`, in Shift-Tab, in `%whos`, or in what a cell shows."""
    params = in_file("domain=t.auth0.com", "client_id=c", f"client_secret='{SECRET}'")
    shell.user_ns.update(params=params, auth=Auth(params), secret=params.client_secret)
    cells = ["params", "auth", "auth.show()", "params.explain()", "secret", "secret?", "params?", "%whos"]
    cells += ["def failing(secret, params):\n    1 / 0\nfailing(secret, params)", "params.client_secret.no_such_name"]
    run(shell, f"%xmode {mode}")
    for cell in cells:
        _, printed, said, _ = run(shell, cell)
        assert "hunter2" not in printed + said, cell


def test_it_is_shown_nowhere(in_file: Callable[..., ParamsAuth0]) -> None:
    """Not in a `repr`, a table, a pickle or the key of a store."""
    lines = ("issuer=https://idp.test", "client_id=c")
    params, without = in_file(*lines, f"client_secret='{SECRET}'"), in_file(*lines)
    shown = [repr(params), str(params), repr(params.explain()), str(params.explain()), str(vars(params))]
    assert all("hunter2" not in text for text in shown)
    assert "hidden" in repr(params)
    assert [row.value for row in params.explain() if row.name == "client_secret"] == ["hidden"]
    with pytest.raises(TypeError, match="ClientSecret is a secret"):
        pickle.dumps(params)
    assert store_key(params) == store_key(without)
    assert params != without
