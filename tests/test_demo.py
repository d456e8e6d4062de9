"""`python -m ipyauth_magic.demo`: three programs and a notebook, from one command to one Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
import requests

from ipyauth_magic.demo import __main__ as demo
from ipyauth_magic.demo.services import Ports
from tests.support.attended import Visitor, run_attended
from tests.support.lab import folders
from tests.support.machine import NO_BROWSER, environment
from tests.support.ports import wait_until_free
from tests.test_distribution import dist, source  # noqa: F401  (fixtures)
from tests.test_examples import failures, secrets_in, text_of

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "ipyauth_magic" / "demo" / demo.NOTEBOOK
SIGNS_IN = ("Signed in as alice", r"\{.*'papaya'", r"'pear'.*'mango'", "^401$", "AccessToken", "ipyauth-demo")
"""What the notebook shows, from its beginning to its end."""


def test_the_notebook_as_it_is_kept() -> None:
    """It has no outputs, and its lines fit; it says what it needs."""
    book = nbformat.read(BOOK, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code if cell.outputs or cell.execution_count] == []
    assert [line for cell in code for line in cell.source.splitlines() if len(line) > 90] == []
    assert "python -m ipyauth_magic.demo" in book.cells[0].source


def test_a_copy_has_the_ports_and_replaces_nothing(tmp_path: Path) -> None:
    """A user's earlier notebook stays as it is."""
    ports = Ports(issuer=1111, fruit=2222, callback=4444)
    first, second = demo.copied(tmp_path / "new", ports), demo.copied(tmp_path / "new", ports)
    assert [path.name for path in (first, second)] == ["sign-in.ipynb", "sign-in-2.ipynb"]
    text = first.read_text(encoding="utf-8")
    assert all(found in text for found in (":1111", ":2222/api/fruit", "http://127.0.0.1:4444/callback/"))
    assert not re.search(":9400|:5000|:8765", text)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    """It names the path, the reason and the next step."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"cannot be written to .*file.sign-in\.ipynb \(.*\)\. Name another folder\."):
        demo.copied(tmp_path / "file", Ports())


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the extra that brings it."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.main([]) == 2
    assert capsys.readouterr().err == (
        "The demonstration needs jupyterlab and sqlalchemy: pip install 'ipyauth-magic[demo]'\n"
    )


@contextmanager
def started(python: str, folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the demonstration by *python*; yield it when JupyterLab shows its link, and what was said until then."""
    command = [python, "-m", "ipyauth_magic.demo", str(folder / "notebooks"), "--no-browser"]
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "/lab/tree/sign-in.ipynb" in line:
                    break
            yield process, said
        finally:
            process.kill()


def opened(url: str, deadline: float = 60) -> int:
    """Return the status of *url*. JupyterLab prints its link a moment before it listens."""
    end = time.monotonic() + deadline
    while True:
        try:
            return requests.get(url, timeout=30).status_code
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def asks_about_news(lab: str) -> bool:
    """Return whether JupyterLab at the link *lab* greets a user with a question about news."""
    settings = lab.replace("/lab/tree/sign-in.ipynb", "/lab/api/settings/@jupyterlab/apputils-extension:notification")
    schema = requests.get(settings, timeout=30).json()["schema"]
    return bool(schema["properties"]["fetchNews"]["default"] == "none")


def try_it(python: str, tmp_path: Path, *, taken: bool) -> None:
    """Start the demonstration, run its notebook, press Ctrl-C: all that was promised is so."""
    environ = environment(folders(tmp_path), NO_BROWSER)
    with socket.socket() as holder:
        if taken:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 9400))
            holder.listen()
        with started(python, tmp_path, environ) as (process, said):
            issuer = re.findall(r"Local issuer +(http://localhost:\d+/)", said)
            assert issuer, said
            assert ("9400" in issuer[0]) == (not taken)
            [fruit] = re.findall(r"Fruit API +(http://127.0.0.1:\d+/)", said)
            [lab] = set(re.findall(r"http://localhost:\d+/lab/tree/sign-in.ipynb\?token=\w+", said))
            assert opened(lab) == 200
            assert not asks_about_news(lab)
            book = run_attended(tmp_path / "notebooks" / demo.NOTEBOOK, Visitor(issuer[0]), environ)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            rest, _ = process.communicate(timeout=60)
    assert failures(book) == []
    shown = "\n".join(text_of(cell) for cell in book.cells if cell.cell_type == "code")
    assert re.search(".*".join(SIGNS_IN), shown, re.DOTALL | re.MULTILINE), shown
    assert secrets_in(nbformat.writes(book)) == []
    assert rest.endswith("Stopped: JupyterLab, the fruit API and the local issuer.\n")
    assert "Traceback" not in rest
    assert process.returncode == 0
    for url in (issuer[0], fruit, lab):
        assert wait_until_free(int(url.split(":")[2].split("/")[0]))


def test_it_runs_from_one_command_to_one_ctrl_c(tmp_path: Path) -> None:
    """Also where another program is on a usual port."""
    try_it(sys.executable, tmp_path, taken=True)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_it_runs_where_only_its_extra_is_installed(
    tmp_path: Path, in_full: bool, request: pytest.FixtureRequest
) -> None:
    """In full, in an environment of its own, from the wheel."""
    if not in_full:
        return
    [wheel] = request.getfixturevalue("dist").glob("*.whl")
    venv.create(tmp_path / "environment", with_pip=True)
    python = str(tmp_path / "environment" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", f"ipyauth-magic[demo] @ {wheel.as_uri()}"], check=True)
    try_it(python, tmp_path, taken=False)
