"""Tables: as HTML for a notebook, and as lines that fit into a terminal."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from ipyauth_magic.markup import AS_IT_IS, WIDTH, Table

SCOPES = "openid profile email read:usual-fruit write:usual-fruit read:exotic-fruit write:exotic-fruit"
URL = "http://127.0.0.1:8765/callback/"


def test_a_table_that_fits() -> None:
    """Each column is as wide as its longest cell; the names of the columns stand above."""
    table = Table(("User", "API"), [("alice", "api/fruit"), ("bob", "")])
    assert table.text() == "User   API\nalice  api/fruit\nbob"


@pytest.mark.parametrize(
    "rows",
    [
        [("alice", "api/fruit", SCOPES, "14:05", "token, auth")],
        [("redirect_uri", URL, "file demo.env", "", ""), ("scope", SCOPES, "the cell, openid added", "", "")],
        [("a" * 300, "b" * 300, SCOPES * 3, "d", "e" * 50)],
    ],
)
def test_a_table_that_does_not_fit_is_wrapped(rows: list[tuple[str, ...]]) -> None:
    """At 80 columns, cell by cell: nothing is lost, and no word is parted that has room."""
    lines = Table(("User", "API", "Scopes", "Ends", "Variables"), rows).text().splitlines()
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    for cell in rows[0]:
        assert len(cell) > 40 or cell in text
    if rows[0][0] == "redirect_uri":
        assert URL in text
        assert all(scope in text for scope in SCOPES.split())


def test_the_html_has_heads_for_columns_and_rows() -> None:
    """For screen readers; what comes from outside is escaped, and no TeX."""
    page = Table(("User", "API"), [("<b>al\u202eice", "$x$"), ("bob", "")]).html()
    heads: list[dict[str, str | None]] = []

    class Heads(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            heads.extend([dict(attrs)] if tag == "th" else [])

    Heads().feed(page)
    assert [head["scope"] for head in heads] == ["col", "col", "row", "row"]
    assert "&lt;b&gt;al ice" in page
    assert "<span>$</span>x<span>$</span>" in page
    assert page.startswith(f'<table class="{AS_IT_IS}"')
