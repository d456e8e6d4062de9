"""`make audit`: known vulnerabilities of the packages in the lock files, those of the images and of the tests' Node.js.

A package without an answer from the database of advisories counts as a failure: silence is not a clean audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .node import find_node

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "fruit_service" / "requirements.txt"


class NotAudited(Exception):
    """The advisories could not be read. `str(error)` is the reason."""


def main() -> int:
    """Audit each lock file, print one line for each, and return the exit status."""
    audits: dict[Path, Callable[[Path], list[str]]] = {IMAGES: of_python}
    audits |= dict.fromkeys(sorted(ROOT.glob("tests/support/*/package-lock.json")), of_node)
    is_clean = True
    for lock, audit in audits.items():
        try:
            found = audit(lock)
            said = f"vulnerable: {', '.join(found)}" if found else "no known vulnerability"
            is_clean = is_clean and not found
        except NotAudited as error:
            said, is_clean = f"not audited, because the advisories could not be read: {error}", False
        print(f"{lock.relative_to(ROOT)}: {said}", flush=True)
    return 0 if is_clean else 1


def of_python(lock: Path) -> list[str]:
    """Return the vulnerabilities of a requirements file with hashes.

    Raises:
        NotAudited: pip-audit has no answer for some of its packages.
    """
    command = (sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json")
    return python_findings(*_output(*command, "--requirement", str(lock), folder=ROOT))


def of_node(lock: Path) -> list[str]:
    """Return the vulnerabilities of a package-lock.json.

    Raises:
        NotAudited: npm has no answer.
    """
    return node_findings(*_output(*find_node().npm, "audit", "--json", folder=lock.parent))


def python_findings(output: str, errors: str) -> list[str]:
    """Return the vulnerabilities in *output* of pip-audit, as `name version: identifiers`.

    Raises:
        NotAudited: it has none, or leaves out packages, as it does where the registry has no advisories.
    """
    packages = _report(output, "dependencies", errors)
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if skipped:
        raise NotAudited(f"{len(skipped)} of {len(packages)} packages were skipped. {skipped[0]}")
    return [
        f"{package['name']} {package['version']}: {' '.join(each['id'] for each in package['vulns'])}"
        for package in packages
        if package["vulns"]
    ]


def node_findings(output: str, errors: str) -> list[str]:
    """Return the vulnerabilities in *output* of npm, as `name: severity`.

    Raises:
        NotAudited: it has none.
    """
    found = _report(output, "vulnerabilities", errors)
    return [f"{name}: {each['severity']}" for name, each in found.items()]


def _report(output: str, member: str, errors: str) -> Any:
    try:
        report = json.loads(output)
    except ValueError as error:
        raise NotAudited(*errors.strip().splitlines()[-1:]) from error
    if member not in report:  # npm has its reason there
        raise NotAudited(report.get("message", "there was no answer"))
    return report[member]


def _output(*command: str, folder: Path) -> tuple[str, str]:
    """Return both outputs of *command*. Its exit status says little: it is 1 with findings, and without an answer."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    return done.stdout, done.stderr


if __name__ == "__main__":
    sys.exit(main())
