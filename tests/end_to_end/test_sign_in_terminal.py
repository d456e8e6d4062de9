"""A user signs in in a plain IPython terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.support.machine import NO_BROWSER
from tests.support.ports import is_free, wait_until_free
from tests.support.scripted_browser import ScriptedBrowser, links_in
from tests.support.scripted_tab import browser_command
from tests.support.site import Site
from tests.support.terminal import Terminal
from tests.support.user_browser import UserBrowser

INTERRUPT_DEADLINE = 2.5
"""Seconds; what is promised is 0.5."""

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Return what opens a terminal with the extension loaded, given variables of the environment."""
    with ExitStack() as stack:

        def open_terminal(**environ: str) -> Terminal:
            opened = stack.enter_context(Terminal(tmp_path / "terminal", {**NO_BROWSER, **environ}))
            assert opened.run("%load_ext ipyauth_magic") == ""
            return opened

        yield open_terminal


@pytest.fixture
def w3m(tmp_path: Path) -> Path:
    """Make a `w3m` of our own, which signs in and leaves a word; return the folder that it is in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    signs_in = browser_command(folder).split(" ")[0]
    (folder / "w3m").write_text(f'#!/bin/sh\ntouch "{folder}/started" && exec "{signs_in}" "$1"\n')
    (folder / "w3m").chmod(0o755)
    return folder


def test_a_user_signs_in_and_works_with_the_fruit_api(
    terminal: Open, site: Site, tmp_path: Path, artefacts: Path
) -> None:
    """In a real browser; %token shows who and what, and the token reads and adds fruits."""
    user = UserBrowser(tmp_path / "user")
    shell = terminal(BROWSER=user.command)
    said = shell.run(site.cell())
    assert "Signed in as alice" in said, user.log()
    assert "Traceback" not in said
    seen = user.sign_in()
    assert (seen.outcome, seen.url) == ("done", site.redirect_uri)
    assert "You are signed in" in seen.text

    claims = shell.run("%token")
    assert "Signed in as alice" in claims
    assert site.issuer in claims
    assert "write:usual-fruit" in claims

    shell.run("import requests")
    headers = 'headers={"Authorization": f"Bearer {token}"}'
    fruits = shell.run(f'print(requests.get("{site.api}/api/fruit", {headers}).json()["fruits"])')
    assert "lychee" in fruits
    added = shell.run(
        f'print(requests.post("{site.api}/api/fruit", json={{"usual": ["pear"], "exotic": ["fig"]}}, auth=auth).json())'
    )
    assert "'fruits_added': {'usual': ['pear']" in added
    assert "'exotic': ['fig']" in added.partition("fruits_refused")[2]
    assert "eyJ" not in shell.transcript
    (artefacts / "terminal.txt").write_text(shell.transcript)


def test_ctrl_c_ends_the_wait_and_the_next_try_works(terminal: Open, prompt_site: Site, artefacts: Path) -> None:
    """At once, in one line without a traceback; the port is free, and the same line signs in afterwards."""
    shell = terminal()
    shell.start(prompt_site.line())
    shell.wait_for("Waiting for the sign-in")
    assert not is_free(prompt_site.port)
    began = time.monotonic()
    shell.interrupt()
    said = shell.wait()
    assert time.monotonic() - began < INTERRUPT_DEADLINE
    assert said.splitlines()[-1] == "UsageError: The sign-in was interrupted; the port is free again."
    assert "Traceback" not in said
    assert wait_until_free(prompt_site.port)

    shell.start(prompt_site.line())
    link = shell.wait_for(r"http://\S+authorize\S+").group()
    ScriptedBrowser().open(link)
    assert "Signed in as alice" in shell.wait()
    (artefacts / "terminal.txt").write_text(shell.transcript)


def test_without_any_browser_the_link_is_followed_elsewhere(terminal: Open, prompt_site: Site) -> None:
    """The terminal shows the link once, says why no browser opens, and goes on when somebody has followed it."""
    shell = terminal()
    shell.start(prompt_site.cell())
    shell.wait_for("Open the sign-in page")
    link = shell.wait_for(r"http://\S+authorize\S+").group()
    shell.wait_for(r"No browser tab opens: no (graphical )?browser was found")
    answer = ScriptedBrowser().open(link)
    said = shell.wait()
    assert "Signed in as alice" in said
    assert links_in(shell.transcript).count(link) == 1
    assert "You are signed in" in answer.text


def test_a_device_code_is_entered_elsewhere(terminal: Open, prompt_site: Site, artefacts: Path) -> None:
    """The terminal shows the code, the link, and the link as a QR code; no browser of this machine is wanted."""
    shell = terminal()
    shell.start(prompt_site.cell("--flow device"))
    shell.wait_for(r"Open http://localhost:\d+/activate on any device, and enter\s+[A-Z]{4}-[A-Z]{4}\s")
    link = shell.wait_for(r"http://\S+activate\?user_code=[A-Z]{4}-[A-Z]{4}\s").group().strip()
    shell.wait_for("[▀▄█ ]{30}")
    shell.wait_for("Waiting for the sign-in")
    assert prompt_site.redirect_uri not in shell.transcript.partition("Sign in at")[2]
    assert "browser was found" not in shell.transcript
    assert requests.get(link, timeout=30).status_code == 200
    assert "then renewed automatically" in shell.wait()
    config = shell.run("%token --config")
    assert "No response comes to this machine" in config
    (artefacts / "terminal.txt").write_text(shell.transcript)


def test_a_text_browser_counts_as_none(terminal: Open, prompt_site: Site, w3m: Path) -> None:
    """It would take the terminal from IPython: the link is shown in its place."""
    shell = terminal(PATH=f"{w3m}:{os.environ['PATH']}")
    shell.start(prompt_site.line())
    link = shell.wait_for(r"http://\S+authorize\S+").group()
    shell.wait_for("No browser tab opens: no graphical browser was found")
    ScriptedBrowser().open(link)
    assert "Signed in as alice" in shell.wait()
    assert not (w3m / "started").exists()


def test_a_text_browser_named_in_browser_is_used(terminal: Open, prompt_site: Site, w3m: Path) -> None:
    """Who names it, wants it."""
    shell = terminal(PATH=f"{w3m}:{os.environ['PATH']}", BROWSER="w3m")
    assert "Signed in as alice" in shell.run(prompt_site.line())
    assert (w3m / "started").exists()


def test_a_user_pastes_where_the_browser_ended(
    terminal: Open, prompt_site: Site, tmp_path: Path, artefacts: Path
) -> None:
    """What is wrong is said and asked for again; nothing of it is shown, or in the history."""
    shell = terminal()
    shell.start(prompt_site.line("--paste --no-browser"))
    link = shell.wait_for(r"http://\S+authorize\S+").group()
    ended_at = requests.get(link, allow_redirects=False, timeout=30).headers["Location"]
    assert ended_at.startswith(f"{prompt_site.redirect_uri}#")
    shell.wait_for("not shown.: ")
    shell.start("http://127.0.0.1/nothing")
    shell.wait_for("Copy the whole address")
    shell.wait_for("not shown.: ")
    shell.start(ended_at)
    assert "Signed in as alice" in shell.wait()
    assert wait_until_free(prompt_site.port)
    history = (tmp_path / "terminal" / "ipython" / "profile_default" / "history.sqlite").read_bytes()
    token = ended_at.partition("access_token=")[2].partition("&")[0]
    assert token.encode() not in history
    (artefacts / "terminal-paste.txt").write_text(shell.transcript.replace(ended_at, "..."))


def test_the_tab_ends_the_question_in_a_terminal(terminal: Open, prompt_site: Site) -> None:
    """The browser brought the response: the cell goes on at once."""
    shell = terminal()
    shell.start(prompt_site.line("--paste --no-browser"))
    link = shell.wait_for(r"http://\S+authorize\S+").group()
    shell.wait_for("not shown.: ")
    ScriptedBrowser().open(link)
    assert "Signed in as alice" in shell.wait()
    assert shell.run("1 + 1").endswith("2")
