"""`python -m tests.bench.page` writes docs/performance.md from the stored results of both benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.goals import goals

from .results import PLACE, Results
from .table import Row, Section

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
API_RESULTS = ROOT / "bench" / "results.json"
CONNECTIONS = (1, 16, 64, 256)

BEGINNING = """\
# What it costs

This page shows how long a sign-in takes and how many requests the fruit service answers, each compared with other
packages. `make bench` and `make bench-api` write it from their last results, so do not edit it by hand.
"""
SIGNING_IN = """\
## Signing in

`make bench` measures all packages in one run. It measures them in turn and in rounds, so that other load on the
machine affects all of them alike. The figures are medians. Each package runs in a process of its own. The provider is
a stub that signs in at once, with real keys and signatures. The browser is a process that follows redirects without
delay. So the figures are the time of the package itself. With a real browser and a real provider, a sign-in takes
longer. Compare figures of one run only.

The packages do not do the same work. requests-auth validates nothing. google-auth-oauthlib and msal exchange a code
for their tokens. ipyauth-magic verifies the ID token's signature and its claims, also `at_hash`. It checks `state`,
Host and Origin of the response, and shows the result in the tab. *Bottle on waitress, bare* is a minimal listener: one
page, one response, no check.

ipyauth-magic needs more time than that listener, in about equal parts, for these: to read the environment and the
parameters, to start the thread that opens the browser (because a browser can take seconds to start), to write the
headers of its pages and answers, to verify the ID token, and to store the tokens and show the card.
"""
API = """\
## The fruit service

`make bench-api` (it needs `wrk`) compares the fruit service with three others. *reference* is a Bottle route that
answers fixed bytes, with the same server, settings and log. *flask* and *fastapi* are ordinary applications that do the
same work as the fruit service. [Measured](fruit-service.md#measured) explains each kind of request.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PLACE.read_text(encoding="utf-8"), API_RESULTS.read_text(encoding="utf-8")), encoding="utf-8")


def page(results: str, api_results: str) -> str:
    """Return the page for the *results* of both benchmarks, as they are kept."""
    found = Results.read(results)
    api: dict[str, Any] = json.loads(api_results)
    parts = [BEGINNING, _missed(found, api), SIGNING_IN, _circumstances(found), *map(_section, found.sections)]
    return "\n".join([*parts, API, *_api(api)])


def _missed(found: Results, api: Mapping[str, Any]) -> str:
    missed = [
        f"{section.title}, {row.name}: {_missed_figure(row, section.columns[0])}"
        for section in found.sections
        for row in section.rows
        if not row.holds
    ]
    missed += [
        f"The fruit service, {goal.name}: {goal.value:.2f}, where {goal.required} is required"
        for goal in goals(api)
        if not goal.is_met
    ]
    lines = "".join(f"- {each}\n" for each in missed) or "No goal was missed.\n"
    return f"## Goals that are missed\n\n{lines}"


def _missed_figure(row: Row, unit: str) -> str:
    *figures, ratio, required = row.cells
    return f"{figures[0]} {unit}, ratio {ratio or 'unknown'}, where {required} is required"


def _circumstances(found: Results) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    return (
        f"Measured on {found.date}: {machine['processors']} processors ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; {versions}.\n"
        f"{found.rounds['warm']} warm sign-ins of each, {found.rounds['loads']} fresh processes for `%load_ext`, "
        f"{found.rounds['slow']} rounds of what is slow.\n"
    )


def _section(section: Section) -> str:
    rows = [[row.name, *_padded(row, section)] for row in section.rows]
    note = f"\n({section.note})\n" if section.note else ""
    return f"### {section.title}\n\n{_table(['', *section.head], rows)}{note}"


def _padded(row: Row, section: Section) -> list[str]:
    *figures, ratio, required = row.cells
    figures += [""] * (len(section.columns) - len(figures))
    return [*figures, ratio, _required(required, row.holds)]


def _api(api: Mapping[str, Any]) -> Iterator[str]:
    machine = api.get("machine", {"python": api.get("python"), "processors": api.get("processors")})
    told = [f"{machine['processors']} processors", f"Python {machine['python']}"]
    told += [f"{name} {version}" for name, version in api.get("versions", {}).items()]
    when = f"Measured on {api['date']}" if "date" in api else "Measured"
    yield f"{when}: {', '.join(told)}; medians of {api['rounds']} rounds of {api['seconds']} s.\n"
    for kind in ("GET", "POST"):
        yield f"### {kind}, answers per second\n\n{_table(['', *_connections()], _rates(api, kind))}"
    rows = [[goal.name, f"{goal.value:.2f}", _required(goal.required, goal.is_met)] for goal in goals(api)]
    yield f"### The goals of the fruit service\n\n{_table(['', 'measured', 'required'], rows)}"


def _connections() -> list[str]:
    return [f"{number} connection{'s' if number > 1 else ''}" for number in CONNECTIONS]


def _rates(api: Mapping[str, Any], kind: str) -> list[list[str]]:
    rates: dict[str, dict[int, str]] = {}
    for load in api["loads"]:
        if load["request"] == kind:
            rates.setdefault(load["server"], {})[load["connections"]] = f"{load['per_second']:.0f}"
    return [[server, *(by[number] for number in CONNECTIONS)] for server, by in rates.items()]


def _required(required: str, holds: bool) -> str:
    return required if holds else f"**{required}, missed**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


if __name__ == "__main__":
    main()
