"""`python docs/options.py` writes docs/reference/options.md: what the magics and the command line take."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from ipyauth_magic.cli.parsers import parser
from ipyauth_magic.ipython.arguments import parser_of
from ipyauth_magic.ipython.magics import Auth0Magics
from ipyauth_magic.settings.parameters import PARAMETERS

PAGE = Path(__file__).parent / "reference" / "options.md"

BEGINNING = """\
# Options

This page is written by `make pages` from the code's own options: change nothing here by hand. `%%login?` and
`%login --help` show the same in a notebook, as for each magic, and `ipyauth login --help` in a terminal.
[Parameters](../parameters.md) explains what `KEY=VALUE` takes, [The command line](../command-line.md) what each
command does.

`%load_ext ipyauth_magic` brings the magics, `%unload_ext ipyauth_magic` takes them away with all that they bound. Tab
completes options, names of parameters, known values, profiles and files. `%login ...` and `%auth0 ...` on one line
do what `%%login` and `%%auth0` do.
"""
PARAMETERS_BEGINNING = """\
## Parameters

Keywords of `ParamsAuth0` and `login`, `KEY=VALUE` on the line of a magic and of the command line, lines of a cell and
of a dotenv file, keys of a [profile](../guide/profiles.md), and IPython's configuration: in `ipython_config.py`, as
`c.Auth0Magics.domain = "tenant.eu.auth0.com"` and `c.Auth0Magics.extra = {"hd": "example.com"}`, or by `%config`. Every
other place goes before the configuration.

The configuration has one more setting: `c.Auth0Magics.guard_outputs = False` turns
[the output guard](../security.md#the-output-guard) off.
"""


def page() -> str:
    """Return the page."""
    magics = [Auth0Magics.login, Auth0Magics.auth0, Auth0Magics.token, Auth0Magics.logout]
    sections = [_section(magic.magic_name, _sentence(magic.__doc__), parser_of(magic)) for magic in magics]
    commands = parser()[1].items()
    sections += [_section(f"ipyauth {name}", _sentence(each.description), each) for name, each in commands]
    return "\n".join([BEGINNING, *sections, PARAMETERS_BEGINNING, _parameters()])


def _sentence(text: str | None) -> str:
    """Return the first line of *text*."""
    return str(text).strip().partition("\n")[0]


def _section(name: str, sentence: str, parser: argparse.ArgumentParser) -> str:
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
    rows = [(_code(name), each.help, _code(each.default), _code(*each.aliases)) for name, each in PARAMETERS.items()]
    return _table(("name", "meaning", "default", "other names"), rows)


def _code(*words: str | None) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
