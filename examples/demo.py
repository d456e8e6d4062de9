"""The examples: a local issuer, two fruit APIs, and JupyterLab with `demo.ipynb` and the other notebooks.

`python -m examples.demo` opens `demo.ipynb` in your browser. Without a display it plays the user itself: it runs the
notebook in a headless Chromium, signs in as Alice, prints the output of each cell, and leaves the executed notebook and
screenshots in `demo-output/`. `--lab` is always interactive, `--play` never. `--notebook` chooses another notebook.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page

from ipyauth_magic.demo.services import (
    Ports,
    api,
    exit_on_signals,
    has_display,
    issuer,
    run_jupyterlab,
    running,
    unused,
)
from tests.support.chromium import chromium
from tests.support.lab import Cell, JupyterLab, Notebook
from tests.support.scripted_browser import person_meant
from tests.support.user_browser import STAY_OPEN, Person

EXAMPLES = Path(__file__).parent
OUTPUT = EXAMPLES.parent / "demo-output"
FILES = tuple(sorted(each.name for what in ("*.ipynb", "*.env", "script.py") for each in EXAMPLES.glob(what)))
"""The files that a user gets a copy of: the notebooks, their dotenv files, and the script."""

NOTEBOOKS = tuple(name for name in FILES if name.endswith(".ipynb"))
FIRST = "demo.ipynb"
MARKET_LIFETIME = 10
"""Seconds of an access token for the market, the second API: one can watch it end."""

LINK = re.compile("Open the sign-in page|Open with the code filled in")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 0 if every cell ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--lab", action="store_true", help="the interactive one, also without a display")
    way.add_argument("--play", action="store_true", help="play the user, also with a display")
    parser.add_argument("--notebook", choices=NOTEBOOKS, default=FIRST, metavar="NAME", help="which one (%(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FOLDER", help="where the files go")
    options = parser.parse_args(arguments)
    exit_on_signals()
    if options.lab or (has_display() and not options.play):
        return open_lab(options.output, options.notebook)
    return play(options.output, options.notebook)


@contextmanager
def services(folder: Path, ports: Ports) -> Iterator[None]:
    """Run the local issuer and the two APIs, with fresh fruits, until the end of the block."""
    market = f"api/market=http://127.0.0.1:{ports.market}/api/fruit"
    started = [
        issuer(ports, {"api/market": MARKET_LIFETIME}, "--resource", market),
        api("fruit", ports.fruit, ports, folder),
        api("market", ports.market, ports, folder, "--leeway", "0"),
    ]
    with running(started, folder):
        yield


def copy_examples(folder: Path, ports: Ports) -> None:
    """Put the example files into *folder*, with the ports that are in use."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        text = ports.written_into((EXAMPLES / name).read_text(encoding="utf-8"))
        (folder / name).write_text(text, encoding="utf-8")


# By hand


def open_lab(output: Path, name: str) -> int:
    """Open JupyterLab with fresh copies of the examples, *name* first, until Ctrl-C."""
    ports = Ports.available()
    notebooks = unused(output, "notebooks")
    copy_examples(notebooks, ports)
    print("Starting the local issuer, two APIs and JupyterLab, which takes some seconds.", flush=True)
    with tempfile.TemporaryDirectory() as folder, services(Path(folder), ports):
        places = {"Local issuer": f"localhost:{ports.issuer}", "Fruit API": f"127.0.0.1:{ports.fruit}"}
        places["Market"] = f"127.0.0.1:{ports.market}"
        print("   ".join(f"{name}: http://{place}/" for name, place in places.items()))
        print(f"The notebooks are copies, in {notebooks}. Ctrl-C here stops everything.", flush=True)
        return run_jupyterlab(notebooks, name, ports.jupyter, has_display())  # hub.ipynb says at which port


# Without hands


def play(output: Path, name: str) -> int:
    """Run notebook *name* cell by cell as a user would; return 0 if no cell failed."""
    output.mkdir(parents=True, exist_ok=True)
    for path in output.iterdir():
        if path.is_file():  # the folders are the user's copies, of `--lab`
            path.unlink()
    print("A script plays the user, in a browser without a window: what it does begins with ~.")
    print("Starting the local issuer, two APIs, JupyterLab and Chromium, which takes some ten seconds.", flush=True)
    with played(name, size=(1100, 900)) as notebook:
        failures = [cell for number, cell in code_cells(notebook) if not run(cell, number, output)]
        notebook.screenshot(output / "notebook.png")
        nbformat.write(notebook.save(), output / name)
    print(f"\nThe executed notebook: {output / name}; beside it the screenshots, by the number of the cell.")
    if failures:
        print(f"{len(failures)} cells failed.", file=sys.stderr)
    return 1 if failures else 0


@contextmanager
def played(name: str, size: tuple[int, int], sources: Sequence[str] = ()) -> Iterator[Notebook]:
    """Open a copy of notebook *name*, or one of *sources*, in JupyterLab and a headless Chromium, everything fresh."""
    ports = Ports.available()
    with tempfile.TemporaryDirectory() as temporary, services(Path(temporary), ports):
        # No BROWSER: the user is in front of another machine than the kernel, and follows the link.
        jupyter = JupyterLab(
            Path(temporary) / "lab", host="localhost", port=ports.jupyter, extension=True, environ={"BROWSER": None}
        )
        with jupyter as lab, chromium() as browser:
            copy_examples(lab.root, ports)
            here = [ports.written_into(source) for source in sources]
            with lab.notebook(browser, name, sources=here, size=size) as notebook:
                notebook.context.add_init_script(STAY_OPEN)
                yield notebook


def code_cells(notebook: Notebook) -> Iterator[tuple[int, Cell]]:
    """Return the code cells with their place in the notebook."""
    for number, cell in enumerate(nbformat.read(notebook.path, as_version=4).cells):
        if cell.cell_type == "code":
            yield number, notebook.cell(number)


def run(cell: Cell, number: int, output: Path) -> bool:
    """Run *cell*, sign in if it asks for that, print what it shows; tell whether it went well."""
    source = cell.source()
    print("\n" + "\n".join(f"In  | {line}" for line in source.splitlines()), flush=True)
    cell.start()
    sign_in(cell, output / f"cell-{number:02}")
    cell.wait()
    cell.screenshot(output / f"cell-{number:02}.png")
    print("\n".join(f"Out | {line}" for line in cell.text().splitlines() if line.strip()), flush=True)
    return not cell.failed()


def sign_in(cell: Cell, pictures: Path) -> None:
    """Follow the link of *cell*, if it shows one, and allow what is asked; take pictures on the way.

    As Alice, or as the `login_hint` of the link says.
    """
    link = cell.link(LINK)
    cell.wait_until(lambda: link.count() > 0 or cell.has_run())
    if cell.has_run():
        return
    cell.screenshot(pictures.with_name(pictures.name + "-waiting.png"))
    name = person_meant(link.first.get_attribute("href") or "")
    tab = cell.open_link(LINK)
    tab.set_viewport_size({"width": 800, "height": 640})
    outcome = Photographer(tab, pictures, name).sign_in(patience=60)
    print(f"    ~ {name} signs in in the browser: {outcome}", flush=True)
    tab.close()


class Photographer(Person):
    """A user who takes a picture of each page before answering it."""

    def __init__(self, page: Page, pictures: Path, name: str) -> None:
        """Look at *page* as *name*, and name the pictures after *pictures*."""
        super().__init__(page, name)
        self._pictures = pictures
        self._pages: list[str] = []

    def answer(self) -> None:
        """Take the picture of a page that is new, then answer it."""
        heading = self.page.locator("h1")
        title = heading.first.inner_text() if heading.count() else ""
        if title and title not in self._pages:
            self._pages.append(title)
            self._take(len(self._pages))
        super().answer()

    def outcome(self) -> str:
        """Take a picture of the last page too."""
        if word := super().outcome():
            self._take(len(self._pages) + 1)
        return word

    def _take(self, number: int) -> None:
        path = self._pictures.with_name(f"{self._pictures.name}-page-{number}.png")
        self.page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    raise SystemExit(main())
