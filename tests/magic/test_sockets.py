"""The redirect URI's port is ours alone, before any browser opens."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from ipyauth_magic.callback import ports as sockets
from ipyauth_magic.callback.ports import PortInUse, bind_redirect_uri
from ipyauth_magic.errors import PortTaken
from tests.support.listening import open_listener
from tests.support.ports import free_port


@contextmanager
def held(address: str, port: int = 0, reuse_port: bool = False) -> Iterator[int]:
    """Hold a port as another program would."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as other:
        if reuse_port:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((address, port))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "addresses"), [("127.0.0.1", ["127.0.0.1"]), ("localhost", ["127.0.0.1", "::1"]), ("[::1]", ["::1"])]
)
def test_what_is_bound(host: str, addresses: list[str]) -> None:
    """The literal's own family; for `localhost` both, since a browser tries ::1 first."""
    bound = bind_redirect_uri(f"http://{host}:{free_port()}/callback/")
    try:
        assert [each.getsockname()[0] for each in bound.sockets] == addresses
    finally:
        bound.close()


@pytest.mark.parametrize(("host", "bind"), [("[::1]", None), ("localhost", None), ("[::1]", "::")])
def test_ipv6_is_bound_for_itself_alone(host: str, bind: str | None) -> None:
    """IPV6_V6ONLY, whatever the system's default: IPv4 has a socket of its own, or none."""
    bound = bind_redirect_uri(f"http://{host}:0/", bind)
    try:
        [ours] = [each for each in bound.sockets if each.family == socket.AF_INET6]
        assert ours.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    finally:
        bound.close()


def test_port_0_is_a_free_port_and_stands_in_the_uri() -> None:
    """RFC 8252, 7.3; on all addresses the same one."""
    bound = bind_redirect_uri("http://localhost:0/cb")
    ports = {each.getsockname()[1] for each in bound.sockets}
    bound.close()
    assert len(bound.sockets) == 2
    assert bound.redirect_uri == f"http://localhost:{ports.pop()}/cb"
    assert not ports


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_localhost_is_refused_if_either_family_is_held(address: str) -> None:
    """Whoever holds the other one could receive the response; what was bound is given back."""
    with held(address) as port:
        with pytest.raises(PortInUse) as caught:
            bind_redirect_uri(f"http://localhost:{port}/")
        assert caught.value.port == port
    bind_redirect_uri(f"http://localhost:{port}/").close()


def test_a_machine_without_ipv6_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ::1, nobody can hold it."""
    real = sockets._listen_on

    def without_ipv6(address: str, port: int) -> socket.socket:
        if address == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(address, port)

    monkeypatch.setattr(sockets, "_listen_on", without_ipv6)
    bound = bind_redirect_uri("http://localhost:0/")
    assert [each.getsockname()[0] for each in bound.sockets] == ["127.0.0.1"]
    bound.close()
    with pytest.raises(PortInUse):
        bind_redirect_uri("http://[::1]:0/")


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="Windows has no SO_REUSEPORT")
def test_nobody_binds_beside_us() -> None:
    """Not with SO_REUSEPORT, and not on all interfaces."""
    bound = bind_redirect_uri("http://127.0.0.1:0/")
    port = bound.sockets[0].getsockname()[1]
    for address in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(OSError, match="in use"), held(address, port, reuse_port=True):
            pass
    bound.close()


def test_the_port_can_be_bound_again_at_once_after_a_kill() -> None:
    """SO_REUSEADDR: a restarted kernel does not wait for connections that linger."""
    port = free_port()
    program = (
        "import os, sys; from ipyauth_magic.callback.ports import bind_redirect_uri;"
        f"bound = bind_redirect_uri('http://127.0.0.1:{port}/'); print('bound', flush=True);"
        "bound.sockets[0].accept(); print('accepted', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"bound\n"
    with socket.create_connection(("127.0.0.1", port)):
        assert child.stdout.readline() == b"accepted\n"
        child.kill()
        child.communicate()
    bind_redirect_uri(f"http://127.0.0.1:{port}/").close()


def test_the_next_uri_is_taken_when_a_port_is_held() -> None:
    """In the order given."""
    with held("127.0.0.1") as port:
        free = free_port()
        listener = open_listener(f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{free}/")
        listener.close()
        assert listener.redirect_uri == f"http://127.0.0.1:{free}/"


def test_when_all_are_held_the_error_names_the_ports_at_once() -> None:
    """And says what to do."""
    with held("127.0.0.1") as one, held("127.0.0.1") as two:
        started = time.monotonic()
        with pytest.raises(PortTaken) as caught:
            open_listener(f"http://127.0.0.1:{one}/", f"http://localhost:{two}/")
        assert time.monotonic() - started < 0.5
        assert caught.value.ports == (one, two)
        assert f"Ports {one} and {two} are in use or cannot be opened" in str(caught.value)
        assert "Allowed Callback URLs" in str(caught.value)


def test_jupyters_own_port_is_told() -> None:
    """The original guide's redirect URI has it, and there Jupyter itself listens."""
    assert "Jupyter itself mostly uses 8888" in str(PortTaken([8888]))
    assert "Jupyter" not in str(PortTaken([8765]))


@pytest.mark.skipif(os.name != "posix", reason="ports below 1024 are open to all on Windows")
def test_a_uri_without_port_means_80() -> None:
    """RFC 3986, 3.2.3: what is bound is what a browser would ask."""
    assert sockets.port_of("http://127.0.0.1/cb") == 80


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("http://localhost", ""),
        ("http://localhost/", "/"),
        ("http://127.0.0.1/cb", "/cb"),
        ("http://127.0.0.1:0/cb", "/cb"),
        ("http://localhost:0", ""),
    ],
)
def test_a_redirect_uri_without_port_takes_a_free_one(given: str, path: str) -> None:
    """For providers that compare a loopback URI without its port (RFC 8252, 7.3)."""
    bound = bind_redirect_uri(given)
    try:
        assert bound.port not in (None, 0, 80)
        assert bound.redirect_uri == f"http://{urlsplit(given).hostname}:{bound.port}{path}"
    finally:
        bound.close()
