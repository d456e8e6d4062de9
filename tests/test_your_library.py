"""Each recipe of docs/guide/your-library.md, as it stands there: a call with a token, and one after the token's end.

The page's cells run in a shell with `auth`, against servers that refuse a token at its end. The libraries that are not
for `make test` have the mark `libraries`.
"""

from __future__ import annotations

import importlib.metadata
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook
from packaging.version import Version

from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import Auth, ParamsAuth0
from tests.support.documents import YOUR_LIBRARY, blocks
from tests.support.library_api import Gate, serve
from tests.support.ports import free_port
from tests.support.scripted_browser import ScriptedBrowser, use_as_browser
from tests.support.shells import loaded_shell
from tests.support.strict_api import expiry
from tests.support.threads import until

LIFETIME = 20
"""Seconds for which a token is good. A renewal is due two seconds earlier; an `exp` has no fractions of a second."""

LIGHT = ("requests", "httpx", "httpx2", "aiohttp", "websockets")
"""Sections whose libraries are in the environment of `make test`."""

PYTHON = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
"""The metadata of a notebook."""

MOST_LINES = 5
"""Of a recipe, without its imports and the call itself."""


@dataclass(frozen=True)
class Recipe:
    """One block of the page.

    Attributes:
        section: the heading above it.
        number: counts the blocks of the section.
        once: what is run once, before the first call.
        call: the block's last paragraph, which is run for each call.
    """

    section: str
    number: int
    once: str
    call: str

    def __str__(self) -> str:
        return self.section if self.number == 1 else f"{self.section}-{self.number}"

    @property
    def lines(self) -> list[str]:
        """The lines to write, without imports."""
        return [line for line in self.once.splitlines() if line and not re.match(r"import |from \S+ import", line)]


def recipes() -> Iterator[Recipe]:
    """Return the recipes of the page, in their order."""
    text = YOUR_LIBRARY.read_text(encoding="utf-8")
    headings = [(text.count("\n", 0, found.start()) + 1, found[1]) for found in re.finditer(r"^## (.+)$", text, re.M)]
    seen: list[str] = []
    for block in blocks(YOUR_LIBRARY):
        if block.kind == "cell" and not block.marked:
            section = [name for line, name in headings if line < block.line][-1]
            seen.append(section)
            once, _, call = block.text.rstrip().rpartition("\n\n")
            yield Recipe(section, seen.count(section), once, call)


RECIPES = list(recipes())
ROWS = {
    section: (package, version, second_try)
    for section, package, version, second_try in re.findall(
        r"^\| \[([^\]]+)\]\(#[^)]+\) \| `([\w-]+)` \| ([\d.]+) \| .* \| ([^|]+) \|$",
        YOUR_LIBRARY.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}
"""What each row of the page's table says, by its section: the package, its version, and whether it tries once more."""

# What the libraries warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


REPORT = """
%load_ext ipyauth_magic
%auth0 -f demo.env --flow code --store file --no-browser
import requests
requests.get("https://api.example.com/api/fruit", auth=auth).raise_for_status()
"""
"""The cells of a notebook that is run in a kernel of its own."""

CLOSE = """
for name, made in list(globals().items()):
    if name in ("api", "client", "core", "channel", "connection", "http_client", "session"):
        ended = made.aclose() if hasattr(made, "aclose") else getattr(made, "close", print)()
        _ = await ended if hasattr(ended, "__await__") else None
"""
"""What a user leaves open until the kernel ends."""


@dataclass(frozen=True)
class Outcome:
    """What one call came to: its error, the tokens that were let in, and the number of those that were not."""

    error: object
    tokens: tuple[str, ...]
    refused: int


@dataclass(frozen=True)
class Calls:
    """What became of a call, of one after the token's end, and of one whose token is revoked when it arrives."""

    first: Outcome
    second: Outcome
    revoked: Outcome


@dataclass
class Reader:
    """A user with a shell, who follows the page."""

    shell: InteractiveShell
    gate: Gate
    addresses: dict[str, str]

    def run(self, cell: str) -> Outcome:
        """Run *cell*, with the addresses that there are in place of the page's."""
        cell = self.with_addresses(cell)
        before, refused = len(self.gate.tokens), self.gate.refused
        result = self.shell.run_cell(cell)
        error = result.error_before_exec or result.error_in_exec
        return Outcome(error, tuple(self.gate.tokens[before:]), self.gate.refused - refused)

    def with_addresses(self, text: str) -> str:
        """Return *text* with the addresses that there are."""
        for name, address in self.addresses.items():
            text = text.replace(name, address)
        return text


@pytest.fixture(scope="module")
def on_own_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """A folder, and no keyring and no setting of this machine."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)
        for name in (
            "AUTH0_DOMAIN",
            "AUTH0_CLIENT_ID",
            "AUTH0_AUDIENCE",
            "AUTH0_CALLBACK_URL",
            "HTTPS_PROXY",
            "HTTP_PROXY",
        ):
            patch.delenv(name, raising=False)
        for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("HOME", str(folder))
        patch.chdir(folder)
        yield patch


@pytest.fixture(scope="module")
def issuer(on_own_machine: pytest.MonkeyPatch) -> Iterator[LocalIssuer]:
    """The local issuer, with tokens of 20 seconds."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with LocalIssuer(port=0, callback_urls=(redirect_uri,), auto_approve="alice", lifetime=LIFETIME) as running:
        yield running


@pytest.fixture(scope="module")
def auth(on_own_machine: pytest.MonkeyPatch, issuer: LocalIssuer) -> Iterator[Auth]:
    """A sign-in as Alice, kept in a file."""
    values = {
        "domain": issuer.issuer.rstrip("/"),
        "client_id": issuer.client_id,
        "redirect_uri": issuer.callback_urls[0],
        "audience": issuer.audience,
        "scope": "read:usual-fruit",
    }
    Path("demo.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    browser = ScriptedBrowser()
    use_as_browser(on_own_machine, browser.open_in_thread)
    yield Auth(ParamsAuth0(dotenv_file="demo.env"), flow="code", store="file").sign_in(timeout=60)
    browser.join()


@pytest.fixture(scope="module")
def reader(on_own_machine: pytest.MonkeyPatch, auth: Auth, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """The shell, and a server for each protocol that is needed."""
    gate = Gate()
    with ExitStack() as running:
        chosen = {recipe.section for recipe in chosen_recipes(request)}
        addresses = serve(running, gate, chosen)
        shell = running.enter_context(loaded_shell())
        shell.user_ns["auth"] = auth
        reader = Reader(shell, gate, addresses)
        cells = map(new_code_cell, reader.with_addresses(REPORT).strip().splitlines())
        nbformat.write(new_notebook(cells=list(cells), metadata=PYTHON), "report.ipynb")
        yield reader


def chosen_recipes(request: pytest.FixtureRequest) -> list[Recipe]:
    """Return the recipes that this run of pytest is to test, each once."""
    chosen = [
        item.callspec.params["recipe"]
        for item in request.session.items
        if item.path == Path(__file__) and "outcomes" in item.fixturenames
    ]
    return list(dict.fromkeys(chosen))


@pytest.fixture(scope="module")
def outcomes(reader: Reader, auth: Auth, issuer: LocalIssuer, request: pytest.FixtureRequest) -> dict[Recipe, Calls]:
    """Return what three calls of each recipe came to. Every token ends after the first: one wait serves all recipes."""
    first, second, third, variables = {}, {}, {}, {}
    for recipe in chosen_recipes(request):
        once = reader.run(recipe.once) if recipe.once else Outcome(None, (), 0)
        first[recipe] = reader.run(recipe.call) if once.error is None else once
        variables[recipe] = {name: value for name, value in reader.shell.user_ns.items() if name[0] != "_"}
    last_end = max(map(expiry, reader.gate.tokens), default=0.0)
    until(lambda: time.time() >= last_end, 5 * LIFETIME)
    for recipe in first:
        reader.shell.user_ns.update(variables[recipe])  # several recipes call theirs `client`
        second[recipe] = reader.run(recipe.call)
    for recipe in first:
        reader.shell.user_ns.update(variables[recipe])
        issuer.switches.access_token_lifetime += 1  # two tokens of one second are equal
        auth.renew()
        issuer.switches.access_token_lifetime += 1
        reader.gate.revokes_next = True
        third[recipe] = reader.run(recipe.call)
    for recipe in first:
        reader.shell.user_ns.update(variables[recipe])
        reader.shell.run_cell(CLOSE)
    return {recipe: Calls(first[recipe], second[recipe], third[recipe]) for recipe in first}


def as_parameter(recipe: Recipe) -> Any:
    """Return *recipe* with its name, and its mark."""
    marks = [] if recipe.section in LIGHT else [pytest.mark.libraries]
    return pytest.param(recipe, id=str(recipe), marks=marks)


AS_PARAMETERS = [as_parameter(recipe) for recipe in RECIPES]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", AS_PARAMETERS)
def test_a_call_after_the_end_of_the_token(recipe: Recipe, outcomes: dict[Recipe, Calls]) -> None:
    """Each call succeeds at once, the second with another token."""
    first, second = outcomes[recipe].first, outcomes[recipe].second
    assert (first.error, second.error) == (None, None)
    assert (first.refused, second.refused) == (0, 0)
    assert len(first.tokens) > 0 < len(second.tokens)
    assert set(first.tokens) & set(second.tokens) == set()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", AS_PARAMETERS)
def test_the_row_says_what_is_so(recipe: Recipe, outcomes: dict[Recipe, Calls]) -> None:
    """A second try after a 401 brings another token, or there is none; the version is not later than this one."""
    package, version, second_try = ROWS[recipe.section]
    revoked = outcomes[recipe].revoked
    tries = second_try == "yes" or (second_try == "the asynchronous client" and "async" in recipe.once.lower())
    assert (revoked.refused > 0, revoked.error is None) == (True, tries)
    assert Version(importlib.metadata.version(package)) >= Version(version)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_recipe_is_short(recipe: Recipe) -> None:
    """Few lines, and a call."""
    assert recipe.call
    assert len(recipe.lines) <= MOST_LINES


def test_the_table_has_a_row_for_each_section() -> None:
    """In the same order, and each light one is there."""
    assert list(ROWS) == list(dict.fromkeys(recipe.section for recipe in RECIPES))
    assert set(LIGHT) <= ROWS.keys()
