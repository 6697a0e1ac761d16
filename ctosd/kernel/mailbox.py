"""Mailboxes: what waits for a strategy that is busy.

Quotes conflate (one per stream, the newest), trades and book changes drop the oldest and count, own orders and fills are
never dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal

Policy = Literal["conflate", "drop-oldest", "never-drop"]
Handler = Callable[[Any], Coroutine[Any, Any, None] | None]

CAPACITY = 1_000
"""Droppable events that one mailbox holds."""


class Letter:
    """One waiting event. A newer event of a conflating stream replaces it in place."""

    __slots__ = ("event", "handler", "stream")

    def __init__(self, handler: Handler, event: Any, stream: str) -> None:
        self.handler = handler
        self.event = event
        self.stream = stream


class Mailbox:
    """One strategy's waiting events, oldest first."""

    __slots__ = ("_conflating", "_letters", "_losable", "capacity", "conflated", "dropped", "high_water", "received")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._letters: deque[Letter] = deque()
        self._conflating: dict[str, Letter] = {}
        self._losable: deque[Letter] = deque()
        self.received = 0
        self.conflated = 0
        self.dropped = 0
        self.high_water = 0

    def __len__(self) -> int:
        return len(self._letters) + len(self._losable)

    def put(self, handler: Handler, event: Any, policy: Policy, stream: str) -> None:
        """Keep an event for later, by the policy of its stream."""
        self.received += 1
        if policy == "never-drop":
            self._letters.append(Letter(handler, event, ""))
        elif policy == "conflate":
            self._conflate(handler, event, stream)
        else:
            if len(self._losable) >= self.capacity:
                self._losable.popleft()
                self.dropped += 1
            self._losable.append(Letter(handler, event, ""))
        self.high_water = max(self.high_water, len(self))

    def _conflate(self, handler: Handler, event: Any, stream: str) -> None:
        waiting = self._conflating.get(stream)
        if waiting is not None:
            waiting.event = event
            self.conflated += 1
            return
        letter = self._conflating[stream] = Letter(handler, event, stream)
        self._letters.append(letter)

    def get(self) -> Letter | None:
        """The next event: what may not be lost goes before what may."""
        if self._letters:
            letter = self._letters.popleft()
            if letter.stream:
                del self._conflating[letter.stream]
            return letter
        return self._losable.popleft() if self._losable else None

    def clear(self) -> list[Any]:
        """Empty it; returns the events that may not be lost."""
        kept = [letter.event for letter in self._letters if not letter.stream]
        self._letters.clear()
        self._losable.clear()
        self._conflating.clear()
        return kept

    def statistics(self) -> Mapping[str, Any]:
        return {
            "depth": len(self),
            "capacity": self.capacity,
            "received": self.received,
            "conflated": self.conflated,
            "dropped": self.dropped,
            "high_water": self.high_water,
        }
