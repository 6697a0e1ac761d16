"""A Unix socket of our own in the file system, bound so that no stranger can connect in between."""

from __future__ import annotations

import errno
import grp
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from ctosd.abi import Misconfigured

LONGEST_PATH = 107  # bytes: sockaddr_un.sun_path is 108 with its terminating zero (unix(7))


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound socket and the identity of its file, so that only this very file is ever removed."""

    socket: socket.socket
    path: Path
    device: int
    inode: int


def bind(path: Path, mode: int, group: str) -> Bound:
    """Bind a listening socket at `path`, replacing a dead one. Raises `Misconfigured` with the remedy."""
    check_length(path)
    make_room(path)
    gid = group_id(group) if group else -1
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        _bind_closed(listening, path)
        if gid >= 0:
            os.chown(path, -1, gid)
        os.chmod(path, mode)
        listening.listen(64)  # only now can anybody connect, and the mode is right already
        found = path.stat()
    except OSError as error:
        listening.close()
        raise Misconfigured(_bind_message(path, group, error)) from None
    return Bound(listening, path, found.st_dev, found.st_ino)


def _bind_closed(listening: socket.socket, path: Path) -> None:
    umask = os.umask(0o177)
    try:
        listening.bind(os.fspath(path))
    finally:
        os.umask(umask)


def _bind_message(path: Path, group: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"cannot make the control socket: the directory {path.parent} does not exist; create it or choose another --var"
    if error.errno == errno.EPERM and group:
        return f"cannot give the control socket to the group {group!r}: make the daemon's user a member of it (control.group)"
    return f"cannot make the control socket {path}: {error.strerror}; check the directory's owner and mode"


def check_length(path: Path) -> None:
    """Raises `Misconfigured` for a path that no socket can have."""
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        raise Misconfigured(
            f"the path of the control socket has {length} bytes, Linux allows {LONGEST_PATH}: {path}; "
            "choose a shorter directory with --var or $CTOS_VAR"
        )


def make_room(path: Path) -> None:
    """Remove the socket of a daemon that is gone. Raises `Misconfigured` if it is not gone, or not a socket."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Misconfigured(f"cannot look at {path}: {error.strerror}") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise Misconfigured(
            f"{path} is in the control socket's way and is no socket: move it away or choose another --var"
        )
    if answers(path):
        raise Misconfigured(f"another ctosd answers on {path}: stop that one, or give this one its own --var")
    path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Whether somebody listens at `path`. Never waits. When in doubt: yes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        return probe.connect_ex(os.fspath(path)) not in (errno.ECONNREFUSED, errno.ENOENT)


def group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Misconfigured(
            f"control.group: no group {name!r} on this machine; create it with `groupadd {name}`"
        ) from None


def remove(bound: Bound) -> None:
    """Close the socket and take its file away, unless another one has taken its place."""
    bound.socket.close()
    try:
        found = bound.path.lstat()
        if (found.st_dev, found.st_ino) == (bound.device, bound.inode):
            bound.path.unlink()
    except FileNotFoundError:
        return
