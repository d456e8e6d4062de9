"""Imports run down the floors and never round (ARCHITECTURE.md), also those inside functions."""

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

FLOORS = {
    0: """
        errors text token parcel parameters environment
        grant options
        oauth oauth.messages oauth.metadata oauth.id_token oauth.pkce oauth.token_response oauth.device_authorization
        callback callback.pages
        display display.card display.claims display.qr display.waiting
        store store.key store.record
    """,
    1: """
        background clock params dotenv_file
        oauth.provider oauth.http oauth.connections oauth.userinfo
        callback.sockets callback.listener callback.browser callback.jupyter callback.rendezvous
        store.memory store.file store.keyring store.lock store.folder store.sealing store.system_keyring store.warning
        store.opening
    """,
    2: """
        attempt kept_tokens
        oauth.implicit oauth.authorization oauth.code oauth.refresh oauth.device
    """,
    3: """
        __init__ auth second_try httpx_auth distributed worker_auth sign_ins sign_out session
        magics token_magic completion cli __main__
        callback.server_extension
        display.panel display.tracebacks display.inspection display.pasting display.widget
    """,
}
"""Rules, doors, flows, user: each module stands on one floor. `__init__` is the package itself."""

# What a floor may import beside the package's own modules. The standard library is open to all of them but for what
# is named here; other libraries are closed but for those named.
CLOSED_STANDARD_LIBRARY = {
    # Sockets, clocks, processes and threads: a rule is a table of values.
    0: "asyncio concurrent ftplib http multiprocessing queue sched select selectors signal smtplib socket socketserver "
    "ssl subprocess threading time urllib.request webbrowser xmlrpc",
    1: "",
    2: "",
    3: "",
}
OPEN_LIBRARIES = {
    # authlib's pure functions: nothing of its integrations, which bring an HTTP client.
    0: "authlib.common authlib.oauth2.rfc6749 authlib.oauth2.rfc7636 authlib.oauth2.rfc8628 authlib.oauth2.rfc9207 "
    "authlib.oidc dotenv joserfc segno",
    1: "authlib bottle cryptography dotenv joserfc jupyter_core keyring requests urllib3 waitress",
    2: "authlib dotenv joserfc requests",
    3: "IPython anyio anywidget authlib distributed dotenv httpx ipykernel joserfc jupyter_core jupyter_server "
    "keyring requests tornado traitlets",
}
DEPRECATED = "authlib.jose"
CLOCKS = {"now", "utcnow", "today"}
"""Methods of `datetime` and `date` that read the clock, closed to floor 0."""


@dataclass(frozen=True)
class Import:
    """One name that a module imports."""

    module: str
    line: int
    name: str
    at_load: bool

    def __str__(self) -> str:
        """Say where it stands."""
        return f"{self.module}:{self.line} imports {self.name}"


def floors() -> dict[str, int]:
    """Return the floor of each module in the table."""
    return {module: floor for floor, modules in FLOORS.items() for module in modules.split()}


def modules(package: str) -> dict[str, Path]:
    """Return the files of *package* by their dotted name within it; a package is its `__init__.py`."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT / package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


def imports(package: str, module: str, path: Path) -> Iterator[Import]:
    """Return every import of a file, with relative ones made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    within = {id(node) for function in functions(tree) for node in ast.walk(function)}
    for node in ast.walk(tree):
        for name in imported_names(package, path, node):
            yield Import(f"{package}.{module}", node.lineno, name, at_load=id(node) not in within)  # type: ignore[attr-defined]


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Return the functions of a file, and its blocks for type checkers only: nothing of them runs at load."""
    for node in ast.walk(tree):
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if is_typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node


def imported_names(package: str, path: Path, node: ast.AST) -> Iterator[str]:
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
    """Return `base.name` if that is a module of ours (`from .oauth import pkce`), else *base*; others in full."""
    if base.split(".")[0] not in (PACKAGE, NEIGHBOUR):
        return f"{base}.{name}"
    place = ROOT.joinpath(*base.split("."), name)
    return f"{base}.{name}" if place.with_suffix(".py").exists() or place.is_dir() else base


def all_imports(package: str = PACKAGE) -> list[Import]:
    """Return the imports of all files of *package*."""
    return [each for module, path in modules(package).items() for each in imports(package, module, path)]


def local(name: str) -> str:
    """Return the name in the table of a module of the package."""
    return name.removeprefix(PACKAGE).removeprefix(".") or "__init__"


def is_ours(name: str) -> bool:
    """Tell whether *name* is of the package itself."""
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def is_under(name: str, roots: str) -> bool:
    """Tell whether *name* is, or lies in, one of *roots*."""
    return any(name == root or name.startswith(f"{root}.") for root in roots.split())


def complaints_about_libraries(floor: int) -> list[str]:
    """Return what the modules of *floor* import from outside and should not."""
    table = floors()
    complaints = []
    for each in all_imports():
        if is_ours(each.name) or table.get(local(each.module)) != floor:
            continue
        if each.name.split(".")[0] in sys.stdlib_module_names:
            allowed = not is_under(each.name, CLOSED_STANDARD_LIBRARY[floor])
        else:
            allowed = is_under(each.name, OPEN_LIBRARIES[floor])
        if not allowed:
            complaints.append(f"{each}, closed to floor {floor}")
    return complaints


def test_every_module_stands_on_one_floor() -> None:
    """The table names each module of the package once, and nothing else."""
    named = [module for modules in FLOORS.values() for module in modules.split()]
    assert sorted(named) == sorted(set(named))
    there = set(modules(PACKAGE))
    assert there - set(named) == set(), "these are not in the table"
    assert set(named) - there == set(), "these are in the table only"


def test_no_import_goes_up() -> None:
    """A module imports from its own floor or below."""
    table = floors()
    up = [
        f"{each}: floor {table[local(each.module)]} from floor {table[local(each.name)]}"
        for each in all_imports()
        if is_ours(each.name) and table.get(local(each.name), 0) > table.get(local(each.module), 3)
    ]
    assert up == []


def test_no_import_goes_round() -> None:
    """What a module imports when it is loaded never leads back to it."""
    graph: dict[str, set[str]] = {}
    for each in all_imports():
        if is_ours(each.name) and each.at_load:
            graph.setdefault(local(each.module), set()).add(local(each.name))

    def circle(module: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if module in path:
            return (*path[path.index(module) :], module)
        return next(filter(None, (circle(name, (*path, module)) for name in sorted(graph.get(module, ())))), ())

    assert [found for module in graph if (found := circle(module, ()))] == []


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_uses_its_own_libraries_only(floor: int) -> None:
    """Rules know no sockets, threads and clocks; doors and flows know no IPython; nobody knows what is not listed."""
    assert complaints_about_libraries(floor) == []


def test_rules_read_no_clock() -> None:
    """On floor 0 time comes in as an argument: `datetime.now` and its like are not called."""
    table = floors()
    calls = [
        f"{module}:{node.lineno} calls {ast.unparse(node.func)}"
        for module, path in modules(PACKAGE).items()
        if table.get(module) == 0
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert calls == []


def test_the_two_packages_do_not_know_each_other() -> None:
    """The wire is the contract of the magic and the fruit service."""
    across = [f"{each}" for each in all_imports(PACKAGE) if is_under(each.name, NEIGHBOUR)]
    across += [f"{each}" for each in all_imports(NEIGHBOUR) if is_ours(each.name)]
    assert across == []


def test_nobody_uses_what_authlib_deprecates() -> None:
    """All JOSE is joserfc's: `authlib.jose` is deprecated."""
    old = [f"{each}" for each in all_imports(PACKAGE) + all_imports(NEIGHBOUR) if is_under(each.name, DEPRECATED)]
    assert old == []
