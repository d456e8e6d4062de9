"""Mutated requests, as bytes: normal ones of a server, with the faults of an attacker, a proxy or a broken client.

Each mutant follows from the seed, its number and the normal requests alone.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

CLIENTS = 16
"""How many send at once."""
QUIET = 0.2
"""Seconds without an answer after which a client says that no more comes from it."""
DEADLINE = 30
"""Seconds for which a client waits for the end of its connection."""

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Draft:
    """A request before it is written.

    Attributes:
        fault: the header that is wrong whatever else is changed, and its value; None leaves the server's verdict open.
    """

    method: bytes
    target: bytes
    headers: Headers = ()
    body: bytes = b""
    version: bytes = b"HTTP/1.1"
    fault: tuple[bytes, bytes] | None = None

    def with_header(self, name: bytes, value: bytes) -> Draft:
        """Return it with one header of that *name*."""
        kept = tuple(each for each in self.headers if each[0].strip().lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))

    def __bytes__(self) -> bytes:
        """Write it."""
        ready = self if self.fault is None else self.with_header(*self.fault)
        lines = [b" ".join((ready.method, ready.target, ready.version)), *(b": ".join(each) for each in ready.headers)]
        return b"\r\n".join([*lines, b"", ready.body])


@dataclass(frozen=True)
class Mutant:
    """What a client sends, in which pieces, and the names of the mutations that made it."""

    number: int
    pieces: tuple[bytes, ...]
    steps: tuple[str, ...]


METHODS = (
    *b"GET POST PUT DELETE HEAD OPTIONS PATCH TRACE CONNECT BREW get G\xe9T PRI _".split(),
    b"",
    b"GET GET",
    b"A" * 40_000,
)
VERSIONS = (
    *b"HTTP/1.0 HTTP/0.9 HTTP/1.2 HTTP/2.0 HTTP/9.9 http/1.1 HTTP/1.1.1 HTTP/-1.1 HTTPS/1.1 ICY".split(),
    b"",
    b"HTTP/1.1 x",
)
TARGETS = (
    *b"http://[::1 http://[ //[ http://evil.test/callback/ //evil.test/ http:///x https://[v1.x]/ [ ] *".split(),
    *b"/ ? # %".split(),
    *b"/%00 /%ff%fe /%zz /..%2f..%2fetc/passwd /\xff /\xc3\xa9 /./.. /a//b //api/fruit /api/fruit/".split(),
    *b"/API/FRUIT".split(),
    *b"/?a=%ff /?state=%ed%a0%80 /?state=\xff /?&&&=== /#x /;x /?a[]=1 http://127.0.0.1:99999/".split(),
    *b"http://a:b@c:d/".split(),
    b"/" + b"a" * 40_000,
    b"/?" + b"a=1&" * 3000,
    b"/?" + b"%61" * 5000,
    b"/a b",
    b"/a\tb",
    b"/\x00",
    b"",
)
HOSTS = (
    *b"evil.test localhost localhost. 127.1 2130706433 [::1] [::1 [ ] 127.0.0.1:1 a@127.0.0.1".split(),
    *b"127.0.0.1, \xff %00".split(),
    b"",
    b" ",
    b"a" * 5000,
    b"127.0.0.1 evil.test",
    b"\xc3\xa9.test",
)
ORIGINS = (
    *b"null http://evil.test https://evil.test file:// http://127.0.0.1 \xff http://[::1 *".split(),
    b"chrome-extension://x",
    b"",
)
CODINGS = (
    *b"chunked CHUNKED gzip identity deflate xchunked chunkedx \xff chunked;q=1 , br".split(),
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked",
    b"chunked\x0b",
    b"",
    b"\x00",
)
LENGTHS = (
    *b"0 1 5 -1 -0 +5 00005 0x5 1e1 5.0 five 5,5 5,6 65536 65537 9999999999 99999999999999999999999".split(),
    *b"\xb2 \xff".split(),
    b"",
    b" 5",
    b"5 5",
    b"\xd9\xa3",
)
SIZES = (*(b"0 1 5 -1 +5 0x5 5;a=b 5;\xff g FFFFFFFFFFFFFFFFF 00000005 10000 \xff".split()), b"", b"5 ", b" 5", b"5\t")
NAMES = (
    *b"Host Origin Cookie Authorization Content-Type Content-Length Transfer-Encoding Connection Expect".split(),
    *b"Upgrade TE".split(),
    *b"Range If-None-Match Accept Accept-Encoding X-Forwarded-For X-Forwarded-Host Forwarded".split(),
    *b"X-Request-Id Via".split(),
    *b"Sec-Fetch-Site Sec-Fetch-Dest Referer Trailer Keep-Alive X-HTTP-Method-Override Host_ X-A \xff".split(),
    *b"X\x00A ()".split(),
    b"",
    b"X A",
)
VALUES = (
    *b"\xff \xc3\xa9 \xed\xa0\x80 0 -1 * null chunked close keep-alive 100-continue websocket".split(),
    *b"identity;q=0 Bearer".split(),
    *b"Basic YTpi Basic Bearer\t.. ..=.. bytes=0-18446744073709551615 $Version=1 a=b;c=d; =;= a=\xff;".split(),
    *b"text/html".split(),
    b"",
    b"Bearer a b",
    b"Bearer a.b.c, Bearer a.b.c",
    b"Basic " + b"\xff",
    b"application/json; charset=utf-99",
    b"multipart/form-data; boundary=\xff",
    b'multipart/form-data; boundary=""',
    b"a" * 5000,
    b"a" * 40_000,
    b"\x00",
    b"\x7f\x01",
    b"a\r\n b",
    b"a\rb",
    b"a\nb",
    b'local_issuer="\\377\\200"; x=\\',
)
BODIES = (
    *b'{} [] null 1 1e400 NaN {"usual":5} {"usual":[5]} {"usual":null} \xff\xfe \xef\xbb\xbf{}'.split(),
    *b'{"usual":["\\ud800"]}'.split(),
    *b"a=1&a=2 =&=&= %ff=%fe state=%ed%a0%80 state=\xff client_id=%00 user_code=%ff token=\xc3\xa9".split(),
    *b"scope=%0d%0a".split(),
    b"[" * 30_000,
    b'{"usual":' * 10_000,
    b'{"usual":["' + b"\xc3\xa9" * 3000 + b'"]}',
    b'{"usual":[' + b",".join(b'"f%d"' % number for number in range(3000)) + b"]}",
    b"9" * 5000,
    b"a=1&" * 3000,
    b"a" * 65_536,
    b"a" * 70_000,
    b'--x\r\nContent-Disposition: form-data; name="state"\r\n\r\nx\r\n--x--\r\n',
    b"\r\n\r\n",
    b"",
)
PARAMETERS = (
    *b"%ff %00 %ed%a0%80 %0d%0aX:y %25 %C3%A9 %3Cscript%3E %22 + - -1 0 1.5 1e400 null true [] {}".split(),
    *b"%5B%5D * .. / %2F".split(),
    *b"code token none query fragment form_post web_message S256 plain login%20consent%20none".split(),
    *b"openid%20openid".split(),
    *b"http://evil.test/ javascript:alert(1) http://[::1 //evil.test http://127.0.0.1/%0d%0a %D9%A3".split(),
    *b"%C2%B2".split(),
    *b"authorization_code refresh_token urn:ietf:params:oauth:grant-type:device_code password a.b.c".split(),
    *b"ey.ey.".split(),
    b"\xff",
    b"",
)
"""Values of parameters, as they are written."""
LONG = (b"9" * 5000, b"-" + b"9" * 400, b"x" * 20_000, b"%20" * 3000, b"a%20" * 2000)
NOISE = (
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b":",
    b"\x16\x03\x01\x02\x00\x01",
    b"%",
    b"\t",
    b"\x7f",
    b"HTTP/1.1",
)


def mutants(seed: int, count: int, normal: Sequence[Draft]) -> Iterator[Mutant]:
    """Return *count* mutants of the *normal* requests."""
    return (mutant(seed, number, normal) for number in range(count))


def mutant(seed: int, number: int, normal: Sequence[Draft]) -> Mutant:
    """Return the mutant of that *number*."""
    random = Random(f"{seed} {number}")
    draft, steps = random.choice(normal), []
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        mutation = random.choice(_DRAFT_MUTATIONS)
        draft = mutation(random, draft)
        steps.append(mutation.__name__)
    written = bytes(draft)
    if random.random() < 0.1:
        written += bytes(random.choice(normal))
        steps.append("pipeline")
    if not steps or random.random() < 0.15:
        mutation_of_bytes = random.choice(_BYTE_MUTATIONS)
        written = mutation_of_bytes(random, written)
        steps.append(mutation_of_bytes.__name__)
    return Mutant(number, tuple(_split(random, written)), tuple(steps))


def change_method(random: Random, draft: Draft) -> Draft:
    """Another method, or none."""
    return replace(draft, method=random.choice(METHODS))


def change_target(random: Random, draft: Draft) -> Draft:
    """Another target, or the same one with something before or behind."""
    odd, at = random.choice(TARGETS), random.randrange(len(draft.target) + 1)
    near = (draft.target + odd, b"http://evil.test" + draft.target, draft.target[:at] + odd[:3] + draft.target[at:])
    return replace(
        draft, target=random.choice((odd, odd, *near, draft.target + b"&" + draft.target.partition(b"?")[2]))
    )


def change_version(random: Random, draft: Draft) -> Draft:
    """Another version."""
    return replace(draft, version=random.choice(VERSIONS))


def change_host(random: Random, draft: Draft) -> Draft:
    """Another Host, two of them, or none."""
    [*own] = [each for each in draft.headers if each[0].lower() == b"host"]
    rest = tuple(each for each in draft.headers if each not in own)
    other = (b"Host", random.choice(HOSTS))
    return replace(draft, headers=(*rest, *random.choice(((), (other,), (*own, other), (other, *own), (*own, *own)))))


def change_origin(random: Random, draft: Draft) -> Draft:
    """Another Origin, or two of them."""
    other = (b"Origin", random.choice(ORIGINS))
    return replace(draft, headers=(*draft.headers, other)) if random.random() < 0.3 else draft.with_header(*other)


def change_coding(random: Random, draft: Draft) -> Draft:
    """A transfer coding, which the body may follow or not."""
    changed = replace(draft, headers=(*draft.headers, (b"Transfer-Encoding", random.choice(CODINGS))))
    return chunk(random, changed) if random.random() < 0.5 else changed


def change_parameter(random: Random, draft: Draft) -> Draft:
    """Another value of a parameter in the query or the form, twice, or under another name."""
    path, mark, query = draft.target.partition(b"?")
    in_body = b"=" in draft.body and (not mark or random.random() < 0.5)
    pairs = (draft.body if in_body else query).split(b"&")
    at = random.randrange(len(pairs))
    name, _, value = pairs[at].partition(b"=")
    odd = random.choice(LONG if random.random() < 0.2 else PARAMETERS)
    other = (b"%s=%s" % (name, odd), b"%s=%s%s" % (name, value, odd), b"%s=%s" % (odd, value), name + b"[]=" + odd)
    pairs[at] = random.choice((*other, pairs[at] + b"&" + pairs[at], pairs[at] + b"&%s=%s" % (name, odd), b""))
    if not in_body:
        return replace(draft, target=path + b"?" + b"&".join(pairs))
    body = b"&".join(pairs)
    return replace(draft.with_header(b"Content-Length", b"%d" % len(body)), body=body)


def chunk(random: Random, draft: Draft) -> Draft:
    """A body in chunks, mostly well-formed."""
    pieces = list(_split(random, draft.body))
    sizes = [b"%x" % len(piece) if random.random() < 0.8 else random.choice(SIZES) for piece in pieces]
    chunks = [b"%s\r\n%s%s" % (size, piece, _end(random)) for size, piece in zip(sizes, pieces, strict=True)]
    trailer = random.choice((b"\r\n", b"\r\n", b"X: y\r\n\r\n", b"Host: evil.test\r\n\r\n", b"\xff\r\n\r\n", b""))
    body = b"".join([*chunks, random.choice((b"0\r\n", b"0\r\n", b"0;x\r\n", b"00\r\n", b"")), trailer])
    kept = tuple(each for each in draft.headers if each[0].lower() != b"content-length" or random.random() < 0.3)
    return replace(draft, headers=(*kept, (b"Transfer-Encoding", b"chunked")), body=body)


def _end(random: Random) -> bytes:
    return b"\r\n" if random.random() < 0.9 else random.choice((b"", b"\n", b"\r", b"x\r\n"))


def change_length(random: Random, draft: Draft) -> Draft:
    """A wrong length, or two of them."""
    other = (b"Content-Length", random.choice((*LENGTHS, b"%d" % (len(draft.body) + random.choice((-2, -1, 1, 2))))))
    return replace(draft, headers=(*draft.headers, other)) if random.random() < 0.4 else draft.with_header(*other)


def change_header(random: Random, draft: Draft) -> Draft:
    """One more header, another value of one, one less, or one under another name."""
    headers = list(draft.headers)
    at = random.randrange(len(headers) + 1)
    if at == len(headers) or random.random() < 0.5:
        headers.insert(at, (random.choice(NAMES), random.choice(VALUES)))
    elif random.random() < 0.3:
        del headers[at]
    else:
        name, value = headers[at]
        odd = random.choice(VALUES)
        headers[at] = random.choice(((name, odd), (name, value + odd), (name + b" ", value), (b" " + name, value)))
    return replace(draft, headers=tuple(headers))


def add_headers(random: Random, draft: Draft) -> Draft:
    """Very many headers, or one that goes on in lines of its own."""
    many = tuple((b"X-%d" % number, b"y") for number in range(random.choice((50, 500, 5000))))
    folded = ((random.choice(NAMES), b"a\r\n " + random.choice(VALUES)),)
    return replace(draft, headers=(*draft.headers, *random.choice((many, folded))))


def change_body(random: Random, draft: Draft) -> Draft:
    """Another body, with its length."""
    body = random.choice(BODIES)
    return replace(draft.with_header(b"Content-Length", b"%d" % len(body)), body=body)


def mix_body(random: Random, draft: Draft) -> Draft:
    """Something within the body, with its length."""
    at = random.randrange(len(draft.body) + 1)
    odd = random.choice((*NOISE, b"&", b"=", b"%00", b"%ff", b"\xed\xa0\x80", b'"', b"[", draft.body))
    body = draft.body[:at] + odd + draft.body[at:]
    return replace(draft.with_header(b"Content-Length", b"%d" % len(body)), body=body)


def insert_noise(random: Random, written: bytes) -> bytes:
    """Bytes anywhere."""
    at = random.randrange(len(written) + 1)
    return written[:at] + random.choice(NOISE) + written[at:]


def change_a_byte(random: Random, written: bytes) -> bytes:
    """Another byte, mostly in the head."""
    at = random.randrange(max(1, random.choice((min(100, len(written)), len(written)))))
    return written[:at] + bytes([random.randrange(256)]) + written[at + 1 :]


def end_early(random: Random, written: bytes) -> bytes:
    """The client goes halfway."""
    return written[: random.randrange(len(written) + 1)]


def other_line_ends(random: Random, written: bytes) -> bytes:
    """Lines end otherwise."""
    return written.replace(b"\r\n", random.choice((b"\n", b"\r", b"\n\r", b"\r\r\n")))


def say_more(random: Random, written: bytes) -> bytes:
    """Something before it, or after it."""
    odd = random.choice(
        (*NOISE, b"\r\n" * 50, b"GET / HTTP/1.1\r\n\r\n", bytes(random.randrange(256) for _ in range(200)))
    )
    return random.choice((odd + written, written + odd))


_DRAFT_MUTATIONS: tuple[Callable[[Random, Draft], Draft], ...] = (
    *(change_method, change_target, change_target, change_version, change_host, change_host, change_origin),
    *(change_coding, chunk, change_length, change_header, change_header, change_header, add_headers, change_body),
    *(change_body, mix_body, change_parameter, change_parameter, change_parameter, change_parameter),
)
_BYTE_MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(insert_noise, insert_noise, change_a_byte, change_a_byte, end_early, other_line_ends, say_more),
)


def _split(random: Random, written: bytes) -> Iterator[bytes]:
    """Cut *written* into a few pieces."""
    cuts = sorted(random.randrange(len(written) + 1) for _ in range(random.choice((0, 0, 0, 1, 2, 5))))
    for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
        yield written[start:end]


@dataclass(frozen=True)
class Exchange:
    """What was sent, and all that came back."""

    mutant: Mutant
    answer: bytes

    @property
    def statuses(self) -> list[int]:
        """The status of each answer."""
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.answer)]

    def __str__(self) -> str:
        """Tell it, for the message of a test."""
        sent = b"|".join(self.mutant.pieces)
        return f"{self.mutant.number} {self.statuses} {self.mutant.steps} {sent[:600]!r} -> {self.answer[:300]!r}"


def exchanges(port: int, sent: Iterator[Mutant]) -> Iterator[Exchange]:
    """Send each mutant over a connection of its own, some at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        while batch := list(islice(sent, 1000)):
            yield from pool.map(lambda each: Exchange(each, answer_to(port, each.pieces)), batch)


def answer_to(port: int, pieces: Sequence[bytes]) -> bytes:
    """Send *pieces* and return all that comes back, to the end of the connection.

    A server that waits for more gets the end of what is sent, and must end the connection then.
    """
    answer = b""
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):  # it has refused the rest; its answer may be there
            for piece in pieces:
                connection.sendall(piece)
        connection.settimeout(QUIET)
        while received := _received(connection):
            answer += received
    return answer


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except TimeoutError:
        connection.settimeout(DEADLINE)
    with suppress(OSError):  # it has ended the connection in this moment
        connection.shutdown(socket.SHUT_WR)
    return connection.recv(65_536)
