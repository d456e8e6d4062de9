"""An independent OpenID provider: npm's certified oidc-provider, running for a test."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from .node import with_packages

FOLDER = Path(__file__).parent / "oidc_provider"
READY = '{"issuer":'
"""How the line begins that it prints once it listens."""
STARTING = 60
"""Seconds within which the provider must answer; it takes one."""


class OidcProvider:
    """The provider as a context manager: it runs within the block, on a port of its own.

    Client `ipyauth-demo` (public, native), people `alice` and `bob`, API `api/fruit`.
    """

    issuer: str

    def __init__(
        self,
        redirect_uris: Sequence[str],
        *,
        host: str = "localhost",
        path: str = "",
        lifetime: int = 60,
        port: int = 0,
    ) -> None:
        """Prepare a provider; *path* (`/tenant1`) makes it an issuer with a path, *lifetime* is of access tokens."""
        self._options = ["--host", host, "--path", path, "--lifetime", str(lifetime), "--port", str(port)]
        for redirect_uri in redirect_uris:
            self._options += ["--redirect-uri", redirect_uri]

    def __enter__(self) -> Self:
        """Start the provider and wait until its discovery document is there."""
        command = [with_packages(FOLDER).node, "server.mjs", *self._options]
        self._began = time.monotonic()
        pipe = subprocess.PIPE
        # One pipe for all that it says, read to its end: Node.js stands still where a pipe is full.
        self._process = subprocess.Popen(
            command, cwd=FOLDER, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
        self._said: list[str] = []
        self._has_begun = threading.Event()
        self._listening = threading.Thread(target=self._listen, name="oidc-provider output", daemon=True)
        self._listening.start()
        try:
            self.issuer = self._started()
            self.metadata = self._discovered()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the provider."""
        self._stop()

    @property
    def said(self) -> str:
        """What the provider has written so far, for a test that failed."""
        return "".join(self._said)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
            if line.startswith(READY):
                self._has_begun.set()
        self._has_begun.set()  # or ended

    def _started(self) -> str:
        self._has_begun.wait(STARTING)
        ready = [line for line in self._said if line.startswith(READY)]
        if not ready:
            took = time.monotonic() - self._began
            status = self._process.poll()
            self._stop()  # so that all it said is there
            ended = "it still runs" if status is None else f"it ended with status {status}"
            raise RuntimeError(f"oidc-provider did not start within {took:.1f} s; {ended}. It said:\n{self.said}")
        issuer: str = json.loads(ready[0])["issuer"]
        return issuer

    def _discovered(self) -> dict[str, object]:
        with requests.Session() as session:
            session.trust_env = False  # no proxy for loopback
            answer = session.get(f"{self.issuer}/.well-known/openid-configuration", timeout=STARTING)
        answer.raise_for_status()
        metadata: dict[str, object] = answer.json()
        return metadata

    def _stop(self) -> None:
        """Close its standard input, at which it ends by itself."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listening.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
