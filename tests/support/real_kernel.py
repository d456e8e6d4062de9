"""A real kernel, and every message that it sends, as a front end gets them.

with RealKernel(folder, {"BROWSER": command}) as kernel:
    kernel.run("1 + 1")
    assert kernel.text() == "2"  # of the last cell
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
"""Seconds within which a message comes."""


class RealKernel:
    """A kernel of this Python as a context manager: it runs within the block and leaves no process."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        """Prepare it.

        Args:
            folder: its working directory, which also gets its history.
            environ: changes of its environment.
        """
        self._folder = folder
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
        self._environ.pop("PYTEST_CURRENT_TEST", None)  # with it, a kernel does not redirect what subprocesses print
        self._environ |= environ or {}
        self.messages: list[dict[str, Any]] = []
        """Every message since it started."""
        self._cell = 0

    def __enter__(self) -> Self:
        """Start it and wait until it answers."""
        self._manager = KernelManager()
        self._manager.start_kernel(cwd=str(self._folder), env=self._environ)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=DEADLINE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, code: str, **options: Any) -> dict[str, Any]:
        """Run *code*, wait until all of it has come, and return the content of the reply.

        After an error the next cell runs too; as it is, ipykernel aborts one that comes too soon after it.
        """
        self._cell = len(self.messages)
        return self.ask(lambda: self._client.execute(code, stop_on_error=False, **options))

    def ask(self, request: Callable[[], str]) -> dict[str, Any]:
        """Make a request of the client's and return the content of the reply."""
        asked = request()
        reply = self._reply_to(asked)
        while True:
            message = self._client.get_iopub_msg(timeout=DEADLINE)
            self.messages.append(message)
            is_over = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            if is_over and message["parent_header"].get("msg_id") == asked:
                self.messages.append(reply)
                content: dict[str, Any] = reply["content"]
                return content

    def wait_for(self, text: str) -> None:
        """Wait until *text* has come: what a subprocess prints may come after its cell has ended."""
        while text not in self.text():
            self.messages.append(self._client.get_iopub_msg(timeout=DEADLINE))

    @property
    def client(self) -> Any:
        """The client, for other requests than to run something: `kernel.ask(lambda: kernel.client.inspect("x"))`."""
        return self._client

    def of_last_cell(self) -> list[dict[str, Any]]:
        """Return the messages since the last cell began."""
        return self.messages[self._cell :]

    def text(self) -> str:
        """Return all that the last cell sent, as JSON."""
        return json.dumps(self.of_last_cell(), default=str)

    def _reply_to(self, asked: str) -> dict[str, Any]:
        while True:
            reply: dict[str, Any] = self._client.get_shell_msg(timeout=DEADLINE)
            if reply["parent_header"].get("msg_id") == asked:
                return reply
            self.messages.append(reply)
