"""The harness that drives JupyterLab does what a person would see."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, Route

from tests.support.lab import JupyterLab, Notebook
from tests.support.ports import is_free

pytestmark = pytest.mark.harness


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Run one JupyterLab for these tests."""
    with JupyterLab(tmp_path_factory.mktemp("lab"), environ={"STORY": "fruit"}) as lab:
        yield lab


@pytest.fixture(scope="module")
def notebook(lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """Open a new notebook; each test goes on in its last cell."""
    with lab.notebook(browser) as notebook:
        yield notebook


def test_a_cell_is_typed_and_shows_its_value(notebook: Notebook) -> None:
    """Several lines arrive as they are typed, and the value is read from the page."""
    cell = notebook.run("def add(a, b):\n    return a + b\n\nadd(1, 1)").wait()
    assert cell.text() == "2"
    assert re.fullmatch(r"\[\d+\]:", cell.prompt)
    assert not cell.failed()
    assert notebook.run("import os; os.environ['STORY'], os.getcwd()").wait().text().startswith("('fruit', ")


def test_an_error_fails_the_cell(notebook: Notebook) -> None:
    """A cell that raises is told from one that only prints."""
    assert notebook.run("1 / 0").wait().failed()
    assert not notebook.run("print('ZeroDivisionError')").wait().failed()


def test_interrupt_ends_a_sleeping_cell(notebook: Notebook) -> None:
    """The button reaches a cell that has said that it sleeps."""
    cell = notebook.run("import time\nprint('sleeping')\ntime.sleep(60)").wait_for_text("sleeping")
    assert cell.is_running()
    began = time.monotonic()
    notebook.interrupt()
    cell.wait(timeout=30)
    assert time.monotonic() - began < 30
    assert "KeyboardInterrupt" in cell.text()


def test_display_updates_are_seen_while_the_cell_runs(notebook: Notebook) -> None:
    """A text that comes in the middle of a cell can be waited for, and the last one stays."""
    cell = notebook.run(
        "import threading\nfrom IPython.display import HTML, display\n"
        "go = threading.Event()\n"
        'handle = display(HTML(\'<a href="/lab" target="_blank">first</a>\'), display_id=True)\n'
        "go.wait(60)"
    )
    cell.wait_for_text("first")
    assert cell.link("first").count() == 1
    notebook.interrupt()
    cell.wait()
    notebook.run("handle.update(HTML('<b>second</b>'))").wait()
    cell.wait_for_text("second")
    assert "<b>second</b>" in cell.html()
    assert cell.link("first").count() == 0


def test_saving_returns_what_is_in_the_file(notebook: Notebook) -> None:
    """The saved notebook holds the cells and their outputs."""
    notebook.run("print('apple')").wait()
    book = notebook.save()
    assert book.cells[-2].source == "print('apple')"
    assert book.cells[-2].outputs[0].text == "apple\n"


def test_a_save_that_lab_drops_is_asked_for_again(notebook: Notebook) -> None:
    """Lab drops one while it makes the checkpoint of the last, which the file and the page show as done."""
    checkpoints: list[Route] = []

    def go_on() -> None:
        while checkpoints:
            checkpoints.pop().continue_()

    notebook.page.route("**/checkpoints*", lambda route: checkpoints.append(route))
    notebook.page.expose_function("goOn", go_on)
    notebook.save()
    saved = notebook.path.stat().st_mtime_ns
    notebook.page.unroute("**/checkpoints*")
    notebook.page.evaluate("setTimeout(goOn, 500)")
    notebook.save()
    assert notebook.path.stat().st_mtime_ns > saved


def test_dark_theme_and_screenshots(notebook: Notebook, artefacts: Path) -> None:
    """The theme is switched by the menu; pictures of the page and of a cell differ from theme to theme."""
    cell = notebook.run("print('in the light')").wait()
    light = cell.screenshot(artefacts / "cell-light.png").read_bytes()
    notebook.theme("JupyterLab Dark")
    dark = cell.screenshot(artefacts / "cell-dark.png").read_bytes()
    assert light.startswith(b"\x89PNG")
    assert dark != light
    assert notebook.screenshot(artefacts / "dark.png").stat().st_size > 10_000
    notebook.theme("JupyterLab Light")


def test_a_given_notebook_runs_cell_by_cell(lab: JupyterLab, browser: Browser) -> None:
    """A notebook that is there already, Markdown among its cells, is run in order."""
    path = lab.write_notebook("given.ipynb", ["a = 20", "a + 3"])
    book = nbformat.read(path, as_version=4)
    book.cells.insert(0, nbformat.v4.new_markdown_cell("# Fruit"))
    nbformat.write(book, path)
    with lab.notebook(browser, "given.ipynb") as notebook:
        notebook.cell(1).start().wait()
        assert notebook.cell(2).start().wait().text() == "23"


def test_nothing_is_left_when_it_is_closed(tmp_path: Path, browser: Browser) -> None:
    """After the block neither the server nor a kernel runs, also when a cell is in the middle of a sleep."""
    with JupyterLab(tmp_path / "lab") as lab, lab.notebook(browser) as notebook:
        notebook.run("import time\nprint('sleeping')\ntime.sleep(60)").wait_for_text("sleeping")
        processes = lab.processes()
        assert len(processes) >= 2
    assert not [process for process in processes if psutil.pid_exists(process.pid) and process.is_running()]
    assert is_free(lab.port)
