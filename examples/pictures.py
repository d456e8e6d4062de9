"""Which pictures the documentation has, what each is made from, and whether it still shows that.

`make picture` takes all of them from a real JupyterLab and a real browser, and writes down beside them the digests of
their sources, as they were then.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Locator

    from tests.support.lab import Notebook

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
RECORD = "sources.json"
"""Of each picture its own digest, and those of its sources."""

_CARD = tuple(f"ipyauth_magic/display/{name}.py" for name in ("card", "cards", "panel", "view"))
SOURCES: Mapping[str, Sequence[str]] = {
    "sign-in.png": (
        *_CARD,
        "ipyauth_magic/protocol/tokens.py",
        "fruit_service/baskets.py",
        "examples/ipyauth-Auth0-demo.env",
    ),
    "token.png": (*_CARD, "ipyauth_magic/display/claims.py", "ipyauth_magic/ipython/token_magic.py"),
    "allow.png": (
        "fruit_service/pages/style.css",
        "fruit_service/issuer/pages/frame.html",
        "fruit_service/issuer/pages/consent.html",
        "fruit_service/issuer/directory.py",
    ),
}
"""Of each picture the files that decide what it shows; the cells that are run decide it too."""

CELLS = "the cells"

ON_THE_WAY = {"allow.png": "cell-01-page-2.png", "token.png": "cell-04.png"}
"""Pictures that are left when the cells are run, under the names that they have then."""

MARGIN = 4
"""Pixels below the last cell; the next one begins right after."""


def part_of(notebook: Notebook, last: int) -> FloatRect:
    """Return the part of the page in which *notebook* stands, from its toolbar to the end of cell *last*."""
    notebook.cell(0).locator.scroll_into_view_if_needed()
    frame, cell = _box(notebook.panel), _box(notebook.cell(last).locator)
    height = cell["y"] + cell["height"] - frame["y"] + MARGIN
    return {"x": frame["x"], "y": frame["y"], "width": frame["width"], "height": height}


def take_over(taken: Path, folder: Path) -> None:
    """Put the pictures that are *taken* on the way into *folder*, under their names."""
    for name, source in ON_THE_WAY.items():
        shutil.copyfile(taken / source, folder / name)


def digests(name: str, cells: Sequence[str]) -> dict[str, str]:
    """Return the digests of what picture *name* is made from now."""
    files = {source: _digest((ROOT / source).read_bytes()) for source in SOURCES[name]}
    return {**files, CELLS: _digest(json.dumps(list(cells)).encode())}


def record(folder: Path, cells: Sequence[str]) -> None:
    """Write down what the pictures in *folder*, just taken of *cells*, are made from."""
    found = {
        name: {"picture": _digest((folder / name).read_bytes()), "sources": digests(name, cells)} for name in SOURCES
    }
    (folder / RECORD).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def stale(cells: Sequence[str], folder: Path = IMAGES) -> list[str]:
    """Return which pictures in *folder* show something of another time, each with what has changed since."""
    recorded = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    changed = []
    for name in SOURCES:
        then, now = recorded[name]["sources"], digests(name, cells)
        if recorded[name]["picture"] != _digest((folder / name).read_bytes()):
            changed.append(f"{name}: not the picture that `make picture` has taken")
        changed += [f"{name}: {each}" for each in sorted(then.keys() | now.keys()) if then.get(each) != now.get(each)]
    return changed


def _box(element: Locator) -> FloatRect:
    if (box := element.bounding_box()) is None:
        raise RuntimeError("What the picture is of is not on the page.")
    return box


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
