"""What the kernel needs from the world, as protocols: the host supplies the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One journal row. `body` is JSON."""

    seq: int
    boot: int
    time_ns: int
    kind: str
    key: str
    body: bytes


class Journal(Protocol):
    """The append-only record of what was meant and what happened."""

    boot: int
    """The boot epoch: unique to this start of the daemon, on disk before anything else happens."""
    failed: str
    """Why the journal can no longer write; empty while it can."""

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        """Queue one row and return its sequence number; the writer thread commits it soon."""
        ...

    def commit_now(self, seq: int) -> bool:
        """Commit everything up to `seq` on this thread if that needs no waiting; False when it must be awaited."""
        ...

    async def committed(self, seq: int) -> None:
        """Return when `seq` is as durable as the configuration asks. Raises `NotReady` when the journal failed."""
        ...

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]: ...

    def close(self) -> None: ...

    def statistics(self) -> Mapping[str, Any]: ...


class Status(dict[str, Any]):
    """A /proc file of ``Key:\\tvalue`` lines; a plain mapping is a directory."""
