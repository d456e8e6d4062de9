"""Tab: the magics' options, the parameters' names, and the values that are known."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from .namespace import Namespace

# Compiled by the first Tab, not by %load_ext.
_LINE = r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(auth0|token)\b"
_CELL = r"^\s*%%auth0\b"


def add_completion(shell: InteractiveShell, namespace: Namespace) -> None:
    """Add our matcher to the shell's completer, except before IPython 8.6: matchers see one word only there."""
    from IPython.core import completer

    def complete(context: CompletionContext) -> SimpleMatcherResult:
        return _complete(context, namespace)

    if hasattr(completer, "context_matcher"):
        remove_completion(shell)
        complete.matcher_api_version = 2  # type: ignore[attr-defined]
        shell.Completer.custom_matchers.append(complete)


def remove_completion(shell: InteractiveShell) -> None:
    """Take our matcher away."""
    matchers: list[Any] = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "__module__", "") != __name__]


def _complete(context: CompletionContext, namespace: Namespace) -> SimpleMatcherResult:
    """Return what fits at the cursor, on the line of one of our magics or in the cell of `%%auth0`; else nothing."""
    lines = context.full_text.split("\n")
    if context.cursor_line >= len(lines):
        return {"completions": []}
    before = lines[context.cursor_line][: context.cursor_position]
    if on_line := re.match(_LINE, before):
        return _matches(*_on_line(on_line.group(1), before, namespace))
    if context.cursor_line > 0 and re.match(_CELL, lines[0]):
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
    from ..settings.parameters import FIELDS, KNOWN_VALUES, canonical_name

    assigned = re.search(r"(\w+)=[\"']?([^=]*)$", before)
    if not assigned:
        return re.split(r"\s", before)[-1], [f"{name}=" for name in FIELDS]
    name, value = canonical_name(assigned.group(1)) or "", assigned.group(2)
    if name == "scope":
        return value.split(" ")[-1], list(dict.fromkeys([*KNOWN_VALUES["scope"], *_scopes_of_known_providers()]))
    return value, list(KNOWN_VALUES.get(name, ()))


def _scopes_of_known_providers() -> list[str]:
    """Return the scopes that the session's providers support, as far as they are known: Tab asks no provider."""
    if "ipyauth_magic.provider.provider" not in sys.modules:
        return []
    from ..provider.provider import Provider

    return [scope for metadata in Provider.known_metadata() for scope in metadata.scopes_supported]
