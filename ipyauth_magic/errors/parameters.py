"""Errors about parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..text import plain
from .base import IpyauthError


@dataclass(frozen=True)
class Problem:
    """One parameter that cannot be used, and what to do next. `str` gives the sentences.

    Attributes:
        name: the parameter, the option, or the name that is none; `cell` for the text of the cell.
        message: what is wrong with it, and what to do: sentences. The first one goes on after the name, unless it
            begins with a capital letter or a backquote.
        origin: the place where it was set; None for one that is missing.
        meant: the parameter that a misspelt name was probably meant for.
    """

    name: str
    message: str
    origin: str | None = None
    meant: str | None = None

    def __str__(self) -> str:
        is_whole = self.message[:1].isupper() or self.message.startswith("`")
        where = f" (from {self.origin})" if self.origin else ""
        subject = "" if is_whole else f"`{self.name}`{where} "
        end = "" if self.message.endswith((".", "?")) else "."
        return plain(f"{subject}{self.message}{end}", 1500)


class InvalidParams(IpyauthError):
    """Parameters are missing or wrong. One error names all of them.

    `problems` holds one `Problem` for each. `hints` holds what is no problem by itself and may be the cause of one, as
    a misspelt name in a dotenv file. The sentence has both. `is_bare` says that no parameter was given at all, so that
    a magic shows the lines to fill in.
    """

    def __init__(self, problems: Sequence[Problem], hints: Sequence[str] = (), is_bare: bool = False) -> None:
        super().__init__("\n".join([*map(str, problems), *hints]))
        self.problems = tuple(problems)
        self.hints = tuple(hints)
        self.is_bare = is_bare
