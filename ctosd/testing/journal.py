"""A journal in memory: for tests of what stands on the kernel, and for runs that nobody wants to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ctosd.abi.errors import NotReady
from ctosd.kernel.ports import Row


class MemoryJournal:
    """Keeps rows in a list. `slow` makes every commit wait for `release`; `failed` makes it refuse."""

    def __init__(self, boot: int = 1, rows: list[Row] | None = None) -> None:
        self.boot = boot
        self.failed = ""
        self.kept: list[Row] = rows if rows is not None else []
        self.commits = 0

    def append(self, kind: str, key: str, body: bytes, time_ns: int) -> int:
        seq = len(self.kept) + 1
        self.kept.append(Row(seq, self.boot, time_ns, kind, key, body))
        return seq

    def commit_now(self, seq: int) -> bool:
        self.commits += 1
        return not self.failed

    async def committed(self, seq: int) -> None:
        if self.failed:
            raise NotReady(self.failed)

    def rows(self, kinds: tuple[str, ...] | None = None, after: int = 0) -> Iterator[Row]:
        return (row for row in list(self.kept) if row.seq > after and (kinds is None or row.kind in kinds))

    def close(self) -> None:
        pass

    def statistics(self) -> Mapping[str, Any]:
        return {"seq": len(self.kept), "durability": "memory", "backlog": 0}
