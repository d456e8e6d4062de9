"""Profiles: parameters under a name, in the file `profiles.toml` of the user's configuration folder."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidParams, Problem
from ..text import plain
from .extra import PREFIX
from .nearest import did_you_mean
from .parameters import PARAMETERS, canonical_name

LIMIT = 64 * 1024
"""Bytes; a profile has a few hundred."""

NAMES_TOLD = 20
"""Profiles that an error lists."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"""\s*\[\s*(?P<key>[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')\s*(?:\.[^]\n]*)?\]\s*(?:\#.*)?""")
_WHERE = re.compile(r"\(at line (?P<line>[0-9]+), column [0-9]+\)")

_BEGINNING = "# Profiles of ipyauth_magic: `%login NAME` signs in with one. A secret never stands here.\n"


@dataclass(frozen=True)
class ProfileFile:
    """The content of the file: its place, its text, and its tables by name; without a file both are empty."""

    path: Path
    text: str
    tables: Mapping[str, Any]

    @property
    def names(self) -> list[str]:
        """The profiles, in the order of the file."""
        return [name for name, table in self.tables.items() if isinstance(table, dict)]


def place() -> Path:
    """Return where the file is, or would be."""
    from platformdirs import user_config_path

    return user_config_path("ipyauth_magic", appauthor=False) / "profiles.toml"


def shown_path(path: Path) -> str:
    """Return *path* for people: `~` stands for the home, whose name need not be in a saved notebook."""
    try:
        return os.path.join("~", path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def profile_names() -> list[str]:
    """Return the names for Tab; none where the file cannot be used."""
    try:
        return read_profiles().names
    except InvalidParams:
        return []


def profile_values(name: str) -> dict[str, object]:
    """Return the values of profile *name* as the file has them, not checked; the paths of files are whole.

    Raises:
        InvalidParams: there is no such profile, or the file cannot be used.
    """
    file = read_profiles()
    if name not in file.names:
        raise InvalidParams([_unknown(name, file)])
    return with_whole_paths(file.tables[name], file.path.parent)


def with_whole_paths(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return *values* with the dotenv file and its folder as paths that mean the same from every folder.

    *folder* is where relative ones begin.
    """
    whole = dict(values)
    below = values.get("dotenv_folder")
    if isinstance(below, str) and below:
        folder = folder / os.path.expanduser(below)
        whole["dotenv_folder"] = str(folder.absolute())
    if isinstance(file := values.get("dotenv_file"), str) and file:
        whole["dotenv_file"] = str((folder / os.path.expanduser(file)).absolute())
    return whole


def save_profile(name: str, values: Mapping[str, str], replace: bool = False) -> Path:
    """Write *values* as profile *name*, keep all else in the file, and return where that is.

    The file appears as a whole or not at all, readable by this user alone. An equal profile is left as it is.

    Args:
        name: letters, digits, `_` and `-`, and no name of a parameter.
        values: the parameters by their own names, checked; no secret is among them.
        replace: write also over a profile of this name that has other values.

    Raises:
        InvalidParams: the name cannot be used, there is another profile of this name, or the file cannot be used.
    """
    file = read_profiles()
    if (text := _changed(file, name, values, replace)) != file.text:
        try:
            _write(file.path, text)
        except (OSError, UnicodeEncodeError) as error:
            raise InvalidParams([_problem(f"`{shown_path(file.path)}` cannot be written: {_reason(error)}")]) from error
    return file.path


def check_savable(name: str, values: Mapping[str, str], replace: bool = False) -> None:
    """Check all that `save_profile` checks before it writes.

    Raises:
        InvalidParams: as `save_profile` does.
    """
    _changed(read_profiles(), name, values, replace)


def read_profiles() -> ProfileFile:
    """Return the content of the file; without one there are no profiles.

    Raises:
        InvalidParams: the file cannot be read, other users can change it, or it is not TOML.
    """
    path = place()
    try:
        with open(path, "rb", opener=_open_without_waiting) as opened:
            _check_trusted(path, os.fstat(opened.fileno()))
            data = opened.read(LIMIT + 1)
    except FileNotFoundError:
        return ProfileFile(path, "", {})
    except OSError as error:
        raise InvalidParams(
            [_problem(f"`{shown_path(path)}` cannot be read: {_reason(error)}. Check its permissions")]
        ) from error
    if len(data) > LIMIT:
        raise InvalidParams([_problem(f"`{shown_path(path)}` has over 64 KiB, so it is not read")])
    return _parsed(path, data)


def _parsed(path: Path, data: bytes) -> ProfileFile:
    try:
        text = data.decode("utf-8-sig")
        return ProfileFile(path, text, tomllib.loads(text))
    except UnicodeDecodeError as error:
        raise InvalidParams([_problem(f"`{shown_path(path)}` is not UTF-8 text")]) from error
    except (ValueError, RecursionError) as error:
        line = _WHERE.search(str(error))
        where = f", line {line['line']}" if line else ""
        sentence = (
            f"`{shown_path(path)}`{where} is not TOML. Write a line `[NAME]` for each profile, and below it lines such "
            'as `issuer = "https://issuer.example.com"`, with quotes around each text'
        )
        # The message of tomllib may hold a piece of the line.
        raise InvalidParams([_problem(sentence)]) from None


def _check_trusted(path: Path, status: os.stat_result) -> None:
    """Check that no other user can change what is read: a profile says where users type their passwords.

    So does ssh with its configuration. A link is followed, and the file at its end is checked.
    """
    if not stat.S_ISREG(status.st_mode):
        raise InvalidParams([_problem(f"`{shown_path(path)}` is not a file")])
    if os.name != "posix":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise InvalidParams([_problem(f"`{shown_path(path)}` belongs to another user, so it is not read")])
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        shown = shown_path(path)
        raise InvalidParams([_problem(f"Other users can change `{shown}`, so it is not read. Run `chmod 600 {shown}`")])


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait until another program opens it for writing.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _problem(sentence: str) -> Problem:
    return Problem("profiles", sentence)


def _reason(error: OSError | UnicodeEncodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "a value is not text"


def _unknown(name: str, file: ProfileFile) -> Problem:
    """Return what to do about a *name* that no profile of *file* has."""
    shown = plain(name, 60)
    if not file.names:
        save = f"%login --save {shown} issuer=... client_id=..."
        sentence = f"There is no profile `{shown}`: `{shown_path(file.path)}` has none. Save one by `{save}`"
        return Problem(f"profile {shown}", sentence)
    near = did_you_mean(name, file.names)
    known = plain(", ".join(file.names[:NAMES_TOLD]), 400)
    return Problem(
        f"profile {shown}",
        f"There is no profile `{shown}` in `{shown_path(file.path)}`.{near} The profiles there: {known}",
    )


# Writing


def _changed(file: ProfileFile, name: str, values: Mapping[str, str], replace: bool) -> str:
    """Return the text of *file* with *values* as profile *name*, and everything else as it is."""
    problem, shown = f"profile {plain(name, 60)}", f"`{shown_path(file.path)}`"
    if not _NAME.fullmatch(name) or canonical_name(name):
        sentence = (
            f"`{plain(name, 60)}` is not a name for a profile. Take letters, digits, `_` and `-`, and not the name of "
            "a parameter"
        )
        raise InvalidParams([Problem(problem, sentence)])
    table = _table(values)
    if file.tables.get(name) == table:
        return file.text
    if name in file.tables and not replace:
        sentence = (
            f"Profile `{name}` is in {shown} already, with other values. Choose another name, or add `--force` to "
            "replace it"
        )
        raise InvalidParams([Problem(problem, sentence)])
    text = _with_table(file.text or _BEGINNING, name, _lines(name, values))
    if not _reads_as(text, {**file.tables, name: table}):
        sentence = f"Profile `{name}` is written in {shown} in a way that is not changed here. Change it with an editor"
        raise InvalidParams([Problem(problem, sentence)])
    return text


def _table(values: Mapping[str, str]) -> dict[str, Any]:
    """Return *values* as TOML has them: numbers as numbers, those of `extra` in a table of their own."""
    table: dict[str, Any] = {}
    for name, text in values.items():
        if name.startswith(PREFIX):
            table.setdefault("extra", {})[name.removeprefix(PREFIX)] = text
        else:
            table[name] = int(text) if _is_number(name, text) else text
    return table


def _lines(name: str, values: Mapping[str, str]) -> str:
    lines = [f"[{name}]"]
    for key, text in values.items():
        group, dot, more = key.partition(".")
        written = f"{group}.{more if _BARE_KEY.fullmatch(more) else _quoted(more)}" if dot else key
        lines.append(f"{written} = {text if _is_number(key, text) else _quoted(text)}")
    return "\n".join(lines) + "\n"


def _is_number(name: str, text: str) -> bool:
    return name in PARAMETERS and PARAMETERS[name].is_number and text == text.lstrip("0")


def _quoted(text: str) -> str:
    """Return *text* as a basic string of TOML, whose escapes are those of JSON but for U+007F."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _with_table(text: str, name: str, table: str) -> str:
    """Return *text* with *table* in the place of the one called *name*, or at its end."""
    lines, kept, is_inside, has_place = text.splitlines(keepends=True), "", False, False
    for number, line in enumerate(lines):
        header = _HEADER.fullmatch(line.rstrip("\r\n"))
        if header:
            is_inside = header["key"].strip("\"'") == name
            if is_inside and not has_place:
                kept, has_place = kept + table, True
        if not is_inside or _is_before_another_table(lines[number:], name):
            kept += line
    if has_place:
        return kept
    return kept + ("" if kept.endswith("\n") or not kept else "\n") + "\n" * bool(kept) + table


def _is_before_another_table(lines: list[str], name: str) -> bool:
    """Return whether *lines* are blank or comments up to the header of another table, or the end."""
    for line in lines:
        if header := _HEADER.fullmatch(line.rstrip("\r\n")):
            return header["key"].strip("\"'") != name
        if line.strip() and not line.lstrip().startswith("#"):
            return False
    return True


def _reads_as(text: str, tables: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == tables
    except (ValueError, RecursionError):
        return False


def _write(path: Path, text: str) -> None:
    target = Path(os.path.realpath(path))  # the file at the end of a link is replaced, not the link
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".profiles-", suffix=".toml", dir=target.parent)  # of mode 0600
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
