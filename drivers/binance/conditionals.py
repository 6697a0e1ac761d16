"""Conditional orders and the ordinary orders that they become when they trigger (USDⓈ-M).

The algo service has ids of its own, and the order that it sends has another. Here the two are joined, so that a fill
finds the order that a strategy placed, also when the exchange tells of the new order before it tells whose it is: then
its events are held until that is known.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from ctosd.abi import TERMINAL, Fill, OrderUpdate, PrivateEvent, Side

MOST_ALIASES = 4_096


class Conditionals:
    """The conditional orders of one account."""

    def __init__(self) -> None:
        self.armed: dict[str, tuple[str, Side, Decimal]] = {}  # client id -> symbol, side and size
        self.aliases: dict[str, str] = {}  # the venue's id of the triggered order -> client id
        self.became: dict[str, str] = {}  # the reverse: client id -> the venue's id of the triggered order
        self.waiting: dict[str, tuple[int, list[PrivateEvent]]] = {}  # the venue's id -> since when, what

    def arm(self, client_id: str, symbol: str, side: Side, size: Decimal) -> None:
        """A conditional order is about to be sent, or was found open."""
        self.armed[client_id] = (symbol, side, size)

    def disarm(self, client_id: str) -> None:
        self.armed.pop(client_id, None)

    def join(self, venue_id: str, client_id: str) -> None:
        """The order `venue_id` came from the conditional order `client_id`."""
        self.aliases[venue_id] = client_id
        self.became[client_id] = venue_id
        while len(self.aliases) > MOST_ALIASES:
            self.became.pop(self.aliases.pop(next(iter(self.aliases))), None)

    def owner(self, venue_id: str, client_id: str, symbol: str, side: Side, size: Decimal) -> str | None:
        """The client id under which an order's events belong; None while that cannot be known.

        Our own ids are never in doubt, nor are those of orders that no armed one could have become.
        """
        known = self.aliases.get(venue_id)
        if known is not None:
            return known or client_id
        if not self.armed or client_id in self.armed or client_id.startswith("ctos"):
            return client_id
        return None if (symbol, side, size) in self.armed.values() else client_id

    def hold(self, venue_id: str, events: list[PrivateEvent], now_ns: int) -> list[PrivateEvent]:
        """Keep events until their owner is known; what can be told now is nothing."""
        self.waiting.setdefault(venue_id, (now_ns, []))[1].extend(events)
        return []

    def follow(self, order: OrderUpdate, status: str, became: str) -> list[PrivateEvent]:
        """An event of the algo service; returns what can be told now, held events of the triggered order first."""
        events: list[PrivateEvent] = []
        if became:
            self.join(became, order.client_id)
            events = [_owned(event, order.client_id) for event in self.waiting.pop(became, (0, ()))[1]]
        if order.state in TERMINAL or status in ("TRIGGERED", "FINISHED"):
            self.disarm(order.client_id)
        else:
            self.arm(order.client_id, order.symbol, order.side, order.size)
        if status == "FINISHED" and became:
            return events  # the ordinary order tells its own end, with its fills before it
        return [*events, order]

    def release(self, until_ns: int) -> list[PrivateEvent]:
        """What was held at `until_ns` or before, as the exchange told it: no conditional order claimed it."""
        late = [venue_id for venue_id, (since_ns, _) in self.waiting.items() if since_ns <= until_ns]
        events: list[PrivateEvent] = []
        for venue_id in late:
            events += self.waiting.pop(venue_id)[1]
            self.aliases[venue_id] = ""  # nobody's: later events are told at once
        return events


def _owned(event: PrivateEvent, client_id: str) -> PrivateEvent:
    return replace(event, client_id=client_id) if isinstance(event, (Fill, OrderUpdate)) else event
