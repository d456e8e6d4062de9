"""A dotenv file, read with limits, and dotenv text, read with its mistakes.

python-dotenv takes a missing file, or a folder, for an empty file, and needs a minute for five megabytes.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from pathlib import Path

from ..text import plain
from .client_file import client_in
from .nearest import most_alike
from .parameters import SECRETS, canonical_name
from .pasted import Mistake, assignment_in, is_list_item, mistake_in, object_in

_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]{0,200})(?::-(?P<default>[^}]{0,2000}))?\}")

_FROM_ENVIRONMENT = re.compile(r"AUTH0_(?!.*(?:SECRET|TOKEN|PASSWORD|KEY))[A-Z0-9_]+")
"""The environment variables that a text may name: settings. What it names is sent, so secrets are not among them."""

_LONG_BLANK = re.compile(r"[^\S\r\n]{256}")
"""python-dotenv needs time by the square of such a run."""

LIMIT = 64 * 1024
"""Bytes; a dotenv file has a few hundred."""

FILES_COMPARED = 300
"""Names of a folder that are compared with that of a missing file."""

MISTAKES_TOLD = 10
"""Lines with a mistake whose advice is worked out; the others are counted."""


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
        variables: the values by name; `Unfilled` for one that cannot be used.
        mistakes: the lines that are not an assignment.
        repeated: names that are given more than once; the last value counts.
        is_open: it is a file that other users of this machine can read.
    """

    variables: Mapping[str, object]
    mistakes: tuple[Mistake, ...]
    repeated: tuple[str, ...]
    is_open: bool = False


class UnreadableDotenv(ValueError):
    """A dotenv file or text that cannot be read; the message is a sentence without its subject."""


def read_dotenv(folder: str, name: str) -> DotenvText:
    """Return the content of the dotenv file *name* in *folder*, or of a client file in its place.

    Raises:
        UnreadableDotenv: the file is missing, not a regular file, over 64 KiB, not UTF-8, or JSON of another kind.
    """
    path = Path(os.path.expanduser(folder), os.path.expanduser(name))
    text, is_open = _read_text(path)
    shown = plain(path, 1000)
    if not text.lstrip().startswith("{"):
        try:
            return replace(parse_dotenv(text), is_open=is_open)
        except UnreadableDotenv as error:
            raise UnreadableDotenv(f"names `{shown}`, which {error}") from None
    variables = client_in(text) or object_in(text)
    if not any(canonical_name(each) for each in variables or ()):
        raise UnreadableDotenv(
            f"names `{shown}`, which is JSON without a client_id, alone or in a member `installed` or `web`. Download "
            "the client's file again, or write a dotenv file"
        )
    return DotenvText(variables or {}, (), (), is_open)


def parse_dotenv(text: str) -> DotenvText:
    """Return the content of dotenv *text*, with `${NAME}` filled in.

    Raises:
        UnreadableDotenv: the text is over 64 KiB, or one of its values grows to that, or it has 256 blanks in a row.
    """
    from dotenv.parser import parse_stream

    if len(text) > LIMIT:
        raise UnreadableDotenv("has over 64 KiB, so it is not read")
    if _LONG_BLANK.search(text):
        raise UnreadableDotenv("has over 255 blanks in a row, so it is not read")
    pairs: list[tuple[str, str | None]] = []
    mistakes: list[Mistake] = []
    for binding in parse_stream(StringIO(text)):
        line = binding.original.string
        if not binding.error and (binding.key is None or binding.value is not None):
            pairs += [(binding.key, binding.value)] if binding.key is not None else []
        elif assignment := assignment_in(line.rstrip("\r\n")):
            pairs.append(assignment)
        elif not (mistakes and mistakes[-1].name and is_list_item(line)):
            number = _line_in(line, binding.original.line)
            mistakes.append(mistake_in(line, number) if len(mistakes) < MISTAKES_TOLD else Mistake(number, ""))
    sound = dict(pairs)
    variables = _interpolated(sound) if "${" in text else sound
    counts = Counter(name for name, _ in pairs)
    return DotenvText(variables, tuple(mistakes), tuple(name for name, count in counts.items() if count > 1))


def _interpolated(values: Mapping[str, str | None]) -> dict[str, str | Unfilled | None]:
    """Return *values* with `${NAME}` and `${NAME:-default}` filled in, from above in the text or from `AUTH0_*`.

    python-dotenv itself needs minutes for a value of many `${`, and gigabytes for values that repeat other values. It
    also takes any variable of the environment, and a dotenv file of another author could have a secret sent by that.
    """
    filled: dict[str, str | Unfilled | None] = {}
    for name, value in values.items():
        each = None if value is None else _filled_in(value, filled, is_secret=name in SECRETS)
        if isinstance(each, str) and len(each) > LIMIT:
            raise UnreadableDotenv(f"has a value that grows to over 64 KiB, that of {plain(name, 60)}")
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
                raise UnreadableDotenv(f"names `{path}`, which is not a file")
            data = file.read(LIMIT + 1)
    except FileNotFoundError as error:
        raise UnreadableDotenv(_missing(path)) from error
    except IsADirectoryError as error:
        raise UnreadableDotenv(f"names `{path}`, which is a folder. Give the path of a file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableDotenv(f"names `{path}`, which cannot be read: {reason}") from error
    if len(data) > LIMIT:
        raise UnreadableDotenv(f"names `{path}`, which has over 64 KiB, so it is not read")
    try:
        return data.decode("utf-8-sig"), os.name == "posix" and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
    except UnicodeDecodeError as error:
        raise UnreadableDotenv(f"names `{path}`, which is not UTF-8 text. Save it as UTF-8") from error


def _missing(path: Path) -> str:
    """Return the sentence for a file that is not there, with the name of one in its folder that is like it."""
    sentence = f"names a file that is not there: `{path}`. The folder searched is `{path.parent.absolute()}`"
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, FILES_COMPARED)]
    except OSError:
        return sentence
    near = most_alike(path.name, names)
    return f"{sentence}, and has `{plain(near, 200)}`" if near else sentence


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait until another program opens it for writing.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _line_in(text: str, first: int) -> int:
    """Return the number of the line with the mistake: python-dotenv counts from the blank lines before it."""
    blank = re.match(r"\s*", text)
    return first + (text[: blank.end()].count("\n") if blank else 0)
