"""The user whose program is at the other end of a loopback connection, as far as Linux tells.

Linux answers a question about one connection in microseconds (sock_diag(7)). Where it does not, its table of all
connections has the same (proc_pid_net(5)). To read that takes a millisecond or more on a large machine.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
from pathlib import Path
from typing import NamedTuple

Address = tuple[str, int]
"""An IP address and a port."""

_ROOT = 0
_ESTABLISHED, _FIN_WAIT1, _LISTEN = 1, 4, 10
"""States of a connection (`net/tcp_states.h` of Linux); Python does not name them."""

_KEEPS_OWNER = (6, 17)
"""The first version of Linux that still knows whose a socket was while its closing is not acknowledged."""

_MAPPED = bytes(10) + b"\xff\xff"
"""The bytes before an IPv4 address in a socket of IPv6 (RFC 4291, 2.5.5.2)."""

_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBBI2s2s16s16sI8s")
"""`nlmsghdr`, and `inet_diag_req_v2` with its `inet_diag_sockid` (`linux/netlink.h`, `linux/inet_diag.h`)."""

_ANSWER = struct.Struct("=BBBB48sIIIII")
"""`inet_diag_msg`: family, state, two more, the socket's addresses, three more, uid, inode."""

_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
"""`NETLINK_SOCK_DIAG`, `SOCK_DIAG_BY_FAMILY` and `NLM_F_REQUEST`."""

_NO_COOKIE = b"\xff" * 8


class Entry(NamedTuple):
    """What Linux tells about a socket: its state, a uid, and an inode as long as a program holds it."""

    state: int
    uid: int
    inode: int

    def owner(self, version: tuple[int, ...]) -> int | None:
        """Return the uid of the program that opened the socket; None if Linux of *version* has forgotten it.

        Linux shows uid 0 then, so another user's program could pass for root's by closing its end early.
        """
        is_kept = self.inode != 0 or (self.state == _FIN_WAIT1 and version >= _KEEPS_OWNER)
        return self.uid if self.uid != _ROOT or is_kept else None


def is_of_another_user(connection: socket.socket, peer: Address) -> bool:
    """Return whether a program of another user, who is not root either, opened *connection* from *peer*.

    Systems other than Linux do not tell, and neither does a Linux whose /proc cannot be read. The answer is no there.
    """
    if sys.platform != "linux":
        return False
    try:
        ours = connection.getsockname()[:2]
    except OSError:
        return True  # it has ended: no browser waits for an answer
    entry, is_known = _told(peer, ours), True
    if entry is None:
        entry, is_known = _listed(peer, ours)
    if entry is None:
        return is_known and not _is_established(connection)
    return entry.owner(_version()) not in (_ROOT, os.geteuid())


def entry_in(table: bytes, peer: Address, ours: Address) -> Entry | None:
    """Return the entry of the socket of *peer*, connected to *ours*; None if *table* lacks it.

    Args:
        table: the content of /proc/net/tcp or /proc/net/tcp6.
        peer: of the other end, as `accept` returned it.
        ours: of this end.
    """
    for is_mapped in (False, True):
        _, found, rest = table.partition(f" {_written(peer, is_mapped)} {_written(ours, is_mapped)} ".encode())
        if found:
            # State, queues, timer, retransmissions, uid, timeout, inode.
            state, _, _, _, uid, _, inode = rest.split(maxsplit=7)[:7]
            return Entry(int(state, 16), int(uid), int(inode))
    return None


def question_about(peer: Address, ours: Address) -> bytes:
    """Return the message that asks Linux for the socket of *peer*, connected to *ours* (sock_diag(7))."""
    family = socket.AF_INET6 if ":" in peer[0] else socket.AF_INET
    hosts = [socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (peer, ours)]
    ports = [port.to_bytes(2, "big") for _, port in (peer, ours)]
    states = 0xFFFFFFFF
    question = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, states, *ports, *hosts, 0, _NO_COOKIE)
    return _HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, _REQUEST, 0, 0) + question


def entry_told(message: bytes) -> Entry | None:
    """Return the entry in Linux's answer to `question_about`; None if that tells of no connected socket."""
    if len(message) < _HEADER.size + _ANSWER.size or _HEADER.unpack_from(message)[1] != _BY_FAMILY:
        return None  # an error: no such socket, or this Linux cannot be asked
    _, state, *_, uid, inode = _ANSWER.unpack_from(message, _HEADER.size)
    # Where there is no such connection, Linux tells of a listening socket at that port.
    return Entry(state, uid, inode) if state != _LISTEN else None


def _told(peer: Address, ours: Address) -> Entry | None:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(1)
            kernel.send(question_about(peer, ours))
            return entry_told(kernel.recv(4096))
    except OSError:  # a container may forbid it
        return None


def _listed(peer: Address, ours: Address) -> tuple[Entry | None, bool]:
    """Return the entry as `entry_in` does, and whether there was a table to read."""
    is_known = False
    for name in ("tcp", "tcp6"):
        try:
            table = Path("/proc/net", name).read_bytes()
        except OSError:  # without IPv6 there is no tcp6
            continue
        is_known = True
        if (entry := entry_in(table, peer, ours)) is not None:
            return entry, True
    return None, is_known


def _version() -> tuple[int, ...]:
    """Return the version of Linux, as 6 and 18."""
    return tuple(map(int, re.findall("[0-9]+", os.uname().release)[:2]))


def _written(address: Address, is_mapped: bool) -> str:
    """Return *address* as the table has it: words of four bytes, each as a number of this machine."""
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    if is_mapped and len(packed) == 4:
        packed = _MAPPED + packed
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"


def _is_established(connection: socket.socket) -> bool:
    """Return whether both ends of *connection* are open.

    The tables, read before, lack its other end. If that end was closed meanwhile, a program of this machine has closed
    it, and that may be anyone's. If it is open all the same, it is no socket of this system: the host of a virtual
    machine, as of WSL, can mirror its own loopback address.
    """
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False
