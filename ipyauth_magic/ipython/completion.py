"""Tab: the magics' options, the parameters' names, and the values that are known."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from .namespace import Namespace

_LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(auth0|token)\b")
_CELL = re.compile(r"^\s*%%auth0\b")


def complete(context: CompletionContext, namespace: Namespace) -> SimpleMatcherResult:
    """Return what fits at the cursor, on the line of one of our magics or in the cell of `%%auth0`; else nothing."""
    lines = context.full_text.split("\n")
    if context.cursor_line >= len(lines):
        return {"completions": []}
    before = lines[context.cursor_line][: context.cursor_position]
    if on_line := _LINE.match(before):
        return _matches(*_on_line(on_line.group(1), before, namespace))
    if context.cursor_line > 0 and _CELL.match(lines[0]):
        return _matches(*_in_cell(before))
    return {"completions": []}


def _matches(fragment: str, words: Iterable[str]) -> SimpleMatcherResult:
    from IPython.core.completer import SimpleCompletion

    found = [word for word in words if word.startswith(fragment)]
    completions = [SimpleCompletion(text=word, type="param") for word in found]
    return {"completions": completions, "suppress": bool(found), "matched_fragment": fragment}


def _on_line(magic: str, before: str, namespace: Namespace) -> tuple[str, Iterable[str]]:
    """Return the text to complete on a magic's line, and the words that may stand there."""
    *earlier, fragment = re.split(r"\s+", before)
    option, equals, value = fragment.partition("=")
    if equals and (values := _values(option)):
        return value, values
    if earlier and (values := _values(earlier[-1])):
        return fragment, values
    if fragment.startswith("-"):
        return fragment, _options(magic)
    if magic == "token":
        return fragment, namespace.known()
    in_cell, words = _in_cell(before)
    return (in_cell, words) if "=" in before else (fragment, [*_options(magic), *words])


def _options(magic: str) -> list[str]:
    from ..settings.options import AUTH0, TOKEN

    options = {"auth0": AUTH0, "token": TOKEN}[magic]
    return [name for option in options for name in option.names if name.startswith("--")]


def _values(option: str) -> tuple[str, ...]:
    """Return the values of *option*, if it takes one of a few."""
    from ..settings.line import CHOICES

    return CHOICES.get(option.removeprefix("--"), ()) if option.startswith("--") else ()


def _in_cell(before: str) -> tuple[str, list[str]]:
    """Return the text to complete in the cell, and the names or values that may stand there."""
    from ..settings.parameters import KNOWN_VALUES, PARAMETERS, canonical_name

    assigned = re.search(r"(\w+)=[\"']?([^=]*)$", before)
    if not assigned:
        return re.split(r"\s", before)[-1], [
            name + ("." if each.is_group else "=") for name, each in PARAMETERS.items()
        ]
    name, value = canonical_name(assigned.group(1)) or "", assigned.group(2)
    if name == "scope":
        return value.split(" ")[-1], list(dict.fromkeys([*KNOWN_VALUES["scope"], *_scopes_of_known_providers()]))
    return value, list(KNOWN_VALUES.get(name, ()))


def _scopes_of_known_providers() -> list[str]:
    """Return the scopes that the session's providers support, as far as they are known: Tab asks no provider.

    IPython runs the code in braces on a magic's line, and fills in what stands after a dollar sign, so neither is
    offered.
    """
    if "ipyauth_magic.provider.provider" not in sys.modules:
        return []
    from ..provider.provider import Provider

    known = [scope for metadata in Provider.known_metadata() for scope in metadata.scopes_supported]
    return [scope for scope in known if not set(scope) & set("{}$")]
