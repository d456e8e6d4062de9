"""The tables that are printed and written: a section for each question, a line for each case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MISSED = "MISSED"
_NAME = 42
_CELL = 13


@dataclass(frozen=True)
class Row:
    """One case: its figures, its ratio, and what is required of the ratio or of the first figure."""

    name: str
    figures: Sequence[str]
    ratio: float | None = None
    required: str = ""
    holds: bool = True

    @property
    def cells(self) -> tuple[str, ...]:
        """The figures, the ratio, and what is required."""
        ratio = "" if self.ratio is None else f"{self.ratio:.4f}" if self.ratio < 0.05 else f"{self.ratio:.2f}"
        return (*self.figures, ratio, self.required)

    def __str__(self) -> str:
        line = f"  {self.name:<{_NAME}}" + "".join(f"{each:>{_CELL}}" for each in self.cells)
        return (line if self.holds else f"{line}  {MISSED}").rstrip()


@dataclass
class Section:
    """One question and its cases."""

    title: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    @property
    def head(self) -> tuple[str, ...]:
        """What stands above the cells of a row."""
        return (*self.columns, "ratio", "required")

    def __str__(self) -> str:
        head = f"{self.title:<{_NAME + 2}}" + "".join(f"{each:>{_CELL}}" for each in self.head)
        return "\n".join([head, *map(str, self.rows), *([f"  ({self.note})"] if self.note else [])])


def milliseconds(seconds: float) -> str:
    """Return *seconds* as milliseconds."""
    return f"{seconds * 1e3:.2f}"


def microseconds(seconds: float) -> str:
    """Return *seconds* as microseconds."""
    return f"{seconds * 1e6:.1f}"
