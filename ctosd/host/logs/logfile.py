"""A log file that rotates by size, survives a full disk and a rename under it, and never holds half a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RETRY_S = 5.0


class LogFile:
    """`path`, and `path.1` (newest) to `path.<keep>` once it has grown over `max_bytes`. For one thread.

    When the file cannot be written, lines are lost and counted, one `warn` tells of it, and writing is tried again every
    few seconds. `seconds` is a monotonic clock.
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        seconds: Callable[[], float],
        max_bytes: int = 64 << 20,
        keep: int = 5,
    ) -> None:
        self.path = path
        self._warn = warn
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._keep = keep
        self._fd = -1
        self._inode = 0
        self._size = 0
        self._retry_at = 0.0
        self.failed = ""
        self.lines = 0
        self.lost = 0
        self.rotations = 0

    def write(self, lines: list[bytes]) -> None:
        """Append whole lines (each with its newline). Never raises for what the disk does."""
        if self.failed and self._seconds() < self._retry_at:
            self.lost += len(lines)
            return
        try:
            self._ready()
            self._append(b"".join(lines))
        except OSError as error:
            self._fail(error, len(lines))
            return
        self.lines += len(lines)
        if self.failed:
            self._warn(f"writing to {self.path} works again; {self.lost} lines were lost so far")
            self.failed = ""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def statistics(self) -> Mapping[str, Any]:
        return {
            "path": str(self.path),
            "lines": self.lines,
            "lost": self.lost,
            "rotations": self.rotations,
            "bytes": self._size,
            "failed": self.failed,
        }

    def _ready(self) -> None:
        """Have the file open that has the name now: another program may have moved it, or us grown it."""
        if self._fd >= 0 and not self._is_ours():
            self.close()
        if self._fd < 0:
            self._open()
        if self._size >= self._max_bytes:
            self._rotate()
            self._open()

    def _is_ours(self) -> bool:
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        facts = os.fstat(self._fd)
        self._inode, self._size = facts.st_ino, facts.st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))
        self.rotations += 1

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _append(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            if written:  # a full disk took the head of a line
                os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    def _fail(self, error: OSError, lines: int) -> None:
        self.lost += lines
        self._retry_at = self._seconds() + RETRY_S
        self.close()
        if not self.failed:
            self._warn(
                f"cannot write to {self.path}: {error.strerror or error}; the log goes on without it and tries again"
            )
        self.failed = error.strerror or str(error)
