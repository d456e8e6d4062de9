"""Baskets: the scopes that read or write each, and the rules for adding fruits."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from .errors import BadRequest, BasketFull

Fruits = Mapping[str, Sequence[str]]
"""Names of fruits, by basket."""

STARTING_LISTS: Fruits = MappingProxyType(
    {
        "usual": ("apple", "orange", "cherry", "apricot"),
        "exotic": ("kiwi", "lychee", "papaya", "durian"),
    }
)
BASKETS = tuple(STARTING_LISTS)
MAX_FRUITS = 1000
"""Most fruits in one basket."""
MAX_NAME = 64
"""Longest name in characters, both as sent and as stored (NFC)."""
_TOO_LONG = f"The name of a fruit has at most {MAX_NAME} characters."

READ: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"read:usual-fruit": ("usual",), "read:exotic-fruit": ("usual", "exotic")}
)
WRITE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"write:usual-fruit": ("usual",), "write:exotic-fruit": ("usual", "exotic")}
)


def allowed(scopes: Iterable[str], rights: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the baskets that *scopes* allow by *rights* (`READ` or `WRITE`)."""
    opened = {basket for scope in scopes for basket in rights.get(scope, ())}
    return tuple(basket for basket in BASKETS if basket in opened)


@lru_cache(maxsize=1024)
def readable(scopes: frozenset[str]) -> tuple[str, ...]:
    """Return the baskets that *scopes* may read; cached, because each request needs them."""
    return allowed(scopes, READ)


def identity(name: str) -> str:
    """Return the key of a fruit, the same for all spellings of *name*."""
    return unicodedata.normalize("NFC", _tidy(name).casefold())


def _tidy(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def checked(body: object) -> dict[str, list[str]]:
    """Return the fruits of a request body, with normalized names.

    Raises:
        BadRequest: the body is not as the API documents it.
    """
    if not isinstance(body, dict) or not body or not set(body) <= set(BASKETS):
        raise BadRequest('Send a JSON object with "usual", "exotic" or both.')
    return {basket: _names(basket, body[basket]) for basket in BASKETS if basket in body}


def _names(basket: str, names: object) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadRequest(f'"{basket}" must be a list of names.')
    return [_name(name) for name in names]


def _name(name: str) -> str:
    # Before normalization, whose time grows with the square of the length for a text of accents.
    if len(name) > MAX_NAME:
        raise BadRequest(_TOO_LONG)
    # Cc: control characters. Cs: surrogates, which UTF-8 does not have.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BadRequest("The name of a fruit must not have control characters.")
    tidy = _tidy(name)
    if not tidy:
        raise BadRequest("A fruit needs a name.")
    if len(tidy) > MAX_NAME:  # NFC makes two or three characters of some
        raise BadRequest(_TOO_LONG)
    return tidy


def new_fruits(basket: str, known: Iterable[str], size: int, names: Iterable[str]) -> dict[str, str]:
    """Return those of *names* that are not in *basket* yet, by identity.

    *known* contains at least the identities of *names* that are in the basket. *size* is its number of fruits.
    """
    identities = set(known)
    new: dict[str, str] = {}
    for name in names:
        if identity(name) not in identities:
            new.setdefault(identity(name), name)
    if new and size + len(new) > MAX_FRUITS:
        raise BasketFull(f"The basket of {basket} fruits has room for {MAX_FRUITS} only.")
    return new
