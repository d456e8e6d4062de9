"""The options of a magic: its help, example first, and its parser, which the first call makes.

`%load_ext` imports this file. IPython's own `magic_arguments` makes each parser there, at a millisecond each.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError

from ..settings.options import GROUPS, HELP, MAGICS, Option

if TYPE_CHECKING:
    from argparse import Namespace

    from IPython.core.magic_arguments import MagicArgumentParser

F = TypeVar("F", bound=Callable[..., Any])

_COLUMN = 28
_WIDTH = 80


def arguments(name: str) -> Callable[[F], F]:
    """Return the decorator that gives a magic of this *name*, as `%%login`, its options and their help."""
    options = MAGICS[name.strip("%")]

    def decorate(magic: F) -> F:
        magic.magic_name, magic.options = name, options  # type: ignore[attr-defined]  # of a function
        magic.__doc__ = f"{inspect.cleandoc(magic.__doc__ or '')}\n\n{usage(name, options)}\n{_described(options)}"
        return magic

    return decorate


def parsed(magic: Any, line: str) -> Namespace | None:
    """Return the options on *line* of *magic*; print the help and return None if that is what it asks for.

    IPython's own splitting breaks `scope="a b"` within its quotes.

    Raises:
        UsageError: a quote is not closed.
        BadOption: a word cannot be used, and the magic takes no parameters whose problems are told with it.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""  # a path of Windows has backslashes
    try:
        words = list(lexer)
    except ValueError:
        raise UsageError("A quote is not closed. Close it, or leave it out.") from None
    if not {"-h", "--help"}.isdisjoint(words):
        print(magic.__doc__)
        return None
    from ..settings.words import parsed_words

    return parsed_words(parser_of(magic), words, magic.options)


def parser_of(magic: Any) -> MagicArgumentParser:
    """Return the parser of *magic*; it raises `UsageError`."""
    function = getattr(magic, "__func__", magic)
    if not hasattr(function, "parser"):
        from IPython.core.magic_arguments import MagicArgumentParser

        line = usage(function.magic_name, function.options)  # IPython's parser puts a % before it
        parser = MagicArgumentParser(function.magic_name, usage=line.removeprefix("%").replace("%", "%%"))
        for option in (*function.options, HELP):
            parser.add_argument(*option.names, **option.for_argparse())
        function.parser = parser
    return function.parser


def usage(name: str, options: Iterable[Option]) -> str:
    """Return the line that shows what stands where."""
    words = [
        "[NAME] [KEY=VALUE ...] [+SCOPE ...]" if each.metavar == "KEY=VALUE" else f"[{each.metavar}]"
        for each in options
        if each.nargs
    ]
    return " ".join([name, "[options]", *words])


def _described(options: Sequence[Option]) -> str:
    """Return a line for each option, in groups if there are many."""
    by_name = {option.names[-1]: option for option in (*options, HELP)}
    groups = GROUPS if "--flow" in by_name else {"Options": tuple(by_name)}
    return "".join(
        f"\n{group}:\n" + "".join(_line(by_name[name]) for name in names if name in by_name)
        for group, names in groups.items()
    )


def _line(option: Option) -> str:
    """Return an option and its help, which begins in a column of its own and is broken where the line is full."""
    name = str(option.metavar) if option.nargs else ", ".join(option.names)
    if option.metavar and not option.nargs:
        name += f" {option.metavar}"
    lines, line = [], f"  {name:<{_COLUMN - 2}}"
    for word in option.help.split():
        if len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = " " * _COLUMN
        line += f" {word}"
    return "\n".join([*lines, line, ""])
