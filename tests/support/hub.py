"""A real JupyterHub behind configurable-http-proxy; each user has a home, a server and kernels of their own.

    with JupyterHub(folder) as hub, chromium() as browser:
        with hub.notebook(browser, "alice") as hers, hub.notebook(browser, "bob") as his:
            hers.run("%load_ext ipyauth_magic").wait()

All of them run as the user of the tests, in homes within the Hub's folder, where Jupyter finds its usual folders.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import requests
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from .lab import ROOT, Notebook, enable_extensions, lab_page, open_notebook, write_notebook, write_settings
from .machine import environment
from .node import with_packages
from .ports import free_port

PROXY = Path(__file__).parent / "hub_proxy"
STARTING = 90
"""Seconds within which the Hub must be there; it takes four."""
SPAWNING = 60
"""Seconds within which a user's server must be there; it takes three."""


class JupyterHub:
    """JupyterHub as a context manager: it runs within the block and leaves no process, neither its own nor a user's."""

    def __init__(
        self,
        folder: Path,
        *,
        users: Sequence[str] = ("alice", "bob"),
        environ: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        host: str = "127.0.0.1",
        extension: bool = True,
        server_proxy: bool = False,
    ) -> None:
        """Prepare a Hub with all that it and its users write in *folder*.

        Args:
            folder: where they write.
            users: the users of the hub; any password works.
            environ: more variables for the users' servers, which get few of ours.
            options: more options of the Hub's command line.
            host: the name by which people open it.
            extension: whether our own server extension is enabled in the users' servers.
            server_proxy: whether jupyter-server-proxy is enabled there.
        """
        self.folder = folder
        self.users = users
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.log = folder / "jupyterhub.log"
        self._options = options
        self._environ = {"PYTHONPATH": str(ROOT), "PYDEVD_DISABLE_FILE_VALIDATION": "1", **(environ or {})}
        self._extensions = {"ipyauth_magic": extension, "jupyter_server_proxy": server_proxy}

    def __enter__(self) -> Self:
        """Start the Hub with its proxy, and wait until both answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for user in self.users:
            self._furnish(self.home(user))
        command = [sys.executable, "-m", "jupyterhub", *self._arguments(), *self._options]
        environ = environment({"PYTHONPATH": str(ROOT), "JUPYTERHUB_CRYPT_KEY": None, "CONFIGPROXY_AUTH_TOKEN": None})
        with self.log.open("wb") as log:
            self._hub = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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
        """Stop the Hub and all under it."""
        self.close()

    def close(self) -> None:
        """Stop the Hub, its proxy, the users' servers and their kernels; what does not end in time is killed."""
        processes = self.processes()
        if self._hub.poll() is None:
            self._hub.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, timeout=20)
        for process in alive:
            process.kill()
        self._hub.wait()

    def processes(self) -> list[psutil.Process]:
        """Return the Hub's process and all those under it."""
        try:
            hub = psutil.Process(self._hub.pid)
            return [hub, *hub.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def home(self, user: str) -> Path:
        """Return the home of *user*."""
        return self.folder / "homes" / user

    def root(self, user: str) -> Path:
        """Return the folder of *user*'s notebooks."""
        return self.home(user) / "notebooks"

    def runtime(self, user: str) -> Path:
        """Return the runtime folder of *user*'s servers and kernels."""
        return self.home(user) / ".local" / "share" / "jupyter" / "runtime"

    def server(self, user: str, name: str = "") -> str:
        """Return the public address of *user*'s server, the unnamed or a named one, without a slash at the end."""
        return "/".join(filter(None, [self.url, "user", user, name]))

    def sign_in(self, page: Page, user: str, server: str = "") -> None:
        """Sign *user* in to the Hub on *page*, if need be, and wait until their server, or a named one, is there."""
        page.goto("/".join(filter(None, [self.url, "hub", "spawn", user, server])))
        if "/hub/login" in page.url:
            page.locator("#username_input").fill(user)
            page.locator("#password_input").fill("any")
            page.locator("#login_submit").click()
        there = f"{self.server(user, server)}/"
        try:
            page.wait_for_url(lambda url: url.startswith(there), timeout=SPAWNING * 1000, wait_until="commit")
        except PlaywrightTimeout as error:
            raise RuntimeError(f"{there} is not there, but {page.url}:\n{self.log.read_text()}") from error

    @contextmanager
    def notebook(
        self,
        browser: Browser,
        user: str,
        name: str | None = None,
        *,
        server: str = "",
        sources: Sequence[str] = (),
        size: tuple[int, int] = (1100, 800),
    ) -> Iterator[Notebook]:
        """Open notebook *name* as *user*, in a browser of their own; if it is not there it is made, with *sources*."""
        path = self.root(user) / (name or f"notebook-{next(_numbers)}.ipynb")
        if not path.exists():
            write_notebook(path, sources)
        page = lab_page(self.server(user, server), path.name)
        with open_notebook(
            browser, page, path, before=lambda first: self.sign_in(first, user, server), size=size
        ) as notebook:
            yield notebook

    def _furnish(self, home: Path) -> None:
        (home / "notebooks").mkdir(parents=True, exist_ok=True)
        write_settings(home / ".jupyter" / "lab" / "user-settings")
        enable_extensions(home / ".jupyter", self._extensions)

    def _arguments(self) -> list[str]:
        node = with_packages(PROXY).node
        proxy = PROXY / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
        return [
            f"--JupyterHub.bind_url=http://127.0.0.1:{self.port}/",
            f"--JupyterHub.hub_bind_url=http://127.0.0.1:{free_port()}",
            f"--JupyterHub.db_url=sqlite:///{self.folder / 'hub.sqlite'}",
            f"--JupyterHub.cookie_secret_file={self.folder / 'cookie-secret'}",
            "--JupyterHub.authenticator_class=dummy",
            "--JupyterHub.spawner_class=simple",
            "--JupyterHub.allow_named_servers=True",
            f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{free_port()}",
            f"--ConfigurableHTTPProxy.pid_file={self.folder / 'proxy.pid'}",
            *(f"--ConfigurableHTTPProxy.command={word}" for word in (node, proxy)),
            *(f"--Authenticator.allowed_users={user}" for user in self.users),
            f"--SimpleLocalProcessSpawner.home_dir_template={self.folder}/homes/{{username}}",
            *(f"--Spawner.cmd={word}" for word in (sys.executable, "-m", "jupyterhub.singleuser")),
            *(f"--Spawner.args={word}" for word in SERVERS_OPTIONS),
            *(f"--Spawner.environment={name}={value}" for name, value in self._environ.items()),
            f"--Spawner.notebook_dir={self.folder}/homes/{{username}}/notebooks",
            "--Spawner.default_url=/lab",
            f"--Spawner.start_timeout={SPAWNING}",
            f"--Spawner.http_timeout={SPAWNING}",
        ]

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + STARTING
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            while True:
                try:
                    session.get(f"{self.url}/hub/health", timeout=5).raise_for_status()
                    return
                except requests.RequestException as error:
                    if self._hub.poll() is not None or time.monotonic() > end:
                        raise RuntimeError(f"JupyterHub did not start:\n{self.log.read_text()}") from error
                    time.sleep(0.1)


SERVERS_OPTIONS = (
    "--allow-root",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
_numbers = itertools.count(1)
