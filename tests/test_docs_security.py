"""docs/security.md names tests that exist, and leaves no threat without one or without saying that it is open."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for table in re.findall(r"^\|.* the test \|\n\|[ |-]+\|\n((?:\|.*\n)+)", SECURITY, re.MULTILINE)
    for line in table.splitlines()
]
"""The rows of every table whose last column is `the test`."""


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of the test functions in the file at *path*."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def test_the_tables_are_found() -> None:
    """Each row has the threat, what is done, and the test."""
    assert len(ROWS) > 80
    assert [row for row in ROWS if len(row) != 3] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_every_threat_has_a_test_or_is_open(row: tuple[str, ...]) -> None:
    """And what it names is a test file of ours with that test."""
    last = row[-1]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", last)
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []
    assert len(named) == last.count("::")
    assert named or last.startswith("**open**")
    assert all(name.startswith("test_") for _, name in named)


def test_what_a_user_can_still_do_wrong_is_open() -> None:
    """By the words that a user would look for."""
    open_rows = "\n".join(" ".join(row) for row in ROWS if "**open**" in row[-1])
    for words in ("print", "help(token)", "%whos", "history", "header that you build"):
        assert words in open_rows


def test_where_to_report_is_told() -> None:
    """By the repository's private reports, without an e-mail address, and for the current version."""
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "Report a vulnerability" in policy
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", policy)
    version = re.search(r'__version__ = "(\d+\.\d+)', (ROOT / "ipyauth_magic" / "__init__.py").read_text("utf-8"))
    assert version
    assert f"| {version[1]}.x |" in policy
