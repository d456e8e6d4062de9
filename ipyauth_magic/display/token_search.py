"""Whether a token stands in megabytes of output: two quick tests rule that out for most, and a search decides the rest.

A kernel packs and sends ten megabytes in fifty milliseconds. A search of them takes one for each token, and more of
a monotonous text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cached_property

_WORD = 8
"""Bytes of a word of a sample."""

_SAMPLED = 256
"""Bytes of the shortest token that is looked for in a sample: for a shorter one, a search takes less time."""

_WIDEST = 128
"""Words from one of a sample to the next, at most. A wider sample would need more memory, and saves little time."""


class TokenSearch:
    """Searches large values for tokens. An object of this class does not change.

    Args:
        forms: the tokens, each in every form in which it may be packed.
    """

    def __init__(self, forms: Collection[bytes]) -> None:
        self._forms = tuple(forms)
        found = Counter(byte for form in self._forms for byte in set(form))
        self._bytes = [bytes([byte]) for byte, _ in found.most_common()]

    def finds_one_in(self, packed: bytes) -> bool:
        """Tell whether any of the tokens stands in *packed*."""
        possible = self._possible_in(packed)
        if any(len(form) >= _SAMPLED for form in possible) and not self._sample.may_be_of(packed):
            possible = [form for form in possible if len(form) < _SAMPLED]
        return any(form in packed for form in possible)

    def _possible_in(self, packed: bytes) -> list[bytes]:
        """Return the forms of which *packed* has each byte, as far as that is known soon.

        That *packed* lacks a byte is known in half of the time of a search, and mostly rules out all forms. A byte
        that it often has is found at once.
        """
        possible, left = list(self._forms), len(packed)
        for byte in self._bytes:
            at = packed.find(byte)
            if at < 0:
                possible = [form for form in possible if byte not in form]
            left -= at if at >= 0 else len(packed)
            if left < 0 or not possible:
                break
        return possible

    @cached_property
    def _sample(self) -> _Sample:
        return _Sample([form for form in self._forms if len(form) >= _SAMPLED])


class _Sample:
    """Words at equal distances, so close that one of them lies within each long token, wherever it stands."""

    def __init__(self, forms: Collection[bytes]) -> None:
        self._step = min((min(map(len, forms)) - _WORD + 1) // _WORD, _WIDEST)
        length = self._step * _WORD
        # The first word within a token begins at one of its first *length* bytes.
        self._words = {word for form in forms for at in range(_WORD) for word in _words(form[at : at + length])}

    def may_be_of(self, packed: bytes) -> bool:
        """Tell whether *packed* has a word of a token where the sample of it is taken."""
        return not self._words.isdisjoint(_words(packed)[:: self._step])


def _words(packed: bytes) -> memoryview:
    """Return *packed* as integers of `_WORD` bytes, without the bytes that are left over."""
    return memoryview(packed)[: len(packed) // _WORD * _WORD].cast("Q")
