"""A store for tests and for drivers that run in memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class MemoryStore:
    """A store that ends with the process."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def read(self) -> Mapping[str, bytes]:
        return MappingProxyType(dict(sorted(self._entries.items())))

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value

    def close(self) -> None:
        return
