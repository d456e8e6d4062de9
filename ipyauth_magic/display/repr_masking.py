"""What `token?`, Shift-Tab and `%whos` show of a token: that it is one, or nothing, and no part of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..protocol.tokens import AccessToken, IdToken, Masked
from .shell import current_shell

_ASKED = ("info", "_info")
"""The methods that tell of an object; IPython has had one, the other, or both."""


def guard_inspector(shell: Any) -> None:
    """Let *shell* show the `repr` of a token where it shows the text of other strings, or leave it out."""
    inspector = shell.inspector
    for name in _ASKED:
        if hasattr(inspector, name) and name not in vars(inspector):
            setattr(inspector, name, _guarded(getattr(inspector, name)))
    shell.events.register("post_execute", leave_tokens_out)


def unguard_inspector(shell: Any) -> None:
    """Take the guard away."""
    for name in _ASKED:
        vars(shell.inspector).pop(name, None)
    with suppress(ValueError):  # it may never have been there
        shell.events.unregister("post_execute", leave_tokens_out)


def leave_tokens_out() -> None:
    """Leave each name that the user gave to one of our secrets out of `%who` and `%whos`, which print text by `str`."""
    shell = current_shell()
    shell.user_ns_hidden.update(
        {name: value for name, value in list(shell.user_ns.items()) if isinstance(value, Masked)}
    )


def _guarded(info: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(obj: Any, *args: Any, **kwargs: Any) -> Any:
        told = info(obj, *args, **kwargs)
        if isinstance(obj, (AccessToken, IdToken)):
            told["string_form"] = repr(obj)
        return told

    return guarded
