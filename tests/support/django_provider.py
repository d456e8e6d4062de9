"""A second independent OpenID provider: PyPI's django-allauth, running for a test."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).parent / "django_project" / "serve.py"
STARTING = 100
"""Seconds within which the provider must answer; it takes five."""


@contextmanager
def django_provider(redirect_uris: Sequence[str]) -> Iterator[str]:
    """Give the issuer of a running provider with the client of `django_project/serve.py`."""
    uris = [word for uri in redirect_uris for word in ("--redirect-uri", uri)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = [sys.executable, str(PROGRAM), "--folder", folder, *uris]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True) as process:
            silence = threading.Timer(STARTING, process.kill)
            silence.start()
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                silence.cancel()
                if not line:
                    log.seek(0)
                    raise RuntimeError(f"django-allauth did not start:\n{log.read()}")
                yield str(json.loads(line)["issuer"])
            finally:
                silence.cancel()
                process.terminate()
