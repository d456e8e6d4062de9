"""Which value of each parameter counts: the first one given, checked by itself, then together with the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidParams, Problem
from ..protocol.flow import FLOWS, flow_of
from ..protocol.metadata import issuer_at
from .checks import BadValue, as_text, checked
from .parameters import DEFAULTS, FIELDS, PARAMETERS
from .sources import (
    BY_DEFAULT,
    Given,
    Reading,
    about_misspelt,
    collect_typed,
    first_of_each,
    values_lost_to_file,
)
from .template import is_bare


@dataclass(frozen=True)
class Value:
    """The text of a parameter, and where it comes from."""

    text: str
    origin: str


@dataclass(frozen=True)
class Resolved:
    """The parameters that are set, in the order of the list, and what the user should be warned of.

    Attributes:
        typed: `response_type`, `scope` and `default_scope` as the user typed them, where they were typed.
    """

    values: Mapping[str, Value]
    warnings: tuple[str, ...]
    typed: Mapping[str, str]


def resolve(readings: Sequence[Reading], found: Sequence[Problem] = ()) -> Resolved:
    """Return the values that count among *readings*, the most important one first, with defaults for the rest.

    *found* are problems of options, which are told with the others.

    Raises:
        InvalidParams: names every problem of every place at once.
    """
    problems = [*found, *(problem for reading in readings for problem in reading.problems)]
    problems += _both_domain_and_issuer(readings)
    problems += _flow_against_response_type(readings)
    values: dict[str, Value] = {}
    for name, given in _without_the_lower_one(readings).items():
        try:
            if (text := checked(name, given.value)) or _may_be_empty(name):
                values[name] = Value(text, _origin(name, text, given))
        except BadValue as error:
            problems.append(Problem(name, str(error), given.origin))
    problems += _discovery_url_without_issuer(values, _named(problems))
    values |= _apart(values) | _response_type_of_flow(values)
    nothing_given = is_bare(set(first_of_each(readings)))
    missing = [] if found and nothing_given else list(_missing(readings, _named(problems) | set(values)))
    problems += [problem for problem, _ in missing]
    values = {name: Value(default, BY_DEFAULT) for name, default in DEFAULTS.items()} | values
    values["scope"] = _with_default_scope(values["scope"], values["default_scope"])
    mode = default_response_mode(values["response_type"].text)
    problems += _unsuitable_response_mode(values)
    values.setdefault("response_mode", Value(mode, BY_DEFAULT))
    if problems:
        told = {warning for _, warning in missing}
        hints = [hint for hint in _hints(readings, _named(problems)) if hint not in told]
        only_missing = len(problems) == len(missing) and not hints and not told - {""}
        raise InvalidParams(problems, hints, is_bare=only_missing and nothing_given)
    in_order = {name: values[name] for name in dict.fromkeys([*FIELDS, *values]) if name in values}
    warnings = tuple(warning for reading in readings for warning in reading.warnings)
    return Resolved(in_order, warnings, _typed(readings))


def typed_values(line: Mapping[str, str], cell: str | None) -> dict[str, str]:
    """Return what the *line* of a magic and its *cell* say, as texts; `resolve` has found no problem in them.

    Raises:
        InvalidParams: a dotenv file that they name says otherwise, which would prevail over them in a profile.
    """
    readings = collect_typed(line, cell)
    if lost := values_lost_to_file(readings):
        sentence = (
            "is also in the dotenv file, with another value, which prevails over a profile. Leave it out of one of them"
        )
        raise InvalidParams([Problem(name, sentence, origin) for name, origin in lost])
    given = _without_the_lower_one(readings)
    values = {name: checked(name, each.value) for name, each in given.items()}
    return {name: text for name, text in values.items() if text or _may_be_empty(name)}


def _origin(name: str, text: str, given: Given) -> str:
    """Return where a value comes from; of an address that became a domain, that it did."""
    is_shortened = name == "domain" and "//" in str(given.value) and "//" not in text
    return f"{given.origin}, of its address" if is_shortened else given.origin


def _may_be_empty(name: str) -> bool:
    return name in PARAMETERS and PARAMETERS[name].may_be_empty


def _typed(readings: Sequence[Reading]) -> dict[str, str]:
    given = _without_the_lower_one(readings)
    names = ("response_type", "scope", "default_scope")
    return {name: " ".join(as_text(given[name].value).split()) for name in names if name in given}


def _named(problems: Sequence[Problem]) -> set[str]:
    """Return the parameters that *problems* are about, also those that a misspelt name was meant for."""
    return {problem.name for problem in problems} | {problem.meant for problem in problems if problem.meant}


def _hints(readings: Sequence[Reading], named: set[str]) -> list[str]:
    """Return what *readings* warn of, and their hints about the parameters that problems *named*."""
    warnings = [warning for reading in readings for warning in reading.warnings]
    return warnings + [hint for reading in readings for parameter, hint in reading.hints.items() if parameter in named]


def default_response_mode(response_type: str) -> str:
    """Return the response mode for *response_type* where the user chose none."""
    return flow_of(response_type).response_mode


def _both_domain_and_issuer(readings: Sequence[Reading]) -> Iterator[Problem]:
    for reading in readings:
        if len(_provider_names(reading)) == 2:
            yield Problem("issuer", "takes the place of `domain`. Give one of the two", reading.origin)


def _flow_against_response_type(readings: Sequence[Reading]) -> Iterator[Problem]:
    """Return a problem for each place that gives a flow and the response type of another."""
    for reading in readings:
        flow, response_type = (_checked_or_none(reading, name) for name in ("flow", "response_type"))
        if flow and response_type and FLOWS[flow].response_type != response_type:
            sentence = f"contradicts `response_type={response_type}` beside it. Leave one of the two out"
            yield Problem("flow", sentence, reading.origin)


def _checked_or_none(reading: Reading, name: str) -> str | None:
    """Return the text of a value in *reading*, or None for one that is missing, empty or bad."""
    try:
        return checked(name, reading.given[name].value) if name in reading.given else None
    except BadValue:
        return None


def _response_type_of_flow(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the response type that the flow among *values* uses, if it uses one."""
    flow = values.get("flow")
    if flow is None or (response_type := FLOWS[flow.text].response_type) is None:
        return {}
    return {
        "response_type": Value(response_type, flow.origin if flow.origin == BY_DEFAULT else f"{flow.origin}, by flow")
    }


def _without_the_lower_one(readings: Sequence[Reading]) -> dict[str, Given]:
    """Return the first value of each parameter; of domain and issuer, and of flow and response_type, only the higher.

    A discovery_url counts with the issuer beside it only, so that it is not taken for another provider's.
    """
    given = first_of_each(readings)
    unused = _lower(readings, "domain", "issuer") | _lower(readings, "flow", "response_type")
    counting = {name: each for name, each in given.items() if name not in unused}
    place = next((reading for reading in readings if "discovery_url" in reading.given), None)
    if place is not None and _names_another_provider(place, counting):
        del counting["discovery_url"]
    return counting


def _names_another_provider(place: Reading, counting: Mapping[str, Given]) -> bool:
    """Return whether *place* gives another domain or issuer than the one that counts."""
    names = _provider_names(place)
    return any(name not in counting or place.given[name].value != counting[name].value for name in names)


def _lower(readings: Sequence[Reading], *pair: str) -> set[str]:
    """Return the name of *pair* that does not count: the other one is given in a higher place."""
    given = (_given(reading, *pair) for reading in readings)
    return set(pair) - next(filter(None, given), set(pair))


def _discovery_url_without_issuer(values: Mapping[str, Value], named: set[str]) -> Iterator[Problem]:
    """Return a problem for a `discovery_url` without the issuer that its document must name."""
    if "discovery_url" in values and "issuer" not in named | set(values):
        sentence = "needs `issuer` beside it, in place of `domain`. Copy the issuer from that document"
        yield Problem("discovery_url", sentence, values["discovery_url"].origin)


def _apart(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return issuer and discovery_url, where the address of a discovery document was given as issuer."""
    issuer = values.get("issuer")
    if issuer is None or (named := issuer_at(issuer.text)) is None:
        return {}
    return {"discovery_url": Value(issuer.text, issuer.origin), **values, "issuer": Value(named, issuer.origin)}


def _provider_names(reading: Reading) -> set[str]:
    """Return which of domain and issuer *reading* gives."""
    return _given(reading, "domain", "issuer")


def _given(reading: Reading, *names: str) -> set[str]:
    """Return which of *names* have a value in *reading*."""
    return {name for name in names if name in reading.given and str(reading.given[name].value)}


def _with_default_scope(scope: Value, default_scope: Value) -> Value:
    """Return *scope* with the scopes of *default_scope* before it, each scope once, in order."""
    if scope.origin == BY_DEFAULT:
        return default_scope
    text = " ".join(dict.fromkeys([*default_scope.text.split(), *scope.text.split()]))
    if text == scope.text or not default_scope.text:
        return Value(text, scope.origin)
    return Value(text, f"{scope.origin}, {' and '.join(default_scope.text.split())} added")


def _unsuitable_response_mode(values: Mapping[str, Value]) -> Iterator[Problem]:
    mode = values.get("response_mode")
    if mode and mode.text == "query" != default_response_mode(values["response_type"].text):
        yield Problem(
            "response_mode",
            "must be `fragment` or `form_post`: a token never travels in a query (RFC 9700, 4.3.2). Leave it out",
            mode.origin,
        )


_FIRST_PLACE = {"keyword": "as a keyword", "the command line": "on the command line"}
"""The first place where a parameter may stand, by the origin of the first source; for a magic it is the cell."""


def _missing(readings: Sequence[Reading], named: set[str]) -> Iterator[tuple[Problem, str]]:
    """Return a problem for each required parameter that is neither set nor *named*, and the warning that it replaces.

    A text that cannot be read is a problem of its own, because it may have all of them.
    """
    if any(reading.is_unread for reading in readings) or "dotenv_file" in named - set(first_of_each(readings)):
        return
    first = _FIRST_PLACE.get(readings[0].origin, "in the cell")
    if not {"domain", "issuer"} & named:
        sentence = (
            "is missing. Write `domain=tenant.eu.auth0.com` for Auth0, or `issuer=https://...` for any other provider: "
            f"{first}, in a dotenv file or a profile, or set `AUTH0_DOMAIN`"
        )
        yield _misspelt(readings, "domain", "issuer") or (Problem("domain", sentence), "")
    if "client_id" not in named:
        sentence = (
            f"is missing. Copy it from your application's settings. Write `client_id=...` {first}, in a dotenv file or "
            "a profile, or set `AUTH0_CLIENT_ID`"
        )
        yield _misspelt(readings, "client_id") or (Problem("client_id", sentence), "")


def _misspelt(readings: Sequence[Reading], *parameters: str) -> tuple[Problem, str] | None:
    """Return the problem of *parameters*, one of which is missing and was meant by a name that is not read."""
    for reading in readings:
        for name, parameter in reading.misspelt.items():
            if parameter in parameters:
                warning = about_misspelt(name, reading.origin)
                return Problem(parameters[0], f"is missing. {warning}"), warning
    return None
