"""A dotenv file, read with limits, and dotenv text, read with its mistakes.

python-dotenv takes a missing file, or a folder, for an empty file, and needs a minute for five megabytes.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]{0,200})(?::-(?P<default>[^}]{0,2000}))?\}")

LIMIT = 64 * 1024
"""Bytes; a dotenv file has a few hundred."""


@dataclass(frozen=True)
class DotenvText:
    """The content of a dotenv text.

    Attributes:
        variables: the values by name; None for a name without a value.
        mistakes: a sentence for each line that is not an assignment.
        repeated: names that are given more than once; the last value counts.
    """

    variables: Mapping[str, str | None]
    mistakes: tuple[str, ...]
    repeated: tuple[str, ...]


class UnreadableDotenv(ValueError):
    """A dotenv file or text that cannot be read; the message is a sentence."""


def read_dotenv(folder: str, name: str) -> DotenvText:
    """Return the content of the dotenv file *name* in *folder*.

    Raises:
        UnreadableDotenv: the file is missing, not a regular file, over 64 KiB, or not UTF-8.
    """
    path = Path(os.path.expanduser(folder), os.path.expanduser(name))
    return parse_dotenv(_read_text(path), f"`{path}`")


def parse_dotenv(text: str, what: str) -> DotenvText:
    """Return the content of dotenv *text*, with `${NAME}` filled in; *what* names the text in the mistakes.

    Raises:
        UnreadableDotenv: the text is over 64 KiB, or one of its values grows to that.
    """
    from dotenv.parser import parse_stream

    if len(text) > LIMIT:
        raise UnreadableDotenv(f"{what} has over 64 KiB, so it is not read")
    bindings = list(parse_stream(StringIO(text)))
    mistakes = [
        f"{what}, line {_line_in(binding.original.string, binding.original.line)}: write NAME=VALUE, "
        "with quotes around a value that holds quotes or a #"
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]
    sound = {binding.key: binding.value for binding in bindings if binding.key is not None and not binding.error}
    variables = _interpolated(sound, what) if "${" in text else sound
    names = [binding.key for binding in bindings if binding.key is not None]
    return DotenvText(variables, tuple(mistakes), tuple(dict.fromkeys(name for name in names if names.count(name) > 1)))


def _interpolated(values: Mapping[str, str | None], what: str) -> dict[str, str | None]:
    """Return *values* with `${NAME}` and `${NAME:-default}` filled in, from above in the text or the environment.

    python-dotenv itself needs minutes for a value of many `${`, and gigabytes for values that repeat other values.
    """
    filled: dict[str, str | None] = {}
    for name, value in values.items():
        filled[name] = None if value is None else _filled_in(value, filled)
        if len(filled[name] or "") > LIMIT:
            raise UnreadableDotenv(f"{what}: {name[:60]} grows to over 64 KiB")
    return filled


def _filled_in(value: str, known: Mapping[str, str | None]) -> str:
    """Return *value* filled in, cut off soon after it exceeds the limit."""
    text, end = "", 0
    for match in _VARIABLE.finditer(value):
        name = match["name"]
        found = known[name] if name in known else os.environ.get(name)
        text += value[end : match.start()] + (found if found is not None else match["default"] or "")
        end = match.end()
        if len(text) > LIMIT:
            break
    return text + value[end:]


def _read_text(path: Path) -> str:
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
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
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDotenv(f"`{path}` is not UTF-8 text") from error


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait until another program opens it for writing.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _line_in(text: str, first: int) -> int:
    """Return the number of the line with the mistake: python-dotenv counts from the blank lines before it."""
    blank = re.match(r"\s*", text)
    return first + (text[: blank.end()].count("\n") if blank else 0)
