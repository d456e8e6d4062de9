"""Each page of docs/providers has a cell whose parameters are accepted, and says how the provider was tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ipyauth_magic.settings.params import ParamsAuth0
from tests.support.documents import ROOT, blocks

PAGES = sorted((ROOT / "docs" / "providers").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_cells_are_accepted(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the names in capitals filled in; a secret is in a file of its own and in no cell."""
    monkeypatch.chdir(tmp_path)
    texts = [block.text for block in blocks(page) if re.match("%%(auth0|login)", block.text)]
    assert texts
    for text in texts:
        first, _, body = re.sub(r"YOUR_[A-Z_]+", "x1", text).partition("\n")
        assert "client_secret" not in body
        assert first.startswith("%%login" if page.stem != "auth0" else "%%auth0 --flow code")
        (tmp_path / "cell.env").write_text(body, encoding="utf-8")
        params = ParamsAuth0(dotenv_file="cell.env", response_type="code")
        assert params.warnings == ()
        assert params.client_id.startswith("x1")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_says_how_it_was_tested(page: Path) -> None:
    """In its first words: run, or rebuilt from documents."""
    text = page.read_text(encoding="utf-8")
    assert re.match(r"# .+\n\n\*(Run\*:|Rebuilt from documents\.\*)", text)
    assert len(text.split()) < 500


def test_every_page_is_in_the_navigation_and_in_the_readme() -> None:
    """Under a heading of their own."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    groups = yaml.safe_load(text.partition("\nnav:\n")[2])
    [pages] = [group["Providers"] for group in groups if "Providers" in group]
    named = {path for page in pages for path in page.values()}
    assert named == {f"providers/{page.name}" for page in PAGES}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path for path in named if f"(docs/{path})" not in readme] == []
