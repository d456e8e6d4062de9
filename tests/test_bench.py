"""The benchmark runs, and its table has the shape that is read; what it measures is no test."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ipyauth_magic.ipython.arguments import parser_of
from ipyauth_magic.ipython.magics import Auth0Magics
from tests.bench.extensions.empty_magics import EmptyMagics
from tests.bench.results import PLACE
from tests.bench.table import MISSED, Row

ROOT = Path(__file__).parents[1]


def test_our_own_cases_run() -> None:
    """Every section has a line for each of our cases, with figures; a ratio that is missed is no failure."""
    command = [sys.executable, "-m", "tests.bench", "--quick", "--ours"]
    kept = PLACE.read_bytes()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    _, *sections = done.stdout.strip().split("\n\n")
    assert [section.split("  ")[0] for section in sections] == [
        "%load_ext in a fresh process",
        "Warm sign-in, call to token",
        "Of it, the address that leads to the link",
        "The same token again",
        "Added by an idle socket held 3 s on the port",
        "Added by a webbrowser.open that takes 1 s",
        "Cold: imports and first sign-in, user 0.3 s",
        "From Enter to the browser, in a fresh process",
        "From the response to the token",
        "A cell that prints 10 MB",
        "A cell that prints 10 MB at once",
    ]
    for section in sections:
        lines = [line for line in section.splitlines()[1:] if not line.startswith("  (")]
        assert len([line for line in lines if re.match(r"  \S.*  +-?[0-9.]+", line)]) == len(lines) >= 2, section
    assert not re.search("fails|Traceback", done.stdout + done.stderr)
    assert PLACE.read_bytes() == kept, "a short run is no measure, and is not kept"


def test_the_bare_contender_writes_nothing_into_the_table() -> None:
    """Waitress warns of a task that waits for its only worker. Without logging, that would go to standard error."""
    program = (
        "import logging; from tests.bench.contenders import FLOOR, MAKERS; MAKERS[FLOOR]('http://127.0.0.1:9', None);"
        "logging.getLogger('waitress.queue').warning('Task queue depth is 1')"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert done.stdout + done.stderr == ""


def test_the_empty_magics_have_our_options() -> None:
    """What `%load_ext` is measured beside has the same traits and the same arguments."""
    assert _options(EmptyMagics) == _options(Auth0Magics)


def test_what_is_missed_is_marked() -> None:
    """A line says so at its end."""
    assert str(Row("ours", ["4.20"], 1.6, "<= 1.25", holds=False)).endswith(f"<= 1.25  {MISSED}")


def _options(magics: Any) -> list[Any]:
    traits = sorted(magics.class_trait_names(config=True))
    functions = (magics.auth0, magics.login, magics.token, magics.logout)
    parsers = [getattr(each, "parser", None) or parser_of(each) for each in functions]
    actions = [each for parser in parsers for each in parser._actions if "--help" not in each.option_strings]
    return [traits, [(each.option_strings, each.dest, each.nargs, each.default, each.help) for each in actions]]
