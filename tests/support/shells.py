"""A real IPython shell with the extension loaded, and nothing of it left behind."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import IPython
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextmanager
def loaded_shell(history: Path | None = None) -> Iterator[InteractiveShell]:
    """Give the shell; with a history, whose thread takes a second to end, if there is a file for it."""
    config = Config()
    config.HistoryManager.enabled = history is not None
    if history is not None:
        config.HistoryManager.hist_file = str(history)
    config.InteractiveShell.colors = "nocolor" if IPython.version_info[0] >= 9 else "NoColor"
    InteractiveShell.clear_instance()
    # A shell takes the place of `__main__` and leaves an empty one behind, from which no process can be spawned.
    before = sys.modules["__main__"]
    running = InteractiveShell.instance(config=config)
    try:
        running.run_line_magic("load_ext", "ipyauth_magic")
        yield running
        running.run_line_magic("unload_ext", "ipyauth_magic")
    finally:
        atexit.unregister(running.atexit_operations)
        running.atexit_operations()  # type: ignore[no-untyped-call]  # of IPython
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = before
