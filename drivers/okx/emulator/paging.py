"""Pages: how many rows a request asks for, and beyond which ones (`limit`, `after`, `before`, `begin`, `end`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drivers.okx.emulator.figures import MS, whole
from drivers.okx.emulator.refusals import Refusal

Given = Mapping[str, Any]


def limit(given: Given, usual: int, most: int) -> int:
    """Raises `Refusal` for what is no number; too many are as many as there may be."""
    asked = given.get("limit")
    if asked in (None, ""):
        return usual
    found = whole(asked)
    if not found:
        raise Refusal("51000", "limit")
    return min(found, most)


def edge(given: Given, name: str) -> int | None:
    """An id or a time in milliseconds, None for none. Raises `Refusal`."""
    value = given.get(name)
    if value in (None, ""):
        return None
    found = whole(value, 1 << 64)
    if found is None:
        raise Refusal("51000", name)
    return found


def page(
    found: Iterable[Any], given: Given, id_of: Callable[[Any], int], usual: int = 100, most: int = 100
) -> list[Any]:
    """Rows that come newest first: older than ``after``, newer than ``before``; the newest of them. Raises `Refusal`."""
    count, after, before = limit(given, usual, most), edge(given, "after"), edge(given, "before")
    rows = [
        each for each in found if (after is None or id_of(each) < after) and (before is None or id_of(each) > before)
    ]
    return rows[:count]


def within(found: Iterable[Any], given: Given, time_of: Callable[[Any], int]) -> list[Any]:
    """Rows from ``begin`` to ``end``, milliseconds, both included; `time_of` gives nanoseconds. Raises `Refusal`."""
    begin, end = edge(given, "begin"), edge(given, "end")
    return [
        each
        for each in found
        if (begin is None or time_of(each) // MS >= begin) and (end is None or time_of(each) // MS <= end)
    ]
