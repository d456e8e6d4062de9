"""Any `WWW-Authenticate` header is read without harm, and a correct one is read as it was meant."""

from __future__ import annotations

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from ipyauth_magic.protocol.challenge import challenges

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
tokens = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=8)
token68s = st.from_regex(r"\A[A-Za-z0-9._~+/-]{1,12}={0,2}\Z")
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=12)
parameters = st.dictionaries(tokens.map(str.lower), values, max_size=4)
spaces = st.sampled_from(["", " ", "\t", "  "])
meant = st.lists(st.tuples(tokens, parameters | token68s), max_size=4)


def quoted(value: str) -> str:
    """Return *value* as a quoted string (RFC 9110, 5.6.4)."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def written(scheme: str, rest: dict[str, str] | str, space: str) -> str:
    """Return one challenge, with *space* where the grammar allows some."""
    if isinstance(rest, str):
        return f"{scheme} {rest}"
    pairs = (f"{name}{space}={space}{quoted(value)}" for name, value in rest.items())
    return " ".join(filter(None, [scheme, f"{space},".join(pairs)]))


@given(meant, spaces)
def test_what_is_written_is_read(meant: list[tuple[str, dict[str, str] | str]], space: str) -> None:
    """Each challenge of a correct header comes back with its parameters, in order."""
    header = f"{space},{space}".join(written(scheme, rest, space) for scheme, rest in meant)
    read = [(each.scheme, dict(each.parameters)) for each in challenges(header)]
    assert read == [(scheme.lower(), rest if isinstance(rest, dict) else {}) for scheme, rest in meant]


@given(st.text() | st.text('aA="\\, \t/()', max_size=40))
def test_anything_is_read(header: str) -> None:
    """No text raises, and no name is more than a token; nothing comes out that did not go in."""
    for challenge in challenges(header):
        for name, value in challenge.parameters.items():
            assert TOKEN.fullmatch(name)
            assert len(value) <= len(header)
        assert TOKEN.fullmatch(challenge.scheme)


@given(st.text(st.characters(exclude_characters='"')))
def test_garbage_hides_no_challenge_behind_a_comma(garbage: str) -> None:
    """A correct challenge is found behind anything that opens no quotation."""
    last = challenges(f'{garbage}, Bearer error="insufficient_scope", scope="a b"')[-1]
    assert (last.scheme, dict(last.parameters)) == ("bearer", {"error": "insufficient_scope", "scope": "a b"})
