"""Tab: the magics' options, the parameters' names, and the values that are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

_MAGIC = re.compile(r"^\s*%{1,2}(auth0|token)\b")


def add_completion(shell: InteractiveShell) -> None:
    """Add our matcher to the shell's completer; IPython before 8.6 has no such matchers and gets none."""
    matchers = getattr(shell.Completer, "custom_matchers", None)
    if matchers is not None and complete not in matchers:
        complete.matcher_api_version = 2  # type: ignore[attr-defined]
        matchers.append(complete)


def remove_completion(shell: InteractiveShell) -> None:
    """Take our matcher away."""
    matchers: list[Any] = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "__module__", "") != __name__]


def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Return what fits at the cursor of a cell that begins with one of our magics; else nothing."""
    magic = _MAGIC.match(context.full_text)
    lines = context.full_text.split("\n")
    if magic is None or context.cursor_line >= len(lines):
        return {"completions": []}
    before = lines[context.cursor_line][: context.cursor_position]
    in_body = context.cursor_line > 0
    if in_body and not (magic.group(1) == "auth0" and magic.group(0).strip().startswith("%%")):
        return {"completions": []}
    return _matches(magic.group(1), before, in_body)


def _matches(magic: str, before: str, in_body: bool) -> SimpleMatcherResult:
    from IPython.core.completer import SimpleCompletion

    fragment, words = _candidates(magic, before, in_body)
    found = [word for word in words if word.startswith(fragment)]
    return {
        "completions": [SimpleCompletion(text=word, type="param") for word in found],
        "suppress": True,
        "matched_fragment": fragment,
    }


def _candidates(magic: str, before: str, in_body: bool) -> tuple[str, list[str]]:
    """Return the text to complete and the words that may stand there."""
    from .parameters import FIELDS, KNOWN_VALUES

    assigned = re.search(r"(\w+)=(?:[\"']?)([^=]*)$", before)
    if assigned:
        name, value = assigned.groups()
        if name in ("scope", "requested_scopes"):
            return value.split(" ")[-1], list(KNOWN_VALUES["scope"])
        return value, list(KNOWN_VALUES.get(name, ()))
    fragment = re.split(r"\s", before)[-1]
    names = [f"{name}=" for name in FIELDS]
    if in_body:
        return fragment, names
    return fragment, _options(magic) + (names if magic == "auth0" else [])


def _options(magic: str) -> list[str]:
    from .magics import Auth0Magics

    parser = getattr(Auth0Magics, magic).parser
    return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
