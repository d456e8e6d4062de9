"""Baskets: which scope reads or writes which, and what adding fruits does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from .errors import BadRequest, BasketFull

Fruits = Mapping[str, Sequence[str]]
"""Names of fruits by basket."""

STARTING_LISTS: Fruits = MappingProxyType(
    {
        "usual": ("apple", "orange", "cherry", "apricot"),
        "exotic": ("kiwi", "lychee", "papaya", "durian"),
    }
)
BASKETS = tuple(STARTING_LISTS)
MAX_FRUITS = 1000
"""In one basket."""
MAX_NAME = 64
"""In characters, as it is sent and as it is kept, composed (NFC)."""
_TOO_LONG = f"The name of a fruit has at most {MAX_NAME} characters."

READ: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"read:usual-fruit": ("usual",), "read:exotic-fruit": ("usual", "exotic")}
)
WRITE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"write:usual-fruit": ("usual",), "write:exotic-fruit": ("usual", "exotic")}
)


def allowed(scopes: Iterable[str], rights: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the baskets that *scopes* open by *rights* (`READ` or `WRITE`)."""
    opened = {basket for scope in scopes for basket in rights.get(scope, ())}
    return tuple(basket for basket in BASKETS if basket in opened)


@lru_cache(maxsize=1024)
def readable(scopes: frozenset[str]) -> tuple[str, ...]:
    """Return the baskets that may be read; kept, because every request asks."""
    return allowed(scopes, READ)


def identity(name: str) -> str:
    """Return what two spellings of one fruit have in common."""
    return unicodedata.normalize("NFC", _tidy(name).casefold())


def _tidy(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def checked(body: object) -> dict[str, list[str]]:
    """Return the fruits of a request body, tidied; `BadRequest` says what is wrong with it."""
    if not isinstance(body, dict) or not body or not set(body) <= set(BASKETS):
        raise BadRequest('Send a JSON object with "usual", "exotic" or both.')
    return {basket: _names(basket, body[basket]) for basket in BASKETS if basket in body}


def _names(basket: str, names: object) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadRequest(f'"{basket}" must be a list of names.')
    return [_name(name) for name in names]


def _name(name: str) -> str:
    # Before it is tidied: to compose a long text of accents takes time with the square of its length.
    if len(name) > MAX_NAME:
        raise BadRequest(_TOO_LONG)
    # Cc: control characters; Cs: half of a character, which no UTF-8 can hold.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BadRequest("The name of a fruit has no control characters.")
    tidy = _tidy(name)
    if not tidy:
        raise BadRequest("A fruit needs a name.")
    if len(tidy) > MAX_NAME:  # some characters are composed as two or three
        raise BadRequest(_TOO_LONG)
    return tidy


def new_fruits(basket: str, known: Iterable[str], size: int, names: Iterable[str]) -> dict[str, str]:
    """Return those of *names* that are not in *basket* yet, by identity.

    *known* are the identities in it, as far as they may be those of *names*; *size* is how many fruits it holds.
    """
    identities = set(known)
    new: dict[str, str] = {}
    for name in names:
        if identity(name) not in identities:
            new.setdefault(identity(name), name)
    if new and size + len(new) > MAX_FRUITS:
        raise BasketFull(f"The basket of {basket} fruits holds {MAX_FRUITS} and no more.")
    return new
