"""What is installed in an IPython shell beside the magics: masks, and the end of sign-ins with the kernel."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..flows.authenticator import SESSION
from .output_guard import guard_outputs, unguard_outputs
from .repr_masking import guard_inspector, unguard_inspector
from .traceback_masking import guard_tracebacks, unguard_tracebacks


def guard(shell: Any) -> None:
    """Mask tokens in *shell*, and end every sign-in when its kernel is shut down; a second call changes nothing."""
    guard_inspector(shell)
    guard_tracebacks(shell)
    guard_outputs(shell)
    if shell.has_trait("exit_now"):
        shell.observe(SESSION.on_exit, "exit_now")


def unguard(shell: Any) -> None:
    """Take away what `guard` installed, and end every sign-in."""
    unguard_inspector(shell)
    unguard_tracebacks(shell)
    unguard_outputs(shell)
    with suppress(ValueError):  # there may never have been a sign-in
        shell.unobserve(SESSION.on_exit, "exit_now")
    SESSION.end_all("the extension was unloaded")
    SESSION.forget_tokens()
