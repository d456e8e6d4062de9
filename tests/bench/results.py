"""What the last whole run measured: results.json, kept beside this file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.machine import circumstances

from .table import Row, Section

PLACE = Path(__file__).with_name("results.json")
OURS_STANDS_ON = ("ipython", "bottle", "waitress", "joserfc", "requests", "cryptography")
PACKAGES = ("ipyauth-magic", *OURS_STANDS_ON, "requests-auth", "google-auth-oauthlib", "msal")
"""A figure is of these versions."""


@dataclass(frozen=True)
class Results:
    """A run: when, on what, with which versions, how many rounds of each kind, and its tables."""

    date: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    rounds: Mapping[str, int]
    sections: Sequence[Section]

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what *text* holds, as `keep` writes it."""
        read: dict[str, Any] = json.loads(text)
        for section in read["sections"]:
            section["rows"] = [Row(**row) for row in section["rows"]]
        return cls(**read | {"sections": [Section(**section) for section in read["sections"]]})


def keep(sections: Sequence[Section], rounds: Mapping[str, int]) -> None:
    """Write *sections* into results.json, with the circumstances of this moment."""
    results = Results(rounds=rounds, sections=sections, **circumstances(PACKAGES))
    PLACE.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
