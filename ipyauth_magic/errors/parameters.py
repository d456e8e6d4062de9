"""Errors about parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..text import plain
from .base import IpyauthError


@dataclass(frozen=True)
class Problem:
    """One parameter that cannot be used: its name, the fault, and the place where its value was set."""

    name: str
    message: str
    origin: str | None = None

    def __str__(self) -> str:
        where = f" (from {self.origin})" if self.origin else ""
        return plain(f"{self.name}: {self.message}{where}", 1500)


class InvalidParams(IpyauthError):
    """Parameters are missing or wrong. One error names all of them.

    `problems` holds one `Problem` for each. `hints` holds what is no problem by itself and may be the cause of one, as
    a misspelt name in a dotenv file. The sentence has both.
    """

    def __init__(self, problems: Sequence[Problem], hints: Sequence[str] = ()) -> None:
        super().__init__("\n".join([*map(str, problems), *hints]))
        self.problems = tuple(problems)
        self.hints = tuple(hints)
