"""The pictures of the documentation are of the real thing, as it is now."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from examples import pictures
from examples.demo import PICTURE
from tests.support.documents import ROOT, documents


def test_no_picture_is_stale() -> None:
    """Else: `make picture`, and a look at what came of it."""
    assert pictures.stale(PICTURE) == []


def test_every_picture_has_its_sources() -> None:
    """None is kept, or shown, that no script has taken."""
    kept = {path.name for path in pictures.IMAGES.iterdir()} - {pictures.RECORD}
    shown = {
        Path(link).name
        for document in documents()
        for link in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    }
    assert kept == set(pictures.SOURCES)
    assert shown == kept


@pytest.mark.parametrize("name", pictures.SOURCES)
def test_a_stale_picture_is_named_with_what_has_changed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is another one now, another cell, or a picture that was put there by hand."""
    for each in (*pictures.SOURCES, pictures.RECORD):
        shutil.copy(pictures.IMAGES / each, tmp_path)
    [*_, source] = pictures.SOURCES[name]
    _, *others = pictures.SOURCES[name]
    copies = tmp_path / "sources"
    for each in {each for sources in pictures.SOURCES.values() for each in sources}:
        (copies / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, copies / each)
    monkeypatch.setattr(pictures, "ROOT", copies)
    (copies / source).write_bytes((ROOT / source).read_bytes() + b"\n")
    assert f"{name}: {source}" in pictures.stale(PICTURE, tmp_path)
    assert f"{name}: {others[0]}" not in pictures.stale(PICTURE, tmp_path)
    assert f"{name}: {pictures.CELLS}" in pictures.stale(PICTURE[1:], tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\0")
    assert [each for each in pictures.stale(PICTURE, tmp_path) if each.startswith(f"{name}: not the picture")]
