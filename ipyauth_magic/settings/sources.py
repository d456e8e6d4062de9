"""Where parameters come from: keywords or a line, a cell, a dotenv file, a profile, the environment, configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import Problem
from ..protocol.tokens import ClientSecret
from ..text import invisible_sign, plain
from .checks import BadValue, checked
from .dotenv import UnreadableDotenv, parse_dotenv, read_dotenv
from .extra import spread
from .parameters import (
    CLIENT_SECRET,
    DEFAULTS,
    ENVIRONMENT,
    NOT_OURS,
    SECRETS,
    canonical_name,
    is_secret,
    looks_misspelt,
    nearest_name,
)

BY_DEFAULT = "default"
"""The origin of a value that the user did not give."""

NAMES_TOLD = 10
"""Unknown names, of one place, that are named with what may have been meant; the others are counted."""

NAMES_COMPARED = 300
"""Unknown names of a file that are compared with ours: each takes difflib a tenth of a millisecond or more."""


@dataclass(frozen=True)
class Source:
    """Values from one place, under the names that the user gave them there.

    Attributes:
        origin: what errors and `explain()` call the place.
        values: the values by name; None stands for a name without a value.
        is_shared: other programs read it too, so it may hold names that are not parameters.
        may_hold_secret: the application's secret is taken from it.
    """

    origin: str
    values: Mapping[str, object]
    is_shared: bool = False
    may_hold_secret: bool = False


@dataclass(frozen=True)
class Given:
    """A value as the user gave it, and where."""

    value: object
    origin: str


@dataclass(frozen=True)
class Reading:
    """What one source gives: values by the parameter's own name, not checked yet, and what is wrong with the names.

    Attributes:
        problems: what makes an error.
        warnings: what the user should know in any case.
        hints: what the user should know where a problem names the parameter.
    """

    origin: str
    given: Mapping[str, Given]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)


def collect(
    keywords: Source,
    cell: str | None = None,
    configuration: Source | None = None,
    profile: str | None = None,
    default_flow: str | None = None,
) -> list[Reading]:
    """Return what each source gives, in order of precedence.

    A profile or the configuration may name the dotenv file; the values in that file go before all others of theirs.

    Raises:
        InvalidParams: there is no such profile. Nothing else is looked at then: what is missing would stand there.
    """
    named = _nothing("the profile") if profile is None else _read_profile(profile)
    line = read(keywords)
    body = _nothing("the cell") if cell is None else _read_cell(cell)
    environment = _read_environment()
    configured = read(configuration or Source("IPython configuration", {}))
    file = _read_file([line, body, named, configured])
    defaults = read(Source(BY_DEFAULT, {"flow": default_flow} if default_flow else {}))
    return [line, body, file, named, environment, configured, defaults]


def collect_typed(line: Mapping[str, str], cell: str | None) -> list[Reading]:
    """Return what the user types in a notebook: what the *line* of a magic and its *cell* give."""
    return [read(Source("the magic's line", line)), _nothing("the cell") if cell is None else _read_cell(cell)]


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
    unknown: list[str] = []
    for given_name, value in spread(source.values):
        name = canonical_name(given_name)
        if source.may_hold_secret and given_name in SECRETS:
            name, value = CLIENT_SECRET, ClientSecret(value) if isinstance(value, str) else value
        if name is None:
            unknown.append(given_name)
        elif value is None or (source.is_shared and name.startswith("dotenv_")):
            continue  # a dotenv file names no other dotenv file
        elif name not in given:
            names[name] = given_name
            given[name] = Given(value, source.origin if given_name == name else f"{source.origin}, as {given_name}")
        elif str(given[name].value) != str(value):
            problems.append(Problem(name, f"is given twice, as {names[name]} and as {given_name}", source.origin))
    if source.is_shared:
        return Reading(source.origin, given, tuple(problems), *_about_ignored(unknown, source.origin))
    return Reading(source.origin, given, (*problems, *_refusals(unknown, source.origin)))


def _refusals(names: Sequence[str], origin: str) -> list[Problem]:
    """Return what is wrong with *names*, which are not parameters, in a place for parameters only."""
    problems = [_refused(name, origin) for name in names[:NAMES_TOLD]]
    if more := names[NAMES_TOLD:]:
        problems.append(Problem(plain(more[0], 60), f"is one of {len(more)} more that are not parameters", origin))
    return problems


def _about_ignored(names: Sequence[str], origin: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return warnings and hints about *names*, which are not parameters, in a place that other programs read too."""
    compared = names[:NAMES_COMPARED]
    warnings = [f"{origin}: {warning}" for name in compared if (warning := _why_ignored(name))]
    if len(warnings) > NAMES_TOLD:
        warnings[NAMES_TOLD:] = [f"{origin}: {len(warnings) - NAMES_TOLD} more names look misspelt"]
    return tuple(warnings), _about_not_ours(compared, origin)


def _about_not_ours(names: Iterable[str], origin: str) -> dict[str, str]:
    """Return a hint about the domain, if one of *names* gives it to other libraries."""
    name = next((name for name in names if name in NOT_OURS), None)
    if name is None:
        return {}
    sentence = f"{origin}: `{name}` is a name of other libraries and is not read; write its host name as `domain=...`"
    return {"domain": sentence}


def _read_environment() -> Reading:
    """Return what Auth0's own names of the environment give, with hints about names of it that are nearly these."""
    names = [name for name in (*ENVIRONMENT, *SECRETS) if name.startswith("AUTH0_") and name in os.environ]
    reading = read(Source("environment", {name: os.environ[name] for name in names}, may_hold_secret=True))
    hints = _about_not_ours(os.environ, "environment")
    others = [name for name in os.environ if name.startswith("AUTH0_") and name not in names]
    for name in filter(looks_misspelt, others[:NAMES_COMPARED]):
        near = str(nearest_name(name))
        hints[canonical_name(near) or CLIENT_SECRET] = (
            f"environment: `{plain(name, 60)}` is ignored; did you mean `{near}`?"
        )
    return replace(reading, hints=hints)


def _nothing(origin: str, *problems: Problem) -> Reading:
    return Reading(origin, {}, problems)


def _read_cell(cell: str) -> Reading:
    try:
        text = parse_dotenv(cell, "the cell")
    except UnreadableDotenv as error:
        return _nothing("the cell", Problem("cell", str(error)))
    mistakes = [Problem("cell", mistake) for mistake in text.mistakes]
    repeated = [Problem(plain(name, 60), "is given twice", "the cell") for name in text.repeated[:NAMES_TOLD]]
    reading = read(Source("the cell", text.variables))
    return replace(reading, problems=(*mistakes, *repeated, *reading.problems))


def _read_profile(name: str) -> Reading:
    """Return what profile *name* gives."""
    from .profiles import profile_values  # most sign-ins have none, and need not wait for a parser of TOML

    origin, values = f"profile {plain(name, 60)}", profile_values(name)
    sentence = (
        "is not taken from a profile. Write `client_secret=...` into a dotenv file that you alone can read, and the "
        "name of that file into the profile as `dotenv_file`"
    )
    problems = [Problem(plain(each, 60), sentence, origin) for each in values if "secret" in each.lower()]
    reading = read(Source(origin, {each: value for each, value in values.items() if "secret" not in each.lower()}))
    return replace(reading, problems=(*problems, *reading.problems))


def _read_file(readings: Iterable[Reading]) -> Reading:
    """Return what the dotenv file gives that *readings* name."""
    named = first_of_each(readings)
    name, folder = (_checked_or_empty(each, named.get(each)) for each in ("dotenv_file", "dotenv_folder"))
    if not name:
        return _nothing("the dotenv file")
    origin = f"file {plain(name, 200)}"
    try:
        text = read_dotenv(folder or DEFAULTS["dotenv_folder"], name)
    except UnreadableDotenv as error:
        return _nothing(origin, Problem("dotenv_file", str(error), named["dotenv_file"].origin))
    reading = read(Source(origin, text.variables, is_shared=True, may_hold_secret=True))
    warnings = [*text.mistakes, *reading.warnings]
    if text.is_open and CLIENT_SECRET in reading.given:
        warnings.append(
            f"{origin}: other users of this machine can read the client secret in it; run `chmod 600` on it"
        )
    return replace(reading, warnings=tuple(warnings))


def _checked_or_empty(name: str, given: Given | None) -> str:
    """Return the text of a value, or "" for one that is missing or bad: the check of all values reports it."""
    try:
        return checked(name, given.value) if given else ""
    except BadValue:
        return ""


def _refused(name: str, origin: str) -> Problem:
    """Return what is wrong with *name*, which is not a parameter, in a place for parameters only."""
    if is_secret(name):
        return Problem(
            name,
            "is not taken here, because the notebook or its history would keep it. Put it into a dotenv file, or set "
            "AUTH0_CLIENT_SECRET, and have the provider make a new one. An application that is Native or Single Page "
            "at Auth0 needs none",
            origin,
        )
    near, sign = nearest_name(name.partition("=")[0]), invisible_sign(name)
    if sign:
        return Problem(plain(name, 60), f"has {sign}, which is not seen; write it as `{near}`", origin)
    return Problem(plain(name, 60), f"is not a parameter; did you mean `{near}`?", origin)


def _why_ignored(name: str) -> str | None:
    """Return what the user should know of *name*, which is not a parameter, in a file that other programs read too."""
    if not looks_misspelt(name):
        return None
    if sign := invisible_sign(name):
        return f"`{plain(name, 60)}` is ignored. It has {sign}, which is not seen; write it as `{nearest_name(name)}`."
    return f"`{plain(name, 60)}` is ignored; did you mean `{nearest_name(name)}`?"
