"""Whether a token stands in what a kernel sends, at a small part of the time in which it is packed and sent.

Ten megabytes are packed and sent in fifty milliseconds. A search of them takes one for each token, and more of a
monotonous text. So a sample is compared instead of the whole, and what cannot have a token in it is not searched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

PIECE = 40
"""Characters of the shortest piece of a token that is masked without the rest."""

WORD = 8
"""Bytes of a word, which is compared at once."""

_SAMPLED = 256
"""Bytes of the shortest token that is looked for in a sample of megabytes: a search for a shorter one takes less."""


class TokenSearch:
    """Searches packed values for tokens. An object of this class does not change.

    Args:
        forms: the tokens, each in every form in which it may be packed.
    """

    def __init__(self, forms: Collection[bytes]) -> None:
        self._forms = tuple(forms)
        self._short = [form for form in self._forms if len(form) < PIECE]
        found = Counter(byte for form in self._forms for byte in set(form))
        self._bytes = [bytes([byte]) for byte, _ in found.most_common()]
        self._words = {word for form in self._forms for at in range(WORD) for word in _words(form[at:])}
        long = [len(form) for form in self._forms if len(form) >= _SAMPLED]
        self._widest = _step(min(long, default=_SAMPLED))

    def finds_piece_in(self, packed: bytes) -> bool:
        """Tell whether *packed* may contain `PIECE` characters of a token or more, or one that is shorter."""
        return self._has_word(packed, _step(PIECE)) or any(form in packed for form in self._short)

    def finds_one_in(self, packed: bytes) -> bool:
        """Tell whether one of the tokens stands in *packed*, which is large."""
        possible = self._possible_in(packed)
        if any(len(form) >= _SAMPLED for form in possible) and not self._has_word(packed, self._widest):
            possible = [form for form in possible if len(form) < _SAMPLED]
        return any(form in packed for form in possible)

    def knows(self, text: bytes) -> bool:
        """Tell whether the first `WORD` bytes of *text* are a part of a token."""
        return self._has_word(text[:WORD], 1)

    def _has_word(self, packed: bytes, step: int) -> bool:
        """Tell whether one word of *packed* in *step* is a word of a token."""
        return not self._words.isdisjoint(_words(packed)[::step])

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


def _words(packed: bytes) -> memoryview:
    """Return *packed* as integers of `WORD` bytes, without the bytes that are left over."""
    return memoryview(packed)[: len(packed) // WORD * WORD].cast("Q")


def _step(length: int) -> int:
    """Return how many words apart a sample may be, so that any *length* bytes in a row have one of its words whole."""
    return (length - WORD + 1) // WORD
