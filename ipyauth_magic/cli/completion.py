"""Tab in a shell, by argcomplete, which the extra `completion` brings."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from ..settings.line import CHOICES
from ..settings.parameters import KNOWN_VALUES, PARAMETERS, canonical_name
from ..settings.profiles import profile_names
from .parsers import FORMATS, parser


def complete() -> None:
    """Answer the shell's question and end the process; return where argcomplete is not installed."""
    try:
        import argcomplete
        from argcomplete.completers import DirectoriesCompleter, FilesCompleter, SuppressCompleter
    except ImportError:
        return
    by_name: dict[str, Any] = {name: _one_of(values) for name, values in {**CHOICES, "format": FORMATS}.items()}
    by_name |= {"dotenv_file": FilesCompleter(), "dotenv_folder": DirectoriesCompleter(), "parameters": _parameters}
    top, parsers = parser()
    for action in [action for each in parsers.values() for action in each._actions if action.dest in by_name]:
        action.completer = by_name[action.dest]  # type: ignore[attr-defined]  # argcomplete looks there
    argcomplete.autocomplete(top, always_complete_options=False, default_completer=SuppressCompleter())


def _one_of(values: Iterable[str]) -> Callable[..., list[str]]:
    return lambda **_: list(values)


def _parameters(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the words that may begin with *prefix*: profiles, and names of parameters, then their known values."""
    name, equals, _value = prefix.partition("=")
    if equals:
        return [f"{name}={value}" for value in KNOWN_VALUES.get(canonical_name(name) or "", ())]
    words = parsed_args.parameters or []
    given = {word.partition("=")[0] for word in words}
    profiles = [] if any("=" not in word for word in words) else profile_names()
    return profiles + [each + ("." if one.is_group else "=") for each, one in PARAMETERS.items() if each not in given]
