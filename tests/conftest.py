"""Options of the test run as a whole."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

ARTEFACTS = Path(__file__).parents[1] / "test-output"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`: tests that repeat themselves do it in full. Add `--libraries`, for an environment that has them."""
    parser.addoption("--long", action="store_true", help="run the tests marked long in full")
    parser.addoption("--libraries", action="store_true", help="run the tests marked libraries too")


def pytest_configure() -> None:
    """Take SIGINT as Python does by itself, where the tests were started with it ignored.

    A script's `make test &` starts them so. Each child would inherit that, and then no test's Ctrl-C reaches it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the harness to `make test-long`, unless they are named, and of the libraries to their own.

    Refuse two tests of one name.
    """
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:  # a worker of pytest-xdist would run one of them, and say nothing of the others
        raise pytest.UsageError(f"several tests have the same name: {', '.join(twice)}")
    left_out = set() if config.getoption("--libraries") else {"libraries"}
    if not config.getoption("--long") and not any("harness" in argument for argument in config.args):
        left_out.add("harness")
    later = [item for item in items if any(item.get_closest_marker(mark) for mark in left_out)]
    if later:
        items[:] = [item for item in items if item not in later]
        config.hook.pytest_deselected(items=later)


@pytest.fixture(scope="session")
def in_full(pytestconfig: pytest.Config) -> bool:
    """Whether a test marked long is to run in full (`make test-long`), or a few rounds only (`make test`)."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture
def artefacts(request: pytest.FixtureRequest) -> Path:
    """Return the folder where this test leaves its screenshots for people to look at."""
    folder = ARTEFACTS / Path(request.node.path).stem / request.node.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
