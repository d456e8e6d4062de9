"""`python docs/options.py` writes docs/reference/options.md: what the magics and the command line take."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from ipyauth_magic.cli.parsers import parser
from ipyauth_magic.ipython.magics import Auth0Magics
from ipyauth_magic.settings.parameters import PARAMETERS

PAGE = Path(__file__).parent / "reference" / "options.md"

BEGINNING = """\
# Options

This page is written by `make pages` from the code's own options: change nothing here by hand. `%%auth0?` and `%token?`
show the same in a notebook, `ipyauth login --help` in a terminal. [Parameters](../parameters.md) explains
what `KEY=VALUE` takes, [The command line](../command-line.md) what each command does.

`%load_ext ipyauth_magic` brings both magics, `%unload_ext ipyauth_magic` takes them away with all that they bound. Tab
completes options, names of parameters, and known values. `%auth0 ...` on one line does what `%%auth0` does.
"""
PARAMETERS_BEGINNING = """\
## Parameters

Keywords of `ParamsAuth0`, `KEY=VALUE` on the line of `%%auth0` and of the command line, and lines of a cell and of a
dotenv file. Those marked in the last column may stand in IPython's configuration too: in `ipython_config.py`, as
`c.Auth0Magics.domain = "tenant.eu.auth0.com"`, or by `%config`. Every other place goes before the configuration.
"""


def page() -> str:
    """Return the page."""
    commands = {f"ipyauth {name}": each for name, each in parser()[1].items()}
    parsers = {"%%auth0": Auth0Magics.auth0.parser, "%token": Auth0Magics.token.parser, **commands}
    sections = [_section(name, parser) for name, parser in parsers.items()]
    return "\n".join([BEGINNING, *sections, PARAMETERS_BEGINNING, _parameters()])


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    sentence = str(parser.description).strip().partition("\n")[0]
    rows = [_row(action) for action in parser._actions if is_shown(action)]
    return f"## `{name}`\n\n{sentence}\n\n{_table(('option', 'meaning', 'default'), rows)}"


def is_shown(action: argparse.Action) -> bool:
    """Return whether the help shows *action*, and it does something of its own."""
    return not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS


def _row(action: argparse.Action) -> tuple[str, str, str]:
    name = str(action.metavar or action.dest.upper())
    if action.option_strings:
        words = [", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {name}")]
    else:
        words = [str(choice) for choice in action.choices or [name]]
    return _code(*words), str(action.help), _code(action.default or None)


def _parameters() -> str:
    traits = Auth0Magics.class_traits(config=True)
    rows = [
        (_code(name), each.help, _code(each.default), _code(*each.aliases), "yes" if name in traits else "")
        for name, each in PARAMETERS.items()
    ]
    return _table(("name", "meaning", "default", "other names", "in the configuration"), rows)


def _code(*words: str | None) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
