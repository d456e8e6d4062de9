"""The scenarios for OAuth clients of the Model Context Protocol's own conformance suite, an npm package.

The client is `tests/support/mcp_client.py`: `login(url)`, `auth.httpx()` and four messages. Each scenario starts a
server and an authorization server, runs the client, and judges what the client sent to both.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine import NO_BROWSER, environment
from tests.support.node import Node, with_packages

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "support" / "mcp_conformance"
SUITE = FOLDER / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
DEADLINE = 60
"""Seconds for a scenario, which takes two."""

PASSED = (
    "metadata-default",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "basic-cimd",
    "scope-from-www-authenticate",
    "scope-from-scopes-supported",
    "scope-omitted-when-undefined",
    "scope-step-up",
    "scope-retry-limit",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-post",
    "token-endpoint-auth-none",
    "pre-registration",
    "resource-mismatch",
    "offline-access-scope",
    "offline-access-not-supported",
)

NOT_PASSED = (
    "2025-03-26-oauth-metadata-backcompat",
    "2025-03-26-oauth-endpoint-fallback",
    "client-credentials-jwt",
    "client-credentials-basic",
    "cross-app-access-complete-flow",
)
"""docs/conformance.md has the reasons."""

PAGE = ROOT / "docs" / "conformance.md"


@pytest.fixture(scope="module")
def node() -> Node:
    """Return a Node.js, with the suite installed."""
    return with_packages(FOLDER)


def conformance(node: Node, *arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the suite's command in *folder*. It splits a client's command at spaces, so `python` is found on the path."""
    command = [node.node, str(SUITE), *arguments]
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = environment(NO_BROWSER, {"PATH": path, "PYTHONPATH": str(ROOT)}, variables)
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=2 * DEADLINE)


@pytest.mark.parametrize("scenario", PASSED)
def test_scenario(node: Node, tmp_path: Path, scenario: str) -> None:
    """The suite finds nothing to complain of, not even a warning."""
    outcome = conformance(
        node,
        *("client", "--scenario", f"auth/{scenario}", "--timeout", str(1000 * DEADLINE)),
        *("--command", "python -m tests.support.mcp_client"),
        folder=tmp_path,
        BROWSER="python -m tests.support.following_tab %s &",
        HOME=str(tmp_path),
        XDG_DATA_HOME=str(tmp_path / "data"),
        XDG_CONFIG_HOME=str(tmp_path / "config"),
        XDG_RUNTIME_DIR=str(tmp_path),
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "OVERALL: PASSED" in outcome.stderr


def test_each_scenario_is_known(node: Node, tmp_path: Path) -> None:
    """A newer suite may have more of them: each is passed, or the documentation says why not."""
    listed = conformance(node, "list", "--client", folder=tmp_path).stdout
    assert sorted(re.findall(r"- auth/(\S+)", listed)) == sorted([*PASSED, *NOT_PASSED])


def test_documentation_has_each_scenario() -> None:
    """With its outcome, and with the release of the suite."""
    page = PAGE.read_text(encoding="utf-8")
    found = {}
    for names, _, outcome in re.findall(r"^\| (`.*?) \| (.*?) \| (.*) \|$", page, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", names), outcome.partition(":")[0])
    assert found == dict.fromkeys(PASSED, "passed") | dict.fromkeys(NOT_PASSED, "not passed")
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert f"release {locked['node_modules/@modelcontextprotocol/conformance']['version']}" in page
