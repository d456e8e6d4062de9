"""Text in a cell or a dotenv file that is not dotenv text, and still has one meaning: lines of YAML, Python or JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ..text import plain
from .nearest import nearest
from .parameters import FIELDS, canonical_name, is_secret

_NAME_AND_VALUE = re.compile(
    r"\s*(?:export\s+)?(?P<quote>[\"']?)(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,80})(?P=quote)"
    r"(?P<separator>\s*[:=]\s*|\s+)(?P<value>\S.{0,2000})?\s*"
)
_SEVERAL = ("scope", "default_scope", "redirect_uri")
_OPTION = re.compile(r"\s*--?[A-Za-z]")
_LIST_ITEM = re.compile(r"\s*-\s")
_COMMENT = re.compile(r"\s+#.*")


@dataclass(frozen=True)
class Mistake:
    """A line that is not an assignment.

    Attributes:
        line: its number, from 1.
        advice: what to write in its place, as sentences.
        name: the parameter that it was meant for, if that is seen.
    """

    line: int
    advice: str
    name: str | None = None


def assignment_in(line: str) -> tuple[str, str] | None:
    """Return name and value of a *line* as `domain: x` or `"domain": "x",`; None if it has another meaning, or none.

    Only a parameter's name before the colon makes it an assignment: a URL has a colon too.
    """
    match = _NAME_AND_VALUE.fullmatch(line)
    if match is None or not match["value"] or not match["separator"].strip():
        return None
    if canonical_name(match["name"]) is None and not is_secret(match["name"]):
        return None
    value = _bare(match["value"])
    return None if value is None else (match["name"], value)


def is_list_item(line: str) -> bool:
    """Return whether *line* is an entry of a list in YAML: it has no meaning without the line of the name above it."""
    return _LIST_ITEM.match(line) is not None


def mistake_in(line: str, number: int) -> Mistake:
    """Return what is wrong with *line*, which is not an assignment, and the right line where it can be seen."""
    if _OPTION.match(line):
        return Mistake(number, "Options stand in the cell's first line, after the name of the magic.")
    match = _NAME_AND_VALUE.fullmatch(line)
    word = match["name"] if match else line.strip()
    name = canonical_name(word) or (nearest(word, FIELDS) if match else None)
    if name is None or is_secret(word):
        return Mistake(number, "Write NAME=VALUE, with quotes around a value that holds quotes or a #.")
    value = plain((match["value"] if match else "") or "...", 300).strip("\"'")
    if match and name in _SEVERAL and not match["value"]:  # the header of a list in YAML
        return Mistake(number, f"Write `{name}={value}`, with spaces between several values.", name)
    return Mistake(number, f"Write `{name}={value}`.", name)


def _bare(value: str) -> str | None:
    """Return *value* without its comment, a comma after it, and its quotes; None if a quote is not closed."""
    quote = value[0]
    if quote in "\"'":
        inner, closed, after = value[1:].partition(quote)
        is_over = closed and (after.strip() in ("", ",") or _COMMENT.fullmatch(after))
        return inner if is_over else None
    value = _COMMENT.sub("", value).strip()
    if value.startswith("["):
        value = value.removesuffix(",")
    return None if {'"', "'"} & set(value) and not value.startswith("[") else value


def words_in_list(text: str) -> str:
    """Return the words of a list in brackets, as `["a", "b"]`, separated by spaces; another *text* as it is."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    try:
        words = json.loads(text.replace("'", '"'))
    except (ValueError, RecursionError):
        return text
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return " ".join(words) if is_list else text


def object_in(text: str) -> dict[str, object] | None:
    """Return the members of the JSON object that *text* is, or None if it is not one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
