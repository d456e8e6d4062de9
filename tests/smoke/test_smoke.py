"""The main road on any system: load, sign in, call the API, keep the token, the command line, sign out.

These tests need the base installation and pytest: no JupyterLab, no browser, no POSIX. A script plays the browser.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.support.form_browser import FormBrowser
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, links_in

ROOT = Path(__file__).parents[2]
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
DEADLINE = 60

STORY = """
%load_ext ipyauth_magic
%auth0 -f demo.env --flow code --no-browser --store file --timeout 50
print("It is", auth.logged_as, repr(token), token.count("."))
print(auth.scope)
%token
"""


@dataclass
class Machine:
    """A user's account on this machine: a home folder that is empty at first, and a dotenv file."""

    home: Path
    issuer: LocalIssuer

    @property
    def environ(self) -> dict[str, str]:
        """Variables that lead into the home folder, on each system, and to no parameter of another."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTH0_", "IPYTHON", "XDG_"))}
        names = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "IPYTHONDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
        python = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return kept | dict.fromkeys(names, str(self.home)) | python

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python with *words*, and follow the first sign-in link that it shows, as Alice."""
        pipe = subprocess.PIPE
        command = [sys.executable, "-X", "utf8", *words]
        with subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if links := [url for url in links_in(line) if "/authorize?" in url]:
                    sign_in(self.issuer, links[0])
            return subprocess.CompletedProcess(command, process.wait(DEADLINE), "".join(said))

    def command(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `python -m ipyauth_magic`; the two outputs apart."""
        return subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "ipyauth_magic", name, "-f", "demo.env", "--store", "file", *words],
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )

    @property
    def kept(self) -> list[Path]:
        """The files with tokens."""
        return [path for path in self.home.rglob("*.json") if is_record(path)]


def is_record(path: Path) -> bool:
    """Return whether the file at *path* has a token in it."""
    return JWT.search(path.read_text(encoding="utf-8")) is not None


def sign_in(issuer: LocalIssuer, link: str) -> None:
    """Choose Alice, allow what is asked, and bring the response to the redirect URI."""
    browser = FormBrowser(issuer.issuer).open(link)
    for button in ("Alice", "Allow"):
        if browser.arrival is None:
            browser.press(button)
    assert browser.arrival is not None
    ScriptedBrowser().arrive(browser.arrival.url)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with an issuer."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(0, [redirect_uri], 600) as issuer:
        parameters: Mapping[str, str] = {
            "domain": issuer.issuer.rstrip("/"),
            "client_id": issuer.client_id,
            "redirect_uri": redirect_uri,
            "audience": issuer.audience,
            "scope": "read:usual-fruit",
        }
        lines = [f"{name}={value}\n" for name, value in parameters.items()]
        (tmp_path / "demo.env").write_text("".join(lines), encoding="utf-8")
        yield Machine(tmp_path, issuer)


def test_a_notebook_signs_in(machine: Machine) -> None:
    """From `%load_ext` to the claims; the token is masked, and is kept in a file of this user."""
    (machine.home / "story.ipy").write_text(STORY, encoding="utf-8")
    told = machine.run("-m", "IPython", "--no-banner", "--colors=NoColor", "story.ipy")
    assert told.returncode == 0, told.stdout
    assert re.search(r"It is alice <AccessToken.*> 2\n", told.stdout)
    assert "read:usual-fruit" in told.stdout
    assert "ipyauth-demo" in told.stdout
    assert not JWT.search(told.stdout)
    assert len(machine.kept) == 1
    if os.name == "posix":
        assert [path.stat().st_mode & 0o077 for path in machine.kept] == [0]


def test_the_command_line_signs_in(machine: Machine) -> None:
    """Sign in, print the token, say who it is, sign out; only `token` shows the token."""
    options = ("--flow", "code", "--store", "file", "--no-browser", "--timeout", "50")
    login = machine.run("-m", "ipyauth_magic", "login", "-f", "demo.env", *options)
    assert login.returncode == 0, login.stdout
    assert "Signed in as alice" in login.stdout
    token = machine.command("token", "--flow", "code")
    assert (token.returncode, token.stderr) == (0, "")
    assert JWT.fullmatch(token.stdout.strip())
    status = machine.command("status", "--flow", "code")
    assert "Signed in as alice" in status.stderr
    assert not JWT.search(login.stdout + status.stdout + status.stderr)
    machine.command("logout", "--flow", "code", "--no-browser")
    assert machine.kept == []
    assert machine.command("token", "--flow", "code").returncode == 1


def test_no_token_is_one_sentence(machine: Machine) -> None:
    """And a status that is not zero, without a traceback."""
    (machine.home / "demo.env").write_text("domain=http://localhost:9\nclient_id=x\n", encoding="utf-8")
    told = machine.command("token", "--flow", "code")
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert told.stdout == ""
    assert told.stderr.strip()
