"""docs/performance.md says what was measured, no more and no less."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench import results
from tests.bench.page import API_RESULTS, PAGE, page
from tests.bench.table import Row, Section

WARM = Section("Warm sign-in", ["total ms", "net ms"], note="net: of the provider")
WARM.rows += [
    Row("ours", ["4.20", "3.20"], 1.55, "<= 1.25", holds=False),
    Row("theirs", ["2.70", "1.70"], 1.0),
    Row("another", ["fails: TimeoutError"]),
]


def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *sections: Section) -> str:
    """Return what a run that measured *sections* keeps."""
    monkeypatch.setattr(results, "PLACE", tmp_path / "results.json")
    results.keep(sections, {"warm": 30, "slow": 3, "loads": 15})
    return results.PLACE.read_text(encoding="utf-8")


def test_the_page_is_what_the_script_writes() -> None:
    """From both files of results, to the letter; if not: `python -m tests.bench.page`."""
    written = page(results.PLACE.read_text(encoding="utf-8"), API_RESULTS.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == written


def test_what_is_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables, rounds, date, machine and versions; the machine's name is not kept."""
    text = kept(tmp_path, monkeypatch, WARM)
    found = results.Results.read(text)
    assert [asdict(section) for section in found.sections] == [asdict(WARM)]
    assert found.rounds == {"warm": 30, "slow": 3, "loads": 15}
    assert set(found.machine) == {"processor", "processors", "memory_gib", "system", "python"}
    assert "ipyauth-magic" in found.versions


def test_what_is_missed_stands_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its figure and what is required, before any table; and is marked in the table."""
    api = json.loads(API_RESULTS.read_text(encoding="utf-8"))
    top, *rest = page(kept(tmp_path, monkeypatch, WARM), json.dumps(api)).split("## Signing in")
    assert "- Warm sign-in, ours: 4.20 total ms, ratio 1.55, where <= 1.25 is required\n" in top
    assert "theirs" not in top
    [below] = rest
    assert "| ours | 4.20 | 3.20 | 1.55 | **<= 1.25, missed** |\n| theirs | 2.70 | 1.70 | 1.00 |  |\n" in below
    assert "| another | fails: TimeoutError |  |  |  |\n" in below
    for load in api["loads"]:  # a service of no speed at all
        load["per_second"] = 0.1 if load["server"] == "fruit service" else 1000.0
    worse = page(kept(tmp_path, monkeypatch, WARM), json.dumps(api))
    assert (
        "- The fruit service, GET over 64 connections, times the rate of flask: 0.00, where >= 2 is required\n" in worse
    )


def test_that_nothing_is_missed_is_said_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every figure keeps to its bound."""
    monkeypatch.setattr("tests.bench.page.goals", lambda api: iter(()))
    held = Section("Warm sign-in", ["total ms"], [Row("ours", ["2.00"], 1.0, "<= 1.25")])
    assert "No goal was missed." in page(kept(tmp_path, monkeypatch, held), API_RESULTS.read_text(encoding="utf-8"))
