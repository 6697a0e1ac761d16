"""The redo log: rows on their way into the journal, in a plain file, so that an order need not wait for SQLite.

One write into the kernel's pages survives kill -9 as well as a commit does, and takes a fifth of the time; the journal's
thread commits the same rows some milliseconds later, and at the next start what it did not get to is committed first.
(Redo logging: Mohan et al., ARIES, TODS 1992.)

The file has its size from the beginning, and two halves that are used in turn: a half is begun again when SQLite has all of
its rows. A record is its head (CRC-32 and length of what follows; seq, boot, time in ns, lengths of kind and key), kind, key
and body. Numbers only rise within a half, which tells the old records behind the newest one from the new.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from zlib import crc32

from ctosd.host.storage.database import sync_directory

Entry = tuple[int, int, int, str, str, bytes]
"""`(seq, boot, time_ns, kind, key, body)`."""

HALF = 256 << 10
"""Bytes; some 600 orders."""

_HEAD = Struct("<IIQQQHH")
_CHECKED = 4  # the CRC covers what comes behind itself


def redo_of(path: Path) -> Path:
    """The redo log of the journal `path`."""
    return path.with_name(path.name + "-redo")


class RedoLog:
    """One open file. Not thread-safe; who writes the journal's rows writes here first."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`."""
        fresh = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(self._fd, 0, 2 * HALF)  # a disk that fills up later does not matter here
            if fresh:
                sync_directory(path.parent)
        except BaseException:
            os.close(self._fd)
            raise
        self._at = self._half = 0  # where the next record goes, and which half that is in
        self._newest = [0, 0]  # the last seq in each half
        self.writes = self.refused = 0

    def entries(self) -> list[Entry]:
        """What it holds, oldest first; a record that is cut off or damaged ends its half."""
        return sorted([*self._read(0), *self._read(1)])

    def _read(self, half: int) -> Iterator[Entry]:
        data = os.pread(self._fd, HALF, half * HALF)
        at, last, epoch = 0, 0, 0
        while at + _HEAD.size <= len(data):
            crc, size, seq, boot, time_ns, kinds, keys = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + size
            if end > len(data) or kinds + keys > size or seq <= last or boot < epoch:
                return
            if crc32(data[at + _CHECKED : end]) != crc:
                return
            text = data[at + _HEAD.size : end]
            yield seq, boot, time_ns, text[:kinds].decode(), text[kinds : kinds + keys].decode(), text[kinds + keys :]
            at, last, epoch = end, seq, boot

    def clear(self) -> None:
        """Forget everything. Raises `OSError`."""
        for half in (0, 1):
            os.pwrite(self._fd, bytes(_HEAD.size), half * HALF)
        self._at = self._half = 0
        self._newest = [0, 0]

    def write(self, entries: Sequence[Entry], committed: int) -> bool:
        """Make `entries` safe from the death of this process, in one write; SQLite has all rows up to `committed`.

        False, and nothing counts as written: there is no room until SQLite has caught up, or the file refuses.
        """
        data = b"".join(map(_record, entries))
        if self._at + len(data) > HALF and not self._turn(len(data), committed):
            self.refused += 1
            return False
        try:
            done = os.pwrite(self._fd, data, self._half * HALF + self._at)
        except OSError:
            done = 0
        if done != len(data):
            self.refused += 1
            return False
        self._at += done
        self._newest[self._half] = entries[-1][0]
        self.writes += 1
        return True

    def _turn(self, size: int, committed: int) -> bool:
        other = 1 - self._half
        if size > HALF or self._newest[other] > committed:
            return False
        self._half, self._at = other, 0
        return True

    def close(self) -> None:
        os.close(self._fd)


def _record(entry: Entry) -> bytes:
    seq, boot, time_ns, kind, key, body = entry
    kinds, keys = kind.encode(), key.encode()
    text = kinds + keys + body
    rest = _HEAD.pack(0, len(text), seq, boot, time_ns, len(kinds), len(keys))[_CHECKED:] + text
    return crc32(rest).to_bytes(4, "little") + rest
