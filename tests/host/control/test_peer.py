"""Who may do what: the kernel's word, and a default of no."""

import os
import socket
import struct

import pytest

from ctosd.host.control.peer import Access, Peer, access_here, describe, peer_of

RULE = Access(own_uid=900, admin_gids=frozenset({50}), read_gids=frozenset({60}))


@pytest.mark.parametrize(
    ("uid", "pid", "gids", "role"),
    [
        (0, 1, {0}, "admin"),
        (900, 2, set(), "admin"),
        (1000, 2, {1000, 50}, "admin"),
        (1000, 2, {50, 60}, "admin"),
        (1000, 2, {1000, 60}, "read"),
        (1000, 2, {1000}, "none"),
        (0xFFFFFFFF, 2, {50}, "none"),
        (0, 0, {0}, "none"),
    ],
)
def test_the_role_follows_from_user_and_groups(uid, pid, gids, role):
    """Root, our own user, `ctos-admin`, `ctos`, anybody, and those whom the kernel cannot name."""
    assert RULE.role(Peer(uid, pid, frozenset(gids))) == role


def test_the_kernel_names_the_peer():
    """Our own user, process and groups, over a real socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.uid, peer.pid) == (os.getuid(), os.getpid())
    assert peer.gids == {os.getgid(), *os.getgroups()}
    assert describe(peer).startswith(f"uid={os.getuid()} pid={os.getpid()} (")
    assert access_here().role(peer) == "admin"


def test_many_groups_are_all_seen():
    """A first buffer that is too small is not taken for an answer; an old kernel has none."""

    class Sock:
        def __init__(self, groups):
            self.groups = groups

        def getsockopt(self, level, name, size):
            if name == socket.SO_PEERCRED:
                return struct.pack("iII", 7, 1000, 1000)
            if self.groups is None:
                raise OSError(92, "Protocol not available")
            raw = struct.pack(f"{len(self.groups)}I", *self.groups)
            if len(raw) > size:
                raise OSError(34, "Numerical result out of range")
            return raw

    assert peer_of(Sock(range(3000))).gids == {1000, *range(3000)}
    assert peer_of(Sock(None)).gids == {1000}


def test_a_process_cannot_forge_its_line_in_the_journal(tmp_path):
    """What it calls itself is cleaned; a process that has gone is said to be."""
    script = tmp_path / "x"
    pid = os.fork()
    if pid == 0:
        with open("/proc/self/comm", "w", encoding="utf-8") as comm:
            comm.write("a)\nb=(\x1b[0m")
        os.read(0, 0)
        os.kill(os.getpid(), 19)
    os.waitpid(pid, os.WUNTRACED)
    assert not script.exists()
    said = describe(Peer(1000, pid, frozenset()))
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert said == f"uid=1000 pid={pid} (a??b=??[0m)"
    assert describe(Peer(1000, pid, frozenset())) == f"uid=1000 pid={pid} (gone)"
