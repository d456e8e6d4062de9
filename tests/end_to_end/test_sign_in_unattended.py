"""A notebook that runs with nobody in front of it: nbclient, nbconvert, papermill."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.machine import NO_BROWSER, environment
from tests.support.ports import is_free
from tests.support.scripted_tab import browser_command
from tests.support.site import Site

ROOT = Path(__file__).parents[2]
MAGIC_DEADLINE = 3.0
"""Seconds within which the cell fails, as the kernel counts them."""

NOBODY = "You cannot sign in here: this notebook runs unattended and no browser can be opened"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine without any browser, and Jupyter's files in a folder of this test."""
    jupyter = {
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return environment(NO_BROWSER, jupyter)


def notebook(*sources: str) -> nbformat.NotebookNode:
    """Return a notebook of these cells."""
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def executed(book: nbformat.NotebookNode, environ: dict[str, str], folder: Path) -> nbformat.NotebookNode:
    """Run *book* to its end by nbclient, failing cells too."""
    client = NotebookClient(book, timeout=60, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    return client.execute(env=environ)


def text(cell: Any) -> str:
    """Return what *cell* shows, as text."""
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown)


def seconds(cell: Any) -> float:
    """Return how long *cell* ran, as the kernel counted."""
    times = cell.metadata["execution"]
    began, ended = (datetime.fromisoformat(times[name]) for name in ("iopub.execute_input", "shell.execute_reply"))
    return (ended - began).total_seconds()


def test_without_a_browser_the_cell_fails_soon(prompt_site: Site, environ: dict[str, str], tmp_path: Path) -> None:
    """With a sentence that says what to do, and no traceback; in Python the error has its class; the port is free."""
    caught = (
        "from ipyauth_magic import Auth, ParamsAuth0\n"
        f"p = ParamsAuth0(**dict(each.split('=', 1) for each in {prompt_site.parameters('read:usual-fruit')!r}))\n"
        "try:\n    Auth(params=p).sign_in()\nexcept Exception as error:\n    print(type(error).__name__)"
    )
    book = executed(notebook("%load_ext ipyauth_magic", prompt_site.cell(), caught), environ, tmp_path)
    failed = book.cells[1].outputs
    assert [output.output_type for output in failed] == ["error"], "what papermill and its like report"
    assert failed[0].evalue.startswith(NOBODY)
    assert "set BROWSER to the command of a browser" in failed[0].evalue
    assert " ".join(map(str.strip, failed[0].traceback)) == f"UsageError: {failed[0].evalue}"
    assert len(failed[0].evalue.splitlines()) == 1
    assert seconds(book.cells[1]) < MAGIC_DEADLINE
    assert text(book.cells[2]) == "NobodyCanAnswer\n"
    assert is_free(prompt_site.port)


def test_nbconvert_stops_at_the_cell(prompt_site: Site, environ: dict[str, str], tmp_path: Path) -> None:
    """`jupyter nbconvert --execute` ends with an error, and names the sentence."""
    nbformat.write(notebook("%load_ext ipyauth_magic", prompt_site.cell(), "print('on')"), tmp_path / "book.ipynb")
    began = time.monotonic()
    run = nbconvert(tmp_path / "book.ipynb", environ)
    assert run.returncode != 0
    assert NOBODY in " ".join(run.stderr.split())
    assert "ipyauth_magic/ipython/magics.py" not in run.stderr
    assert not (tmp_path / "done.ipynb").exists()
    assert time.monotonic() - began < 60


def test_nbconvert_signs_in_by_the_browser_that_is_named(
    prompt_site: Site, environ: dict[str, str], tmp_path: Path
) -> None:
    """With BROWSER set to a program that signs in, it runs to the end; no secret is in the notebook."""
    nbformat.write(notebook("%load_ext ipyauth_magic", prompt_site.cell(), "%token"), tmp_path / "book.ipynb")
    run = nbconvert(tmp_path / "book.ipynb", environ | {"BROWSER": browser_command(tmp_path)})
    assert run.returncode == 0, run.stderr
    done = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    assert "Signed in as alice" in text(done.cells[1])
    assert "Access token: claims" in text(done.cells[2])
    secrets = (tmp_path / "secrets.txt").read_text().splitlines()
    assert len(secrets) >= 4
    written = (tmp_path / "done.ipynb").read_text()
    assert not [secret for secret in secrets if secret in written]
    assert "authorize?" not in written


def test_a_card_of_an_earlier_run_does_nothing(prompt_site: Site, environ: dict[str, str], tmp_path: Path) -> None:
    """`a` as a last line, with the card of a good sign-in still under it, shows a still card and starts nothing."""
    guide = (
        "from ipyauth_magic import Auth, ParamsAuth0\n"
        "p = ParamsAuth0(dotenv_file='demo.env', audience='api/fruit', scope='read:exotic-fruit')\n"
        "a = Auth(params=p)"
    )
    port = f"import socket\nsocket.create_server(('127.0.0.1', {prompt_site.port})).close()\nprint('free')"
    book = notebook(guide, "a", port)
    earlier = nbformat.v4.new_output("display_data", {"text/html": "<b>Signed in as alice</b>"})
    book.cells[1].outputs.append(earlier)
    (tmp_path / "demo.env").write_text(prompt_site.dotenv())
    book = executed(book, environ, tmp_path)
    assert [output.output_type for output in book.cells[1].outputs] == ["display_data"]
    assert text(book.cells[1]).startswith("Not signed in\n")
    assert "http" not in text(book.cells[1]).replace(prompt_site.issuer, "")
    assert text(book.cells[2]) == "free\n"


def nbconvert(path: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the notebook at *path*; the executed one is `done.ipynb` beside it."""
    command = ["-m", "nbconvert", "--to", "notebook", "--execute", "--output", "done", str(path)]
    return subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True, timeout=100)
