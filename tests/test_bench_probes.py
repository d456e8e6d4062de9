"""What `docs/comparison.md` says was measured is what the program measures, and ours still does what it says there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.field import Helper
from tests.bench.probed import MAKERS
from tests.bench.probes import PROBES, probed, refusal, shown

ROOT = Path(__file__).parents[1]
MEASURED = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8").partition("## Measured")[2]
ROWS = [[cell.strip() for cell in line[1:-1].split("|")] for line in MEASURED.splitlines() if line.startswith("|")]


def test_the_page_has_every_probe_of_every_library() -> None:
    """As `python -m tests.bench.probes` prints them, with the version that was measured."""
    [head, _, *rows] = ROWS[: 2 + len(PROBES)]
    assert [each.split()[0] for each in head[1:]] == list(MAKERS)
    assert all(len(each.split()) == 2 for each in head[1:])
    assert [row[0] for row in rows] == list(PROBES)
    assert [row for row in rows if len(row) != len(head) or "" in row] == []


@pytest.mark.parametrize("probe", [refusal, shown])
def test_ours_is_as_the_page_says(probe: object) -> None:
    """Probed as the others are."""
    [(row, found)] = [(name, each) for name, each in PROBES.items() if each is probe]
    with Helper("stub_provider") as stub:
        measured = probed("ipyauth-magic", f"http://127.0.0.1:{stub.said}", found)
    assert [measured] == [each[1] for each in ROWS if each[0] == row]
