"""docs/troubleshooting.md has a row for every sentence that says what went wrong, wherever a user meets it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ipyauth_magic import errors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "ipyauth_magic").rglob("*.py"))}
ERRORS = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
SPEAK = {"Problem", "_problem", "_missing", "UsageError", "not_ours", "cancel", "end_all", "_end"}
"""What else takes words that a user reads: parts of `InvalidParams`, a magic's line, the tab, why a wait ended."""


def own_exceptions() -> set[str]:
    """Return the names of the exceptions that the package defines, wherever."""
    classes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    plain = {"Exception", "ValueError", "OSError"}
    return ERRORS | {each.name for each in classes if {ast.unparse(base) for base in each.bases} & plain}


def pieces(node: ast.AST) -> Iterator[str]:
    """Return the words of each text in *node*, each piece between two fillings; a single word finds nothing."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            words = in_plain_words(each.value).strip(" .,:;()")
            if " " in words:
                yield words


def in_plain_words(text: str) -> str:
    """Return *text* without the marks of Markdown, and with single spaces."""
    return re.sub(r"\s+", " ", text.replace("`", ""))


def said_in_errors() -> set[str]:
    """Return what the classes of errors/ say, and what it says to do for each code of a provider."""
    nodes = [node for path, tree in TREES.items() if path.parent.name == "errors" for node in ast.walk(tree)]
    [remedies] = [node for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REMEDIES"]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if ast.get_docstring(function):
            function.body = function.body[1:]
    bodies = [statement for function in functions for statement in [function.args, *function.body]]
    return {piece for node in [remedies.value, *bodies] for piece in pieces(node)}


def said_elsewhere() -> set[str]:
    """Return what is said wherever one of our errors is made, and what a store warns of."""
    speakers = own_exceptions() | SPEAK
    found: set[str] = set()
    for node in (node for tree in TREES.values() for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in speakers:
            found |= {piece for argument in [*node.args, *node.keywords] for piece in pieces(argument)}
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "sentence":
            found |= set(pieces(node.value))
    return found


def said_by_commands() -> set[str]:
    """Return what a command says before it ends with the exit status of a failure."""
    found: set[str] = set()
    for node in (node for tree in TREES.values() for node in ast.walk(tree)):
        body = getattr(node, "body", None)
        for said, after in pairwise(body if isinstance(body, list) else []):
            if ast.unparse(after) == "return FAILED" and ast.unparse(said).startswith("say("):
                found |= set(pieces(said))
    return found


def said_in_the_tab() -> set[str]:
    """Return what the scripts of the pages show in place of a response's outcome."""
    pages = (ROOT / "ipyauth_magic" / "callback" / "pages").glob("*.js")
    shown = [text for page in pages for text in re.findall(r"^ +title:.*?\}", page.read_text("utf-8"), re.M | re.S)]
    return {words.strip() for text in shown for words in re.findall(r'"(.+?)"', text) if " " in words.strip()}


def what_is_seen() -> str:
    """Return what the page offers to a search: its first cells, and what stands before the tables."""
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    before = re.findall(r"^[^|#\n].*", PAGE, re.MULTILINE)
    return in_plain_words("\n".join([*rows, "\n".join(before)]))


def test_every_class_has_its_section() -> None:
    """In the order of the tree at the top of errors/__init__.py, and no other; the base is named above them."""
    order = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert set(order) == ERRORS - {"IpyauthError"}
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == order
    assert "`IpyauthError`" in PAGE


@pytest.mark.parametrize(
    ("said", "more_than"), [(said_in_errors, 25), (said_elsewhere, 25), (said_by_commands, 4), (said_in_the_tab, 4)]
)
def test_every_sentence_has_its_row(said: Callable[[], set[str]], more_than: int) -> None:
    """A user finds each message on the page by a search for its words."""
    sentences = said()
    assert len(sentences) > more_than
    seen = what_is_seen()
    assert sorted(sentence for sentence in sentences if sentence not in seen) == []
