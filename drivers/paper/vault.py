"""The venue's own memory: what an exchange would keep on its disks.

Keys are ``engine/…`` for accounts, orders, fills and payments, ``market/…`` for where the synthetic market stands and ``bar/…``
for its last bars. Fills and payments are committed before anybody hears of them; the rest goes along with the next commit.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctosd.abi import CtosError, Log, Store


class Vault:
    """Writes changes to the store, all or none. What the disk refused waits and is tried again with the next commit."""

    def __init__(self, store: Store | None, log: Log) -> None:
        self._store = store
        self._log = log
        self._waiting: dict[str, bytes | None] = {}
        self.commits = 0
        self.failed = ""

    @property
    def keeps(self) -> bool:
        """Whether there is a store at all; a run on the virtual clock has none."""
        return self._store is not None

    def read(self) -> dict[str, dict[str, bytes]]:
        """Everything that was kept, by the first part of its key."""
        shelves: dict[str, dict[str, bytes]] = {}
        for key, value in self._store.read().items() if self._store is not None else ():
            shelf, _, rest = key.partition("/")
            shelves.setdefault(shelf, {})[rest] = value
        return shelves

    def later(self, shelf: str, changes: Mapping[str, bytes | None]) -> None:
        """Keep changes with the next commit."""
        if self._store is not None:
            for key, value in changes.items():
                self._waiting[f"{shelf}/{key}"] = value

    def commit(self) -> bool:
        """Write what waits. False when the store cannot; the changes are kept."""
        if self._store is None or not self._waiting:
            return True
        changes, self._waiting = self._waiting, {}
        try:
            self._store.write(changes)
        except (CtosError, OSError) as error:
            self._waiting = changes | self._waiting
            if not self.failed:
                self._log.error("paper_store_failed", reason=str(error), waiting=len(self._waiting))
            self.failed = str(error) or type(error).__name__
            return False
        if self.failed:
            self._log.info("paper_store_works_again")
        self.failed = ""
        self.commits += 1
        return True

    def statistics(self) -> dict[str, object]:
        return {"commits": self.commits, "waiting": len(self._waiting), "failed": self.failed}
