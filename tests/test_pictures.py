"""The pictures of the documentation are of the real thing, as it is now."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from docs import hooks
from examples import pictures
from examples.demo import NOTEBOOKS
from tests.support.documents import ROOT, documents


def test_no_picture_is_stale() -> None:
    """Else: `make picture`, and a look at what came of it."""
    assert pictures.stale() == []


def test_every_picture_has_its_sources() -> None:
    """None is kept, or shown, that no script has taken; each is there in light and in dark colours."""
    shown = {
        Path(link).name
        for document in documents()
        for link in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", document.read_text(encoding="utf-8"))
        for link in link
        if "images/" in link
    }
    kept = {path.name for path in pictures.IMAGES.iterdir()} - {pictures.RECORD}
    assert kept == {path.name for name in pictures.SOURCES for path in pictures.files(name)}
    assert shown == set(pictures.SOURCES)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executed_notebooks_are_the_examples(name: str) -> None:
    """With outputs of the cells as they are now; else: `make picture`."""
    shown, example = (nbformat.read(folder / name, as_version=4) for folder in (pictures.EXECUTED, ROOT / "examples"))
    assert [cell.source for cell in shown.cells] == [cell.source for cell in example.cells]
    assert any(cell.get("outputs") for cell in shown.cells)
    assert not re.search(r"eyJ[\w-]{20}", (pictures.EXECUTED / name).read_text(encoding="utf-8"))


def test_the_moving_picture_is_small() -> None:
    """A page that shows it loads at once: each is below a megabyte."""
    assert all(path.stat().st_size < 1_000_000 for path in pictures.files(pictures.MOVIE))


def test_the_site_shows_the_picture_of_its_own_colours() -> None:
    """A page names one picture, and the site has both."""
    shown = hooks.on_page_markdown("1. Look:\n\n    ![A token](../images/token.png)\n")
    assert shown == (
        "1. Look:\n\n    ![A token](../images/token.png#only-light)![A token](../images/token-dark.png#only-dark)\n"
    )


@pytest.mark.parametrize("name", pictures.SOURCES)
def test_a_stale_picture_is_named_with_what_has_changed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that is another one now, another cell, or a picture that was put there by hand."""
    for path in (
        *(path for each in pictures.SOURCES for path in pictures.files(each)),
        pictures.IMAGES / pictures.RECORD,
    ):
        shutil.copy(path, tmp_path)
    source, *others = reversed(pictures.SOURCES[name])
    copies = tmp_path / "sources"
    for each in {each for sources in pictures.SOURCES.values() for each in sources}:
        (copies / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, copies / each)
    monkeypatch.setattr(pictures, "ROOT", copies)
    assert pictures.stale(tmp_path) == []
    (copies / source).write_bytes((ROOT / source).read_bytes() + b"\n")
    assert f"{name}: {source}" in pictures.stale(tmp_path)
    assert not {f"{name}: {each}" for each in others} & set(pictures.stale(tmp_path))
    monkeypatch.setattr(pictures, "STORY", pictures.STORY[1:])
    monkeypatch.setattr(pictures, "GALLERY", pictures.GALLERY[1:])
    assert f"{name}: {pictures.CELLS}" in pictures.stale(tmp_path)
    dark = pictures.path_of(name, pictures.DARK, tmp_path)
    dark.write_bytes(dark.read_bytes() + b"\0")
    assert [each for each in pictures.stale(tmp_path) if each.startswith(f"{name}: not the picture")]
