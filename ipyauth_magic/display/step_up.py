"""A line under the cell whose request an API refused for what the token lacks: what it lacks, and the line to run.

It opens no browser. In a program without IPython there is no line: the API's answer is there, and says the same.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..flows.authenticator import Authenticator
from ..protocol.refusal import Refusal
from ..protocol.step_up import StepUp
from ..text import counted, encodable, in_lines
from .card import AS_IT_IS, SELECTABLE, WIDTH, escaped, mark
from .panel import in_notebook, show
from .shell import current_shell

MOST = 50
"""Refusals of one cell that are told from each other: an API may name another scope each time."""

OWNER = "Ask the API's owner for it."


@dataclass(frozen=True)
class Line:
    """A sentence, and what to run, which may be nothing."""

    sentence: str
    command: str = ""

    def text(self) -> str:
        """Return it for a terminal."""
        return in_lines(f"{self.sentence} Run: `{self.command}`" if self.command else self.sentence)

    def html(self) -> str:
        """Return it for a notebook; one click selects what is to be run."""
        code = f' Run: <code style="{SELECTABLE}">{escaped(self.command)}</code>' if self.command else ""
        style = f"{WIDTH};margin:4px 0;line-height:1.5"
        return (
            f'<div role="status" dir="auto" class="{AS_IT_IS}" style="{style}">{mark("warning")}'
            f"{escaped(self.sentence)}{code}</div>"
        )


@dataclass(frozen=True)
class _Noted:
    """A refusal of a token of *authenticator*; *was_enough*: the token was for all that the API named."""

    authenticator: Authenticator
    names: Callable[[], Sequence[str]]
    refusal: Refusal
    was_enough: bool


_NOTED: dict[tuple[int, Refusal], _Noted] = {}
"""The refusals of the cell that runs, from any thread. They are told when it is over, below its error."""

_LOCK = threading.Lock()


def note(authenticator: Authenticator, names: Callable[[], Sequence[str]], refusal: Refusal) -> None:
    """Have a line shown below the cell that runs; *names* returns the variables of *authenticator*'s `Auth`."""
    if (shell := current_shell()) is None:
        return
    was_enough = bool(refusal.wants) and authenticator.serves(refusal.wants)
    noted = _Noted(authenticator, names, refusal, was_enough)
    with _LOCK:
        shell.events.register("post_run_cell", _tell)  # once: it is not registered twice
        if len(_NOTED) < MOST:
            _NOTED.setdefault((id(authenticator), refusal), noted)


def _tell(result: Any) -> None:
    """Show the lines about the cell that has run."""
    with _LOCK:
        noted = list(_NOTED.values())
        _NOTED.clear()
        current_shell().events.unregister("post_run_cell", _tell)
    for line in lines_about(noted):
        _show(line)


def lines_about(noted: Iterable[_Noted]) -> list[Line]:
    """Return at most two lines for each sign-in: about its scopes, and about the authentication of its user."""
    by_kind: dict[tuple[int, bool], list[_Noted]] = {}
    for each in noted:
        by_kind.setdefault((id(each.authenticator), each.refusal.is_about_user), []).append(each)
    lines = [
        _about_user(some) if is_about_user else _about_scopes(some) for (_, is_about_user), some in by_kind.items()
    ]
    return [line for line in lines if line is not None]


def _about_scopes(noted: Sequence[_Noted]) -> Line | None:
    """Return the line about scopes; None if a sign-in within the cell has brought them."""
    authenticator = noted[0].authenticator
    tokens = authenticator.source.tokens
    granted = tokens.scope if tokens is not None else ""
    missing = dict.fromkeys(scope for each in noted for scope in each.refusal.wants.missing_from(granted))
    in_vain = [scope for scope in missing if _was_asked(authenticator, scope)]
    if to_ask := [scope for scope in missing if scope not in in_vain]:
        return Line(f"This needs {_in_words(to_ask)}.", _command(noted[0], to_ask))
    if in_vain:
        return Line(f"This needs {_in_words(in_vain)}, which the provider did not grant. {OWNER}")
    if enough := dict.fromkeys(
        scope for each in noted if each.was_enough for scope in each.refusal.wants.scope.split()
    ):
        return Line(f"This needs {_in_words(list(enough))}, and your token has that. The API refuses it all the same.")
    if all(each.refusal.wants for each in noted):
        return None
    return Line("This needs a further scope. The API does not say which.", _command(noted[0], ["SCOPE"]))


def _was_asked(authenticator: Authenticator, scope: str) -> bool:
    return scope in authenticator.not_granted or scope in authenticator.asked.scope.split()


def _about_user(noted: Sequence[_Noted]) -> Line:
    """Return the line about the authentication of the user, by what the API said last."""
    wants, asked = noted[-1].refusal.wants, noted[-1].authenticator.asked
    how = f" by {_in_words(wants.acr_values.split(), 'or')}" if wants.acr_values else ""
    age = f" at most {counted(int(wants.max_age), 'second')} ago" if wants.max_age else ""
    if not wants:
        return Line("This needs a stronger sign-in. The API does not say which `acr_values` it takes.")
    if wants.acr_values and not wants.max_age and wants.acr_values == asked.acr_values:
        return Line(f"This needs a sign-in{how}, and yours was. The API refuses it all the same.")
    return Line(f"This needs a sign-in{how}{age}.", _again(noted[-1], wants))


def _in_words(names: Sequence[str], last: str = "and") -> str:
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final


def _command(noted: _Noted, scopes: Sequence[str]) -> str:
    """Return the line that signs in for *scopes* too."""
    if _has_magic():
        return _magic(noted, [f"+{scope}" for scope in scopes])
    return f'{_variable(noted) or "auth"}.sign_in(add_scope="{" ".join(scopes)}")'


def _again(noted: _Noted, wants: StepUp) -> str:
    """Return the line that signs in once more, as *wants* says."""
    values = {"acr_values": wants.acr_values, "max_age": wants.max_age}
    words = [f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in values.items() if value]
    return _magic(noted, words)


def _magic(noted: _Noted, words: Sequence[str]) -> str:
    name = _variable(noted)
    return " ".join(["%login", *words, *(["-a", name] if name not in ("", "auth") else [])])


def _variable(noted: _Noted) -> str:
    """Return the variable of the sign-in; `auth`, which needs no option, where it is one of several."""
    names = noted.names()
    return "auth" if "auth" in names else next(iter(names), "")


def _has_magic() -> bool:
    return "login" in current_shell().magics_manager.magics["line"]


def _show(line: Line) -> None:
    if in_notebook():
        show({"text/html": line.html(), "text/plain": line.text()})
    else:
        print(encodable(line.text(), sys.stderr), file=sys.stderr)
