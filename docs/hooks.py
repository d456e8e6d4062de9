"""What MkDocs does with a page that Markdown does not.

It hides the mark of a block that the tests do not run, and shows each picture in the colours of the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

MARK = "no-run"

IMAGES = Path(__file__).parent / "images"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page's text without the mark in the first lines of blocks, and with each picture in both colours."""
    text = re.sub(rf"^([ >]*```[\w.-]*) {MARK}$", r"\1", markdown, flags=re.MULTILINE)
    return re.sub(r"!\[([^\]]+)\]\(([^)\s]*images/)([\w-]+)(\.\w+)\)", _in_both_colours, text)


def _in_both_colours(image: re.Match[str]) -> str:
    words, folder, name, suffix = image.groups()
    if not (IMAGES / f"{name}-dark{suffix}").exists():
        return image.group()
    return f"![{words}]({folder}{name}{suffix}#only-light)![{words}]({folder}{name}-dark{suffix}#only-dark)"
