"""Where tokens stand in a text or a message, as they are or escaped, and the same with masks in their place."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from ..protocol.tokens import Masked
from .token_search import PIECE, WORD, TokenSearch

SHORTEST = 16
"""Characters of the shortest token that is masked, and of the shortest beginning of one: fewer may be a word."""

_LONG = 100_000
"""Characters of the longest text of a stream that is searched for pieces of tokens: a program may print megabytes."""

_LARGE = 1_000_000
"""Bytes of the largest other value that is searched for them."""

_MARKUP = ("html", "markdown", "svg+xml")
"""How the media types end in which a mask would be read as a tag, and not be seen."""


def mask(token: Masked) -> str:
    """Return what is shown in place of *token*; it has no character that is special in JSON or in a script."""
    return f"<{type(token).__name__}, hidden>"


class TokenMasks:
    """The masks of some tokens. An object of this class does not change.

    Args:
        tokens: those to be hidden; each is known once, and shorter ones than `SHORTEST` are not.
    """

    def __init__(self, tokens: Iterable[Masked]) -> None:
        # Plain strings: `Masked` makes a masked object of each part, and these are cut and searched for each output.
        masks = {str(token): mask(token) for token in tokens if len(token) >= SHORTEST}
        self._tokens = tuple(masks.items())
        forms = {form: shown for token, shown in self._tokens for form in _forms(token)}
        self._in_turn = tuple(forms.items())
        self._forms = sorted(self._in_turn, key=lambda pair: -len(pair[0]))  # a token may be a part of another
        packed = {each: shown for form, shown in self._forms for each in (form.encode(), _in_json(form).encode())}
        self._packed = [(each, shown.encode()) for each, shown in packed.items()]
        self._search = TokenSearch(packed)

    def __bool__(self) -> bool:
        """Whether there is any token."""
        return bool(self._tokens)

    def are_in(self, packed: bytes, printed: int | None = None) -> bool:
        """Tell whether a token may stand in *packed*, or, if that is not too large, a piece of one.

        Args:
            packed: a value as JSON, or in another form that keeps text as UTF-8.
            printed: the number of characters, if it is the text of a stream; None for another value.
        """
        if len(packed) > _LARGE if printed is None else printed > _LONG:
            return self._search.finds_one_in(packed)
        return self._search.finds_piece_in(packed)

    def in_text(self, text: str, is_markup: bool = False) -> str:
        """Return *text* with masks, escaped if it *is_markup*; the same object if there is no token in it."""
        return self.of_pieces(self.of_tokens(text, is_markup), is_markup)

    def of_tokens(self, text: str, is_markup: bool = False) -> str:
        """Return *text* with the masks of whole tokens."""
        for form, shown in self._forms:
            if form in text:
                text = text.replace(form, html.escape(shown) if is_markup else shown)
        return text

    def of_pieces(self, text: str, is_markup: bool = False) -> str:
        """Return *text* with the masks of pieces of tokens, as the lines into which a program has wrapped one.

        A piece that several tokens have, as their header, gets the mask of the first. Megabytes of text are returned
        as they are.
        """
        if len(text) > _LARGE:
            return text
        parts, done = [], 0
        for at in range(0, len(text) - WORD + 1, PIECE - WORD + 1):
            if at < done or not self._search.knows(text[at : at + WORD].encode(errors="replace")):
                continue
            pieces = ((_piece(text, at, form, done), shown) for form, shown in self._in_turn)
            piece, shown = max(pieces, key=lambda each: len(each[0]))
            if piece:
                parts += [text[done : piece.start], html.escape(shown) if is_markup else shown]
                done = piece.stop
        return "".join([*parts, text[done:]]) if parts else text

    def in_value(self, value: Any, is_markup: bool = False) -> Any:
        """Return a copy of *value*, of dicts, lists and text as JSON has them, with masks in each text and key."""
        if isinstance(value, str):
            return self.in_text(value, is_markup)
        if isinstance(value, list):
            return [self.in_value(each, is_markup) for each in value]
        if isinstance(value, dict):
            return {self._in_key(key): self.in_value(each, _is_markup(key)) for key, each in value.items()}
        return value

    def in_packed(self, packed: bytes) -> bytes:
        """Return *packed* with masks, whatever it is packed in; see `are_in`."""
        for form, shown in self._packed:
            packed = packed.replace(form, shown).replace(form[-PIECE:], shown)
        return packed

    def begun_by(self, text: str) -> tuple[tuple[str, str, int], ...]:
        """Return each token that begins at the end of *text* and goes on after it, the longest beginning first.

        It comes with its mask, and with the number of its characters that are there.
        """
        found = [(token, shown, _beginning(token, text)) for token, shown in self._tokens]
        return tuple(sorted((each for each in found if each[2]), key=lambda each: -each[2]))

    def _in_key(self, key: Any) -> Any:
        return self.in_text(key) if isinstance(key, str) else key


def _forms(token: str) -> set[str]:
    """Return how *token* is written in plain text, HTML, URLs, JSON, and the `repr` of Python; mostly all the same."""
    quoted = {quote(token, safe=""), quote(token)}
    return {token, html.escape(token), html.escape(token, quote=False), *quoted, _in_json(token), repr(token)[1:-1]}


def _piece(text: str, at: int, form: str, done: int) -> range:
    """Return where in *text* the piece of *form* stands that has the word at *at*, not before *done*; empty for none.

    Where letters go on after it, it is the beginning of another token that begins alike, and is shown.
    """
    word = text[at : at + WORD]
    place = form.find(word)
    while place >= 0:
        start = at - _alike(reversed(text[max(done, at - place) : at]), reversed(form[:place]))
        stop = at + _alike(text[at : at + len(form)], form[place:])
        is_end = place + stop - at == len(form) or not _goes_on(text[stop : stop + 1])
        if stop - start >= PIECE and is_end:
            return range(start, stop)
        place = form.find(word, place + 1)
    return range(0)


def _alike(one: Iterable[str], other: Iterable[str]) -> int:
    """Return how many characters of *one* and *other* are the same before the first that differs."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


def _goes_on(character: str) -> bool:
    return character.isalnum() or character in ("-", "_")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _is_markup(key: Any) -> bool:
    return isinstance(key, str) and key.endswith(_MARKUP)


def _beginning(token: str, text: str) -> int:
    """Return how many of the first characters of *token* are the last of *text*, 0 to all but one."""
    end = text[-(len(token) - 1) :]
    if end[-1:] not in token:  # mostly a line break, at a cost of nothing
        return 0
    at = end.find(token[:SHORTEST])
    while at >= 0:
        if token.startswith(end[at:]):
            return len(end) - at
        at = end.find(token[:SHORTEST], at + 1)
    shorter = range(min(SHORTEST - 1, len(end)), 0, -1)
    return next((length for length in shorter if end.endswith(token[:length])), 0)
