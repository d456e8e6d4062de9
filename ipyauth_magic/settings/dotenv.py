"""A dotenv file, read with limits, and dotenv text, read with its mistakes.

python-dotenv takes a missing file, or a folder, for an empty file, and needs a minute for five megabytes.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from ..text import plain
from .client_file import client_in
from .parameters import SECRETS

_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]{0,200})(?::-(?P<default>[^}]{0,2000}))?\}")

_FROM_ENVIRONMENT = re.compile(r"AUTH0_(?!.*(?:SECRET|TOKEN|PASSWORD|KEY))[A-Z0-9_]+")
"""The environment variables that a text may name: settings. What it names is sent, so secrets are not among them."""

_LONG_BLANK = re.compile(r"[^\S\r\n]{256}")
"""python-dotenv needs time by the square of such a run."""

LIMIT = 64 * 1024
"""Bytes; a dotenv file has a few hundred."""

MISTAKES_TOLD = 10
"""Lines with a mistake that are named; the others are counted."""


@dataclass(frozen=True)
class Unfilled:
    """A value with `${NAME}` in it that is not filled in; `str` gives these names, a few of them, and no value."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return " and ".join(f"`${{{plain(name, 60)}}}`" for name in self.names)


@dataclass(frozen=True)
class DotenvText:
    """The content of a dotenv text.

    Attributes:
        variables: the values by name; None for a name without a value, `Unfilled` for one that cannot be used.
        mistakes: a sentence for each of the first lines that are not an assignment, and one that counts the rest.
        repeated: names that are given more than once; the last value counts.
        is_open: it is a file that other users of this machine can read.
    """

    variables: Mapping[str, str | Unfilled | None]
    mistakes: tuple[str, ...]
    repeated: tuple[str, ...]
    is_open: bool = False


class UnreadableDotenv(ValueError):
    """A dotenv file or text that cannot be read; the message is a sentence."""


def read_dotenv(folder: str, name: str) -> DotenvText:
    """Return the content of the dotenv file *name* in *folder*, or of a client file in its place.

    Raises:
        UnreadableDotenv: the file is missing, not a regular file, over 64 KiB, not UTF-8, or JSON of another kind.
    """
    path = Path(os.path.expanduser(folder), os.path.expanduser(name))
    (text, is_open), what = _read_text(path), f"`{plain(path, 1000)}`"
    if not text.lstrip().startswith("{"):
        return replace(parse_dotenv(text, what), is_open=is_open)
    if (client := client_in(text)) is None:
        raise UnreadableDotenv(
            f"{what} is not a dotenv file. It is JSON, and has no client_id in a member `installed` or `web`"
        )
    return DotenvText(client, (), (), is_open)


def parse_dotenv(text: str, what: str) -> DotenvText:
    """Return the content of dotenv *text*, with `${NAME}` filled in; *what* names the text in the mistakes.

    Raises:
        UnreadableDotenv: the text is over 64 KiB, or one of its values grows to that, or it has 256 blanks in a row.
    """
    from dotenv.parser import parse_stream

    if len(text) > LIMIT:
        raise UnreadableDotenv(f"{what} has over 64 KiB, so it is not read")
    if _LONG_BLANK.search(text):
        raise UnreadableDotenv(f"{what} has over 255 blanks in a row, so it is not read")
    bindings = list(parse_stream(StringIO(text)))
    mistakes = [
        _line_in(binding.original.string, binding.original.line)
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]
    sound = {binding.key: binding.value for binding in bindings if binding.key is not None and not binding.error}
    variables = _interpolated(sound, what) if "${" in text else sound
    counts = Counter(binding.key for binding in bindings if binding.key is not None)
    return DotenvText(variables, _told(mistakes, what), tuple(name for name, count in counts.items() if count > 1))


def _told(mistakes: Sequence[int], what: str) -> tuple[str, ...]:
    """Return a sentence for each of the first lines of *mistakes*, and one that counts the rest."""
    told = [
        f"{what}, line {line}: write NAME=VALUE, with quotes around a value that holds quotes or a #"
        for line in mistakes[:MISTAKES_TOLD]
    ]
    if (more := len(mistakes) - MISTAKES_TOLD) > 0:
        told.append(f"{what}: {more} more lines are not NAME=VALUE")
    return tuple(told)


def _interpolated(values: Mapping[str, str | None], what: str) -> dict[str, str | Unfilled | None]:
    """Return *values* with `${NAME}` and `${NAME:-default}` filled in, from above in the text or from `AUTH0_*`.

    python-dotenv itself needs minutes for a value of many `${`, and gigabytes for values that repeat other values. It
    also takes any variable of the environment, and a dotenv file of another author could have a secret sent by that.
    """
    filled: dict[str, str | Unfilled | None] = {}
    for name, value in values.items():
        each = None if value is None else _filled_in(value, filled, is_secret=name in SECRETS)
        if isinstance(each, str) and len(each) > LIMIT:
            raise UnreadableDotenv(f"{what}: {plain(name, 60)} grows to over 64 KiB")
        filled[name] = each
    return filled


def _filled_in(value: str, known: Mapping[str, str | Unfilled | None], is_secret: bool) -> str | Unfilled:
    """Return *value* filled in, cut off soon after it exceeds the limit.

    Only the application's secret itself may take a name of that secret: other values are shown, and stand in links.
    """
    text, end = "", 0
    missing: dict[str, None] = {}
    for match in _VARIABLE.finditer(value):
        found = _found(match["name"], known) if is_secret or match["name"] not in SECRETS else None
        if found is None:
            found = Unfilled((match["name"],)) if match["default"] is None else match["default"]
        if isinstance(found, Unfilled):
            missing |= dict.fromkeys(found.names)
            found = ""
        text += value[end : match.start()] + found
        end = match.end()
        if len(text) > LIMIT:
            break
    return Unfilled(tuple(missing)[:3]) if missing else text + value[end:]


def _found(name: str, known: Mapping[str, str | Unfilled | None]) -> str | Unfilled | None:
    if name in known:
        return known[name]
    return os.environ.get(name) if _FROM_ENVIRONMENT.fullmatch(name) or name == "AUTH0_CLIENT_SECRET" else None


def _read_text(path: Path) -> tuple[str, bool]:
    """Return the text of the file, and whether other users can read it."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise UnreadableDotenv(f"`{path}` is not a file")
            data = file.read(LIMIT + 1)
    except FileNotFoundError as error:
        raise UnreadableDotenv(
            f"there is no file `{path}`; the folder searched is `{path.parent.absolute()}`"
        ) from error
    except IsADirectoryError as error:
        raise UnreadableDotenv(f"`{path}` is a folder, not a file") from error
    except (OSError, ValueError) as error:
        raise UnreadableDotenv(f"`{path}` cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > LIMIT:
        raise UnreadableDotenv(f"`{path}` has over 64 KiB, so it is not read")
    try:
        return data.decode("utf-8-sig"), os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
    except UnicodeDecodeError as error:
        raise UnreadableDotenv(f"`{path}` is not UTF-8 text") from error


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait until another program opens it for writing.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _line_in(text: str, first: int) -> int:
    """Return the number of the line with the mistake: python-dotenv counts from the blank lines before it."""
    blank = re.match(r"\s*", text)
    return first + (text[: blank.end()].count("\n") if blank else 0)
