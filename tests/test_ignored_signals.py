"""The tests hold where they are started with SIGINT ignored, as a script's `make test &` starts them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine import environment

ROOT = Path(__file__).parents[1]
INTERRUPTED = (
    "magic/test_command_line.py::test_ctrl_c",
    "magic/test_pasting.py::test_ctrl_c_in_a_terminal",
    "magic/test_pasting.py::test_an_interrupt_is_the_users_own",
)
"""Tests in which Ctrl-C comes to a process, to a program in a terminal, and to the process of the tests."""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix starts programs so")
@pytest.mark.parametrize("test", INTERRUPTED)
def test_an_interrupt_arrives_though_the_shell_ignores_it(test: str) -> None:
    """Programs inherit an ignored signal; the tests start theirs with the default."""
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=60", f"tests/{test}")
    ran = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        cwd=ROOT,
        env=environment({"PYTEST_ADDOPTS": None}),
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
