"""A snapshot of all fruits, with their JSON texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property

from .baskets import Fruits, identity


class Snapshot:
    """All fruits at one moment. Immutable."""

    def __init__(self, fruits: Fruits) -> None:
        self.fruits: Mapping[str, tuple[str, ...]] = {basket: tuple(names) for basket, names in fruits.items()}
        self._texts: dict[tuple[str, ...], str] = {}

    def json(self, baskets: tuple[str, ...]) -> str:
        """Return the fruits in *baskets* as a JSON object, in that order."""
        text = self._texts.get(baskets)
        if text is None:
            shown = {basket: self.fruits[basket] for basket in baskets}
            # With escapes the text would have up to three times as many bytes.
            text = self._texts[baskets] = json.dumps(shown, ensure_ascii=False)
        return text

    def with_more(self, added: Fruits) -> Snapshot:
        """Return a snapshot with these fruits, followed by *added*."""
        return Snapshot({basket: (*names, *added.get(basket, ())) for basket, names in self.fruits.items()})

    @cached_property
    def _identities(self) -> Mapping[str, frozenset[str]]:
        return {basket: frozenset(map(identity, names)) for basket, names in self.fruits.items()}

    def hold(self, fruits: Mapping[str, Iterable[str]]) -> bool:
        """Return whether all of *fruits* are in it."""
        return all(identity(name) in self._identities[basket] for basket, names in fruits.items() for name in names)
