"""Whose program connects: the answers and tables of Linux, and a real program of another user."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ipyauth_magic.callback import peer
from ipyauth_magic.callback.listener import Listener, open_listener
from ipyauth_magic.callback.peer import Address, Entry, entry_in, entry_told, is_of_another_user, question_about
from ipyauth_magic.callback.receiver import Awaited
from ipyauth_magic.callback.routes import Environment, routes_to
from tests.support.listening import Waiting
from tests.support.other_user import visit
from tests.support.ports import free_port
from tests.support.scripted_browser import send

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

STATE = "the-right-state"
HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
OURS, PEER, OTHER = ("127.0.0.1", 8765), ("127.0.0.1", 51000), ("127.0.0.1", 51001)
FOUR = b"0100007F:%04X 0100007F:%04X %02X 00000000:00000000 02:000A4BE2 00000000 %5d        0 %d 2 0000 20 4 30 10 -1\n"
MAPPED = FOUR.replace(b"0100007F", b"0000000000000000FFFF00000100007F")
SIX = FOUR.replace(b"0100007F", b"00000000000000000000000001000000")


def table(line: bytes, *rows: tuple[int, int, int, int, int]) -> bytes:
    """Return a table with *rows*: local port, remote port, state, uid, inode."""
    return HEAD + b"".join(b"%4d: " % number + line % row for number, row in enumerate(rows))


@pytest.mark.skipif(sys.byteorder != "little", reason="the rows are of a little-endian machine")
@pytest.mark.parametrize(
    ("content", "peer", "ours", "entry"),
    [
        (table(FOUR, (51000, 8765, 1, 1000, 77)), PEER, OURS, (1, 1000, 77)),
        (table(FOUR, (8765, 51000, 1, 0, 70), (51001, 8765, 1, 7, 71), (51000, 8765, 5, 8, 0)), PEER, OURS, (5, 8, 0)),
        (table(MAPPED, (51000, 8765, 1, 1001, 77)), PEER, OURS, (1, 1001, 77)),
        (table(SIX, (51000, 8765, 1, 1002, 77)), ("::1", 51000), ("::1", 8765), (1, 1002, 77)),
        (table(FOUR, (8765, 51000, 1, 0, 70)), PEER, OURS, None),
        (table(SIX, (51000, 8765, 1, 1002, 77)), PEER, OURS, None),
        (HEAD, PEER, OURS, None),
        (b"", PEER, OURS, None),
    ],
    ids=range(8),
)
def test_a_table_has_the_socket(content: bytes, peer: Address, ours: Address, entry: Entry | None) -> None:
    """By both addresses; the row of our own end is another one."""
    assert entry_in(content, peer, ours) == entry


def answer(state: int, uid: int, inode: int, kind: int = 20) -> bytes:
    """Return what Linux answers about a socket."""
    told = struct.pack("=BBBB48sIIIII", socket.AF_INET, state, 0, 0, bytes(48), 0, 0, 0, uid, inode)
    return struct.pack("=IHHII", 16 + len(told), kind, 0, 0, 0) + told


def test_an_answer_has_the_socket() -> None:
    """But for an error, half an answer, and another socket that listens at that port."""
    assert entry_told(answer(1, 1000, 77)) == (1, 1000, 77)
    assert entry_told(answer(10, 1000, 77)) is None
    assert entry_told(answer(1, 1000, 77, kind=2)) is None
    assert entry_told(answer(1, 1000, 77)[:-1]) is None
    assert entry_told(b"") is None


@pytest.mark.parametrize(
    ("entry", "version", "uid"),
    [
        (Entry(1, 1000, 77), (5, 10), 1000),
        (Entry(1, 0, 77), (5, 10), 0),
        (Entry(5, 0, 77), (5, 10), 0),  # half closed by its program, which still holds it
        (Entry(4, 0, 0), (5, 10), None),
        (Entry(4, 0, 0), (6, 16), None),
        (Entry(4, 0, 0), (6, 18), 0),
        (Entry(4, 1000, 0), (6, 18), 1000),
        (Entry(5, 0, 0), (6, 18), None),
        (Entry(6, 0, 0), (7, 0), None),
    ],
)
def test_a_forgotten_owner_is_not_root(entry: Entry, version: tuple[int, ...], uid: int | None) -> None:
    """Linux shows uid 0 for a socket that its program has closed, of any user."""
    assert entry.owner(version) == uid


@contextmanager
def connected(host: str) -> Iterator[tuple[socket.socket, socket.socket, Address]]:
    """Give both ends of a connection of this process, and the address of the one that connected."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        client = socket.create_connection(listening.getsockname()[:2])
        accepted, address = listening.accept()
        with client, accepted:
            yield client, accepted, address[:2]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("answers", [True, False])
def test_a_program_of_our_own_is_known(host: str, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Linux's answer, and by its table where it does not answer; once it has closed its end it is not."""
    if not answers:
        monkeypatch.setattr(peer, "_SOCK_DIAG", 250)  # no such protocol
    with connected(host) as (client, accepted, address):
        assert (peer._told(address, accepted.getsockname()[:2]) is None) != answers
        assert not is_of_another_user(accepted, address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert is_of_another_user(accepted, address)
        accepted.close()
        assert is_of_another_user(accepted, address)


def test_where_linux_does_not_tell_all_are_served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without /proc; and where neither end was closed and yet Linux knows no other end: a mirrored loopback address."""
    monkeypatch.setattr(peer, "_told", lambda peer, ours: None)
    with connected("127.0.0.1") as (_, accepted, address):
        monkeypatch.setattr(peer, "_listed", lambda peer, ours: (None, True))
        assert not is_of_another_user(accepted, address)
        monkeypatch.undo()
        monkeypatch.setattr(peer, "_told", lambda peer, ours: None)
        monkeypatch.setattr(peer, "Path", lambda *parts: tmp_path.joinpath(*parts[1:]))
        assert not is_of_another_user(accepted, address)


def test_the_question_is_about_both_ends() -> None:
    """In the bytes of the network."""
    asked = question_about(PEER, OURS)
    assert len(asked) == 72
    assert struct.pack(">HH", 51000, 8765) in asked
    assert asked.count(socket.inet_aton("127.0.0.1")) == 2


# A listener, and a real program of another user


@contextmanager
def waiting_at(redirect_uri: str, bind: str | None = None) -> Iterator[tuple[Listener, Waiting]]:
    """Wait for STATE there."""
    opened = open_listener(routes_to([redirect_uri], Environment(), bind=bind))
    waiting = Waiting(opened, Awaited(STATE, in_query=True))
    waiting.verify.set()
    try:
        yield opened, waiting
    finally:
        opened.join()


def response_to(redirect_uri: str) -> bytes:
    """Return the request of a browser that brings the right response."""
    parts = urlsplit(redirect_uri)
    lines = (f"GET {parts.path}?state={STATE}&code=x HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", "", "")
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("host", "address", "source"),
    [
        ("127.0.0.1", "127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "::ffff:127.0.0.1", ""),
        ("[::1]", "::1", ""),
    ],
)
def test_another_user_is_turned_away(host: str, address: str, source: str, tmp_path: Path) -> None:
    """Also with the right state, and from each address of this machine; the wait goes on, and root is served."""
    with waiting_at(f"http://{host}:{free_port()}/callback/") as (opened, waiting):
        assert opened.port is not None
        theirs = visit(tmp_path, (address, opened.port), response_to(opened.redirect_uri), source=source).answer()
        assert theirs.startswith(b"HTTP/1.1 403 ")
        assert theirs.endswith(b"\r\n\r\nThis listener serves programs of its own user only.")
        assert waiting.parameters is None
        ours = visit(tmp_path, (address, opened.port), response_to(opened.redirect_uri), uid=0).answer()
        assert ours.startswith(b"HTTP/1.1 200 ")
        assert waiting.parameters == {"code": "x"}


def test_another_user_who_leaves_at_once_is_not_taken_for_root(tmp_path: Path) -> None:
    """Linux shows uid 0 for a socket that its program has closed; the request waits in the queue before we serve."""
    opened = open_listener(routes_to([f"http://127.0.0.1:{free_port()}/callback/"], Environment()))
    assert opened.port is not None
    try:
        left = visit(tmp_path, ("127.0.0.1", opened.port), response_to(opened.redirect_uri), leaves=True)
        waiting = Waiting(opened, Awaited(STATE, in_query=True))
        waiting.verify.set()
        assert left.answer() == b""
        assert send("GET", f"{opened.redirect_uri}?state=wrong&code=x").status == 400  # the first one has had its turn
        assert waiting.parameters is None
    finally:
        opened.join()


def test_where_bind_opened_the_port_all_users_are_served(tmp_path: Path) -> None:
    """The connection comes by a published port, from whichever program forwards it."""
    with waiting_at(f"http://127.0.0.1:{free_port()}/callback/", bind="0.0.0.0") as (opened, waiting):
        assert opened.port is not None
        answered = visit(tmp_path, ("127.0.0.1", opened.port), response_to(opened.redirect_uri)).answer()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert waiting.parameters == {"code": "x"}


def test_another_user_does_not_learn_the_link(tmp_path: Path) -> None:
    """From the short address, which `ps` shows; it is not used up, and leads the user's own browser on."""
    with waiting_at(f"http://127.0.0.1:{free_port()}/callback/") as (opened, _):
        short = opened.lead_to("https://issuer.test/authorize?state=secret")
        assert short is not None
        assert opened.port is not None
        request = f"GET {urlsplit(short).path} HTTP/1.1\r\nHost: {urlsplit(short).netloc}\r\nConnection: close\r\n\r\n"
        theirs = visit(tmp_path, ("127.0.0.1", opened.port), request.encode()).answer()
        assert theirs.startswith(b"HTTP/1.1 403 ")
        assert b"secret" not in theirs
        assert send("GET", short).headers["Location"] == "https://issuer.test/authorize?state=secret"
