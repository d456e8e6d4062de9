"""The reference is made from the code: nothing that a program may hold is left out of it."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipyauth_magic
from ipyauth_magic import Auth, ParamsAuth0

ROOT = Path(__file__).parents[1]
PYTHON = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
REFERENCE = PYTHON + (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
NAMED = re.findall(r"^::: (\S+)$", REFERENCE, re.MULTILINE)


def test_the_options_are_those_of_the_code() -> None:
    """The page is what its script writes, to the letter; if not: `make pages`."""
    script = runpy.run_path(str(ROOT / "docs" / "options.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"]()


def test_what_is_named_is_there() -> None:
    """Each name of the reference is a module, or something in one."""
    for name in NAMED:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_what_the_package_gives_is_named() -> None:
    """Every class of `__all__`, in the module where it lives; an error, with all the others, in its own page."""
    classes = [each for name in ipyauth_magic.__all__ if isinstance(each := getattr(ipyauth_magic, name), type)]
    assert len(classes) > 2
    assert [each for each in classes if not is_named(each)] == []


def test_what_is_hidden_is_there() -> None:
    """A method that the reference leaves out by its name has that name still."""
    filters = re.findall(r'- "!\^\(([a-z_|]+)\)\$"', PYTHON)
    [names] = filters
    assert [name for name in names.split("|") if not hasattr(ParamsAuth0, name)] == []


def test_auth_has_its_contract_and_nothing_else() -> None:
    """What the package itself needs of an `Auth` does not stand on Tab."""
    contract = """
        sign_in sign_in_async access_token id_token renew is_renewable logged_as scope expires_at time_to_exp claims
        show clear sign_out userinfo session httpx on_dask
    """
    auth = Auth(ParamsAuth0(domain="issuer.example", client_id="c"))
    assert sorted(name for name in dir(auth) if not name.startswith("_")) == sorted(contract.split())


@pytest.mark.parametrize("cls", [Auth, ParamsAuth0])
def test_what_a_program_gets_is_named(cls: type) -> None:
    """The class of all that a shown method returns, and a sentence for the method itself."""
    hidden = re.findall(r'- "!\^\(([a-z_|]+)\)\$"', PYTHON)[0].split("|") if cls is ParamsAuth0 else []
    shown = {name: each for name, each in methods(cls) if name not in hidden}
    assert len(shown) > 3
    assert [name for name, each in shown.items() if not inspect.getdoc(each)] == []
    returned = {name: each.__annotations__["return"] for name, each in shown.items()}
    ours = {each for text in returned.values() for word in re.findall(r"\w+", text) for each in classes_called(word)}
    assert ours
    assert [each for each in ours if not is_named(each)] == []


def methods(cls: type) -> Iterator[tuple[str, object]]:
    """Return the public methods of *cls*, properties by their function."""
    for name, each in vars(cls).items():
        if not name.startswith("_"):
            function = each.fget if isinstance(each, property) else inspect.unwrap(getattr(each, "__func__", each))
            if inspect.isfunction(function):
                yield name, function


def classes_called(name: str) -> Iterator[type]:
    """Return the classes of ours that have this name."""
    for module in ("session", "clients.dask.worker"):
        importlib.import_module(f"ipyauth_magic.{module}")
    for home in [each for name, each in sys.modules.items() if name.startswith("ipyauth_magic.")]:
        each = vars(home).get(name)
        if isinstance(each, type) and each.__module__.startswith("ipyauth_magic."):
            yield each


def is_named(cls: type) -> bool:
    """Return whether the reference has *cls*, by any path that leads to it, or its whole module or package."""
    if cls.__module__ in NAMED or any(named(path) is cls for path in NAMED):
        return True
    packages = [named(path) for path in NAMED if cls.__module__.startswith(f"{path}.")]
    return any(cls.__name__ in getattr(package, "__all__", ()) for package in packages)


def named(path: str) -> object:
    """Return the object at the dotted *path*."""
    module, _, attribute = path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
