"""What is switched off for a checker, or caught whatever it is, has its reason beside it."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("ipyauth_magic", "fruit_service", "tests", "examples", "bench")
FILES = [
    path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts
]
EXEMPTION = re.compile(r"#\s*(type: ?ignore|noqa|pragma: ?no cover)(?::? ?[\w\[\], -]*?)(?=\s*#|\s*$|\s*\()(.*)")
CATCH_ALL = {"Exception", "BaseException"}


def place(path: Path, line: int) -> str:
    """Return where a line is, for a failure."""
    return f"{path.relative_to(ROOT)}:{line}"


@cache
def comments(path: Path) -> dict[int, str]:
    """Return the comments of a file by their lines."""
    with path.open("rb") as file:
        return {
            each.start[0]: each.string for each in tokenize.tokenize(file.readline) if each.type == tokenize.COMMENT
        }


@cache
def checked_places() -> list[Path]:
    """Return the files and folders that mypy reads."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return [ROOT / name.strip() for name in config["mypy"]["files"].split(",")]


def is_checked(path: Path) -> bool:
    """Tell whether mypy reads the file."""
    return any(path == place or place in path.parents for place in checked_places())


def handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    """Return the handlers of whatever it is, but for those that undo something and raise it again."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in CATCH_ALL):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):
                yield node


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_exemption_has_its_reason(folder: str) -> None:
    """On its line, or in a comment above it."""
    bare = []
    for path in [each for each in FILES if each.relative_to(ROOT).parts[0] == folder]:
        said = comments(path)
        for line, comment in said.items():
            found = EXEMPTION.search(comment)
            if found and not found[2].strip("# ()") and line - 1 not in said:
                bare.append(place(path, line))
    assert bare == []


def test_types_are_ignored_only_where_they_are_checked() -> None:
    """In a file that mypy does not read, the comment would exempt from nothing."""
    files = [path for path in FILES if not is_checked(path)]
    ignored = [
        place(path, line) for path in files for line, comment in comments(path).items() if "type: ignore" in comment
    ]
    assert ignored == []


def test_whatever_is_caught_is_caught_for_a_reason() -> None:
    """A comment says it, on the line, above it or first in the handler; or the log that it goes to."""
    bare = []
    for path in FILES:
        said = comments(path)
        for handler in handlers(path):
            near = {handler.lineno - 1, *range(handler.lineno, handler.body[0].lineno + 1)}
            is_logged = "_logger.exception(" in ast.unparse(handler)
            if near.isdisjoint(said) and not is_logged:
                bare.append(place(path, handler.lineno))
    assert bare == []


def sleeps(path: Path) -> Iterator[int]:
    """Return the lines of a file that sleep, but for those within a loop that looks at a condition."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    looped = {id(node) for loop in ast.walk(tree) if isinstance(loop, ast.While) for node in ast.walk(loop)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep" and id(node) not in looped:
            yield node.lineno


def test_a_sleep_has_its_reason() -> None:
    """On its line, or in a comment above it. What is waited for by a condition needs none."""
    bare = []
    for path in FILES:
        said = comments(path)
        bare += [place(path, line) for line in sleeps(path) if said.keys().isdisjoint((line, line - 1))]
    assert bare == []
