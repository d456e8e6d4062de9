"""A folder is a layer: it imports only from those before it, inside functions and for type checkers too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "ipyauth_magic"
NEIGHBOUR = "fruit_service"

LAYERS = (
    "text",
    "markup",
    "errors",
    "protocol",
    "settings",
    "provider",
    "store",
    "callback",
    "flows",
    "display",
    "clients",
    "auth",
    "one_line",
    "ipython",
    "cli",
    "demo",
)
"""The entries of the package, in the order of imports."""

NAMES_ONLY = ("__init__", "__main__", "params", "token", "session")
"""Modules that only give names to others: no layer imports from them."""

BIGGEST_FILE = 350
MOST_METHODS = 15
METHODS_OF_AUTH = 25
"""The contract of `Auth` has more names than a class should."""
MOST_OWN_IMPORTS = 12

# What a layer may import beside the package's own modules. The standard library is open to all of them, but rules
# know no sockets, clocks, processes and threads: each is a table of values.
NOT_FOR_RULES = (
    "asyncio concurrent ftplib http multiprocessing queue sched select selectors signal smtplib socket socketserver "
    "ssl subprocess threading time urllib.request webbrowser xmlrpc"
)
RULES = ("text", "markup", "errors", "protocol")
LIBRARIES = {
    "text": "",
    "markup": "",
    "errors": "",
    "protocol": "joserfc",
    "settings": "dotenv platformdirs",
    "provider": "joserfc requests urllib3",
    "store": "cryptography filelock joserfc keyring",
    "callback": "bottle cryptography jupyter_core jupyter_server requests tornado waitress",
    "flows": "",
    "display": "IPython anywidget segno traitlets",
    "clients": "anyio distributed joserfc requests",
    "auth": "distributed",
    "one_line": "",
    "ipython": "IPython traitlets",
    "cli": "argcomplete",
    "demo": "requests",
}
DEPRECATED = "authlib.jose"
CLOCKS = {"now", "utcnow", "today"}
"""Methods of `datetime` and `date` that read the clock, closed to rules."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports."""

    module: str
    line: int
    name: str

    def __str__(self) -> str:
        """Say where it stands."""
        return f"{self.module}:{self.line} imports {self.name}"


def modules(package: str) -> dict[str, Path]:
    """Return the files of *package* by their dotted name within it; a package is its `__init__.py`."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(package: str, module: str, path: Path) -> Iterator[Import]:
    """Return every import of a file, with relative ones made absolute."""
    for node in ast.walk(tree_of(path)):
        for name in imported_names(path, node):
            yield Import(f"{package}.{module}", node.lineno, name)


def imported_names(path: Path, node: ast.AST) -> Iterator[str]:
    """Return the dotted names that *node* imports, if it is an import."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            folder = path.parent.relative_to(ROOT).parts
            base = ".".join(filter(None, [*folder[: len(folder) - node.level + 1], node.module]))
        yield from (submodule_or_module(base, alias.name) for alias in node.names)


def submodule_or_module(base: str, name: str) -> str:
    """Return `base.name` if that is a module of ours (`from .protocol import pkce`), else *base*; others in full."""
    if base.split(".")[0] not in (PACKAGE, NEIGHBOUR):
        return f"{base}.{name}"
    place = ROOT.joinpath(*base.split("."), name)
    return f"{base}.{name}" if place.with_suffix(".py").exists() or place.is_dir() else base


def all_imports(package: str = PACKAGE) -> list[Import]:
    """Return the imports of all files of *package*."""
    return [each for module, path in modules(package).items() for each in imports(package, module, path)]


def is_of(name: str, package: str) -> bool:
    """Tell whether *name* is of *package*."""
    return name == package or name.startswith(f"{package}.")


def layer_of(name: str) -> str:
    """Return the entry of the package in which *name* lies, a module's full dotted name."""
    return name.removeprefix(PACKAGE).removeprefix(".").split(".")[0] or "__init__"


def is_under(name: str, roots: str) -> bool:
    """Tell whether *name* is, or lies in, one of *roots*."""
    return any(is_of(name, root) for root in roots.split())


def test_every_entry_of_the_package_is_a_layer() -> None:
    """The table names each folder and file at the top of the package, and nothing else."""
    there = {layer_of(f"{PACKAGE}.{module}") for module in modules(PACKAGE)}
    assert there == {*LAYERS, *NAMES_ONLY}


def test_a_folder_imports_only_from_those_before_it() -> None:
    """Imports inside functions and for type checkers count too; within a folder they are free, but go in no circle."""
    order = {layer: number for number, layer in enumerate((*LAYERS, *NAMES_ONLY))}
    up = [
        str(each)
        for each in all_imports()
        if is_of(each.name, PACKAGE)
        and each.name != PACKAGE
        and layer_of(each.module) not in NAMES_ONLY
        and order[layer_of(each.name)] > order[layer_of(each.module)]
    ]
    assert up == []


@pytest.mark.parametrize("package", [PACKAGE, NEIGHBOUR])
def test_no_import_goes_in_a_circle(package: str) -> None:
    """No module leads back to itself; imports inside functions and for type checkers count too."""
    graph: dict[str, set[str]] = {}
    for each in all_imports(package):
        if is_of(each.name, package) and each.name != package:
            graph.setdefault(each.module, set()).add(each.name)

    done: set[str] = set()

    def circle(module: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if module in path:
            return (*path[path.index(module) :], module)
        if module in done:
            return ()
        found = next(filter(None, (circle(name, (*path, module)) for name in sorted(graph.get(module, ())))), ())
        done.add(module)
        return found

    assert [found for module in sorted(graph) if (found := circle(module, ()))] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_uses_its_own_libraries_only(layer: str) -> None:
    """Rules use no socket, thread or clock; flows use no IPython; no layer uses a library that is not listed."""
    closed = NOT_FOR_RULES if layer in RULES else ""
    foreign = []
    for each in all_imports():
        if is_of(each.name, PACKAGE) or layer_of(each.module) != layer:
            continue
        if each.name.split(".")[0] in sys.stdlib_module_names:
            is_allowed = not is_under(each.name, closed)
        else:
            is_allowed = is_under(each.name, LIBRARIES[layer])
        foreign += [] if is_allowed else [str(each)]
    assert foreign == []


def test_rules_read_no_clock() -> None:
    """In `protocol` time comes in as an argument: `datetime.now` and its like are not called."""
    calls = [
        f"{module}:{node.lineno} calls {ast.unparse(node.func)}"
        for module, path in modules(PACKAGE).items()
        if module.split(".")[0] in RULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert calls == []


@pytest.mark.parametrize("package", [PACKAGE, NEIGHBOUR])
def test_no_file_of_a_package_is_big(package: str) -> None:
    """A file answers one question."""
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules(package).items()}
    assert {module: count for module, count in lines.items() if count > BIGGEST_FILE} == {}


@pytest.mark.parametrize("package", [PACKAGE, NEIGHBOUR])
def test_no_class_has_many_methods(package: str) -> None:
    """A class has one job."""
    big = {}
    for module, path in modules(package).items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                names = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                count = len(names)  # an overload has the name of its method
                limit = METHODS_OF_AUTH if (module, node.name) == ("auth", "Auth") else MOST_METHODS
                if count > limit:
                    big[f"{module}.{node.name}"] = count
    assert big == {}


@pytest.mark.parametrize("package", [PACKAGE, NEIGHBOUR])
def test_no_file_knows_many_others(package: str) -> None:
    """A file that imports from more than twelve modules of its package does too much."""
    many = {}
    for module, path in modules(package).items():
        own = {each.name for each in imports(package, module, path) if is_of(each.name, package)}
        if len(own) > MOST_OWN_IMPORTS:
            many[module] = len(own)
    assert many == {}


def test_the_two_packages_do_not_import_each_other() -> None:
    """The wire is the contract of the magic and the fruit service."""
    across = [f"{each}" for each in all_imports(PACKAGE) if is_of(each.name, NEIGHBOUR)]
    across += [f"{each}" for each in all_imports(NEIGHBOUR) if is_of(each.name, PACKAGE)]
    assert across == []


def test_no_module_uses_what_authlib_deprecates() -> None:
    """All JOSE is joserfc's: `authlib.jose` is deprecated."""
    old = [f"{each}" for each in all_imports(PACKAGE) + all_imports(NEIGHBOUR) if is_under(each.name, DEPRECATED)]
    assert old == []
