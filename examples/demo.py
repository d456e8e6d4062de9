"""The examples: a local issuer, two fruit APIs, and JupyterLab with `demo.ipynb` and the other notebooks.

`python -m examples.demo` opens `demo.ipynb` in your browser. Without a display it plays the user itself: it runs the
notebook in a headless Chromium, signs in as Alice, prints the output of each cell, and leaves the executed notebook and
screenshots in `demo-output/`. `--lab` is always interactive, `--play` never. `--notebook` chooses another notebook.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from itertools import chain, count
from pathlib import Path

import nbformat
import requests
from playwright.sync_api import Page

from tests.support.chromium import chromium
from tests.support.lab import Cell, JupyterLab, Notebook
from tests.support.ports import free_port, is_free
from tests.support.scripted_browser import person_meant
from tests.support.user_browser import STAY_OPEN, Person

EXAMPLES = Path(__file__).parent
ROOT = EXAMPLES.parent
OUTPUT = ROOT / "demo-output"
FILES = tuple(sorted(each.name for what in ("*.ipynb", "*.env", "script.py") for each in EXAMPLES.glob(what)))
"""The files that a user gets a copy of: the notebooks, their dotenv files, and the script."""

NOTEBOOKS = tuple(name for name in FILES if name.endswith(".ipynb"))
FIRST = "demo.ipynb"
MARKET_LIFETIME = 10
"""Seconds of an access token for the market, the second API: one can watch it end."""

LINK = re.compile("Open the sign-in page|Open with the code filled in")
STARTING = 60
"""Seconds within which each service must answer."""


@dataclass(frozen=True)
class Ports:
    """Where things listen: as the example files say, or on free ports where another process is in the way."""

    issuer: int = 9400
    fruit: int = 5000
    market: int = 5001
    callback: int = 8765
    jupyter: int = 8888

    @classmethod
    def available(cls) -> Ports:
        """Return the usual ports, with a free one in place of each that is taken."""
        return cls(*(port if is_free(port) else free_port() for port in astuple(cls())))

    def written_into(self, text: str) -> str:
        """Return *text*, of an example, with these ports in place of the usual ones."""
        now = {f":{before}": f":{after}" for before, after in zip(astuple(Ports()), astuple(self), strict=True)}
        return re.sub("|".join(now), lambda found: now[found[0]], text)

    @property
    def callback_urls(self) -> tuple[str, str]:
        """The redirect URIs of the examples: a port of the kernel, and Jupyter's own."""
        return f"http://127.0.0.1:{self.callback}/callback/", f"http://localhost:{self.jupyter}/callback/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 0 if every cell ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--lab", action="store_true", help="the interactive one, also without a display")
    way.add_argument("--play", action="store_true", help="play the user, also with a display")
    parser.add_argument("--notebook", choices=NOTEBOOKS, default=FIRST, metavar="NAME", help="which one (%(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FOLDER", help="where the files go")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by it too the services end
    if options.lab or (has_display() and not options.play):
        return open_lab(options.output, options.notebook)
    return play(options.output, options.notebook)


def has_display() -> bool:
    """Return whether a user can see a display of this machine."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# The services


@contextmanager
def services(folder: Path, ports: Ports) -> Iterator[None]:
    """Run the local issuer and the two APIs, with fresh fruits, until the end of the block."""
    with ExitStack() as stack:
        started = [stack.enter_context(each.running(folder)) for each in (issuer(ports), *apis(folder, ports))]
        for wait in started:  # they start side by side
            wait()
        yield


def issuer(ports: Ports) -> Service:
    """Return the local issuer, which knows both APIs."""
    # A user needs more time for a notebook than the default lifetime of 60 seconds.
    command = ["fruit_service.issuer", "--port", str(ports.issuer), "--lifetime", "900"]
    command += ["--api", f"api/market={MARKET_LIFETIME}"]
    for url in ports.callback_urls:
        command += ["--callback-url", url]
    return Service("issuer", command, f"http://localhost:{ports.issuer}/.well-known/openid-configuration")


def apis(folder: Path, ports: Ports) -> Iterator[Service]:
    """Return the fruit API and the market, each with fruits of its own."""
    for name, port, more in (("fruit", ports.fruit, []), ("market", ports.market, ["--leeway", "0"])):
        command = ["fruit_service", "--port", str(port), "--issuer", f"http://localhost:{ports.issuer}/"]
        command += ["--audience", f"api/{name}", "--database", f"sqlite:///{(folder / name).as_posix()}.sqlite", *more]
        yield Service(name, command, f"http://127.0.0.1:{port}/readyz")


@dataclass(frozen=True)
class Service:
    """A command, and the URL that answers once it is ready."""

    name: str
    command: Sequence[str]
    url: str

    @contextmanager
    def running(self, folder: Path) -> Iterator[Callable[[], None]]:
        """Run it until the end of the block, its log in *folder*; yield what waits until it is ready."""
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
        log = folder / f"{self.name}.log"
        with log.open("wb") as lines:
            command = [sys.executable, "-m", *self.command]
            process = subprocess.Popen(command, stdout=lines, stderr=lines, env=environ)
        try:
            yield lambda: wait_for(self.url, process, log)
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


def folder_for_copies(output: Path) -> Path:
    """Return a folder in *output* that is not there yet: what a user changed, or has open, in an earlier one stays."""
    names = chain(["notebooks"], (f"notebooks-{number}" for number in count(2)))
    return next(folder for name in names if not (folder := output / name).exists())


def open_lab(output: Path, name: str) -> int:
    """Open JupyterLab with fresh copies of the examples, *name* first, until Ctrl-C."""
    ports = Ports.available()
    notebooks = folder_for_copies(output)
    copy_examples(notebooks, ports)
    with tempfile.TemporaryDirectory() as folder, services(Path(folder), ports):
        places = {"Local issuer": f"localhost:{ports.issuer}", "Fruit API": f"127.0.0.1:{ports.fruit}"}
        places["Market"] = f"127.0.0.1:{ports.market}"
        print("   ".join(f"{name}: http://{place}/" for name, place in places.items()))
        print(f"The notebooks are copies, in {notebooks}. Ctrl-C (twice) ends all of it.", flush=True)
        # hub.ipynb says at which port.
        command = [sys.executable, "-m", "jupyterlab", f"--port={ports.jupyter}", "--ServerApp.port_retries=0"]
        command.append(f"--LabApp.default_url=/lab/tree/{name}")  # not as an argument: the printed link leads there too
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


def play(output: Path, name: str) -> int:
    """Run notebook *name* cell by cell as a user would; return 0 if no cell failed."""
    output.mkdir(parents=True, exist_ok=True)
    for path in output.iterdir():
        if path.is_file():  # the folders are the user's copies, of `--lab`
            path.unlink()
    print("A script plays the user, in a browser without a window: what it does begins with ~.", flush=True)
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
