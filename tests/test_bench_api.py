"""The benchmark of the fruit service measures what it says."""

from __future__ import annotations

import pytest

from bench.goals import Goal, goals
from bench.load import check_answers, figures_of
from bench.servers import FASTAPI, FLASK, REFERENCE, SERVICE

SAID = """Running 1s test @ http://127.0.0.1:5000/api/fruit
  1 threads and 16 connections
  Latency Distribution
     50%    1.63ms
     99%  950.00us
  5730 requests in 1.00s, 2.95MB read
Requests/sec:   5724.91
"""
FAILURES = "  Non-2xx or 3xx responses: 5730\n"


def test_what_wrk_says_is_read() -> None:
    """Counts, milliseconds whatever the unit, and the server's own time for each answer."""
    figures = figures_of(SAID, cpu=0.573)
    assert (figures.requests, figures.per_second, figures.p50_ms) == (5730, 5724.91, 1.63)
    assert figures.p99_ms == pytest.approx(0.95)
    assert figures.cpu_us == pytest.approx(100)


def test_failures_are_no_answers() -> None:
    """Nor are answers where refusals were meant."""
    figures = figures_of(SAID, 0)
    check_answers(SAID, figures, refused=False)
    check_answers(SAID + FAILURES, figures, refused=True)
    for text, refused in ((SAID, True), (SAID + FAILURES, False), (SAID + FAILURES.replace("5730", "3"), True)):
        with pytest.raises(SystemExit, match="Other answers"):
            check_answers(text, figures, refused)
    with pytest.raises(SystemExit, match="something else"):
        figures_of(SAID + "  Socket errors: connect 0, read 3", 0)


def test_each_goal_is_said_with_its_figure() -> None:
    """Met or missed, from below and from above."""
    loads = [
        {
            "server": server,
            "request": kind,
            "connections": connections,
            "per_second": 1000.0 if server in (SERVICE, REFERENCE) else 100.0,
            "p50_ms": 1.0,
            "p99_ms": 4.0 if connections == 64 else 2.0,
            "cpu_us": 100.0,
        }
        for server in (SERVICE, REFERENCE, FLASK, FASTAPI)
        for kind in ("GET", "POST", "no token", "same bad token")
        for connections in (1, 16, 64, 256)
    ]
    results = {
        "loads": loads,
        "start": {"first_answer": 1.0, "imports": 1.0},
        "memory": {"requests": 10, "mib": [1, 20]},
    }
    said = [str(goal) for goal in goals(results)]
    assert len(said) == len(set(said)) >= 18
    assert [each[7:24] for each in said if each.startswith("MISSED")] == ["GET over 64, p99 ", "growth in 10 requ"]
    assert str(Goal("name", 0.5, 0.88)) == "MISSED name: 0.50 (>= 0.88)"
