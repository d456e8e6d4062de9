"""Words for a terminal in place of a notebook's: most sentences of this package are read in a notebook."""

from __future__ import annotations

import re

from .parsers import program

_WORDS = (
    ("Run a cell with `%%login` or `%%auth0`, or call `auth.sign_in()`.", "Run `ipyauth login`."),
    ("Run the cell that signs in again, or call `auth.sign_in()`.", "Run `ipyauth login` again."),
    ("`%login --save", "`ipyauth login --save"),
    ("Or sign out (`%logout`)", "Or sign out (`ipyauth logout`)"),
    (
        "because the notebook or its history would keep it",
        "because other users can read it in the list of processes",
    ),
    ("Run the cell again", "Run the command again"),
    ("run the cell again", "run the command again"),
    ("For kernels that no browser reaches", "For machines that no browser reaches"),
    ("A notebook cannot check that", "This program cannot check that"),
    ("Check the parameters with `%token --config`, and", "Check the parameters, and"),
    ("another notebook or program", "another program"),
    ("Another notebook or thread", "Another program"),
    ("another notebook may be waiting there", "another sign-in may be waiting there"),
    ("this notebook runs unattended", "this command runs unattended"),
    ("This kernel listens", "This command listens"),
    ("this kernel", "this command"),
    ("The kernel runs", "This command runs"),
    ("the kernel runs", "this command runs"),
    ("then restart the kernel", "then run the command again"),
    (' (in Python `flow="code"`)', ""),
    (' (in Python flow="code")', ""),
)
"""Each phrase of another layer that speaks of a notebook, and what stands in its place."""


def for_terminal(text: str) -> str:
    """Return *text* with the words of a terminal."""
    for words, others in _WORDS:
        # A sentence may have been broken into lines already.
        text = re.sub(r"\s+".join(map(re.escape, words.split(" "))), lambda _, others=others: others, text)  # type: ignore[misc]
    return text.replace("`ipyauth ", f"`{program()} ")
