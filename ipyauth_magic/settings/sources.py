"""Where parameters come from: keywords or a line, a cell, a dotenv file, the environment, IPython's configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..errors import Problem
from ..text import plain
from .checks import BadValue, checked
from .dotenv import UnreadableDotenv, parse_dotenv, read_dotenv
from .parameters import DEFAULTS, ENVIRONMENT, SECRETS, canonical_name, looks_misspelt, nearest_name


@dataclass(frozen=True)
class Source:
    """Values from one place, under the names that the user gave them there.

    Attributes:
        origin: what errors and `explain()` call the place.
        values: the values by name; None stands for a name without a value.
        is_shared: other programs read it too, so it may hold names that are not parameters.
    """

    origin: str
    values: Mapping[str, object]
    is_shared: bool = False


@dataclass(frozen=True)
class Given:
    """A value as the user gave it, and where."""

    value: object
    origin: str


@dataclass(frozen=True)
class Reading:
    """What one source gives: values by the parameter's own name, not checked yet, and what is wrong with the names."""

    origin: str
    given: Mapping[str, Given]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def collect(keywords: Source, cell: str | None = None, configuration: Mapping[str, str] | None = None) -> list[Reading]:
    """Return what each source gives, in order of precedence.

    The configuration may name the dotenv file; the values in that file go before all others of the configuration.
    """
    line = read(keywords)
    body = _nothing("the cell") if cell is None else _read_cell(cell)
    environment = read(Source("environment", {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}))
    configured = read(Source("IPython configuration", configuration or {}))
    file = _read_file([line, body, configured])
    return [line, body, file, environment, configured]


def first_of_each(readings: Iterable[Reading]) -> dict[str, Given]:
    """Return the first value of each parameter in *readings*."""
    first: dict[str, Given] = {}
    for reading in readings:
        first = {**reading.given, **first}
    return first


def read(source: Source) -> Reading:
    """Return what *source* gives, by the parameters' own names."""
    given: dict[str, Given] = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    warnings: list[str] = []
    for given_name, value in source.values.items():
        name = canonical_name(given_name)
        if name is None:
            if not source.is_shared:
                problems.append(_refused(given_name, source.origin))
            elif warning := _why_ignored(given_name):
                warnings.append(f"{source.origin}: {warning}")
        elif value is None or (source.is_shared and name.startswith("dotenv_")):
            continue  # a dotenv file names no other dotenv file
        elif name not in given:
            names[name] = given_name
            given[name] = Given(value, source.origin if given_name == name else f"{source.origin}, as {given_name}")
        elif str(given[name].value) != str(value):
            problems.append(Problem(name, f"is given twice, as {names[name]} and as {given_name}", source.origin))
    return Reading(source.origin, given, tuple(problems), tuple(warnings))


def _nothing(origin: str, *problems: Problem) -> Reading:
    return Reading(origin, {}, problems)


def _read_cell(cell: str) -> Reading:
    try:
        text = parse_dotenv(cell, "the cell")
    except UnreadableDotenv as error:
        return _nothing("the cell", Problem("cell", str(error)))
    mistakes = [Problem("cell", mistake) for mistake in text.mistakes]
    repeated = [Problem(plain(name, 60), "is given twice", "the cell") for name in text.repeated]
    reading = read(Source("the cell", text.variables))
    return replace(reading, problems=(*mistakes, *repeated, *reading.problems))


def _read_file(readings: Iterable[Reading]) -> Reading:
    """Return what the dotenv file gives that *readings* name."""
    named = first_of_each(readings)
    name, folder = (_checked_or_empty(each, named.get(each)) for each in ("dotenv_file", "dotenv_folder"))
    if not name:
        return _nothing("the dotenv file")
    try:
        text = read_dotenv(folder or DEFAULTS["dotenv_folder"], name)
    except UnreadableDotenv as error:
        return _nothing(f"file {name}", Problem("dotenv_file", str(error), named["dotenv_file"].origin))
    reading = read(Source(f"file {name}", text.variables, is_shared=True))
    return replace(reading, warnings=(*text.mistakes, *reading.warnings))


def _checked_or_empty(name: str, given: Given | None) -> str:
    """Return the text of a value, or "" for one that is missing or bad: the check of all values reports it."""
    try:
        return checked(name, given.value) if given else ""
    except BadValue:
        return ""


def _refused(name: str, origin: str) -> Problem:
    """Return what is wrong with *name*, which is not a parameter, in a place for parameters only."""
    if name in SECRETS:
        return Problem(
            name,
            "is not taken: an application in a notebook cannot keep a secret. Make it Native or Single Page "
            "at the provider, and remove the secret here (it may stand in the notebook and in its history)",
            origin,
        )
    near = nearest_name(name.partition("=")[0])
    return Problem(plain(name, 60), f"is not a parameter; did you mean `{near}`?", origin)


def _why_ignored(name: str) -> str | None:
    """Return what the user should know of *name*, which is not a parameter, in a file that other programs read too."""
    if name in SECRETS:
        return (
            f"{name} is not used and does not belong there. An application in a notebook "
            "cannot keep a secret: make it Native or Single Page at the provider."
        )
    if looks_misspelt(name):
        return f"`{plain(name, 60)}` is ignored; did you mean `{nearest_name(name)}`?"
    return None
