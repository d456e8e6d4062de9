"""What MkDocs does with a page that Markdown does not: it hides the mark of a block that the tests do not run."""

from __future__ import annotations

import re
from typing import Any

MARK = "no-run"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page's text with the mark taken out of the first lines of its blocks."""
    return re.sub(rf"^([ >]*```[\w.-]*) {MARK}$", r"\1", markdown, flags=re.MULTILINE)
