"""What is searched for a token, and what is left when it is taken out: values, streams and the packer of a session."""

from __future__ import annotations

import gc
import html
import json
import pickle
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha512
from itertools import product
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from jupyter_client.session import Session
from traitlets.config import Config

from ipyauth_magic.display import output_guard
from ipyauth_magic.display.output_guard import OutputGuard, guard_outputs, unguard_outputs
from ipyauth_magic.display.split_tokens import SplitTokens
from ipyauth_magic.display.token_masks import SHORTEST, TokenMasks
from ipyauth_magic.display.token_search import PIECE
from ipyauth_magic.flows.live_tokens import LIVE, MOST_FORMER, TOLERANCE, LiveTokens, secrets
from ipyauth_magic.protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

ACCESS = AccessToken("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl")
ID = IdToken("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib2IifQ.YW5vdGhlcg")
OPAQUE = AccessToken("""n+/=&<>'"\\~ opaque {token} 0123456789""")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def token_set(access_token: str, expires_at: datetime | None = None, refresh_token: str | None = None) -> TokenSet:
    """Return tokens of a sign-in."""
    refresh = RefreshToken(refresh_token) if refresh_token else None
    return TokenSet(AccessToken(access_token), None, "read", expires_at, NOW, {}, refresh)


class Holder:
    """A sign-in."""

    tokens: TokenSet | None = None


@pytest.fixture(autouse=True)
def no_live_tokens() -> Iterator[None]:
    """No token of another test is known, and none of this one later."""
    LIVE.forget_all()
    yield
    LIVE.forget_all()


@pytest.fixture
def holder() -> Holder:
    """A sign-in whose tokens live."""
    found = Holder()
    found.tokens = token_set(ACCESS)
    LIVE.add(found, found.tokens)
    return found


def shell_of(session: Session, **configured: Any) -> Any:
    """Return a shell with a kernel, as far as the guard looks at it."""
    config = Config(Auth0Magics=configured) if configured else Config()
    return SimpleNamespace(
        kernel=SimpleNamespace(session=session), config=config, magics_manager=SimpleNamespace(registry={})
    )


@pytest.mark.parametrize("token", [ACCESS, OPAQUE], ids=["JWT", "opaque"])
@pytest.mark.parametrize(
    "written",
    [
        str,
        html.escape,
        lambda token: html.escape(token, quote=False),
        lambda token: quote(token, safe=""),
        quote,
        json.dumps,
        lambda token: repr(str(token)),
    ],
)
def test_each_way_to_write_a_token_is_known(token: AccessToken, written: Any) -> None:
    """In a value, and in what a session packs: JSON or a pickle."""
    masks = TokenMasks([token])
    text = written(str(token))
    assert masks.in_text(f"a {text} b").strip("ab '\"") == "<AccessToken, hidden>"
    value = {"data": [{"x": text, text: None}], "number": 1}
    for packed in (json.dumps(value).encode(), pickle.dumps(value)):
        assert masks.are_in(packed)
    masked = masks.in_value(value)
    assert not masks.are_in(json.dumps(masked).encode())
    assert masked["number"] == 1
    assert "<AccessToken, hidden>" in next(iter(masked["data"][0].values()))


def test_each_token_has_its_own_mask_and_short_ones_have_none() -> None:
    """Sixteen characters are a token, fifteen may be a word."""
    masks = TokenMasks([ACCESS, ID, ACCESS, AccessToken("x" * SHORTEST), AccessToken("y" * (SHORTEST - 1))])
    assert masks.in_text(f"{ID} {ACCESS}") == "<IdToken, hidden> <AccessToken, hidden>"
    assert masks.in_text("x" * SHORTEST) == "<AccessToken, hidden>"
    assert masks.in_text("y" * 100) == "y" * 100
    assert not TokenMasks([AccessToken("short")])


def test_a_token_that_is_part_of_another() -> None:
    """The longer one is replaced as a whole."""
    longer = IdToken(f"{ACCESS}.{ACCESS}")
    assert TokenMasks([ACCESS, longer]).in_text(f"{longer}!") == "<IdToken, hidden>!"


def test_the_end_of_a_token_is_hidden_where_its_middle_was_cut() -> None:
    """As IPython cuts a variable of a traceback."""
    token = AccessToken(f"{ACCESS}{''.join(str(number) for number in range(100, 300))}")
    masks = TokenMasks([token, ID])
    text = f"{{'Authorization': 'Bearer {token[:10]!s}...{token[-60:]!s}'}} {token} {token[-60:]!s}"
    hidden = "<AccessToken, hidden>"
    assert masks.in_text(text) == f"{{'Authorization': 'Bearer {token[:10]!s}...{hidden}'}} {hidden} {hidden}"
    assert masks.are_in(text.replace(str(token), "").encode())


@pytest.mark.parametrize(("printed", "most"), [(True, 100_000), (False, 1_000_000)])
def test_megabytes_are_searched_for_whole_tokens(printed: bool, most: int) -> None:
    """What is printed, and what is shown otherwise: a search for pieces takes longer."""
    masks = TokenMasks([ACCESS])
    for part in (ACCESS, ACCESS[-PIECE:]):
        for length in (most - len(part), most):
            text = f"{'.' * length}{part!s}"
            found = masks.are_in(text.encode(), len(text) if printed else None)
            assert found is (part is ACCESS or length < most)


DIGESTS = [sha512(b"%d" % number).hexdigest() for number in range(6)]
LONG = AccessToken(f"eyJhbGciOiJSUzI1NiIsImtpZCI6IjEyMyJ9.{''.join(DIGESTS[:3])}.{''.join(DIGESTS[3:])}")
"""A JWT, as far as its parts go."""


@pytest.mark.parametrize(
    "text",
    [
        textwrap.fill(f"Authorization: Bearer {LONG}", 80),
        textwrap.indent(textwrap.fill(LONG, 70), "    "),
        "\x1b[0m\n\x1b[32m".join(textwrap.wrap(LONG, 100)),
        "".join(f'<span class="n">{part}</span>' for part in LONG.split(".")),
        str(LONG.split(".")),
        json.dumps(textwrap.wrap(LONG, 64)),
        json.dumps(textwrap.fill(LONG, 64)),
        f"HTML(value='<b>{LONG[:100]!s}…')",
        f"{LONG[:50]!s}...{LONG[-50:]!s}",
        f"{LONG[100:150]!s} and {LONG[60:120]!s}\n",
    ],
)
@pytest.mark.parametrize("token", [LONG, AccessToken(LONG.replace(".", "")), IdToken(f"{LONG[:37]!s}{LONG[50:]!s}")])
def test_pieces_of_a_token_are_hidden(text: str, token: AccessToken | IdToken) -> None:
    """However it was wrapped, split or cut, no forty characters of it are left; the text around them stays."""
    masks = TokenMasks([ID, token, OPAQUE])
    text = text if token is LONG else text.replace(LONG, token)
    pieces = {str(token)[at : at + PIECE] for at in range(len(token) - PIECE + 1)}
    found = {piece for piece in pieces if piece in text}
    assert masks.are_in(text.encode()) or not found
    shown = masks.in_text(text)
    assert not any(piece in shown for piece in found)
    assert not found or "Token, hidden>" in shown
    streams = SplitTokens()
    assert streams.masked("stdout", f"{text}\n", masks) == f"{shown}\n"


@pytest.mark.parametrize("written", [str, html.escape, quote, lambda token: json.dumps(token)[1:-1]])
def test_a_piece_is_as_long_as_it_can_be(written: Any) -> None:
    """A token that is cut, in each way to write it: no rest is left after a character that is escaped."""
    token = AccessToken(f'{DIGESTS[0][:60]}"<&{DIGESTS[1][:60]}/"{DIGESTS[2][:20]}')
    assert TokenMasks([token]).in_text(f"{written(str(token))[5:]}\n") == "<AccessToken, hidden>\n"


def test_a_piece_of_two_tokens_is_one_of_the_first() -> None:
    """Of the access token, which headers of requests have; the ID token mostly begins alike."""
    masks = TokenMasks([LONG, IdToken(f"{LONG[:100]!s}{DIGESTS[5] * 9}")])
    *lines, _ = masks.in_text(textwrap.fill(LONG, 80)).splitlines()
    assert set(lines) == {"<AccessToken, hidden>"}


def test_a_token_that_begins_alike_is_shown() -> None:
    """One of the same issuer has the same header, and mostly the same first claims."""
    masks = TokenMasks([LONG])
    for text in (f"{LONG[:100]!s}{'x' * 50}", f"{LONG[:-1]!s}-", f"{LONG[: PIECE - 1]!s} {LONG[-PIECE + 1 :]!s}"):
        assert masks.in_text(text) is text


def test_no_part_of_a_token_is_in_a_repr() -> None:
    """Of what the guard consists of."""
    masks, streams = TokenMasks([ACCESS]), SplitTokens()
    streams.masked("stdout", ACCESS[:5], masks)
    assert ACCESS[:12] not in f"{masks!r} {streams!r} {streams._begun!r}"


@pytest.mark.parametrize("cuts", list(product(range(0, len(ACCESS) + 1, 4), repeat=2)))
def test_a_token_split_over_messages(cuts: tuple[int, int]) -> None:
    """Wherever it is cut, what is shown has its mask once, and of the token less than `SHORTEST` characters."""
    first, second = sorted(cuts)
    masks, streams = TokenMasks([ID, ACCESS]), SplitTokens()
    token = str(ACCESS)
    parts = [f"before {token[:first]}", token[first:second], f"{token[second:]} after {token}\n"]
    shown = "".join(streams.masked("stdout", part, masks) for part in parts if part)
    begun = next((n for n in range(second, 0, -1) if shown.startswith(f"before {token[:n]}")), 0)
    assert begun < SHORTEST
    rest = shown.removeprefix(f"before {token[:begun]}")
    kinds = ("<AccessToken, hidden>", "<IdToken, hidden>")  # both begin alike
    assert rest in [f"{kind} after <AccessToken, hidden>\n" for kind in kinds]


def test_what_only_begins_as_a_token_does_is_shown() -> None:
    """The text of another stream, or of another JWT, goes on where it was."""
    masks, streams = TokenMasks([ACCESS]), SplitTokens()
    assert streams.masked("stdout", "I say e", masks) == "I say e"
    assert streams.masked("stderr", ACCESS[1:20], masks) == ACCESS[1:20]
    assert streams.masked("stdout", "verything\n", masks) == "verything\n"
    assert streams.masked("stdout", ACCESS[:10], masks) == ACCESS[:10]
    assert streams.masked("stdout", "\n", masks) == "\n"
    assert streams.masked("stdout", ACCESS[10:20], masks) == ACCESS[10:20]


def test_text_without_a_token_is_not_copied() -> None:
    """A cell that prints ten megabytes pays for a search."""
    masks, text = TokenMasks([ACCESS, ID]), "some text\n" * 10
    assert masks.in_text(text) is text
    assert SplitTokens().masked("stdout", text, masks) is text


@pytest.mark.parametrize("packer", ["json", "pickle"])
def test_a_session_packs_no_live_token(holder: Holder, packer: str) -> None:
    """With each of its packers; the value itself is not changed."""
    session = Session(packer=packer)
    guard_outputs(shell_of(session))
    token = str(ACCESS)
    value = {"data": {"text/html": f"<i>{token}</i>", token: [token, 1, None, {"x": token}]}}
    before = json.dumps(value)
    unpacked = session.unpack(session.pack(value))
    hidden = "<AccessToken, hidden>"
    assert unpacked == {
        "data": {"text/html": "<i>&lt;AccessToken, hidden&gt;</i>", hidden: [hidden, 1, None, {"x": hidden}]}
    }
    assert json.dumps(value) == before


def test_what_cannot_be_unpacked_has_no_token_either(holder: Holder) -> None:
    """A fault in the guard, or in a packer of another program, lets no token through, and the output all the same."""

    def broken(packed: bytes) -> None:
        raise RuntimeError("broken")

    session = Session()
    guard_outputs(shell_of(session))
    session.unpack = broken
    packed = session.pack({"data": {"text/plain": f"see {ACCESS}"}})
    assert json.loads(packed) == {"data": {"text/plain": "see <AccessToken, hidden>"}}


def test_a_defect_in_the_guard_of_streams(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for what is printed."""
    session = Session()
    guard_outputs(shell_of(session))
    monkeypatch.setattr(SplitTokens, "masked", lambda *arguments: 1 / 0)
    assert json.loads(session.pack({"name": "stdout", "text": ACCESS}))["text"] == "<AccessToken, hidden>"


def test_what_cannot_be_packed_is_an_error_as_ever(holder: Holder) -> None:
    """The guard adds none, and hides none."""
    session = Session()
    guard_outputs(shell_of(session))
    with pytest.raises(ValueError, match="object object"):
        session.pack({"x": object()})


def test_without_live_tokens_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel packs goes through as it is."""
    session = Session()
    guard_outputs(shell_of(session))
    monkeypatch.setattr(OutputGuard, "_packed", lambda *arguments: 1 / 0)
    monkeypatch.setattr(output_guard, "_is_stream", lambda *arguments: 1 / 0)
    assert json.loads(session.pack({"name": "stdout", "text": ACCESS}))["text"] == ACCESS


@pytest.mark.parametrize("configured", [{"guard_outputs": False}, {"guard_outputs": True}, {}])
def test_the_configuration_can_turn_it_off(holder: Holder, configured: dict[str, bool]) -> None:
    """Where the magics are not loaded."""
    session = Session()
    guard_outputs(shell_of(session, **configured))
    text = json.loads(session.pack({"name": "stdout", "text": ACCESS}))["text"]
    assert (text == ACCESS) is (configured == {"guard_outputs": False})
    data = json.loads(session.pack({"data": ACCESS}))["data"]
    assert data == text


def test_it_is_installed_once_and_taken_away(holder: Holder) -> None:
    """The packer is the session's own again; where there is no session, nothing happens."""
    session = Session()
    own, shell = session.pack, shell_of(session)
    guard_outputs(shell)
    guard_outputs(shell)
    unguard_outputs(shell)
    assert session.pack is own
    unguard_outputs(shell)
    assert session.pack is own
    for other in (SimpleNamespace(), SimpleNamespace(kernel=None), SimpleNamespace(kernel=SimpleNamespace())):
        guard_outputs(other)
        unguard_outputs(other)


def test_a_replaced_token_lives_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a little longer, because clocks differ; the present one, with its refresh token, lives on."""
    live, sign_in, now = LiveTokens(), Holder(), [NOW]
    monkeypatch.setattr("ipyauth_magic.flows.clock.utc_now", lambda: now[0])
    sets = [token_set(f"token {number}", NOW + timedelta(minutes=number), f"refresh {number}") for number in (1, 2, 3)]
    for tokens in sets[:2]:
        live.add(sign_in, tokens)
        sign_in.tokens = tokens
    assert secrets(live.now) == ["token 1", "refresh 1", "token 2", "refresh 2"]
    now[0] = NOW + timedelta(seconds=59) + TOLERANCE
    live.add(sign_in, replace(sets[1]))
    assert "token 1" in secrets(live.now)
    now[0] = NOW + timedelta(minutes=10) + TOLERANCE
    live.add(sign_in, sets[2])
    assert "token 1" not in secrets(live.now)
    assert {"token 2", "refresh 2"} < set(secrets(live.now)), "the sign-in has them, ended or not"


def test_tokens_that_are_forgotten_are_known_no_longer() -> None:
    """Of one sign-in, the earlier ones too, or of all; those of another sign-in stay."""
    live, one, other = LiveTokens(), Holder(), Holder()
    for holder, text in ((one, "a"), (other, "b"), (one, "c")):
        live.add(holder, token_set(text))
    live.forget(one)
    assert secrets(live.now) == ["b"]
    live.forget_all()
    assert secrets(live.now) == []


def test_a_token_outlives_its_sign_in_and_not_without_end() -> None:
    """A variable may hold it; of a program that signs in for ever, the latest are known, and all that are held."""
    live, held = LiveTokens(), Holder()
    held.tokens = token_set("held")
    live.add(held, held.tokens)
    live.add(Holder(), token_set("dropped"))
    gc.collect()
    assert secrets(live.now) == ["held", "dropped"]
    for number in range(2 * MOST_FORMER):
        live.add(Holder(), token_set(f"token {number}"))
    assert len(live.now) <= MOST_FORMER + 2
    assert "held" in secrets(live.now)
    assert "dropped" not in secrets(live.now)


def test_a_forked_child_knows_no_refresh_token() -> None:
    """It belongs to the parent."""
    live = LiveTokens()
    live.add(Holder(), token_set("access", refresh_token="refresh"))
    live.forked()
    assert secrets(live.now) == ["access"]
