"""The documents of this project, and the blocks of code in them: which of them can run, and what kind each is."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = "no-run"
"""In a block's first line, after its language: the tests do not run it. The site does not show it."""

YOUR_LIBRARY = ROOT / "docs" / "guide" / "your-library.md"
"""A page whose cells tests/test_your_library.py runs, where the libraries are."""

SHELL_PROGRAMS = (
    *("make", "pip", "python", "curl", "docker", "gunicorn", "waitress-serve", "ssh", "jupyter", "git", "conda", "cd"),
    *("export", "apt-get", "pre-commit", "ipyauth"),
)
"""With one of these begins a block of commands that says no language."""

_FENCE = re.compile(r"^(?P<indent>[ \t]*)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```[ \t]*$", re.M | re.S)
_ASSIGNMENTS = re.compile(r"^(?:[A-Z][A-Z0-9_]*=\S* +)+")


@dataclass(frozen=True)
class Block:
    """One block of a document, between its fences.

    Attributes:
        kind: `cell` runs in a notebook, `shell` in a terminal, `dotenv` is a file of parameters; else `text`.
        marked: it says that it is not to be run.
        file: of a dotenv block, the file that the sentence before it names last.
    """

    document: Path
    line: int
    kind: str
    text: str
    marked: bool
    file: str = "demo.env"

    @property
    def place(self) -> str:
        """Where it stands, as an editor takes it."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, each whole, without prompt, comment and variables in front."""
        lines = re.sub(r"\\\n\s*", " ", self.text).splitlines()
        bare = (re.sub(r"(^|\s)#.*", "", line).strip().removeprefix("$ ") for line in lines)
        return [_ASSIGNMENTS.sub("", line) for line in bare if line]


def documents() -> list[Path]:
    """Return the README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(document: Path) -> list[Block]:
    """Return the blocks of *document*, in their order."""
    text = document.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        language, _, rest = fence["info"].strip().partition(" ")
        inner = textwrap.dedent(fence["text"])
        line = text.count("\n", 0, fence.start()) + 1
        named = re.findall(r"`([\w.-]+\.env)`", text[: fence.start()].rstrip().rpartition("\n\n")[2])
        file = named[-1] if named else Block.file
        found.append(Block(document, line, _kind(language, inner), inner, MARK in rest.split(), file))
    return found


def _kind(language: str, text: str) -> str:
    if language in ("python", "ipython"):
        return "cell"
    if language in ("sh", "bash", "shell", "console"):
        return "shell"
    if language == "dotenv":
        return "dotenv"
    if language:
        return "text"
    first = _ASSIGNMENTS.sub("", text.lstrip()).partition(" ")[0].strip()
    if first.startswith("%"):
        return "cell"
    return "shell" if first in SHELL_PROGRAMS else "text"
