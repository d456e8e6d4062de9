"""The examples are whole, and run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

from examples.demo import FILES, NOTEBOOKS, copy_examples
from fruit_service.issuer.server import LocalIssuer
from ipyauth_magic import ParamsAuth0
from ipyauth_magic.demo.services import Ports, unused
from tests.service.running import running_service
from tests.support.attended import Visitor, run_attended
from tests.support.lab import folders
from tests.support.machine import NO_BROWSER, environment
from tests.support.ports import free_port, wait_until_free
from tests.support.scripted_browser import links_in

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
ENV_FILES = [name for name in FILES if name.endswith(".env")]
JWT = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.")
ONE_USE = re.compile(r"/authorize\?|user_code=|[?&#]code=")
"""What of a sign-in must not be saved either."""

READS_BOTH = r"'usual': \['apple', .*'exotic': \[.*'papaya'"
STORIES = {
    "guide.ipynb": (
        r"redirect_uri +http://127\.0\.0\.1:\d+/callback/ +\(file guide\.env\)",
        "Not signed in",
        "Signed in as alice.*Tip: --flow code",
        "logged_as   : alice",
        "<AccessToken of alice for api/fruit, until .*; hidden: %token shows its claims>",
        READS_BOTH,
        r"\(\{'usual': \['plum'\]\}, \{'exotic': \['mango'\]\}\)",
        "'plum'",
        "Signed in as alice.*then renewed automatically",
        "'nickname': 'alice'",
        r"logged_as   : \n",
    ),
    "device.ipynb": ("Signed in as alice", "No response comes to this machine", READS_BOTH),
    "two_apis.ipynb": (
        "Signed in as alice.*api/fruit",
        "Signed in as alice.*api/market",
        r"\(\{'usual': \['quince'\]\}, \['kiwi', .*'papaya'",
        "401.*The access token is for another audience",
        "Signed in as bob",
        r"'quince'\], 403\)",
        r"^alice, +api/fruit .* fruit_token, fruit$.*^auth0\|alice .*^alice, +api/market .* market_token,$.*"
        r"^bob, auth0\|bob +api/fruit .* bobs_token, bob$",
    ),
    "renewal.ipynb": (
        "Signed in as alice.*then renewed automatically",
        "renewed\n200 .*renewed\n200 ",
        "401.*The access token has expired",
        "^200$",
        r"Signed in as alice.*Expires +\d\d:\d\d( UTC)? \(in \d+ seconds?\)\s",
        "The access token has expired and cannot be renewed. Run the cell that signs in again",
    ),
    "cluster.ipynb": (
        "Signed in as alice.*then renewed automatically",
        "^2$",
        r"<WorkerAuth ipyauth-magic-\w+>.*\(Counter\(\{200: 100\}\), 2\)",
        "200 <WorkerAuthorization, hidden>.*There is no token here",
    ),
}
"""What a notebook shows, from its beginning to its end; these run in a kernel by itself."""

PLAYED = {"demo.ipynb": 3, "hub.ipynb": 1}
"""These run in a real JupyterLab, with that number of sign-ins."""


def test_every_notebook_is_run() -> None:
    """By one of the tests below."""
    assert sorted([*STORIES, *PLAYED]) == sorted(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_as_it_is_kept(name: str) -> None:
    """It has no outputs. It has a title and its requirements, and names its dotenv file."""
    book = nbformat.read(EXAMPLES / name, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert [cell.outputs for cell in code if cell.outputs or cell.execution_count] == []
    assert "widgets" not in book.metadata
    assert [line for cell in code for line in cell.source.splitlines() if len(line) > 90] == []  # else Lab cuts it off
    first = book.cells[0]
    assert (first.cell_type, first.source[:2]) == ("markdown", "# ")
    assert re.search(r"\*\*You need\*\* `make lab`[:,] [^.]*\.", first.source)
    named = set(re.findall(r"[\w-]+\.env\b", "".join(cell.source for cell in code)))
    assert len(named) == 1
    assert named <= set(ENV_FILES)


@pytest.mark.parametrize("name", ENV_FILES)
def test_a_dotenv_file_is_complete(name: str) -> None:
    """It alone makes parameters, without a warning, and belongs to one example."""
    params = ParamsAuth0(dotenv_folder=str(EXAMPLES), dotenv_file=name)
    assert (params.domain, params.client_id) == ("http://localhost:9400", "ipyauth-demo")
    assert params.redirect_uri in Ports().callback_urls
    assert list(params.warnings) == []
    readers = [each for each in FILES if name in (EXAMPLES / each).read_text(encoding="utf-8")]
    assert len([each for each in readers if each != name]) == 1


def test_the_first_dotenv_file_has_the_old_names() -> None:
    """Those of ipyauth's guide serve as they are."""
    params = ParamsAuth0(dotenv_folder=str(EXAMPLES), dotenv_file="ipyauth-Auth0-demo.env")
    assert params.audience == "api/fruit"
    assert params.redirect_uri == "http://127.0.0.1:8765/callback/"
    assert set(params.scope.split()) >= {"openid", "profile", "read:usual-fruit"}


def test_taken_ports_are_stepped_around(tmp_path: Path) -> None:
    """Where another process holds a usual port, the copies of the examples say another one."""
    copy_examples(tmp_path, Ports(issuer=1111, fruit=2222, market=3333, callback=4444, jupyter=6666))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    text = "".join((tmp_path / name).read_text(encoding="utf-8") for name in FILES)
    assert ":1111" in text
    assert ":2222/api/fruit" in text
    assert ":3333/api/fruit" in text
    assert "http://127.0.0.1:4444/callback/" in text
    assert "http://localhost:6666/callback/" in text
    assert not re.search(":9400|:5000|:5001|:8765|:8888", text)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PLAYED)
def test_a_notebook_plays_itself(tmp_path: Path, name: str) -> None:
    """All cells run in a real JupyterLab, Alice signs in, and the executed notebook holds no token."""
    command = [sys.executable, "-m", "examples.demo", "--play", "--notebook", name, "--output", str(tmp_path / "out")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("A script plays the user")
    assert f"The executed notebook: {tmp_path / 'out' / name}" in run.stdout
    assert run.stdout.count("Alice signs in in the browser: done") == PLAYED[name]
    assert "'papaya'" in run.stdout
    if name == "demo.ipynb":
        assert re.search(r"\{'usual': \['quince'\], 'exotic': \['guava'\]\}", run.stdout)
        assert re.search(r"\(\{'usual': \['pear'\].*\{.*'exotic': \['mango'\]\}\)", run.stdout)
        assert re.search(r"\(401,\nOut \| +'Bearer realm=\"fruit\", resource_metadata=\"http://127", run.stdout)
    else:
        assert (
            "Jupyter serves the redirect URI, and the extension in it passes the response to this kernel." in run.stdout
        )
    assert not JWT.search(run.stdout)
    assert secrets_in((tmp_path / "out" / name).read_text()) == []
    assert list((tmp_path / "out").glob("*.png"))


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Where the issuer and both APIs run; the tokens of the market last two seconds."""
    ports = Ports(callback=free_port(), jupyter=free_port())
    with (
        LocalIssuer(0, ports.callback_urls, 900, other_apis={"api/market": 2}) as issuer,
        running_service(issuer.issuer) as fruit,
        running_service(issuer.issuer, audience="api/market", leeway=0) as market,
    ):
        issuer.switches.device_interval = 1
        at = [urlsplit(url).port or 0 for url in (issuer.issuer, fruit, market)]
        yield Ports(*at, ports.callback, ports.jupyter)


@pytest.fixture
def visitor(ports: Ports) -> Visitor:
    """A user who signs in."""
    return Visitor(f"http://localhost:{ports.issuer}/")


@pytest.mark.parametrize("name", STORIES)
def test_a_notebook_tells_its_story(tmp_path: Path, ports: Ports, visitor: Visitor, name: str) -> None:
    """Every cell runs in a real kernel, a person follows its links, and nothing secret would be saved."""
    copy_examples(tmp_path / "examples", ports)
    environ = environment(folders(tmp_path), NO_BROWSER)
    book = run_attended(tmp_path / "examples" / name, visitor, environ)
    shown = [text_of(cell) for cell in book.cells if cell.cell_type == "code"]
    assert failures(book) == []
    at = 0
    for part in STORIES[name]:
        story = re.compile(part, re.DOTALL | re.MULTILINE)
        found = [index for index, text in enumerate(shown) if index >= at and story.search(text)]
        assert found, f"{part!r} is not in what came after cell {at}: {shown[at:]}"
        at = found[0]
    assert secrets_in(nbformat.writes(book)) == []


def text_of(cell: nbformat.NotebookNode) -> str:
    """Return what *cell* shows, as text."""
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown).strip(" ")


def failures(book: nbformat.NotebookNode) -> list[str]:
    """Return what went wrong in *book*: errors, and those that IPython shows as one line."""
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    failed = [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    return [str(output.get("text") or output.get("evalue")) for output in failed]


def secrets_in(text: str) -> list[str]:
    """Return what of tokens and of sign-ins under way is in *text*."""
    return [*JWT.findall(text), *ONE_USE.findall(text)]


@contextmanager
def started_script(tmp_path: Path, ports: Ports) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `script.py` by plain Python; yield it when it shows its link, and the link."""
    copy_examples(tmp_path, ports)
    environ = environment(NO_BROWSER, {"PYTHONPATH": str(ROOT)})
    command = [sys.executable, str(tmp_path / "script.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stderr is not None
            links = (url for line in process.stderr for url in links_in(line) if "/authorize?" in url)
            link = next(links, "")
            assert link, "it ended without a link"
            yield process, link
        finally:
            process.kill()


def test_the_script_signs_in(tmp_path: Path, ports: Ports, visitor: Visitor) -> None:
    """It prints what it came for to standard output, and the card to standard error; neither holds a token."""
    with started_script(tmp_path, ports) as (process, link):
        visitor.follow(link)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.splitlines() == [
        "added:   {'usual': ['medlar']}",
        "refused: {'exotic': ['mango']}",
        "usual: apple, orange, cherry, apricot, medlar",
        "exotic: kiwi, lychee, papaya, durian",
    ]
    assert "Signed in as alice" in err
    assert secrets_in(out + err) == []


def test_the_script_is_stopped_by_ctrl_c(tmp_path: Path, ports: Ports) -> None:
    """It says so in one sentence, without a traceback, and frees the port."""
    with started_script(tmp_path, ports) as (process, _):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Stopped: you are not signed in. Run the program again to sign in."
    assert "Traceback" not in err
    assert wait_until_free(ports.callback)


def test_what_a_user_changed_in_a_copy_stays(tmp_path: Path) -> None:
    """Each start has a folder of its own: an earlier one may be open in another JupyterLab."""
    folders = []
    for _ in range(3):
        folders.append(unused(tmp_path, "notebooks"))
        folders[-1].mkdir()
    assert [folder.name for folder in folders] == ["notebooks", "notebooks-2", "notebooks-3"]
