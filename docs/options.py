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

`make pages` writes this page from the code, so do not edit it by hand. In a notebook, `%%login?` and `%login --help`
show the options of that magic, and likewise for the other magics. In a terminal, `ipyauth login --help` shows those of
the command. [Parameters](../parameters.md) explains the parameters for `KEY=VALUE`, and
[The command line](../command-line.md) explains each command.

`%load_ext ipyauth_magic` registers the magics. `%unload_ext ipyauth_magic` removes them, and the variables that they
set. Tab completes options, names of parameters, known values, profiles and files. `%login ...` and `%auth0 ...` on one
line do the same as `%%login` and `%%auth0`.
"""
PARAMETERS_BEGINNING = """\
## Parameters

A parameter can be a keyword of `ParamsAuth0` or `login`, `KEY=VALUE` on the line of a magic or of a command, a line of
a cell or of a dotenv file, or a key of a [profile](../guide/profiles.md). The last column marks the parameters that can
also be set in IPython's configuration: in `ipython_config.py`, as `c.Auth0Magics.domain = "tenant.eu.auth0.com"`, or
with `%config`. Every other place takes precedence over the configuration.

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
