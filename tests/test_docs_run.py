"""What the documentation shows is run: its cells in a shell, one page after the other; its commands are parsed."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path

import keyring
import pytest
from IPython.core.interactiveshell import InteractiveShell

from fruit_service import __main__ as fruit_service
from fruit_service.issuer import __main__ as local_issuer
from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import ParamsAuth0
from ipyauth_magic.cli.parsers import parsed, parser
from ipyauth_magic.demo import __main__ as demo
from ipyauth_magic.flows.sign_in import SignIn
from ipyauth_magic.protocol.device_authorization import DeviceAuthorization
from ipyauth_magic.provider import provider
from ipyauth_magic.settings.line import BadOption
from ipyauth_magic.store import memory
from tests.service.running import running_service
from tests.support.documents import ROOT, YOUR_LIBRARY, Block, blocks, documents
from tests.support.keyrings import MemoryKeyring
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, link_behind, send, use_as_browser
from tests.support.shells import loaded_shell

JWT = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.")
ALL = [block for document in documents() if document != YOUR_LIBRARY for block in blocks(document)]
PAGES = sorted({block.document for block in ALL if block.kind in ("cell", "dotenv")})
MOST_LEFT_OUT = 0.15
"""Of the cells, how many may be marked."""


@dataclass
class UsersBrowser(ScriptedBrowser):
    """Alice's browser: it follows a sign-in to its end, and loads any other page."""

    def open_any(self, url: str, new: int = 0) -> bool:
        """Open *url* as `webbrowser` would, while the caller goes on."""
        if "/authorize?" in (url := link_behind(url)):
            self.open_in_thread(url)
        else:
            send("GET", url)
        return True


@dataclass
class Places:
    """What really listens, in place of what the documentation names."""

    issuer: LocalIssuer
    api: str
    market: str
    redirect_uri: str
    log: list[str]
    browser: UsersBrowser = field(default_factory=UsersBrowser)

    def written_into(self, text: str) -> str:
        """Return *text* with the placeholders of the documentation replaced."""
        domain = self.issuer.issuer.rstrip("/")
        for pattern, value in (
            (r"https://tenant\.eu\.auth0\.com", domain),
            (r"tenant\.eu\.auth0\.com", domain),
            (r"http://localhost:9400", domain),
            (r"YOUR_CLIENT_ID", self.issuer.client_id),
            (r"http://127\.0\.0\.1:8765/callback/", self.redirect_uri),
            (r"http://(?:127\.0\.0\.1|localhost):5000", self.api),
            (r"https://market\.example\.com", self.market),
            (r"https://\w+\.example\.com", self.api),
        ):
            text = value.join(re.split(pattern, text))
        return text

    def dotenv(self) -> str:
        """Return a dotenv file with all that a sign-in needs."""
        values = {
            "domain": self.issuer.issuer.rstrip("/"),
            "client_id": self.issuer.client_id,
            "redirect_uri": self.redirect_uri,
            "audience": self.issuer.audience,
            "scope": "read:usual-fruit write:usual-fruit",
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """The local issuer, where alice allows everything at once, and the two APIs of the documentation."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    log: list[str] = []
    known = {"callback_urls": (redirect_uri,), "lifetime": 300, "other_apis": {"api/market": 300}}
    with (
        LocalIssuer(port=0, auto_approve="alice", **known) as issuer,
        running_service(issuer.issuer, write_log=log.append) as api,
        running_service(issuer.issuer, write_log=log.append, audience="api/market") as market,
    ):
        issuer.switches.device_interval = 1
        yield Places(issuer, api, market, redirect_uri, log)


@pytest.fixture
def reader(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """The shell of a user who follows a page, on a machine of their own, in a folder with dotenv files."""
    for name in ("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_AUDIENCE", "BROWSER", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUTH0_CALLBACK_URL", places.redirect_uri)  # where a page leaves the default
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    ring = MemoryKeyring()
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)
    use_as_browser(monkeypatch, places.browser.open_any)
    monkeypatch.setattr(SignIn, "show_link", _with_another_device(SignIn.show_link, places.browser))
    memory.SHARED.forget_all()
    provider._providers.clear()
    (tmp_path / "demo.env").write_text(places.dotenv(), encoding="utf-8")
    for file in (ROOT / "examples").glob("*.env"):
        (tmp_path / file.name).write_text(places.written_into(file.read_text(encoding="utf-8")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with loaded_shell() as running:
        yield running
    places.browser.join()


def _with_another_device(show_link, browser: ScriptedBrowser):
    """Return *show_link* with a user who opens the link of the device flow on a telephone, in a tab of *browser*."""

    def shown(self: SignIn, url: str, device: DeviceAuthorization | None = None, **more: str | None) -> None:
        show_link(self, url, device, **more)
        if device is not None:
            browser.in_tab(lambda: send("GET", str(device.verification_uri_complete)))

    return shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_cells_of_a_page_run(page: Path, reader: InteractiveShell, places: Places, tmp_path: Path) -> None:
    """One after the other, as a reader would run them, with a dotenv file wherever the page shows one.

    The API answers well what is sent to it.
    """
    places.log.clear()
    for block in [each for each in ALL if each.document == page and not each.marked]:
        text = places.written_into(block.text)
        if block.kind == "dotenv":
            (tmp_path / block.file).write_text(text, encoding="utf-8")
            assert ParamsAuth0(dotenv_file=block.file).client_id, block.place
        if block.kind == "cell":
            outcome = reader.run_cell(text, store_history=True)
            assert outcome.success, f"{block.place}: {outcome.error_before_exec or outcome.error_in_exec!r}"
    assert [line for line in places.log if json.loads(line)["status"] >= 400] == []


@pytest.mark.parametrize("block", [each for each in ALL if each.kind == "shell"], ids=lambda block: block.place)
def test_commands_are_ours_to_the_letter(block: Block) -> None:
    """Targets of the Makefile, extras of the package, and options of its programs; within another command too."""
    for command in block.commands:
        check(command)
        for inner in re.findall(r"\$\(([^()]*)\)", command):
            check(inner)


@pytest.mark.parametrize(
    "command",
    [
        "make demo nothing",
        "pip install 'ipyauth-magic[nothing]'",
        "python -m ipyauth_magic login --nothing",
        "ipyauth log",
        "python -m fruit_service --ports 5000",
        "python -m nothing",
    ],
)
def test_a_wrong_command_is_found(command: str) -> None:
    """So that the test above says something."""
    with pytest.raises((AssertionError, SystemExit, BadOption)):
        check(command)


def check(command: str) -> None:
    """Hold *command* to be one that works, if it is one of ours."""
    words = shlex.split(re.sub(r"\s*[|>&].*", "", command))
    if words[0] == "make":
        check_targets([word for word in words[1:] if "=" not in word])
    elif words[0] == "pip" or words[:3] == ["python", "-m", "pip"]:
        check_extras(command)
    elif words[:2] == ["python", "-m"]:
        check_program(words[2], words[3:])
    elif words[0] == "ipyauth":
        check_program("ipyauth_magic", words[1:])


def check_targets(targets: list[str]) -> None:
    """Hold *targets* to be in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def check_extras(command: str) -> None:
    """Hold what *command* installs of ours to be there."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = [
        extra for found in re.findall(r"(?:ipyauth-magic|\.)\[([\w,-]+)\]", command) for extra in found.split(",")
    ]
    assert [extra for extra in extras if extra not in config["options.extras_require"]] == []


def check_program(name: str, arguments: list[str]) -> None:
    """Hold *arguments* to be such as the program *name* takes."""
    if name == "ipyauth_magic":
        assert arguments in (["--help"], ["--version"]) or parsed(arguments, parser()[1])
        return
    parsers: dict[str, argparse.ArgumentParser] = {
        "ipyauth_magic.demo": demo._parser(),
        "fruit_service": fruit_service._parser(),
        "fruit_service.issuer": local_issuer._parser(),
    }
    if name in parsers:
        parsers[name].parse_args(arguments)  # exits, and says why, where it does not know them
    else:
        assert (ROOT / name.replace(".", "/")).exists() or (ROOT / f"{name.replace('.', '/')}.py").exists(), name


def test_few_cells_are_left_out() -> None:
    """Only what no test can do has the mark: another machine, a person's hand."""
    cells = [block for block in ALL if block.kind == "cell"]
    marked = [block.place for block in cells if block.marked]
    assert len(cells) > 20
    assert len(marked) <= MOST_LEFT_OUT * len(cells), marked


def test_no_document_holds_a_token() -> None:
    """Not in an example's output either."""
    assert [path for path in documents() if JWT.search(path.read_text(encoding="utf-8"))] == []
