"""The commands, their options and their help; and the sentences about words that are none of them."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from ..settings.line import BadOption, check_options
from ..settings.nearest import nearest
from ..settings.options import COMMAND, COMMANDS, Option
from ..settings.template import template
from ..settings.words import parsed_words

_SIGN_IN = ("dotenv_file", "dotenv_folder", "flow", "store")
_RENEWAL = ("renewable", "no_renewable")
_ASKS = ("timeout", "no_browser", "paste", "bind", *_RENEWAL, "force")
_TOKEN_ONLY = ("raw", "format")

SAVE = Option(("--save",), "save the parameters of the line as a profile, after the sign-in", "NAME")

FORMATS = ("token", "header")
"""What `token --format` takes."""


@dataclass(frozen=True)
class About:
    """What the help of a command says.

    Attributes:
        does: one line.
        more: sentences below it.
        options: the names of the options that do something for this command. It takes the others of a sign-in too, so
            that a script can give each command the same ones.
        examples: words after the program's name.
    """

    does: str
    more: str
    options: tuple[str, ...]
    examples: tuple[str, ...]


ABOUT = {
    "login": About(
        "Sign in, unless a good token is kept.",
        "The tokens are kept encrypted if there is a keyring, otherwise in a file that only this user can read.",
        (*_SIGN_IN, *_ASKS, "quiet", "save"),
        ("login -f demo.env", "login --save work issuer=https://accounts.example.com client_id=abc", "login work"),
    ),
    "token": About(
        "Print the access token. Renew it first if it is about to expire.",
        "It goes to a pipe or a file. A terminal gets it with --raw only. Without parameters, the only kept sign-in is "
        "used.",
        (*_SIGN_IN, *_ASKS, "quiet", *_TOKEN_ONLY),
        ("token --format header | curl -H @- https://api.example.com/items", "token -f demo.env > token.txt"),
    ),
    "status": About(
        "Show who is signed in, for which API, and until when.",
        "Without parameters, it shows every sign-in that is kept. It sends no request.",
        (*_SIGN_IN, *_RENEWAL, "quiet"),
        ("status", "status -f demo.env"),
    ),
    "logout": About(
        "Erase the tokens, revoke them, and end the provider's session in the browser.",
        "Without parameters, the only kept sign-in is used.",
        (*_SIGN_IN, *_RENEWAL, "no_browser", "quiet"),
        ("logout", "logout -f demo.env --no-browser"),
    ),
    "check": About(
        "List the parts of a sign-in that work at a provider.",
        "It also describes the application to register there. It reads the provider's documents, does not sign in, and "
        "needs no client_id.",
        ("dotenv_file", "dotenv_folder"),
        ("check issuer=https://accounts.google.com", "check domain=tenant.eu.auth0.com"),
    ),
}


def program() -> str:
    """Return the name by which this program was started, as the user would type it again."""
    return "python -m ipyauth_magic" if PurePath(sys.argv[0]).name == "__main__.py" else "ipyauth"


class Parser(argparse.ArgumentParser):
    """A parser that raises `BadOption` in place of ending the process."""

    def __init__(self, *args: Any, **more: Any) -> None:
        defaults = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(*args, **{**more, **defaults})
        self._positionals.title, self._optionals.title = "words", "options"

    def error(self, message: str) -> NoReturn:
        """Raise `BadOption` with *message*."""
        raise BadOption(f"{message[:1].upper()}{message[1:]}.")


def parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser of the command line, and that of each command by its name."""
    name = program()
    commands = "\n".join(f"  {command:<8}{about.does}" for command, about in ABOUT.items())
    made = Parser(
        name,
        usage=f"{name} COMMAND [PROFILE] [KEY=VALUE ...] [options]",
        description="Sign in at Auth0 or any OpenID provider, and use the access token in other programs.",
        epilog=f"commands:\n{commands}\n\n{_examples(name, ABOUT['login'].examples[:1] + ABOUT['token'].examples[:1])}"
        f"\n\n{name} COMMAND --help shows the options of a command.",
    )
    made.add_argument("--version", action="store_true", help="print the version")
    # The epilog lists the commands, with a line for each.
    parsers = made.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS, parser_class=Parser)
    return made, {command: _parser_of(command, parsers, name) for command in ABOUT}


def _parser_of(command: str, parsers: Any, name: str) -> Parser:
    about = ABOUT[command]
    made: Parser = parsers.add_parser(
        command,
        prog=f"{name} {command}",
        usage=f"{name} {command} [PROFILE] [KEY=VALUE ...] [options]",
        description=f"{about.does}\n\n{textwrap.fill(about.more, 79)}",
        epilog=_examples(name, about.examples),
    )
    made.set_defaults(command=command, save=None)
    for option in _options_of(command):
        given = option.for_argparse(COMMAND)
        dest = option.names[-1].removeprefix("--").replace("-", "_")
        if dest not in (*about.options, "parameters"):
            given["help"] = argparse.SUPPRESS
        made.add_argument(*option.names, **given)
    return made


def _examples(name: str, examples: Iterable[str]) -> str:
    return "\n".join(["examples:", *(f"  {name} {example}" for example in examples)])


def line_to_fill_in() -> str:
    """Return what to write where `login` was given no parameters."""
    return template(f"{program()} login")


def parsed(arguments: Sequence[str], parsers: dict[str, Parser]) -> argparse.Namespace:
    """Return the options that *arguments*, which begin with a command, say.

    Raises:
        BadOption: there is no such command, it has no such option, or an option cannot be used as given.
    """
    command, *words = arguments
    if command not in parsers:
        raise BadOption(_no_command(arguments))
    if {"-h", "--help"} & set(words):
        parsers[command].print_help()
        raise SystemExit
    options = parsed_words(parsers[command], words, _options_of(command))
    check_options(options)
    _check_only_of_token(options)
    return options


def _options_of(command: str) -> list[Option]:
    return [*COMMANDS, *([SAVE] if command == "login" else [])]


def _check_only_of_token(options: argparse.Namespace) -> None:
    if options.command != "token":
        for name, default in (("raw", False), ("format", None)):
            if getattr(options, name) is not default:
                raise BadOption(f"--{name} is an option of token.")
    if options.format not in (None, *FORMATS):
        raise BadOption("--format takes token or header.")


def _no_command(arguments: Sequence[str]) -> str:
    word = arguments[0]
    if word.startswith("-"):
        later = next((each for each in arguments[1:] if each in ABOUT), None)
        if later:
            return f"The command comes first: {program()} {later} {word[:60]} ..."
        return f"`{word.partition('=')[0][:60]}` is not an option here. A command comes first: {', '.join(ABOUT)}."
    near = nearest(word, list(ABOUT))
    return f"`{word[:60]}` is not a command. " + (f"Did you mean `{near}`?" if near else f"They are {_listed(ABOUT)}.")


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}"
