"""The harness that drives JupyterLab drives Notebook 7 too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.lab import Notebook
from tests.support.notebook7 import Notebook7

pytestmark = pytest.mark.harness

TOKEN = "a-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook7]:
    """Run one Notebook 7 under a path, which asks for a token."""
    with Notebook7(tmp_path_factory.mktemp("notebook7"), base_url="/some/base/", token=TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def notebook(server: Notebook7, browser: Browser) -> Iterator[Notebook]:
    """Open a new notebook; each test goes on in its last cell."""
    with server.notebook(browser) as notebook:
        yield notebook


def test_it_is_notebook_7(server: Notebook7, notebook: Notebook) -> None:
    """The notebook has the page for itself, with the menus of Notebook 7."""
    assert notebook.page.url == f"{server.url}/notebooks/{notebook.path.name}"
    expect(notebook.page.locator("#jp-MainLogo, #jp-NotebookLogo")).to_have_count(1)
    assert notebook.page.locator(".lm-TabBar-tab").count() == 0


def test_cells_run_fail_and_are_interrupted(notebook: Notebook) -> None:
    """Typing, running, waiting, failing and interrupting are what they are in Lab."""
    assert notebook.run("def add(a, b):\n    return a + b\n\nadd(1, 1)").wait().text() == "2"
    assert notebook.run("1 / 0").wait().failed()
    cell = notebook.run("import time\nprint('sleeping')\ntime.sleep(60)").wait_for_text("sleeping")
    assert cell.is_running()
    notebook.interrupt()
    assert "KeyboardInterrupt" in cell.wait(timeout=30).text()
    notebook.restart_kernel()
    assert notebook.run("'add' in globals()").wait().text() == "False"


def test_a_link_opens_a_tab(server: Notebook7, notebook: Notebook) -> None:
    """A link of an output opens, in the same context."""
    source = f'from IPython.display import HTML\nHTML(\'<a href="{server.url}/api" target="_blank">version</a>\')'
    tab = notebook.run(source).wait().open_link("version")
    expect(tab.locator("body")).to_contain_text('"version"')
    tab.close()


def test_saving_and_pictures(notebook: Notebook, artefacts: Path) -> None:
    """The file holds what was run; pictures differ from theme to theme."""
    cell = notebook.run("print('apple')").wait()
    assert notebook.save().cells[-2].outputs[0].text == "apple\n"
    light = cell.screenshot(artefacts / "cell-light.png").read_bytes()
    notebook.theme("JupyterLab Dark")
    assert cell.screenshot(artefacts / "cell-dark.png").read_bytes() != light
    notebook.screenshot(artefacts / "dark.png")
    notebook.theme("JupyterLab Light")
