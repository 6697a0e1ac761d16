"""User data of spot: subscriptions on WebSocket API connections (sheet B5)."""

from __future__ import annotations

from typing import Any, Protocol

from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime


class Listener(Protocol):
    """A connection that user data can be told to."""

    number: int

    def tell(self, message: Any) -> None: ...


class Subscriptions:
    """All of them, by connection. One account is subscribed once on a connection."""

    def __init__(self, time: VenueTime, faults: Faults) -> None:
        self._time = time
        self._faults = faults
        self._of: dict[int, dict[int, tuple[Listener, Trader]]] = {}
        self._next: dict[int, int] = {}
        self.told = 0

    def subscribe(self, listener: Listener, trader: Trader) -> int:
        """Raises `Refusal` (-2035)."""
        own = self._of.setdefault(listener.number, {})
        if any(each is trader for _, each in own.values()):
            raise Refusal(-2035, "User Data Stream subscription already active.")
        number = self._next.get(listener.number, 0)
        self._next[listener.number] = number + 1
        own[number] = (listener, trader)
        return number

    def unsubscribe(self, listener: Listener, number: int | None = None) -> None:
        """One, or without a number all of a connection. Raises `Refusal` (-2036)."""
        own = self._of.get(listener.number, {})
        if number is None:
            own.clear()
        elif own.pop(number, None) is None:
            raise Refusal(-2036, "User Data Stream subscription not active.")

    def of(self, listener: Listener) -> list[int]:
        return list(self._of.get(listener.number, {}))

    def forget(self, listener: Listener) -> None:
        self._of.pop(listener.number, None)
        self._next.pop(listener.number, None)

    def tell(self, trader: Trader, event: dict[str, Any]) -> None:
        if self._faults.strikes("drop_private"):
            return
        self.told += 1
        for own in list(self._of.values()):
            for number, (listener, each) in list(own.items()):
                if each is trader:
                    listener.tell({"subscriptionId": number, "event": event})

    def terminate(self) -> None:
        """End all of them, and say so."""
        event = {"e": "eventStreamTerminated", "E": self._time.now_ms()}
        for own in self._of.values():
            for number, (listener, _) in own.items():
                listener.tell({"subscriptionId": number, "event": event})
            own.clear()
