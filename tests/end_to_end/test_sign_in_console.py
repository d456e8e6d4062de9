"""A user signs in in `jupyter console`, which shows each output once and ignores that it is replaced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from fruit_service.issuer.server import LocalIssuer
from tests.support.machine import NO_BROWSER
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.site import Site
from tests.support.terminal import Console

ANSWER = 0.6
"""Seconds that the provider takes for an answer, as one on the internet: the first output comes before it."""


@pytest.fixture
def slow_site(redirect_uri: str) -> Iterator[Site]:
    """An issuer where Alice has allowed everything, and that takes its time."""
    with LocalIssuer(0, [redirect_uri], auto_approve="alice") as issuer:
        issuer.switches.device_interval = 1
        issuer.switches.watch = lambda path: time.sleep(ANSWER)  # it is slow
        yield Site(f"issuer={issuer.issuer}", issuer.issuer, redirect_uri, "")


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """A `jupyter console` with the extension loaded, on a machine without a browser."""
    jupyter = {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    with Console(tmp_path / "console", {**NO_BROWSER, **jupyter}) as opened:
        opened.run("%load_ext ipyauth_magic")
        yield opened


def test_link_reason_and_end_are_seen(console: Console, slow_site: Site, artefacts: Path) -> None:
    """Each in an output of its own, once the provider has answered."""
    console.start(slow_site.line("--flow code"))
    console.wait_for("Asking the provider")
    link = console.wait_for(r"http://\S+authorize\S+").group()
    console.wait_for("No browser tab opens: no (graphical )?browser was found")
    console.wait_for("Waiting for the sign-in")
    ScriptedBrowser().open(link)
    console.wait_for("Signed in as alice")
    console.wait()
    assert "alice" in console.run("auth.logged_as")
    (artefacts / "console.txt").write_text(console.transcript.replace(link, "..."))


def test_the_code_for_another_device_is_seen(console: Console, slow_site: Site, artefacts: Path) -> None:
    """Without it there is no way to sign in."""
    console.start(slow_site.line("--flow device"))
    console.wait_for(r"Open http://localhost:\d+/activate on any device, and enter\s+[A-Z]{4}-[A-Z]{4}\s")
    link = console.wait_for(r"http://\S+activate\?user_code=[A-Z]{4}-[A-Z]{4}\s").group().strip()
    console.wait_for("Waiting for the sign-in")
    assert requests.get(link, timeout=30).status_code == 200
    console.wait_for("then renewed automatically")
    console.wait()
    (artefacts / "console-device.txt").write_text(console.transcript)


def test_a_card_as_a_last_line_has_its_link(console: Console, slow_site: Site) -> None:
    """It is drawn when the link is known; the next look at the `Auth` shows who is signed in."""
    parameters = [each.split("=", 1) for each in slow_site.parameters("read:usual-fruit")]
    console.run("import sys; sys.modules['anywidget'] = None")  # with it, the text says to run sign_in()
    console.run("from ipyauth_magic import Auth, ParamsAuth0")
    console.run(f"a = Auth(ParamsAuth0(**dict({parameters!r})), flow='code')")
    console.start("a")
    link = console.wait_for(r"http://\S+authorize\S+").group()
    console.wait()
    assert "You are signed in" in ScriptedBrowser().open(link).text
    console.start("a")
    console.wait_for("Signed in as alice")
    console.wait()
