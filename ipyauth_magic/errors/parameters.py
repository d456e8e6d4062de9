"""Errors about parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..text import plain
from .base import IpyauthError


@dataclass(frozen=True)
class Problem:
    """A parameter that is missing or cannot be used, and the next step; `str` returns the sentences.

    Attributes:
        name: of the parameter or option, or the unknown name; `cell` for the text of the cell.
        message: the fault and the next step, as sentences. The first sentence continues after the name, unless it
            begins with a capital letter or a backquote.
        origin: the place where the parameter was set; None if it is missing.
        meant: the parameter that a misspelt name probably means, or None.
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


class InvalidParams(IpyauthError, ValueError):
    """Parameters, or keywords of a call, are missing or wrong. One error names all of them. It is a `ValueError` too.

    Attributes:
        problems: a `Problem` for each.
        hints: sentences about possible causes, such as a misspelt name in a dotenv file. The message has them too.
        is_bare: no parameter was given in any place.
    """

    def __init__(self, problems: Sequence[Problem], hints: Sequence[str] = (), is_bare: bool = False) -> None:
        super().__init__("\n".join([*map(str, problems), *hints]))
        self.problems = tuple(problems)
        self.hints = tuple(hints)
        self.is_bare = is_bare
