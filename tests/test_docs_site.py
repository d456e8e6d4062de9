"""The documentation builds into a complete site that loads nothing from other hosts."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.support.documents import MARK

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a browser fetches by itself, and the attribute that says from where."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site, built as `make docs` does it; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


class _Page(HTMLParser):
    """Collects what a page fetches, and the first lines of its blocks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") == "canonical":
            return
        if (address := values.get(FETCHED.get(tag, ""))) is not None:
            self.fetched.append(address)


def pages(site: Path) -> Iterator[tuple[Path, str]]:
    """Return each page of the site with its text."""
    for path in sorted(site.rglob("*.html")):
        yield path, path.read_text(encoding="utf-8")


def test_every_page_is_on_the_site(site: Path) -> None:
    """And in its navigation, where `mkdocs build --strict` has looked already."""
    built = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    sources = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert len(sources) > 10
    assert {re.sub(r"(^|/)index$", "", source) or "." for source in sources} - built == set()


def test_nothing_is_fetched_from_anybody_else(site: Path) -> None:
    """No font, script, style or picture: each is a file of the site, and is there."""
    seen = 0
    for page, text in pages(site):
        for address in _Page(text).fetched:
            assert not re.match(r"(\w+:)?//", address), f"{page}: {address}"
            if page.name != "404.html":  # it may be served for any address, so its own begin with a slash
                assert (page.parent / re.split("[?#]", address)[0]).exists(), f"{page}: {address}"
            seen += 1
        assert 'class="mermaid"' not in text, "the theme would fetch its script"
    assert seen > 50
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:\w+:)?//[^)]*", styles) == []


def test_the_mark_of_blocks_that_do_not_run_is_hidden(site: Path) -> None:
    """It is for the tests, not for readers. Inside a block nothing is changed."""
    hidden = runpy.run_path(str(DOCS / "hooks.py"))["on_page_markdown"]
    marked = f"```sh {MARK}\nssh host\n```\n\n    ```python {MARK}\n    # {MARK}\n    ```\n"
    assert hidden(marked) == f"```sh\nssh host\n```\n\n    ```python\n    # {MARK}\n    ```\n"
    assert [page for page, text in pages(site) if MARK in text] == []


def test_make_docs_builds_as_strictly() -> None:
    """The target of the Makefile has warnings as errors, and the folder is one that git does not keep.

    With `--quiet` MkDocs would not hear its own warnings.
    """
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^docs:.*\n\t.*mkdocs build --strict$", makefile, re.MULTILINE)
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert configuration["theme"]["font"] is False
    assert configuration["site_dir"].startswith("build/")


def test_the_readme_leads_to_every_page() -> None:
    """The README links to each page of the site's navigation."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md")} - {"docs/index.md"}
    assert pages - set(re.findall(r"\]\(([^)#]+)\)", readme)) == set()
