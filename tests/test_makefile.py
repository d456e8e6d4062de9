"""`make help` tells what there is to make."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_make_help_has_a_sentence_for_each_target() -> None:
    """Each phony target, once, in one line with a few words; and nothing that is no target."""
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [program for program, _, _ in lines] == ["make"] * len(lines)
    assert sorted(target for _, target, _ in lines) == sorted(phony.split())
    assert [target for _, target, sentence in lines if len(sentence.split()) < 2] == []


def test_every_target_is_phony_or_a_file() -> None:
    """A target without its own file would count as made if a file had its name."""
    [phony] = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    targets = re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE)
    assert set(targets) == set(phony.split())


def test_a_long_installation_says_what_it_does() -> None:
    """Before pip begins: what comes, how long it takes, and how big it is; and at its end that it is there."""
    [recipe] = re.findall(r"^\.venv/ready:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    before, _, after = recipe.partition("$(PIP_INSTALL)")
    assert re.search(r"@echo '\.venv: installing .* JupyterLab .* minutes, and \d+ MB", before)
    assert "@echo '.venv: ready." in after
