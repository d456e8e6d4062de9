"""Where parameters come from: keywords or a line, a cell, a dotenv file, a profile, the environment, configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import Problem
from ..protocol.tokens import ClientSecret
from ..text import invisible_sign, plain
from .checks import BadValue, checked
from .dotenv import MISTAKES_TOLD, UnreadableDotenv, parse_dotenv, read_dotenv
from .extra import spread
from .nearest import looks_misspelt, nearest_name
from .options import AUTH0
from .parameters import (
    CLIENT_SECRET,
    DEFAULTS,
    ENVIRONMENT,
    NOT_OURS,
    SECRETS,
    canonical_name,
    is_secret,
)
from .pasted import Mistake, object_in

OPTIONS = frozenset(name for option in AUTH0 for name in option.names)
"""Names of the options of `%%auth0`, which a cell does not take."""

BY_ADDRESS = "the API"
"""The origin of a value that comes from what an API and its authorization server say about themselves."""

OF_ANY_PROVIDER = frozenset({"redirect_uri", "flow", "store", "timeout"})
"""What the environment and IPython's configuration may say for a sign-in by an API's address. The rest of what they say
is about another provider, whose client ID or API means nothing there."""

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
        misspelt: names that are not read, each with the parameter that it was probably meant for.
        is_unread: its text could not be read, so what is missing may stand there.
    """

    origin: str
    given: Mapping[str, Given]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    misspelt: Mapping[str, str] = field(default_factory=dict)
    is_unread: bool = False


def collect(
    keywords: Source,
    cell: str | None = None,
    configuration: Source | None = None,
    profile: str | None = None,
    default_flow: str | None = None,
    found: Mapping[str, object] | None = None,
) -> list[Reading]:
    """Return what each source gives, in order of precedence.

    *found* is what the API says whose address was given; None if none was given.

    A profile or the configuration may name the dotenv file; the values in that file go before all others of theirs.

    Raises:
        InvalidParams: there is no such profile. Nothing else is looked at then: what is missing would stand there.
    """
    named = _nothing("the profile") if profile is None else _read_profile(profile)
    line = read(keywords)
    body = _nothing("the cell") if cell is None else _read_cell(cell)
    environment = _read_environment()
    configured = read(configuration or Source("IPython configuration", {}))
    # With an API's address, a file that the configuration names is about another provider, and so is the secret in it.
    file = _read_file([line, body, named, *([configured] if found is None else [])])
    if found is not None:
        said = read(Source(BY_ADDRESS, found, may_hold_secret=True))
        environment, configured = _of_any_provider(environment), _of_any_provider(configured)
        return [line, body, file, named, said, environment, configured, _default_flow(default_flow)]
    return [line, body, file, named, environment, configured, _default_flow(default_flow)]


def _default_flow(flow: str | None) -> Reading:
    return read(Source(BY_DEFAULT, {"flow": flow} if flow else {}))


def _of_any_provider(reading: Reading) -> Reading:
    """Return *reading* without what it says about a provider."""
    return Reading(reading.origin, {name: each for name, each in reading.given.items() if name in OF_ANY_PROVIDER})


def collect_typed(line: Mapping[str, str], cell: str | None) -> list[Reading]:
    """Return what the user types in a notebook: what the *line* of a magic and its *cell* give."""
    return [read(Source("the magic's line", line)), _nothing("the cell") if cell is None else _read_cell(cell)]


def values_lost_to_file(readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """Return which values of *readings* differ from those of the dotenv file that they name, with their origins."""
    typed, file = first_of_each(readings), _read_file(readings)
    differing = [name for name in typed.keys() & file.given if str(typed[name].value) != str(file.given[name].value)]
    return [(name, typed[name].origin) for name in sorted(differing)]


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
            sentence = f"is given twice, as {names[name]} and as {given_name}. Keep one of them"
            problems.append(Problem(name, sentence, source.origin))
    if source.is_shared:
        compared = unknown[:NAMES_COMPARED]
        hints, misspelt = _about_not_ours(compared, source.origin), _misspelt(compared)
        warnings = _about_ignored(list(misspelt), source.origin)
        return Reading(source.origin, given, tuple(problems), warnings, hints, misspelt)
    return Reading(source.origin, given, (*problems, *_refusals(unknown, source.origin)))


def _refusals(names: Sequence[str], origin: str) -> list[Problem]:
    """Return what is wrong with *names*, which are not parameters, in a place for parameters only."""
    problems = [_refused(name, origin) for name in names[:NAMES_TOLD]]
    if more := names[NAMES_TOLD:]:
        problems.append(Problem(plain(more[0], 60), f"is one of {len(more)} more that are not parameters", origin))
    return problems


def _misspelt(names: Iterable[str]) -> dict[str, str]:
    """Return those of *names* that look misspelt, each with the parameter that it was probably meant for."""
    return {name: canonical_name(nearest_name(name) or "") or CLIENT_SECRET for name in filter(looks_misspelt, names)}


def about_misspelt(name: str, origin: str) -> str:
    """Return a warning about *name*, which is not read, and looks like a parameter."""
    near, sign = nearest_name(name), invisible_sign(name)
    why = f"It has {sign}, which is not seen. Write it as `{near}`." if sign else f"Did you mean `{near}`?"
    return f"`{plain(name, 60)}` (from {origin}) is ignored. {why}"


def _about_ignored(misspelt: Sequence[str], origin: str) -> tuple[str, ...]:
    """Return warnings about *misspelt* names, in a place that other programs read too."""
    warnings = [about_misspelt(name, origin) for name in misspelt[:NAMES_TOLD]]
    if (more := len(misspelt) - NAMES_TOLD) > 0:
        warnings.append(f"{more} more names (from {origin}) look misspelt.")
    return tuple(warnings)


def _about_not_ours(names: Iterable[str], origin: str) -> dict[str, str]:
    """Return a hint about the domain, if one of *names* gives it to other libraries."""
    name = next((name for name in names if name in NOT_OURS), None)
    if name is None:
        return {}
    sentence = (
        f"`{name}` (from {origin}) is a name of other libraries, so it is not read. Write its host as `domain=...`."
    )
    return {"domain": sentence}


def _read_environment() -> Reading:
    """Return what Auth0's own names of the environment give, with hints about names of it that are nearly these."""
    names = [name for name in (*ENVIRONMENT, *SECRETS) if name.startswith("AUTH0_") and name in os.environ]
    reading = read(Source("environment", {name: os.environ[name] for name in names}, may_hold_secret=True))
    hints = _about_not_ours(os.environ, "environment")
    others = [name for name in os.environ if name.startswith("AUTH0_") and name not in names]
    misspelt = _misspelt(others[:NAMES_COMPARED])
    hints |= {parameter: about_misspelt(name, "environment") for name, parameter in misspelt.items()}
    return replace(reading, hints=hints, misspelt=misspelt)


def _nothing(origin: str, *problems: Problem) -> Reading:
    return Reading(origin, {}, problems, is_unread=bool(problems))


def _read_cell(cell: str) -> Reading:
    if cell.lstrip().startswith("{"):
        return _read_object(cell)
    try:
        text = parse_dotenv(cell)
    except UnreadableDotenv as error:
        return _nothing("the cell", Problem("cell", f"The cell {error}"))
    problems = [Problem("cell", f"The cell {sentence}", meant=meant) for sentence, meant in _mistakes(text.mistakes)]
    for name in text.repeated[:NAMES_TOLD]:
        problems.append(Problem(plain(name, 60), "is given twice. Keep one of the lines", "the cell"))
    reading = read(Source("the cell", text.variables))
    return replace(reading, problems=(*problems, *reading.problems))


def _read_object(cell: str) -> Reading:
    """Return what a cell gives that begins as a JSON object does."""
    if (members := object_in(cell)) is None:
        sentence = "The cell begins as JSON does, and is not a JSON object. Write lines as `domain=tenant.eu.auth0.com`"
        return _nothing("the cell", Problem("cell", sentence))
    return read(Source("the cell", members))


def _mistakes(mistakes: Sequence[Mistake]) -> Iterator[tuple[str, str | None]]:
    """Return a sentence for each of *mistakes*, with the parameter that it was meant for; the last ones are counted."""
    for each in mistakes[:MISTAKES_TOLD]:
        yield f"has a mistake in line {each.line}. {each.advice}", each.name
    if (more := len(mistakes) - MISTAKES_TOLD) > 0:
        yield f"has {more} more lines that are not NAME=VALUE", None


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
    warnings = [f"The {origin} {sentence}".removesuffix(".") + "." for sentence, _ in _mistakes(text.mistakes)]
    warnings += reading.warnings
    if text.is_open and CLIENT_SECRET in reading.given:
        warnings.append(
            f"Other users of this machine can read the client secret in the {origin}. Run `chmod 600` on it."
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
        sentence = (
            "is not taken here, because the notebook or its history would keep it. Have the provider make a new one, "
            "and put that into a dotenv file as `client_secret`, or into AUTH0_CLIENT_SECRET. An application that is "
            "Native or Single Page at Auth0 needs none"
        )
        return Problem(name, sentence, origin, CLIENT_SECRET)
    near, sign = nearest_name(name), invisible_sign(name)
    meant = near and canonical_name(near)
    if sign and near:
        return Problem(plain(name, 60), f"has {sign}, which is not seen. Write it as `{near}`", origin, meant)
    if near:
        return Problem(plain(name, 60), f"is not a parameter. Did you mean `{near}`?", origin, meant)
    if (option := f"--{name.replace('_', '-')}") in OPTIONS:
        return Problem(name, f"is not a parameter. Write `{option}` on the magic's line", origin)
    return Problem(plain(name, 60), "is not a parameter. One that only the provider knows is `extra.NAME`", origin)
