"""An independent OpenID provider: npm's certified oidc-provider, running for a test."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from .node import with_packages

FOLDER = Path(__file__).parent / "oidc_provider"
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
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=FOLDER, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._complaints: list[str] = []
        threading.Thread(target=self._listen, name="oidc-provider stderr", daemon=True).start()
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
    def complaints(self) -> str:
        """What the provider wrote to its standard error, for a test that failed."""
        return "".join(self._complaints)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        self._complaints.extend(self._process.stderr)

    def _started(self) -> str:
        assert self._process.stdout is not None
        silence = threading.Timer(STARTING, self._process.kill)
        silence.start()
        try:
            line = self._process.stdout.readline()
        finally:
            silence.cancel()
        if not line:
            raise RuntimeError(f"oidc-provider did not start:\n{self.complaints}")
        issuer: str = json.loads(line)["issuer"]
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
        try:
            self._process.communicate(timeout=10)
        except (subprocess.TimeoutExpired, ValueError):
            self._process.kill()
            self._process.wait()
