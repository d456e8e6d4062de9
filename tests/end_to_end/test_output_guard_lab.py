"""A whole notebook in JupyterLab in which each way to print a token is tried: none is shown, and none is saved."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab import Notebook
from tests.support.signing_in_lab import signed_in, token_of, waiting
from tests.support.site import Site

KNOWN = """\
import json, logging, os, subprocess, sys
import ipywidgets
from IPython.display import HTML, JSON, display

T = str(token)
headers = {"Authorization": f"Bearer {T}"}
os.environ["SOME_HEADER"] = T"""

CELLS = {
    "print": "print(headers)",
    "result": "headers",
    "stderr": "print(T, file=sys.stderr)",
    "writes": "_ = sys.stdout.write(T[:50]), sys.stdout.write(T[50:])",
    "flushes": "print(T[:300], end='', flush=True); print(T[300:], flush=True)",
    "echo": "!echo $SOME_HEADER",
    "environment": "%env SOME_HEADER",
    "subprocess": "subprocess.run(['echo', T], capture_output=True).stdout",
    "HTML": "HTML(f'<p title=\"{T}\">The header is <b>Bearer {T}</b></p>')",
    "JSON": "JSON({'token': T})",
    "error": (
        "def scan(url, headers):\n    raise ValueError(f\"invalid value for 'headers': '{headers}'\")\n\n\n"
        "scan('https://api.example.com', headers)"
    ),
    "logging": "logging.getLogger('some.library').warning('sending %s', headers)",
    "update": "shown = display('before', display_id=True)\nshown.update(T)",
    "widget": "ipywidgets.Text(value=T)",
}


def test_a_notebook_shows_and_saves_no_token(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """Each output has a mask that a person can read; `%token --raw` alone shows the token."""
    sign_in = notebook.run(local_site.cell())
    waiting(sign_in)
    signed_in(notebook, sign_in)
    sign_in.wait_for_text("Signed in as alice").wait()
    token = token_of(notebook)
    notebook.run(KNOWN).wait()
    cells = {name: notebook.run(source).wait() for name, source in CELLS.items()}
    for name, cell in cells.items():
        if name == "widget":
            field = cell.locator.locator("input[type=text]")
            cell.wait_until(lambda field=field: field.input_value() == "<AccessToken, hidden>")
        else:
            cell.wait_for_text("<AccessToken, hidden>")
    for name, cell in cells.items():
        cell.locator.screenshot(path=artefacts / f"{name}.png")

    notebook.save()
    saved = notebook.path.read_text(encoding="utf-8")
    assert [part for part in (token, token.split(".")[2]) if part in saved or part in notebook.page.content()] == []
    assert saved.count("AccessToken, hidden") >= len(CELLS)
    assert token in notebook.run("%token --raw").wait().text()
