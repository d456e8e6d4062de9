"""A token in megabytes of output is found wherever it stands, and an output without one is mostly not searched."""

from __future__ import annotations

import json
import random
import string

import pytest

from ipyauth_magic.display.token_masks import TokenMasks
from ipyauth_magic.display.token_search import TokenSearch
from ipyauth_magic.protocol.tokens import AccessToken, RefreshToken

RANDOM = random.Random(1)
ALPHABET = f"{string.ascii_letters}{string.digits}-_"
SHORT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
LINE = f"a line, {ALPHABET}.\n"
"""It has each character of a token."""


class Watched(bytes):
    """Counts the searches for more than a byte."""

    searches = 0

    def __contains__(self, part: object) -> bool:
        self.searches += 1
        return super().__contains__(part)


def token_of(length: int) -> str:
    """Return a token with *length* characters."""
    return "".join(RANDOM.choices(ALPHABET, k=length))


@pytest.mark.parametrize("length", [16, 54, 255, 256, 257, 263, 264, 600, 1030, 1031, 1032, 5000])
def test_a_token_is_found_at_each_place(length: int) -> None:
    """Also at the beginning and the end of the text, and beside tokens of other lengths."""
    token = token_of(length).encode()
    for others in ([], [SHORT.encode(), token_of(2000).encode()]):
        search = TokenSearch([token, *others])
        for before in {*range(40), *RANDOM.sample(range(5000), 40)}:
            for after in (0, 1, 7, 5000):
                text = b"x" * before + token + b"x" * after
                assert search.finds_one_in(text), (before, after)
                assert not search.finds_one_in(text.replace(token, token[:-1]))


def test_a_text_that_lacks_a_character_is_not_searched() -> None:
    """Numbers, hexadecimal digits or lines of one kind have not every character of a token."""
    search = TokenSearch([token_of(800).encode(), token_of(60).encode()])
    for text in ("x" * 200_000, "0123456789abcdef" * 20_000, "id,amount\n" * 20_000):
        watched = Watched(text.encode())
        assert not search.finds_one_in(watched)
        assert watched.searches == 0


def test_long_tokens_are_ruled_out_without_a_search() -> None:
    """Access and ID tokens, however many; only a short one is searched for."""
    long = [token_of(length).encode() for length in (256, 700, 900, 3000)]
    watched = Watched((LINE * 5000).encode())
    assert not TokenSearch(long).finds_one_in(watched)
    assert watched.searches == 0
    assert not TokenSearch([*long, SHORT.encode()]).finds_one_in(watched)
    assert watched.searches == 1


@pytest.mark.parametrize("sign", ["é", "€", "\x1b", "\n", "\U0001f600"])
def test_the_end_of_a_token_is_found_however_long_the_text_is_packed(sign: str) -> None:
    """The characters of a text count, not the bytes in which they are packed."""
    masks = TokenMasks([AccessToken(token_of(800)), RefreshToken(SHORT)])
    text = f"{sign * 90_000}{SHORT[-45:]}"
    packed = json.dumps(text, ensure_ascii=False).encode()
    assert masks.are_in(packed, len(text))
