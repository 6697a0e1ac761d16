"""Who is at the other end of a Unix socket, and what may they do.

The kernel vouches for the answer (`SO_PEERCRED`, `SO_PEERGROUPS`: unix(7)); nothing that the peer sends is believed.
Default deny: root and our own user are admin, group `ctos-admin` is admin, group `ctos` and the socket's own group read.
"""

from __future__ import annotations

import grp
import os
import socket
import struct
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["none", "read", "admin"]

ADMIN_GROUP = "ctos-admin"
READ_GROUP = "ctos"

SO_PEERGROUPS = 59  # asm-generic/socket.h; the socket module has no name for it
_UCRED = struct.Struct("iII")
_UNKNOWN_UID = 0xFFFFFFFF  # what a peer from a foreign user namespace looks like
_MOST_GROUPS = 65536  # NGROUPS_MAX


class HasOptions(Protocol):
    """The one thing asked of a socket; asyncio and uvloop hand out stand-ins that have it."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A process at the other end, as it was when it connected. `gids` has the primary and the supplementary groups."""

    uid: int
    pid: int
    gids: frozenset[int]


def peer_of(sock: HasOptions) -> Peer:
    """The process that connected to `sock`. Raises `OSError` when the kernel does not tell."""
    pid, uid, gid = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid=uid, pid=pid, gids=frozenset((gid, *_supplementary(sock))))


def _supplementary(sock: HasOptions) -> tuple[int, ...]:
    """The peer's supplementary groups; none where the kernel is older than 4.13."""
    size = 4 * 64
    while size <= 4 * _MOST_GROUPS:
        try:
            raw = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, size)
        except OverflowError:
            return ()
        except OSError as error:
            if error.errno != 34:  # ERANGE: the buffer is too small
                return ()
            size *= 8
        else:
            return struct.unpack(f"{len(raw) // 4}I", raw)
    return ()


@dataclass(frozen=True, slots=True)
class Access:
    """Which users and groups may do what on this machine."""

    own_uid: int
    admin_gids: frozenset[int]
    read_gids: frozenset[int]

    def role(self, peer: Peer) -> Role:
        """What `peer` may do. Somebody whom the kernel cannot name may do nothing."""
        if peer.uid == _UNKNOWN_UID or peer.pid == 0:
            return "none"
        if peer.uid in (0, self.own_uid) or peer.gids & self.admin_gids:
            return "admin"
        return "read" if peer.gids & self.read_gids else "none"


def access_here(socket_group: str = "") -> Access:
    """The rule for this process; the members of `socket_group`, who can connect, may read."""
    return Access(
        own_uid=os.getuid(),
        admin_gids=_gids(ADMIN_GROUP),
        read_gids=_gids(READ_GROUP) | (_gids(socket_group) if socket_group else frozenset()),
    )


def _gids(name: str) -> frozenset[int]:
    try:
        return frozenset((grp.getgrnam(name).gr_gid,))
    except KeyError:
        return frozenset()


def describe(peer: Peer) -> str:
    """How the journal names the one who acted, such as ``uid=1000 pid=123 (ctosctl)``. Reads /proc, so not on the loop."""
    try:
        with open(f"/proc/{peer.pid}/comm", encoding="utf-8", errors="replace") as file:
            comm = file.read(64).strip()
    except OSError:
        comm = "gone"
    # A process chooses its own name, and a journal line must not be forged with it.
    shown = "".join(letter if letter.isprintable() and letter not in "()" else "?" for letter in comm)
    return f"uid={peer.uid} pid={peer.pid} ({shown})"
