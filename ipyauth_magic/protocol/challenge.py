"""What an API says in `WWW-Authenticate` about the token that it wants (RFC 9110, section 11.6.1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

_LONGEST_HEADER = 16384
"""Characters of a header that are read. The rest belongs to no challenge."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SEPARATORS = re.compile(r"[\s,]*")  # some servers leave the commas out
# Some servers leave the quotes of an address out: any text up to the next separator is taken there.
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*({_QUOTED}|[^\s,"=][^\s,"]*)(?![^\s,])', re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|\Z)(?!\s*=)")
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|\Z))")
_GARBAGE = re.compile(rf'(?:{_QUOTED}|".*|[^\s,"]+)+', re.DOTALL)  # a quotation without an end has the rest


@dataclass(frozen=True)
class Challenge:
    """One way to authenticate that an API names.

    Attributes:
        scheme: in lower case, as `bearer`.
        parameters: by name in lower case. One that stands there twice (11.2) is left out, because nothing says which
            of them is meant.
    """

    scheme: str
    parameters: Mapping[str, str]


def challenges(header: str) -> list[Challenge]:
    """Return the challenges of *header*, in order: several headers joined by commas, or an empty string.

    The header is a stranger's: a part that is not of the grammar is left out, and the parts around it stay. Values come
    as they were sent. Clean them before you show them.
    """
    return [Challenge(scheme, _once_only(found)) for scheme, found in _split(header[:_LONGEST_HEADER])]


def _split(header: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each scheme with its parameters, in order."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for name, value in _elements(header):
        if value is None:
            found.append((name, []))
        elif found:
            found[-1][1].append((name, value))
    return found


def _elements(header: str) -> Iterator[tuple[str, str | None]]:
    """Yield the name of each scheme with None, and of each parameter with its value."""
    at = _end(_SEPARATORS, header, 0)
    while at < len(header):
        if parameter := _PARAMETER.match(header, at):
            yield parameter[1].lower(), _unquoted(parameter[2])
            at = parameter.end()
        elif scheme := _SCHEME.match(header, at):
            yield scheme[1].lower(), None
            at = _end(_TOKEN68, header, scheme.end())
        else:
            at = _end(_GARBAGE, header, at)
        at = _end(_SEPARATORS, header, at)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where *pattern* ends in *text*, or *at* if it does not begin there."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _unquoted(value: str) -> str:
    """Return *value* without the quotes and backslashes of a quoted string (5.6.4)."""
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def _once_only(parameters: list[tuple[str, str]]) -> Mapping[str, str]:
    times = Counter(name for name, _ in parameters)
    return MappingProxyType({name: value for name, value in parameters if times[name] == 1})
