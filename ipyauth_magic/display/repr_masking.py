"""No part of a token in `token?` and Shift-Tab, which show its masked `repr`, nor in `%whos`, which leaves it out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..protocol.tokens import Masked
from .shell import current_shell

_ASKED = ("info", "_info")
"""The methods that describe an object; versions of IPython have one, the other, or both."""


def guard_inspector(shell: Any) -> None:
    """Have *shell* show the `repr` of a token where it shows the text of other strings, or leave it out."""
    inspector = shell.inspector
    for name in _ASKED:
        if hasattr(inspector, name) and name not in vars(inspector):
            setattr(inspector, name, _guarded(getattr(inspector, name)))
    shell.events.register("post_execute", leave_tokens_out)


def unguard_inspector(shell: Any) -> None:
    """Remove the guard."""
    for name in _ASKED:
        vars(shell.inspector).pop(name, None)
    with suppress(ValueError):  # not registered
        shell.events.unregister("post_execute", leave_tokens_out)


def leave_tokens_out() -> None:
    """Hide each variable that holds a secret of ours from `%who` and `%whos`, which print a string by `str`."""
    shell = current_shell()
    shell.user_ns_hidden.update(
        {name: value for name, value in list(shell.user_ns.items()) if isinstance(value, Masked)}
    )


def _guarded(info: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(obj: Any, *args: Any, **kwargs: Any) -> Any:
        described = info(obj, *args, **kwargs)
        if isinstance(obj, Masked):
            described["string_form"] = repr(obj)
        return described

    return guarded
