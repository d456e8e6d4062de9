"""ARCHITECTURE.md names the files that there are, on the floors where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.test_layers import PACKAGE, floors

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DRAWINGS = re.findall(r"^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Listed:
    """A file or folder of a list, from the root of the project, and the floor beside it."""

    path: str
    floor: int | None


def listed(package: str) -> Iterator[Listed]:
    """Return what the list of *package* names; its indentation tells the folders."""
    [tree] = [drawing for drawing in DRAWINGS if drawing.startswith(f"{package}/\n")]
    folders = [package]
    for line in tree.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"((?:[\w*]+(?:\.[\w*]+|/) +)+)(\d )?", line.lstrip() + " ")
        assert names, line
        del folders[depth:]
        for name in names[1].split():
            yield Listed("/".join([*folders, name.rstrip("/")]), int(names[2]) if names[2] else None)
        if names[1].rstrip().endswith("/"):
            folders.append(names[1].strip(" /"))


def modules_of(package: str) -> set[str]:
    """Return the modules of *package*, but for those that only make a folder a package."""
    files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
    return {path for path in files if not path.endswith("__init__.py")}


@pytest.mark.parametrize("package", [PACKAGE, "fruit_service"])
def test_the_list_of_a_package_is_complete(package: str) -> None:
    """Every module is named once, and whatever else is named is there."""
    paths = [each.path for each in listed(package)]
    assert len(paths) == len(set(paths)) > 20
    assert modules_of(package) - set(paths) == set(), "these are not in the list"
    assert [path for path in paths if not list(ROOT.glob(path))] == [], "these are in the list only"


def test_the_list_tells_the_floors() -> None:
    """The number beside a module is that of the table in test_layers.py."""
    table = {f"{PACKAGE}/{module.replace('.', '/')}.py": floor for module, floor in floors().items()}
    told = {each.path: each.floor for each in listed(PACKAGE) if each.path.endswith(".py")}
    assert told == {path: table[path] for path in told}


def test_the_drawing_of_the_floors_shows_every_module() -> None:
    """Each on its own floor, in the line of its folder."""
    [drawing] = [drawing for drawing in DRAWINGS if "3  user" in drawing]
    shown: dict[str, int] = {}
    floor = -1
    for line in drawing.splitlines():
        if number := re.match(r" (\d)  \w+ +┌", line):
            floor = int(number[1])
        if inside := re.match(r" +│ ((\w+)/)? *([\w ]+?) +│", line):
            shown |= {"/".join(filter(None, [PACKAGE, inside[2], f"{name}.py"])): floor for name in inside[3].split()}
    table = {f"{PACKAGE}/{module.replace('.', '/')}.py": floor for module, floor in floors().items()}
    assert shown == {path: table[path] for path in modules_of(PACKAGE)}


def test_the_drawing_of_a_sign_in_has_the_steps_below_it() -> None:
    """Its numbers are those of the list, in order."""
    [drawing] = [drawing for drawing in DRAWINGS if "browser" in drawing and "/authorize" in drawing]
    below = TEXT.partition(drawing)[2]
    steps = re.findall(r"^(\d)\. ", below, re.MULTILINE)
    assert re.findall(r"(?<![\w#])([1-9])(?= \S)", drawing) == steps != []
