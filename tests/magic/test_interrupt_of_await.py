"""Kernel > Interrupt ends `await auth.sign_in_async()`, which the kernel itself would not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from fruit_service.issuer.server import LocalIssuer
from tests.support.machine import NO_BROWSER, environment
from tests.support.ports import wait_until_free

ROOT = Path(__file__).parents[2]
INTERRUPT_DEADLINE = 5.0
"""Seconds; some tenths are seen."""

BEGIN = """
import asyncio
from ipyauth_magic import Auth, ParamsAuth0
auth = Auth(ParamsAuth0(**{values!r}), flow="code")
"""


class Kernel:
    """A real kernel, with a person in front of it."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self._manager = manager
        self._client = client

    def start(self, source: str) -> str:
        """Begin to run a cell; return its message's name."""
        # Else the kernel drops cells that come within moments of its failure, as a front end's Run All would have it.
        return str(self._client.execute(source, stop_on_error=False))

    def wait_for(self, name: str, text: str) -> None:
        """Wait until an output of that cell says *text*."""
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == name and text in str(message["content"]):
                return

    def interrupt(self) -> None:
        """Press the button."""
        self._manager.interrupt_kernel()

    def reply(self, name: str, timeout: float = 60) -> dict[str, Any]:
        """Return the kernel's reply to the cell."""
        ends_at = time.monotonic() + timeout
        while True:
            message = self._client.get_shell_msg(timeout=max(0.0, ends_at - time.monotonic()))
            if message["parent_header"]["msg_id"] == name:
                content: dict[str, Any] = message["content"]
                return content

    def run(self, source: str) -> dict[str, Any]:
        """Run a cell to its end, and return the reply."""
        return self.reply(self.start(source))

    def run_with_outputs(self, source: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run a cell to its end; return the reply, and what it shows: errors, cards and results."""
        name, outputs = self.start(source), []
        reply = self.reply(name)
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == name:
                if message["msg_type"] in ("error", "display_data", "execute_result"):
                    outputs.append(message["content"])
                if message["content"].get("execution_state") == "idle":
                    return reply, outputs


@pytest.fixture
def kernel(own_issuer: LocalIssuer, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel in which `auth` is made, on a machine without a browser."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment(NO_BROWSER, {"PYTHONPATH": paths, "IPYTHONDIR": str(tmp_path)}))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        opened = Kernel(manager, client)
        values = {
            "domain": own_issuer.issuer.rstrip("/"),
            "client_id": own_issuer.client_id,
            "redirect_uri": own_issuer.callback_urls[0],
        }
        assert opened.run(BEGIN.format(values=values))["status"] == "ok"
        yield opened
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    "source",
    [
        "await auth.sign_in_async()",
        "await asyncio.wait_for(auth.sign_in_async(), 200)",
        "await asyncio.gather(auth.sign_in_async(), auth.sign_in_async())",
    ],
)
def test_an_interrupt_ends_the_wait(source: str, kernel: Kernel, own_issuer: LocalIssuer) -> None:
    """At once, with a sentence; the port is free, the kernel goes on, and an interrupt is again the kernel's own."""
    for _ in range(2):
        name = kernel.start(source)
        kernel.wait_for(name, "Open the sign-in page")
        began = time.monotonic()
        kernel.interrupt()
        reply = kernel.reply(name, INTERRUPT_DEADLINE)
        assert time.monotonic() - began < INTERRUPT_DEADLINE
        assert (reply["status"], reply["ename"]) == ("error", "SignInCancelled")
        assert reply["evalue"] == "The sign-in did not finish: it was interrupted. Run the cell again to sign in."
        assert wait_until_free(int(own_issuer.callback_urls[0].split(":")[2].split("/")[0]))
    assert kernel.run("assert 1 + 1 == 2")["status"] == "ok"
    name = kernel.start("print('run' + 'ning', flush=True)\nwhile True:\n    pass")
    kernel.wait_for(name, "running")
    kernel.interrupt()
    assert kernel.reply(name)["ename"] == "KeyboardInterrupt"
