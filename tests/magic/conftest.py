"""A local issuer, a shell, and a user whose browser is a script."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth
from ipyauth_magic.flows.live_tokens import LIVE
from ipyauth_magic.protocol.tokens import TokenSet
from ipyauth_magic.provider import provider
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.store import memory, redirect_uris
from tests.support.attempts import Attempt
from tests.support.auths import params_for
from tests.support.command_line import Machine
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, use_as_browser
from tests.support.shells import loaded_shell


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no keyring of this machine reaches a test, and no token of another test."""
    monkeypatch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in ("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_AUDIENCE", "AUTH0_CALLBACK_URL", "BROWSER", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    memory.SHARED.forget_all()
    LIVE.forget_all()
    redirect_uris._used.clear()
    provider._providers.clear()


@pytest.fixture(scope="session")
def redirect_uri() -> str:
    """A redirect URI whose port was free a moment ago."""
    return f"http://127.0.0.1:{free_port()}/callback/"


@pytest.fixture(scope="session")
def issuer(redirect_uri: str) -> Iterator[LocalIssuer]:
    """The local issuer, where alice allows everything at once."""
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), auto_approve="alice") as running:
        yield running


@pytest.fixture
def params(issuer: LocalIssuer) -> Callable[..., ParamsAuth0]:
    """Return a maker of parameters for the local issuer."""
    return partial(params_for, issuer)


@pytest.fixture
def cell(issuer: LocalIssuer, redirect_uri: str) -> Callable[..., str]:
    """Return a maker of `%%auth0` cells for the local issuer."""

    def make(line: str = "", *more: str) -> str:
        lines = [
            f"%%auth0 {line}",
            f"domain={issuer.issuer.rstrip('/')}",
            f"client_id={issuer.client_id}",
            f"redirect_uri={redirect_uri}",
            f"audience={issuer.audience}",
            "scope=read:usual-fruit",
            *more,
        ]
        return "\n".join(lines) + "\n"

    return make


@pytest.fixture
def user_browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedBrowser]:
    """The user's browser: what `webbrowser` would start is a script."""
    browser = ScriptedBrowser()
    use_as_browser(monkeypatch, lambda url: browser.open_in_thread(url))  # a test may replace it
    yield browser
    browser.join()


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any browser."""

    def get(using: object = None) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", get)


@pytest.fixture
def no_anywidget(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the extra `[widget]`."""
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "ipyauth_magic.display.widget", raising=False)


@pytest.fixture
def sign_in() -> Callable[[ParamsAuth0, ScriptedBrowser], TokenSet]:
    """Return what signs in with a scripted browser and without any display."""

    def run(params: ParamsAuth0, browser: ScriptedBrowser, timeout: float = 30) -> TokenSet:
        attempt = Attempt(params, timeout)
        try:
            attempt.wait_for_url(10)
            if attempt.url:
                browser.open_in_thread(attempt.url)
            return attempt.result()
        finally:
            browser.join()
            attempt.join()

    return run


@pytest.fixture
def own_issuer() -> Iterator[LocalIssuer]:
    """A local issuer of the test's own, with switches to turn."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), auto_approve="alice") as running:
        yield running


@pytest.fixture
def machine(tmp_path: Path, own_issuer: LocalIssuer) -> Machine:
    """Where the command runs, with a browser that signs in, and without profiles."""
    return Machine(tmp_path, own_issuer)


@pytest.fixture
def make_auth(own_issuer: LocalIssuer, user_browser: ScriptedBrowser) -> Callable[..., Auth]:
    """Return a maker of an `Auth` for it."""

    def make(flow: str = "code", scope: str = "read:usual-fruit", **options: Any) -> Auth:
        params = ParamsAuth0(
            domain=own_issuer.issuer.rstrip("/"),
            client_id=own_issuer.client_id,
            redirect_uri=own_issuer.callback_urls[0],
            audience=own_issuer.audience,
            scope=scope,
        )
        return Auth(params, flow=flow, **options)

    return make


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[InteractiveShell]:
    """A real IPython shell with the extension loaded; with a history, in a file of its own, if a test asks for it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    has_history = getattr(request, "param", "") == "with history"
    with loaded_shell(tmp_path / "history.sqlite" if has_history else None) as running:
        yield running
