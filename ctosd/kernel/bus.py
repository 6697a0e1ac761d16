"""The event bus: `publish` is a plain function that calls what listens, in line and in order.

Topics are tuples of callables in a dict (`abi.topic` names them). Taps come before subscribers: a tap is part of the kernel
(orders, ledger, prices, journal), what it raises is a broken invariant and ends the daemon. A subscriber that raises
is its own failure, kept and counted; the rest still hear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Handler = Callable[[Any], None]


class Bus:
    """In-process publish and subscribe, single-threaded.

    `on_fault(topic, handler, error)` hears of a subscriber that raised.
    """

    __slots__ = ("_on_fault", "_routes", "_taps", "faults", "seq", "unheard")

    def __init__(self, on_fault: Callable[[str, Handler, Exception], None] | None = None) -> None:
        self._routes: dict[str, tuple[Handler, ...]] = {}
        self._taps: dict[str, int] = {}
        self._on_fault = on_fault
        self.seq = 0
        self.faults = 0
        self.unheard = 0

    def publish(self, topic: str, event: Any) -> None:
        """Number the event and let every tap and subscriber of the topic have it before returning."""
        self.seq += 1
        try:
            handlers = self._routes[topic]
        except KeyError:
            self.unheard += 1
            return
        handler = None
        try:
            for handler in handlers:
                handler(event)
        except Exception as error:
            self._recover(topic, event, handlers, handler, error)

    def _recover(self, topic: str, event: Any, handlers: tuple[Handler, ...], failed: Any, error: Exception) -> None:
        """A handler raised: a tap's error goes up, a subscriber's is counted and those after it are served."""
        index = handlers.index(failed)
        if index < self._taps.get(topic, 0):
            raise error
        self._fault(topic, failed, error)
        for handler in handlers[index + 1 :]:
            try:
                handler(event)
            except Exception as another:
                self._fault(topic, handler, another)

    def _fault(self, topic: str, handler: Handler, error: Exception) -> None:
        self.faults += 1
        if self._on_fault is not None:
            self._on_fault(topic, handler, error)

    def tap(self, topic: str, handler: Handler) -> None:
        """Let a part of the kernel hear a topic before every subscriber, in the order of tapping."""
        count = self._taps.get(topic, 0)
        handlers = self._routes.get(topic, ())
        self._routes[topic] = (*handlers[:count], handler, *handlers[count:])
        self._taps[topic] = count + 1

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Add a subscriber; what is being published now still goes to the old tuple."""
        self._routes[topic] = (*self._routes.get(topic, ()), handler)

    def unsubscribe(self, topic: str, handler: Handler) -> None:
        """Take a subscriber out; unknown ones are no mistake."""
        count = self._taps.get(topic, 0)
        handlers = self._routes.get(topic, ())
        left = (*handlers[:count], *(each for each in handlers[count:] if each != handler))
        if left:
            self._routes[topic] = left
        else:
            self._routes.pop(topic, None)

    def listeners(self, topic: str) -> int:
        """How many subscribers a topic has, taps not counted."""
        return len(self._routes.get(topic, ())) - self._taps.get(topic, 0)

    def topics(self) -> Mapping[str, int]:
        """Every topic with its number of handlers."""
        return {topic: len(handlers) for topic, handlers in sorted(self._routes.items())}

    def statistics(self) -> Mapping[str, Any]:
        return {
            "seq": self.seq,
            "topics": len(self._routes),
            "handlers": sum(len(handlers) for handlers in self._routes.values()),
            "taps": sum(self._taps.values()),
            "unheard": self.unheard,
            "faults": self.faults,
        }
