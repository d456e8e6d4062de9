"""A token that comes in two or more messages of one stream: its beginning at the end of one, the rest in the next.

A kernel sends what was printed about five times a second, wherever the program is at that moment, and the output of a
subprocess in pieces of a thousand bytes. No message is held back for this: a beginning that is long enough is masked at
once, and the rest is left out when it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .token_masks import SHORTEST, TokenMasks


@dataclass(frozen=True)
class _Begun:
    """A token of which the first *length* characters have come; they were masked if they are `SHORTEST` or more."""

    token: str = field(repr=False)
    mask: str
    length: int

    @property
    def is_masked(self) -> bool:
        return self.length >= SHORTEST

    @property
    def rest(self) -> str:
        return self.token[self.length :]


class SplitTokens:
    """Masks the text of streams, also where a token is split; each stream is written by one thread at a time."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[_Begun, ...]] = {}

    def masked(self, stream: str, text: str, masks: TokenMasks, has_token: bool = True) -> str:
        """Return *text*, the next of *stream*, with masks; the same object if there is no token in it.

        Args:
            stream: its name.
            text: what was printed.
            masks: those of the live tokens.
            has_token: False if *text* is known to have no token in it, nor a piece of one, but for its two ends.
        """
        begun = self._begun.pop(stream, ())
        for each in begun:
            if text.startswith(each.rest):
                rest = self._masked(stream, text[len(each.rest) :], masks, has_token)
                return rest if each.is_masked else each.mask + rest
        if going_on := tuple(_longer(each, text) for each in begun if each.rest.startswith(text)):
            self._begun[stream] = going_on
            return _shown(begun[0], going_on[0], text)
        return self._masked(stream, text, masks, has_token)

    def _masked(self, stream: str, text: str, masks: TokenMasks, has_token: bool) -> str:
        """Return *text* with masks, of a beginning at its end too, which is kept in mind."""
        if has_token:
            text = masks.of_tokens(text)
        begun = tuple(_Begun(*each) for each in masks.begun_by(text))
        if begun:
            self._begun[stream] = begun
        end = begun[0].mask if begun and begun[0].is_masked else ""
        if end:
            text = text[: -begun[0].length]
        return (masks.of_pieces(text) if has_token else text) + end


def _longer(begun: _Begun, text: str) -> _Begun:
    return replace(begun, length=begun.length + len(text))


def _shown(before: _Begun, now: _Begun, text: str) -> str:
    """Return what is shown for *text*, a part within a token: nothing after its mask, and itself while it is short."""
    if before.is_masked:
        return ""
    return now.mask if now.is_masked else text
