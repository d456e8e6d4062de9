"""Tab: the magics' options, the parameters' names, the values that are known, profiles and files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from .namespace import Namespace

_LINE = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?%{1,2}(auth0|login|token|logout)\b")
_CELL = re.compile(r"^\s*%%(?:auth0|login)\b")

_FILES = {"-f", "--dotenv-file", "dotenv_file"}
_FOLDERS = {"-d", "--dotenv-folder", "dotenv_folder"}

FILES_OFFERED = 200


def complete(context: CompletionContext, namespace: Namespace) -> SimpleMatcherResult:
    """Return what fits at the cursor, on the line of one of our magics or in the cell of a sign-in; else nothing."""
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
    """Return the *words* that begin with *fragment*.

    Without one, *fragment* itself is offered. IPython would else offer Python's names there, which never fit.
    """
    from IPython.core.completer import SimpleCompletion

    found = [word for word in words if word.startswith(fragment)] or [fragment] * bool(fragment)
    completions = [SimpleCompletion(text=word, type="param") for word in found]
    return {"completions": completions, "suppress": bool(found), "matched_fragment": fragment}


def _on_line(magic: str, before: str, namespace: Namespace) -> tuple[str, Iterable[str]]:
    """Return the text to complete on a magic's line, and the words that may stand there."""
    *earlier, fragment = re.split(r"\s+", before)
    option, equals, value = fragment.partition("=")
    if equals and (values := _values(option, value)):
        return value, values
    if earlier and not earlier[-1].endswith("=") and (values := _values(earlier[-1], fragment, "-")):
        return fragment, values
    if fragment.startswith("-"):
        return fragment, _options(magic)
    if magic == "token":
        return fragment, namespace.known()
    if magic == "logout":
        return fragment, [*namespace.known(), *_profiles()]
    in_cell, words = _in_cell(before)
    return (in_cell, words) if "=" in before else (fragment, [*_profiles(), *_options(magic), *words])


def _options(magic: str) -> list[str]:
    from ..settings.options import MAGICS

    return [name for option in MAGICS[magic] for name in option.names if name.startswith("--")]


def _profiles() -> list[str]:
    from ..settings.profiles import profile_names

    return profile_names()


def _values(option: str, begun: str, sign: str = "") -> Iterable[str]:
    """Return the values of *option*, if it takes one of a few, or a file; *sign* is what its name must begin with."""
    from ..settings.line import CHOICES

    if not option.startswith(sign):
        return ()
    if option in _FILES | _FOLDERS:
        return _paths(begun, only_folders=option in _FOLDERS)
    if option == "--save":
        return _profiles()
    return CHOICES.get(option.removeprefix("--"), ()) if option.startswith("--") else ()


def _paths(begun: str, only_folders: bool) -> list[str]:
    """Return the files, if wanted, and the folders that may follow *begun*, which is a path or the begin of one."""
    shown, name = os.path.split(begun)
    shown = begun[: len(begun) - len(name)]
    try:
        with os.scandir(os.path.expanduser(shown) or ".") as entries:
            found = sorted((not each.name.endswith(".env"), each.is_dir(), each.name) for each in entries)
    except OSError:
        return []
    fitting = [
        f"{shown}{each}{'/' * is_folder}"
        for _, is_folder, each in found
        if (is_folder or not only_folders) and " " not in each and not (_is_hidden(each) and not name.startswith("."))
    ]
    return fitting[:FILES_OFFERED]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and not name.endswith(".env")


def _in_cell(before: str) -> tuple[str, Iterable[str]]:
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
    return value, KNOWN_VALUES.get(name) or _values(name, value)


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
