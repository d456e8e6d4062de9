"""What `token?` and Shift-Tab show of a token: that it is one, and no part of it."""

from __future__ import annotations

from typing import Any

from ..token import AccessToken, IdToken


def guard_inspector(shell: Any) -> None:
    """Let *shell*'s inspector show the `repr` of a token where it shows the text of other strings."""
    inspector = shell.inspector
    name = _asked(inspector)
    if name in vars(inspector):
        return
    unguarded = getattr(inspector, name)

    def info(obj: Any, *args: Any, **kwargs: Any) -> Any:
        told = unguarded(obj, *args, **kwargs)
        if isinstance(obj, (AccessToken, IdToken)):
            told["string_form"] = repr(obj)
        return told

    setattr(inspector, name, info)


def unguard_inspector(shell: Any) -> None:
    """Take the guard away."""
    vars(shell.inspector).pop(_asked(shell.inspector), None)


def _asked(inspector: Any) -> str:
    """Return the method that tells of an object; IPython 7 has it under another name."""
    return "_info" if hasattr(type(inspector), "_info") else "info"
