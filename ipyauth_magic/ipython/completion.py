"""Tab: the magics' options, the parameters' names, and the values that are known."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(auth0|token)\b")
_CELL = re.compile(r"^\s*%%auth0\b")


def add_completion(shell: InteractiveShell) -> None:
    """Add our matcher to the shell's completer; before IPython 8.6 matchers see one word only, so it gets none."""
    from IPython.core import completer

    if hasattr(completer, "context_matcher") and complete not in shell.Completer.custom_matchers:
        complete.matcher_api_version = 2  # type: ignore[attr-defined]
        shell.Completer.custom_matchers.append(complete)


def remove_completion(shell: InteractiveShell) -> None:
    """Take our matcher away."""
    matchers: list[Any] = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "__module__", "") != __name__]


def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Return what fits at the cursor, on the line of one of our magics or in the cell of `%%auth0`; else nothing."""
    lines = context.full_text.split("\n")
    if context.cursor_line >= len(lines):
        return {"completions": []}
    before = lines[context.cursor_line][: context.cursor_position]
    if on_line := _LINE.match(before):
        return _matches(*_on_line(on_line.group(1), before))
    if context.cursor_line > 0 and _CELL.match(lines[0]):
        return _matches(*_in_cell(before))
    return {"completions": []}


def _matches(fragment: str, words: Iterable[str]) -> SimpleMatcherResult:
    from IPython.core.completer import SimpleCompletion

    found = [word for word in words if word.startswith(fragment)]
    completions = [SimpleCompletion(text=word, type="param") for word in found]
    return {"completions": completions, "suppress": bool(found), "matched_fragment": fragment}


def _on_line(magic: str, before: str) -> tuple[str, list[str]]:
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
        return fragment, _names()
    in_cell, words = _in_cell(before)
    return (in_cell, words) if "=" in before else (fragment, [*_options(magic), *words])


def _values(option: str) -> list[str]:
    """Return the values that *option* takes, where they are few."""
    from ..protocol.flow import FLOWS
    from ..store.opening import NAMES

    return list({"--flow": FLOWS, "--store": NAMES}.get(option, ()))


def _in_cell(before: str) -> tuple[str, list[str]]:
    """Return the text to complete in the cell, and the names or values that may stand there."""
    from ..settings.parameters import FIELDS, KNOWN_VALUES, canonical_name

    assigned = re.search(r"(\w+)=[\"']?([^=]*)$", before)
    if not assigned:
        return re.split(r"\s", before)[-1], [f"{name}=" for name in FIELDS]
    name, value = canonical_name(assigned.group(1)) or "", assigned.group(2)
    if name == "scope":
        return value.split(" ")[-1], [*KNOWN_VALUES["scope"], *_scopes_of_known_providers()]
    return value, list(KNOWN_VALUES.get(name, ()))


def _scopes_of_known_providers() -> set[str]:
    """Return what else the session's providers support, as far as they are known: Tab waits for no network."""
    if "ipyauth_magic.provider.provider" not in sys.modules:
        return set()
    from ..provider.provider import Provider
    from ..settings.parameters import KNOWN_VALUES

    supported = {scope for metadata in Provider.known_metadata() for scope in metadata.scopes_supported}
    return supported - set(KNOWN_VALUES["scope"])


def _names() -> list[str]:
    """Return the variables that `%token` knows."""
    magics = _magics()
    return magics.variables.known() if magics else []


def _options(magic: str) -> list[str]:
    magics = _magics()
    actions = getattr(magics, magic).parser._actions if magics else []
    return [option for action in actions for option in action.option_strings if option.startswith("--")]


def _magics() -> Any:
    """Return the magics of the running shell, or None."""
    from IPython import get_ipython

    return get_ipython().magics_manager.registry.get("Auth0Magics")
