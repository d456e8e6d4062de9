"""A real JupyterLab in a real Chromium, used as a person would: type a cell, run it, look at what it shows.

    with JupyterLab(folder, environ={"BROWSER": user.command}) as lab, chromium() as browser:
        with lab.notebook(browser) as notebook:
            cell = notebook.run("1 + 1")
            cell.wait()
            assert cell.text() == "2"

    with JupyterLab(folder, base_url="/some/base/", token="a-secret") as lab:  # asks who comes
        with lab.notebook(browser) as notebook: ...  # has signed in to Jupyter
        stranger = browser.new_context()  # has not; `lab.sign_in(page)` types the token

Reading a page by Playwright counts as a gesture of the user: a test of popups must not read before it has seen one.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import nbformat
import psutil
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from .machine import environment
from .ports import free_port

ROOT = Path(__file__).parents[2]
STARTING = 90
"""Seconds within which JupyterLab must be there; it takes three."""

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # All cells are in the page, however long the notebook is.
    "notebook-extension/tracker": {"windowingMode": "none"},
    # No question about news in the middle of a test, no look-up of newer releases.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # Nothing is saved but by `Notebook.save`.
    "docmanager-extension/plugin": {"autosave": False},
    "completer-extension/manager": {"autoCompletion": False},
}


class JupyterLab:
    """JupyterLab as a context manager: it runs within the block and leaves no process."""

    module = "jupyterlab"
    """What Python runs; another front end has another."""

    def __init__(
        self,
        folder: Path,
        *,
        environ: Mapping[str, str | None] | None = None,
        options: Sequence[str] = (),
        launcher: Sequence[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        base_url: str = "/",
        token: str = "",
        extension: bool = False,
        server_proxy: bool = False,
    ) -> None:
        """Prepare a server with all that it writes in *folder*.

        Args:
            folder: where it writes.
            environ: changes of its environment; a variable that is None is taken away.
            options: more options of its command line.
            launcher: what stands before its command (`RemoteMachine.launcher`).
            host: the name by which people open it, and that it binds.
            port: its port; 0 stands for a free one.
            base_url: the path under which everything is.
            token: the token that a browser needs; empty for access without a login.
            extension: whether our own server extension is enabled.
            server_proxy: whether jupyter-server-proxy is enabled.
        """
        self.folder = folder
        self.root = folder / "notebooks"
        self.host = host
        self.port = port or free_port()
        self.base_url = base_url
        self.url = f"http://{host}:{self.port}{base_url.rstrip('/')}"
        self.token = token
        self.log = folder / f"{self.module}.log"
        self._extensions = {"ipyauth_magic": extension, "jupyter_server_proxy": server_proxy}
        self._options = options
        self._launcher = launcher
        self._environ = self._environment(environ or {})

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_settings(self.folder / "settings")
        enable_extensions(self.folder / "config", self._extensions)
        command = [*self._launcher, sys.executable, "-m", self.module, *self._arguments(), *self._options]
        with self.log.open("wb") as log:
            self._server = subprocess.Popen(
                command, cwd=self.root, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.close()

    def close(self) -> None:
        """Stop the server and its kernels; what does not end within ten seconds is killed."""
        processes = self.processes()
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=10)
        for process in alive:
            process.kill()
        self._server.wait()

    def processes(self) -> list[psutil.Process]:
        """Return the server's process and all those under it."""
        try:
            server = psutil.Process(self._server.pid)
            return [server, *server.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @contextmanager
    def notebook(
        self,
        browser: Browser,
        name: str | None = None,
        *,
        sources: Sequence[str] = (),
        size: tuple[int, int] = (1100, 800),
        **look: Any,
    ) -> Iterator[Notebook]:
        """Open notebook *name* with cookies of its own; if it is not there it is made, with *sources* as cells.

        *look* are more options of Playwright's `new_context`, as `color_scheme`.
        """
        name = name or f"notebook-{next(_numbers)}.ipynb"
        if not (self.root / name).exists():
            self.write_notebook(name, sources)
        page, path = self.page_of(name), self.root / name
        with open_notebook(browser, page, path, before=self.sign_in, size=size, **look) as notebook:
            yield notebook

    def page_of(self, name: str) -> str:
        """Return the address of the page that shows notebook *name*."""
        return lab_page(self.url, name)

    def sign_in(self, page: Page) -> None:
        """Make *page*'s context one that Jupyter lets in: type the token, if it asks for one."""
        if self.token:
            page.goto(f"{self.url}/login")
            page.locator("#password_input").fill(self.token)
            page.locator("#login_submit").click()
            page.wait_for_url(lambda url: "/login" not in url)

    def write_notebook(self, name: str, sources: Sequence[str], *, kernel: str = "python3") -> Path:
        """Write a notebook of *kernel* with *sources* as its code cells, or one empty cell."""
        return write_notebook(self.root / name, sources, kernel=kernel)

    def _environment(self, environ: Mapping[str, str | None]) -> dict[str, str]:
        return environment(folders(self.folder), environ)

    def _arguments(self) -> list[str]:
        return [
            "--no-browser",
            "--allow-root",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.ip={self.host}",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.base_url={self.base_url}",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.news_url=",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + STARTING
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            while True:
                try:
                    session.get(f"{self.url}/api/status", headers=headers, timeout=5).raise_for_status()
                    return
                except requests.RequestException as error:
                    if self._server.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"{self.module} did not start:\n{self.log.read_text()}") from error
                    time.sleep(0.1)


_numbers = itertools.count(1)


def folders(folder: Path) -> dict[str, str]:
    """Return the variables that keep all that a Jupyter server and its kernels write in *folder*."""
    return {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "XDG_CONFIG_HOME": str(folder / "user-config"),
        "XDG_DATA_HOME": str(folder / "user-data"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def write_settings(folder: Path) -> None:
    """Write in *folder* what tests set in the front end."""
    for plugin, settings in SETTINGS.items():
        path = folder / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))


def enable_extensions(config: Path, extensions: Mapping[str, bool]) -> None:
    """Enable or disable server extensions by the file in the folder *config*, whatever the environment's own say."""
    # Not in jupyter_server_config.d: there, a virtual environment's own files win over the user's.
    config.mkdir(parents=True, exist_ok=True)
    settings = {"ServerApp": {"jpserver_extensions": dict(extensions)}}
    (config / "jupyter_server_config.json").write_text(json.dumps(settings))


def write_notebook(path: Path, sources: Sequence[str], *, kernel: str = "python3") -> Path:
    """Write a notebook of *kernel* with *sources* as its code cells, or one empty cell."""
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources or [""]],
        metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
    )
    nbformat.write(book, path)
    return path


def lab_page(url: str, name: str) -> str:
    """Return the address at which the Lab of *url* shows notebook *name*."""
    # A workspace of its own: else Lab opens the tabs of the last one too.
    return f"{url}/lab/workspaces/w{next(_numbers)}/tree/{quote(name)}"


@contextmanager
def open_notebook(
    browser: Browser,
    url: str,
    path: Path,
    *,
    before: Callable[[Page], None],
    size: tuple[int, int] = (1100, 800),
    **look: Any,
) -> Iterator[Notebook]:
    """Open the notebook of *path* at *url*, with cookies of its own, *before* having been done."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **look)
    context.set_default_timeout(30_000)
    try:
        notebook = Notebook(context.new_page(), context, path)
        before(notebook.page)
        notebook.page.goto(url)
        notebook.wait_until_ready()
        yield notebook
    finally:
        context.close()


class Notebook:
    """One notebook, open in Lab."""

    def __init__(self, page: Page, context: BrowserContext, path: Path) -> None:
        """Take *page*, where the notebook of *path* will be opened; keep the status of each execution."""
        self.page = page
        self.context = context
        self.path = path
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.replies: dict[int, str] = {}
        self._cells = self.panel.locator(".jp-Notebook-cell")
        page.on("websocket", self._listen_to)

    def __len__(self) -> int:
        """Return how many cells there are."""
        return self._cells.count()

    def cell(self, index: int) -> Cell:
        """Return the cell at *index*, from 0; negative counts from the end."""
        return Cell(self, self._cells.nth(index))

    def _listen_to(self, socket: WebSocket) -> None:
        if "/api/kernels/" in socket.url:  # Lab has others, for its own events
            socket.on("framereceived", self._note)

    def _note(self, frame: str | bytes) -> None:
        reply = kernel_message(frame)
        if reply.get("type") == "execute_reply":
            self.replies[reply["content"].get("execution_count", 0)] = reply["content"]["status"]

    def wait_until_ready(self, timeout: float = 60, *, times: int = 5) -> None:
        """Wait until the kernel is there and idle, seen *times* in a row."""
        indicator = self.panel.locator(".jp-Notebook-ExecutionIndicator")
        end = time.monotonic() + timeout
        seen = 0
        while seen < times:  # it shows `idle` for an instant before the kernel starts
            idle = indicator.count() and indicator.first.get_attribute("data-status") == "idle"
            seen = seen + 1 if idle else 0
            if time.monotonic() > end:
                raise TimeoutError(f"the kernel of {self.path.name} did not get ready")
            self.page.wait_for_timeout(100)

    def run(self, source: str) -> Cell:
        """Type *source* into the last cell, which is empty, and run it; a new empty cell comes after it."""
        return self._type(source).start()

    def write(self, source: str) -> Cell:
        """Type *source* into the last cell, which is empty, and leave it there."""
        return self._type(source)

    def _type(self, source: str) -> Cell:
        index = len(self) - 1
        cell = self.cell(index)
        cell.locator.locator(".cm-content").click()
        self.page.keyboard.insert_text(source)
        return cell

    def interrupt(self) -> None:
        """Press the button that interrupts the kernel."""
        self.panel.locator('[data-command="notebook:interrupt-kernel"]').first.click()

    def restart_kernel(self) -> None:
        """Restart the kernel by the button, and confirm."""
        self.panel.locator('[data-command="notebook:restart-kernel"]').first.click()
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.wait_until_ready()

    def shut_down_kernel(self) -> None:
        """Shut the kernel down by the menu."""
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()

    def save(self) -> nbformat.NotebookNode:
        """Save with Ctrl+S and return the notebook as it is in its file."""
        before = self.path.stat().st_mtime_ns
        end = time.monotonic() + 30
        while self.path.stat().st_mtime_ns == before:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.path.name} was not saved")
            # Again, as a person would: Lab drops a save that is asked for while it makes the last one's checkpoint.
            self.page.keyboard.press("Control+s")
            self._wait_for_change(before, 2)
        expect(self.page.locator(".lm-TabBar-tab.lm-mod-current.jp-mod-dirty")).to_have_count(0)
        return self._read(end)

    def _read(self, end: float) -> nbformat.NotebookNode:
        """Read the file as soon as it is whole: Jupyter empties it, and then writes it."""
        while True:
            try:
                book: nbformat.NotebookNode = nbformat.read(self.path, as_version=4)
                return book
            except nbformat.reader.NotJSONError:
                if time.monotonic() > end:
                    raise
                self.page.wait_for_timeout(50)

    def _wait_for_change(self, before: int, timeout: float) -> None:
        end = time.monotonic() + timeout
        while self.path.stat().st_mtime_ns == before and time.monotonic() < end:
            self.page.wait_for_timeout(50)

    def theme(self, name: str) -> None:
        """Switch to `JupyterLab Dark` or `JupyterLab Light` in the menu, as a person would."""
        self.page.bring_to_front()  # behind another tab a page is slow
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        # Lab gives submenus no role.
        self.page.locator(".lm-Menu-item[data-type=submenu]", has_text=re.compile("^Theme$")).click()
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        light = "false" if "Dark" in name else "true"
        expect(self.page.locator(f'body[data-jp-theme-light="{light}"]')).to_have_count(1)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def screenshot(self, path: Path, *, whole_page: bool = True) -> Path:
        """Take a picture of Lab, or of the notebook alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole_page:
            self.page.screenshot(path=path)
        else:
            self.panel.screenshot(path=path)
        return path

    def text(self) -> str:
        """Return all that the notebook shows, cells and outputs."""
        return self.panel.inner_text()


def kernel_message(frame: str | bytes) -> dict[str, Any]:
    """Return type and content of a kernel's message (v1.kernel.websocket.jupyter.org: offsets, then the parts)."""
    if isinstance(frame, str):
        message = json.loads(frame)
        return {"type": message["header"]["msg_type"], "content": message["content"]}
    count = int.from_bytes(frame[:8], "little")
    offsets = [int.from_bytes(frame[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    _, header, _, _, content = (frame[start:end] for start, end in itertools.pairwise(offsets[:6]))
    return {"type": json.loads(header)["msg_type"], "content": json.loads(content)}


class Cell:
    """One cell of an open notebook."""

    def __init__(self, notebook: Notebook, locator: Locator) -> None:
        """Take the cell that *locator* finds."""
        self.notebook = notebook
        self.locator = locator
        self.outputs = locator.locator(".jp-OutputArea-output")

    def start(self) -> Self:
        """Run the cell with Shift+Enter, and do not wait for its end."""
        for _ in range(3):
            self.locator.locator(".cm-content").click()
            self.notebook.page.keyboard.press("Shift+Enter")
            if self._has_begun(10):
                return self
            # Again, as a person would: a page that is not whole yet takes the focus away, and the key with it.
        raise TimeoutError(f"the cell does not run; it shows {self.prompt}")

    def _has_begun(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while self.prompt == "[ ]:":
            if time.monotonic() > end:
                return False
            self.notebook.page.wait_for_timeout(50)
        return True

    def source(self) -> str:
        """Return what is typed in the cell."""
        lines: list[str] = self.locator.locator(".cm-line").all_inner_texts()
        return "\n".join(line.rstrip("\n") for line in lines)

    @property
    def prompt(self) -> str:
        """What stands before the cell: `[ ]:`, `[*]:` or `[3]:`."""
        return self.locator.locator(".jp-InputArea-prompt").first.inner_text().strip()

    def is_running(self) -> bool:
        """Tell whether the cell runs or waits for its turn."""
        return self.prompt == "[*]:"

    def has_run(self) -> bool:
        """Tell whether the cell has run to its end, well or not."""
        return re.fullmatch(r"\[\d+\]:", self.prompt) is not None

    def wait_until(self, holds: Callable[[], bool], timeout: float = 60) -> Self:
        """Wait until *holds* says so."""
        end = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {timeout} s; cell {self.prompt} shows:\n{self.text()}")
            self.notebook.page.wait_for_timeout(50)
        return self

    def wait(self, timeout: float = 60) -> Self:
        """Wait until the cell has run, and its outputs have come."""
        self.wait_until(self.has_run, timeout)
        self.notebook.wait_until_ready(timeout, times=2)
        return self

    def wait_for_text(self, text: str | re.Pattern[str], timeout: float = 60) -> Self:
        """Wait until the outputs hold *text*."""
        expect(self.locator.locator(".jp-Cell-outputArea")).to_contain_text(text, timeout=timeout * 1000)
        return self

    def text(self) -> str:
        """Return the outputs as they read."""
        return "\n".join(output.strip() for output in self.outputs.all_inner_texts()).strip()

    def html(self) -> str:
        """Return the outputs' HTML, as the front end made it."""
        return "\n".join(output.inner_html() for output in self.outputs.all())

    def failed(self) -> bool:
        """Tell whether the cell ended with an error, as the kernel said (a page shows a UsageError as any text)."""
        return self.notebook.replies[int(self.prompt.strip("[]:"))] == "error"

    def link(self, name: str | re.Pattern[str] | None = None) -> Locator:
        """Return the link of that name in the outputs, or the only one."""
        area = self.locator.locator(".jp-Cell-outputArea")
        return area.get_by_role("link", name=name) if name else area.locator("a")

    def open_link(self, name: str | re.Pattern[str] | None = None) -> Page:
        """Click that link and return the tab that it opens."""
        with self.notebook.context.expect_page() as opened:
            self.link(name).first.click()
        return opened.value

    def screenshot(self, path: Path) -> Path:
        """Take a picture of the cell with its outputs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.locator.scroll_into_view_if_needed()
        self.locator.screenshot(path=path)
        return path
