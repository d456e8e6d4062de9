"""The known word that a misspelt one was meant for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .parameters import ALIASES, CLIENT_SECRET, EVERYDAY_WORDS, FIELDS, SECRETS, canonical_name, in_small

LIKE = 0.67
"""The least likeness of a word to the known one that is named: `lst` is like `list`, `foo` is not like `flow`."""

_LONGEST = 60
"""Characters of a word that are compared: a likeness to a longer one is none."""

_SHORTEST_BEGINNING = 3


def most_alike(word: str, known: Iterable[str], cutoff: float = LIKE) -> str | None:
    """Return the one of *known* that is most like *word*, or None if their likeness is below *cutoff* (0 to 1)."""
    import difflib

    words = {in_small(each): each for each in known}
    near = difflib.get_close_matches(in_small(word[:_LONGEST]), words, n=1, cutoff=cutoff)
    return words[near[0]] if near else None


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the one of *known* that *word* is the beginning of, or is like; None if there is none such."""
    begun = [each for each in known if in_small(each).startswith(in_small(word))]
    if len(begun) == 1 and len(word) >= _SHORTEST_BEGINNING:
        return begun[0]
    return most_alike(word, known)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the question that names the one of *known* that *word* was meant for, after a space; or nothing."""
    near = nearest(word, known)
    return f" Did you mean `{near}`?" if near else ""


def nearest_name(name: str) -> str | None:
    """Return the parameter, or the secret's name, that *name* was meant for; None if it is like none of them."""
    near = nearest(name, (*FIELDS, *ALIASES, *sorted(SECRETS)))
    is_of_environment = in_small(name).startswith("auth0")
    return near if near is None or is_of_environment else canonical_name(near) or CLIENT_SECRET


def looks_misspelt(name: str) -> bool:
    """Return whether *name*, which is unknown, was probably meant to be a parameter, in a place with other names too.

    A known name with one more word, as `DB_CONNECTION`, is taken for another program's name.
    """
    # Swapped letters leave a likeness of 0.8. A lower bound of it spares difflib most of its work.
    known = (*FIELDS, *ALIASES, *sorted(SECRETS))
    given, near = in_small(name), in_small(most_alike(name, known, cutoff=0.6) or "")
    if set(near.split("_")) < set(given.strip("_").split("_")) or (name.isupper() and near in EVERYDAY_WORDS):
        return False
    # difflib counts swapped letters as two mistakes, which is too many in a short name.
    return most_alike(name, known, cutoff=0.84) is not None or _has_neighbours_swapped(given, near)


def _has_neighbours_swapped(given: str, known: str) -> bool:
    return any(given == known[:i] + known[i + 1] + known[i] + known[i + 2 :] for i in range(len(known) - 1))
