"""`login --save`: what the line says becomes a profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..settings.line import BadOption
from ..settings.profiles import check_savable, save_profile, with_whole_paths
from ..settings.resolve import typed_values
from .command import Command
from .output import say
from .parsers import program


def to_save(command: Command) -> Mapping[str, str]:
    """Return what the line of *command* says; `save` can write it.

    Raises:
        BadOption: the line names another profile, whose values would be lost.
        InvalidParams: a parameter is wrong, or the profile cannot be saved under this name.
    """
    if other := command.given.profile:
        raise BadOption(f"--save keeps what the line says, not what profile `{other[:60]}` says.\nLeave its name out.")
    command.asked  # noqa: B018  # its check comes first: `typed_values` takes values without problems
    values = with_whole_paths(typed_values(command.given.line, None), Path.cwd())
    check_savable(command.options.save, values, command.options.force)
    return values


def save(command: Command, values: Mapping[str, str]) -> None:
    """Write *values* as the profile that `--save` names, and say where it is.

    Raises:
        InvalidParams: it cannot be written.
    """
    name = command.options.save
    path = save_profile(name, values, command.options.force)
    say(f"Profile `{name}` is saved in {path}. `{program()} login {name}` signs in with it.")
