"""The fruit story: local issuer, fruit API and JupyterLab with `demo.ipynb`.

`python -m examples.demo` opens it in your browser. Where there is no display it plays the user itself: it runs the
notebook in a headless Chromium, signs in as Alice, prints what each cell shows, and leaves the executed notebook and
screenshots in `demo-output/`. `--lab` is always the interactive one, `--play` never.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import requests
from playwright.sync_api import Page

from tests.support.chromium import chromium
from tests.support.lab import Cell, JupyterLab, Notebook
from tests.support.ports import free_port, is_free
from tests.support.user_browser import STAY_OPEN, Person

EXAMPLES = Path(__file__).parent
ROOT = EXAMPLES.parent
OUTPUT = ROOT / "demo-output"
FILES = ("demo.ipynb", "ipyauth-Auth0-demo.env")
PICTURE = (
    "%load_ext ipyauth_magic",
    "%%auth0 -f ipyauth-Auth0-demo.env --flow code\nscope=read:exotic-fruit write:usual-fruit",
    "%token",
    'import requests\n\nrequests.get("http://127.0.0.1:5000/api/fruit", auth=auth).json()["fruits"]',
)
"""The cells of the README's picture."""

STARTING = 60
"""Seconds within which each service must answer."""


@dataclass(frozen=True)
class Ports:
    """Where things listen: as the example files say, or on free ports where another process is in the way."""

    issuer: int = 9400
    fruit: int = 5000
    callback: int = 8765

    @classmethod
    def available(cls) -> Ports:
        """Return the usual ports, with a free one in place of each that is taken."""
        return cls(*(port if is_free(port) else free_port() for port in (cls.issuer, cls.fruit, cls.callback)))

    def written_into(self, text: str) -> str:
        """Return *text*, of an example, with these ports in place of the usual ones."""
        usual = Ports()
        pairs = ((usual.issuer, self.issuer), (usual.fruit, self.fruit), (usual.callback, self.callback))
        now = {f":{before}": f":{after}" for before, after in pairs}
        return re.sub("|".join(now), lambda found: now[found[0]], text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 0 if every cell ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--lab", action="store_true", help="the interactive one, also without a display")
    way.add_argument("--play", action="store_true", help="play the user, also with a display")
    way.add_argument("--picture", type=Path, metavar="PNG", help="take the picture of the README")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FOLDER", help="where the files go")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by it too the services end
    if options.lab or (has_display() and not options.play and not options.picture):
        return open_lab(options.output)
    if options.picture:
        return take_picture(options.picture)
    return play(options.output)


def has_display() -> bool:
    """Tell whether somebody sits in front of this machine."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# The services


@contextmanager
def services(folder: Path, ports: Ports) -> Iterator[None]:
    """Run the local issuer and the fruit API, with fresh fruits, until the end of the block."""
    callback = f"http://127.0.0.1:{ports.callback}/callback/"
    # Nobody reads a notebook within the 60 seconds that a token lasts by default.
    issuer = ["fruit_service.issuer", "--port", str(ports.issuer), "--callback-url", callback, "--lifetime", "900"]
    fruit = ["fruit_service", "--port", str(ports.fruit), "--issuer", f"http://localhost:{ports.issuer}/"]
    fruit += ["--database", f"sqlite:///{(folder / 'fruit.sqlite').as_posix()}"]
    with ExitStack() as stack:
        for command, url in (
            (issuer, f"http://localhost:{ports.issuer}/.well-known/openid-configuration"),
            (fruit, f"http://127.0.0.1:{ports.fruit}/readyz"),
        ):
            stack.enter_context(service(command, url, folder / f"{command[0]}.log"))
        yield


@contextmanager
def service(command: Sequence[str], url: str, log: Path) -> Iterator[None]:
    """Run one service until the end of the block, once *url* has answered."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    with log.open("wb") as lines:
        process = subprocess.Popen([sys.executable, "-m", *command], stdout=lines, stderr=lines, env=environ)
    try:
        wait_for(url, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until *url* answers well."""
    end = time.monotonic() + STARTING
    with requests.Session() as session:
        session.trust_env = False  # no proxy for loopback
        while True:
            try:
                session.get(url, timeout=5).raise_for_status()
                return
            except requests.RequestException as error:
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{url} does not answer:\n{log.read_text()}") from error
                time.sleep(0.05)


def copy_examples(folder: Path, ports: Ports) -> None:
    """Put the example files into *folder*, with the ports that are in use."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        text = ports.written_into((EXAMPLES / name).read_text(encoding="utf-8"))
        (folder / name).write_text(text, encoding="utf-8")


# By hand


def open_lab(output: Path) -> int:
    """Open JupyterLab with a fresh copy of the notebook, until Ctrl-C."""
    ports = Ports.available()
    notebooks = output / "notebooks"
    copy_examples(notebooks, ports)
    with tempfile.TemporaryDirectory() as folder, services(Path(folder), ports):
        print(f"Local issuer: http://localhost:{ports.issuer}/   Fruit API: http://127.0.0.1:{ports.fruit}/")
        print(f"The notebook is a copy: {notebooks / FILES[0]}. Ctrl-C (twice) ends all of it.", flush=True)
        command = [sys.executable, "-m", "jupyterlab", FILES[0]]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        if not has_display():
            command.append("--no-browser")
        return run_until_interrupted(command, notebooks)


def run_until_interrupted(command: Sequence[str], folder: Path) -> int:
    """Run *command* in *folder*; it hears Ctrl-C as we do, and asks the user itself whether to end."""
    process = subprocess.Popen(command, cwd=folder)
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        process.terminate()


# Without hands


def play(output: Path) -> int:
    """Run the notebook cell by cell as a user would; return 0 if no cell failed."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with played(size=(1100, 900)) as notebook:
        failures = [cell for number, cell in code_cells(notebook) if not run(cell, number, output)]
        notebook.screenshot(output / "notebook.png")
        nbformat.write(notebook.save(), output / FILES[0])
    print(f"\nThe executed notebook and its screenshots are in {output}{os.sep}.")
    if failures:
        print(f"{len(failures)} cells failed.", file=sys.stderr)
    return 1 if failures else 0


@contextmanager
def played(size: tuple[int, int], sources: Sequence[str] = ()) -> Iterator[Notebook]:
    """Open a copy of the notebook, or one of *sources*, in JupyterLab and a headless Chromium, everything fresh."""
    ports = Ports.available()
    with tempfile.TemporaryDirectory() as temporary, services(Path(temporary), ports):
        folder = Path(temporary) / "lab"
        # No BROWSER: the user is in front of another machine than the kernel, and follows the link.
        with JupyterLab(folder, environ={"BROWSER": None}) as lab, chromium() as browser:
            copy_examples(lab.root, ports)
            name = "picture.ipynb" if sources else FILES[0]
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
    if "%auth0" in source:
        sign_in(cell, output / f"cell-{number:02}")
    cell.wait()
    cell.screenshot(output / f"cell-{number:02}.png")
    print("\n".join(f"Out | {line}" for line in cell.text().splitlines() if line.strip()), flush=True)
    return not cell.failed()


def sign_in(cell: Cell, pictures: Path) -> None:
    """Follow the link that *cell* shows, as Alice, who allows what is asked; take pictures on the way."""
    link = cell.link("Open the sign-in page")
    cell.wait_until(lambda: link.count() > 0 or cell.has_run())
    if cell.has_run():
        return
    cell.screenshot(pictures.with_name(pictures.name + "-waiting.png"))
    tab = cell.open_link("Open the sign-in page")
    tab.set_viewport_size({"width": 800, "height": 640})
    outcome = Photographer(tab, pictures).sign_in(patience=60)
    print(f"    ~ Alice signs in in the browser: {outcome}", flush=True)
    tab.close()


class Photographer(Person):
    """Someone who takes a picture of each page before answering it."""

    def __init__(self, page: Page, pictures: Path) -> None:
        """Look at *page*, and name the pictures after *pictures*."""
        super().__init__(page)
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
        self.page.screenshot(path=self._pictures.with_name(f"{self._pictures.name}-page-{number}.png"))


def take_picture(path: Path) -> int:
    """Take the picture of the README: a sign-in, its token and what it opens, in a real JupyterLab."""
    with tempfile.TemporaryDirectory() as folder, played(size=(960, 1100), sources=PICTURE) as notebook:
        notebook.page.keyboard.press("Control+b")  # the file browser goes
        well = [run(cell, number, Path(folder)) for number, cell in code_cells(notebook)]
        notebook.cell(0).locator.scroll_into_view_if_needed()
        notebook.screenshot(path, whole_page=False)
    print(f"\n{path}")
    return 0 if all(well) else 1


if __name__ == "__main__":
    raise SystemExit(main())
