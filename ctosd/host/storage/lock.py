"""The lock that keeps a second daemon away from the same directories: flock on a file, let go by the kernel at death."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ctosd.abi.errors import NotReady
from ctosd.host.storage.database import explain


class InstanceLock:
    """Held from the constructor until `release` or the end of the process. A leftover file is no obstacle.

    Raises:
        NotReady: another daemon holds it, and the sentence has its pid; or the disk is full.
        Misconfigured: the file cannot be made or locked there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = self._acquire()
        except OSError as error:
            raise explain(error, path) from error

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two hold locks on two files of one name."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _acquire(self) -> int:
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_current(fd):
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
                    return fd
            except OSError as error:
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                os.close(fd)
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    raise self._held_by(holder) from error
                raise
            os.close(fd)

    def _is_current(self, fd: int) -> bool:
        """False when the file was removed between opening and locking: then the lock is on a nameless file."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _held_by(self, holder: str) -> NotReady:
        who = f"pid {holder}" if holder.isdigit() else "a process that has not written its pid"
        return NotReady(
            f"another ctosd runs on {self.path.parent} ({who} holds {self.path.name}): stop it with `ctosctl stop`"
            f"{f' or `kill {holder}`' if holder.isdigit() else ''}, or give this one its own directory with --var"
        )
