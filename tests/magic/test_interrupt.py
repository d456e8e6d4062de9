"""What an interrupt says: that the port is free, and which address to register if no response came."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic.auth import Auth
from ipyauth_magic.display.panel import TextPanel
from ipyauth_magic.flows import redirect
from ipyauth_magic.flows.sign_in import Progress, SignIn, State
from ipyauth_magic.settings.params import ParamsAuth0
from tests.magic.test_magics import failure, run
from tests.support.scripted_browser import ScriptedBrowser

Cell = Callable[..., str]
FREE = "The sign-in was interrupted; the port is free again."
HINT = (
    r"\nAn error page at the provider\? Check `client_id=ipyauth-demo`, and register this\n"
    r"exact address there \(.*\):\s+%s"
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who interrupts as soon as the link is there."""

    def tick(_: TextPanel, progress: Progress) -> None:
        if progress.url is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(TextPanel, "tick", tick)


@pytest.mark.parametrize("flow", ["implicit", "code"])
def test_an_interrupt_before_a_response_names_the_address_to_register(
    flow: str, shell: InteractiveShell, cell: Cell, redirect_uri: str, no_browser: None, impatient: None
) -> None:
    """A provider that does not know it, or the client, shows a page of its own and never answers."""
    said = failure(shell, cell(f"--flow {flow}"))
    assert re.fullmatch(f"{FREE}{HINT % re.escape(redirect_uri)}", said.strip())


def test_no_port_and_no_address_in_the_device_flow(
    shell: InteractiveShell, cell: Cell, no_browser: None, impatient: None
) -> None:
    """There is none."""
    assert failure(shell, cell("--flow device")).strip() == "The sign-in was interrupted."


def test_after_a_response_there_is_nothing_to_register(
    shell: InteractiveShell, cell: Cell, user_browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider knows the client and the address: it has answered."""

    def tick(_: TextPanel, progress: Progress) -> None:
        if progress.state is State.COMPLETING:
            raise KeyboardInterrupt

    arrived: list[SignIn] = []

    def complete(sign_in: SignIn, response: Any, own: Any = SignIn.complete) -> Any:
        arrived.append(sign_in)
        return own(sign_in, response)

    def tokens(*_: Any) -> Any:
        arrived[0].pause(60)  # until the user interrupts
        raise AssertionError("no tokens for a sign-in that was interrupted")

    monkeypatch.setattr(TextPanel, "tick", tick)
    monkeypatch.setattr(SignIn, "complete", complete)
    monkeypatch.setitem(redirect._TOKENS, "code", tokens)
    assert failure(shell, cell("--flow code")).strip() == f"{FREE}"


def test_an_interrupt_of_python_code(
    make_auth: Callable[..., Auth], own_issuer: LocalIssuer, impatient: None, user_browser: ScriptedBrowser
) -> None:
    """It stays a `KeyboardInterrupt`, with the same sentences and without frames of ours below."""
    uri = re.escape(own_issuer.callback_urls[0])
    user_browser.open_in_thread = lambda url: None
    with pytest.raises(KeyboardInterrupt, match=f"^{FREE}{HINT % uri}$") as caught:
        make_auth().sign_in()
    assert caught.value.__suppress_context__
    assert caught.traceback[-1].name == "sign_in"


def test_an_interrupt_before_a_sign_in(params: Callable[..., ParamsAuth0], monkeypatch: pytest.MonkeyPatch) -> None:
    """While tokens are renewed, or a keyring is unlocked, no port was held."""

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    auth = Auth(params())
    monkeypatch.setattr(type(auth._authenticator), "without_user", interrupt)
    with pytest.raises(KeyboardInterrupt, match=r"^Interrupted\.$"):
        auth.sign_in()


def test_an_interrupted_renewal_says_it_too(
    shell: InteractiveShell,
    cell: Cell,
    user_browser: ScriptedBrowser,
    redirect_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`%token --renew` asks the user where there is no refresh token."""
    run(shell, cell())

    def tick(_: TextPanel, progress: Progress) -> None:
        if progress.url is not None:
            raise KeyboardInterrupt

    monkeypatch.setattr(TextPanel, "tick", tick)
    monkeypatch.setattr(user_browser, "open_in_thread", lambda url: None)
    said = failure(shell, "%token --renew")
    assert re.search(FREE + HINT % re.escape(redirect_uri), said)
