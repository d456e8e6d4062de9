"""What a user does in JupyterLab to sign in, step by step."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from .lab import Cell, Notebook
from .user_browser import Person

LINK = "Open the sign-in page"
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


def waiting(cell: Cell) -> str:
    """Wait until *cell* shows the link, and return it."""
    cell.wait_for_text(LINK)
    link = cell.link(LINK).get_attribute("href")
    assert link is not None
    return link


def unfolded(cell: Cell) -> str:
    """Unfold what the waiting card of *cell* says about getting back, and return all of its text."""
    cell.locator.get_by_text("Trouble getting back?").click()
    return cell.text()


def signed_in(notebook: Notebook, cell: Cell) -> Page:
    """Follow the link of *cell*, sign in as Alice, and return the tab with its last word."""
    tab = cell.open_link(LINK)
    tab.set_viewport_size({"width": 900, "height": 600})
    assert Person(tab).sign_in() == "done", tab.locator("body").inner_text()
    notebook.page.bring_to_front()
    return tab


def token_of(notebook: Notebook, expression: str = "token") -> str:
    """Return the access token, by way of a file; its cell shows nothing."""
    path = notebook.path.with_suffix(".token")
    cell = notebook.run(f"_ = open({path.name!r}, 'w').write({expression})").wait()
    assert cell.text() == ""
    return path.read_text()


def both_themes(notebook: Notebook, folder: Path, **cells: Cell) -> None:
    """Leave pictures of *cells* in the light and in the dark, in both of which every word can be read."""
    for theme in ("Dark", "Light"):
        notebook.theme(f"JupyterLab {theme}")
        for name, cell in cells.items():
            faintest = cell.locator.locator(".jp-OutputArea").first.evaluate(CONTRAST)
            assert faintest["ratio"] >= 4.5, f"{name} in the {theme}: {faintest}"
            cell.screenshot(folder / f"{name}-{theme.lower()}.png")
