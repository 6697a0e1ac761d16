"""Listen keys of futures: one an account, good for an hour, and the streams that hear it (sheet C7)."""

from __future__ import annotations

from random import Random
from typing import Any

from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.formats import encode, mint
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.streams import Hub, StreamConnection
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime

LIFE_MS = 3_600_000


class ListenKey:
    def __init__(self, name: str, trader: Trader, until_ms: int) -> None:
        self.name = name
        self.trader = trader
        self.until_ms = until_ms


class UserHub(Hub):
    """Listeners by listen key. A connection may want only some kinds of events."""

    def tell(self, name: str, message: dict[str, Any]) -> None:
        raw = encode(message)
        combined = f'{{"stream":"{name}","data":{raw}}}'
        for connection in self.listeners(name):
            if not connection.events or message["e"] in connection.events:
                connection.send(combined if connection.combined else raw)


class ListenKeys:
    """All of them. `tend` is called every second."""

    def __init__(self, time: VenueTime, hub: UserHub, faults: Faults, random: Random) -> None:
        self._time = time
        self._hub = hub
        self._faults = faults
        self._random = random
        self._of: dict[str, ListenKey] = {}
        self.told = 0
        self.expired = 0

    def start(self, trader: Trader) -> str:
        """A new key, or the one that there is, good for an hour again."""
        found = self._of.get(trader.account)
        if found is None:
            found = self._of[trader.account] = ListenKey(mint(self._random, 64), trader, 0)
        found.until_ms = self._time.now_ms() + LIFE_MS
        return found.name

    def extend(self, trader: Trader, name: str = "") -> str:
        """Raises `Refusal`: there is none, or it is another one."""
        found = self._of.get(trader.account)
        if found is None or (name and name != found.name):
            raise Refusal(-1125, "This listenKey does not exist.")
        found.until_ms = self._time.now_ms() + LIFE_MS
        return found.name

    def stop(self, trader: Trader) -> None:
        found = self._of.pop(trader.account, None)
        if found is not None:
            self._end(found)

    def _end(self, key: ListenKey) -> None:
        self.expired += 1
        message = {"e": "listenKeyExpired", "E": self._time.now_ms(), "listenKey": key.name}
        self._hub.tell(key.name, message)
        for connection in self._hub.listeners(key.name):
            connection.unsubscribe([key.name])

    def expire(self) -> None:
        """All of them, now."""
        for account in list(self._of):
            self._end(self._of.pop(account))

    def tend(self) -> None:
        now_ms = self._time.now_ms()
        for account, key in list(self._of.items()):
            if now_ms >= key.until_ms:
                del self._of[account]
                self._end(key)

    def tell(self, trader: Trader, message: dict[str, Any]) -> None:
        """An event of an account, to everybody who listens to it."""
        found = self._of.get(trader.account)
        if found is not None and not self._faults.strikes("drop_private"):
            self.told += 1
            self._hub.tell(found.name, message)

    def known(self, name: str) -> bool:
        return any(key.name == name for key in self._of.values())


def wanted(connection: StreamConnection, events: str) -> None:
    """A connection asks for some kinds of events: `events` as in its address."""
    connection.events = frozenset(events.split("/")) if events else frozenset()
