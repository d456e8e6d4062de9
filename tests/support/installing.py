"""One worker at a time, where the tests install a program that is missing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other process of the tests on this machine is within such a block. Windows has no such lock."""
    with (Path(tempfile.gettempdir()) / "ipyauth-magic-tests-install.lock").open("w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)  # closing the file frees it
        yield
