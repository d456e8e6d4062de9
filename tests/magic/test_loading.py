"""%load_ext costs next to nothing: what it must not import, it does not."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "requests urllib3 authlib joserfc cryptography bottle waitress dotenv jupyter_server anywidget ipywidgets "
    "http.server http.client email webbrowser sqlalchemy platformdirs tomllib"
)

OWN = {
    "ipyauth_magic",
    "ipyauth_magic.ipython",
    "ipyauth_magic.ipython.arguments",
    "ipyauth_magic.ipython.usage_errors",
    "ipyauth_magic.ipython.magics",
    "ipyauth_magic.settings",
    "ipyauth_magic.settings.options",
    "ipyauth_magic.settings.parameters",
}
"""The magics, and the lists of options and parameters from which their arguments and traits are made."""

PROGRAM = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "ipyauth_magic")
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_heavy_is_imported() -> None:
    """Neither requests, authlib, joserfc, cryptography, bottle, waitress, dotenv, nor http.server."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    new = done.stdout.split()
    assert not [name for name in new for heavy in HEAVY.split() if name == heavy or name.startswith(heavy + ".")]
    assert {name for name in new if name.startswith("ipyauth_magic")} == OWN


def test_the_public_names() -> None:
    """What `ipyauth_magic` offers is what it lists, and each can be had."""
    import ipyauth_magic

    assert sorted(ipyauth_magic.__all__) == ipyauth_magic.__all__ == dir(ipyauth_magic)
    assert all(getattr(ipyauth_magic, name) for name in ipyauth_magic.__all__)
    assert not hasattr(ipyauth_magic, "nonsense")
