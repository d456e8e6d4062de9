"""The examples are whole, and run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from examples.demo import FILES, Ports, copy_examples
from ipyauth_magic import ParamsAuth0

ROOT = Path(__file__).parents[1]
JWT = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.")


def test_the_notebook_is_kept_without_outputs() -> None:
    """Nobody's run, and no token, is in the repository's notebook."""
    book = nbformat.read(ROOT / "examples" / "demo.ipynb", as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert [cell.outputs for cell in code if cell.outputs or cell.execution_count] == []


def test_the_dotenv_file_is_complete() -> None:
    """The example's file alone makes parameters, in its own old names too."""
    params = ParamsAuth0(dotenv_folder=str(ROOT / "examples"), dotenv_file="ipyauth-Auth0-demo.env")
    assert params.audience == "api/fruit"
    assert params.redirect_uri == "http://127.0.0.1:8765/callback/"
    assert set(params.scope.split()) >= {"openid", "profile", "read:usual-fruit"}


def test_taken_ports_are_stepped_around(tmp_path: Path) -> None:
    """Where another process holds a usual port, the copies of the examples say another one."""
    copy_examples(tmp_path, Ports(issuer=1111, fruit=2222, callback=3333))
    text = "".join((tmp_path / name).read_text() for name in FILES)
    assert ":1111" in text
    assert ":2222/api/fruit" in text
    assert "http://127.0.0.1:3333/callback/" in text
    assert not re.search(":9400|:5000|:8765", text)


@pytest.mark.timeout(300)
def test_the_demonstration_plays_itself(tmp_path: Path) -> None:
    """All cells run in a real JupyterLab, Alice signs in, and the story ends as it is told."""
    command = [sys.executable, "-m", "examples.demo", "--play", "--output", str(tmp_path / "out")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("Alice signs in in the browser: done") == 2
    assert "'papaya'" in run.stdout
    assert re.search(r"\(\{'usual': \['pear'\].*\{.*'exotic': \['mango'\]\}\)", run.stdout)
    assert "(401, 'Bearer realm=\"fruit\"')" in run.stdout
    executed = (tmp_path / "out" / "demo.ipynb").read_text()
    assert not JWT.search(executed)
    assert not JWT.search(run.stdout)
    assert list((tmp_path / "out").glob("*.png"))
