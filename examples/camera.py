"""Takes every picture of the documentation, light and dark, in a real JupyterLab and a real Chromium.

`python -m examples.camera` writes them to docs/images, with the digests of what they show (`examples/pictures.py`), and
the example notebooks with their outputs to docs/executed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page, ViewportSize

from examples import pictures
from examples.demo import LINK, NOTEBOOKS, code_cells, copy_examples, played, run, services
from examples.movie import Scene, write_movie
from examples.pictures import DARK, EXECUTED, GALLERY, IMAGES, LIGHT, MOVIE, SCALE, STORY
from ipyauth_magic.demo.services import Ports
from tests.support.chromium import chromium
from tests.support.lab import Cell, JupyterLab, Notebook
from tests.support.user_browser import STAY_OPEN, Person

WIDTH = 900
"""CSS pixels of JupyterLab's window, in which a page of the documentation still shows letters at their own size."""

TAB: ViewportSize = {"width": 620, "height": 700}
"""The window of the provider's pages."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m examples.camera", description=__doc__)
    parser.add_argument("--output", type=Path, default=IMAGES, metavar="FOLDER", help="where they go (%(default)s)")
    folder = parser.parse_args(arguments).output
    if Ports.available() != Ports():
        raise SystemExit("Another program holds a port of the demonstration, and the pictures would show another one.")
    folder.mkdir(parents=True, exist_ok=True)
    for scheme in (LIGHT, DARK):
        with laboratory(scheme) as lab:
            with opened(lab, STORY, scheme, height=680) as notebook:
                write_movie(list(scenes(notebook, scheme, folder)), pictures.path_of(MOVIE, scheme, folder))
            with opened(lab, GALLERY, scheme, height=1400) as notebook:
                take_gallery(notebook, scheme, folder)
    pictures.record(folder)
    for name in NOTEBOOKS:
        nbformat.write(executed(name), EXECUTED / name)


def executed(name: str) -> nbformat.NotebookNode:
    """Return example notebook *name* with its outputs, run as a user runs it."""
    with tempfile.TemporaryDirectory() as taken, played(name, size=(1100, 900)) as notebook:
        well = [run(cell, number, Path(taken)) for number, cell in code_cells(notebook)]
        if not all(well):
            raise SystemExit(f"A cell of {name} failed.")
        book = notebook.save()
    if not book.cells[-1].source:  # JupyterLab adds it below the last cell
        del book.cells[-1]
    return book


@contextmanager
def laboratory(scheme: str) -> Iterator[JupyterLab]:
    """Run the local issuer, the APIs and JupyterLab in the colours of *scheme*, until the end of the block."""
    with tempfile.TemporaryDirectory() as temporary, services(Path(temporary), Ports()):
        folder, environ = (
            Path(temporary) / "lab",
            {"BROWSER": "true"},
        )  # it opens nothing, and the user follows the link
        with JupyterLab(folder, host="localhost", port=Ports().jupyter, environ=environ) as lab:
            copy_examples(lab.root, Ports())
            themes = folder / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
            themes.write_text(json.dumps({"theme": f"JupyterLab {scheme.title()}"}))
            yield lab


@contextmanager
def opened(lab: JupyterLab, cells: Sequence[str], scheme: str, height: int) -> Iterator[Notebook]:
    """Open a notebook with *cells* in the colours of *scheme*, without the file browser."""
    with (
        chromium() as browser,
        lab.notebook(
            browser, sources=cells, size=(1280, height), device_scale_factor=SCALE, color_scheme=scheme
        ) as notebook,
    ):
        notebook.context.add_init_script(STAY_OPEN)
        notebook.page.keyboard.press("Control+b")
        notebook.page.set_viewport_size({"width": WIDTH, "height": height})  # not before: its toolbar would not fit
        yield notebook


def scenes(notebook: Notebook, scheme: str, folder: Path) -> Iterator[Scene]:
    """Return the scenes of a sign-in: the cells, the card, the provider's pages, the token at work.

    The second of the provider's pages is a picture of its own: it asks once for what is allowed from then on.
    """

    def seen(seconds: float, window: bytes | None = None) -> Scene:
        return Scene(notebook.panel.screenshot(), seconds, window)

    load, sign_in, call = (notebook.cell(number) for number in range(len(STORY)))
    load.start().wait()
    yield seen(0.8)
    waiting(sign_in)
    yield seen(1.0)
    tab = followed(sign_in)
    for seconds, (title, page) in zip((0.6, 1.0, 0.7), pages(tab), strict=False):
        if title == "Allow access?":
            pictures.path_of("allow.png", scheme, folder).write_bytes(page)
        yield seen(seconds, page)
    tab.close()
    sign_in.wait()
    yield seen(0.9)
    call.start().wait()
    yield seen(1.4)


def take_gallery(notebook: Notebook, scheme: str, folder: Path) -> None:
    """Run the cells of the gallery, and take the pictures of what they show."""

    def take(name: str, cell: Cell) -> None:
        cell.screenshot(pictures.path_of(name, scheme, folder))

    load, code, claims, widget, sign_out, device, pasted, mistake = map(notebook.cell, range(len(GALLERY)))
    load.start().wait()
    take("waiting.png", waiting(code))
    tab = followed(code)
    Person(tab).sign_in()
    tab.close()
    code.wait()
    take("token.png", claims.start().wait())
    take("widget.png", widget.start().wait_for_text("Signed in as"))
    take("sign-out.png", sign_out.start().wait())
    for name, cell in (("device.png", device), ("paste.png", pasted)):
        take(name, waiting(cell))
        notebook.interrupt()
        cell.wait()
    take("mistake.png", mistake.start().wait())


def waiting(cell: Cell) -> Cell:
    """Run *cell* until it shows its link and its countdown."""
    return cell.start().wait_until(lambda: cell.link(LINK).count() > 0 and " left" in cell.text())


def followed(cell: Cell) -> Page:
    """Follow the link of *cell* and return the tab."""
    tab = cell.open_link(LINK)
    tab.set_viewport_size(TAB)
    return tab


def pages(tab: Page) -> Iterator[tuple[str, bytes]]:
    """Sign in as Alice in *tab*, and return the title and a picture of each page on the way."""
    person, titles = Person(tab), set[str]()
    outcome = ""
    while not outcome:
        tab.wait_for_load_state()
        outcome = person.outcome()
        title = tab.locator("h1").first.inner_text()
        if outcome or title not in titles:
            titles.add(title)
            yield title, tab.screenshot()
        if not outcome:
            person.answer()
            tab.wait_for_timeout(50)


if __name__ == "__main__":
    main()
