"""ARCHITECTURE.md names the layers and the files that there are, and the steps of one sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, NEIGHBOUR, PACKAGE

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DRAWINGS = re.findall(r"^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\w+\.(?:py|html|js|css)")


def listed(package: str) -> Iterator[str]:
    """Return the Python files that the list of *package* names; its indentation tells the folders."""
    [tree] = [drawing for drawing in DRAWINGS if drawing.startswith(f"{package}/\n")]
    folders = [package]
    for line in tree.splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        del folders[depth:]
        folder = re.match(r"(\w+)/", line.lstrip())
        inside = [*folders, folder[1]] if folder else folders
        yield from ("/".join([*inside, name]) for name in FILE.findall(line) if name.endswith(".py"))
        if folder:
            folders.append(folder[1])


def modules_of(package: str) -> set[str]:
    """Return the modules of *package*, but for those that only make a folder a package."""
    files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
    return {path for path in files if not path.endswith("__init__.py")}


@pytest.mark.parametrize("package", [PACKAGE, NEIGHBOUR])
def test_the_list_of_a_package_is_complete(package: str) -> None:
    """Every module is named once, and no other file is."""
    paths = [path for path in listed(package) if not path.endswith("__init__.py")]
    assert len(paths) == len(set(paths)) > 20
    assert modules_of(package) - set(paths) == set(), "these are not in the list"
    assert set(paths) - modules_of(package) == set(), "these are in the list only"


def test_the_table_of_the_layers_is_that_of_the_test() -> None:
    """In the same order."""
    [table] = re.findall(r"^\| layer .*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    cells = [row.split("|")[1] for row in table.strip().splitlines()[2:]]
    assert [name for cell in cells for name in re.findall(r"`(\w+)`", cell)] == list(LAYERS)


def test_the_drawing_of_a_sign_in_has_the_steps_below_it() -> None:
    """Its numbers are those of the list, in order."""
    [drawing] = [drawing for drawing in DRAWINGS if "browser" in drawing and "/authorize" in drawing]
    below = TEXT.partition(drawing)[2]
    steps = re.findall(r"^(\d)\. ", below, re.MULTILINE)
    assert re.findall(r"(?<![\w#])([1-9])(?= \S)", drawing) == steps != []


def test_what_the_steps_name_is_there() -> None:
    """Each file in backticks exists, and each name of a class or function is in the package."""
    files = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|js))`", TEXT)) - {"tests/test_layers.py"}
    prefixes = (ROOT / PACKAGE, ROOT / PACKAGE / "callback", ROOT)
    assert [name for name in files if not any((prefix / name).exists() for prefix in prefixes)] == []
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / PACKAGE).rglob("*.py"))
    names = {name for dotted in re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", TEXT) for name in dotted.split(".")}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", code)] == []
