"""Far-off orders, placed and cancelled by the running daemon: each passes its gate, its journal and its limits.

A buy limit 5 % below the market, post-only, of the smallest size that the venue takes, for each main coin that it lists as a
perpetual. What could not be followed to its end is looked for among the open orders, and cancelled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any, Protocol

import msgspec

from ctosd.abi.events import TERMINAL
from ctosd.ctl.client import NOT_RUNNING, Failure

COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE")
BELOW = Decimal("0.95")
TAG = "probe"
PATIENCE_S = 5.0
POLL_S = 0.1
GONE = "not_running"
FOR_ALL = (
    "unarmed",
    "halted",
    "reducing",
    "venue_down",
    "journal",
    "auth",
    "permission",
    "banned",
    "maintenance",
    GONE,
)
"""Refusals that the next order would get too."""

Row = Mapping[str, Any]


class Door(Protocol):
    """The daemon behind its socket: `ctosd.ctl.client.Daemon`."""

    def post(self, path: str, **body: Any) -> Any: ...


class Placed(msgspec.Struct, kw_only=True):
    """What became of one order."""

    symbol: str
    client_id: str = ""
    venue_id: str = ""
    size: str = ""
    price: str = ""
    state: str = ""  # after it was placed
    ended: str = ""  # after it was cancelled
    reason: str = ""
    message: str = ""
    ms: float | None = None  # of the order, through the daemon's socket

    @property
    def ok(self) -> bool:
        return self.ended == "cancelled"


def smallest(instrument: Row, price: Decimal) -> Decimal:
    """The smallest size on the grid that the venue takes at `price`."""
    lot = Decimal(instrument["lot"])
    wanted = max(Decimal(instrument["min_size"]), Decimal(instrument["min_notional"]) / price, lot)
    return (wanted / lot).to_integral_value(ROUND_CEILING) * lot


def chosen(instruments: Sequence[Row]) -> list[Row]:
    """The perpetuals of the main coins in the venue's own quote: the one that most of its perpetuals have."""
    perps = [each for each in instruments if each["kind"] == "perp"]
    quotes = Counter(each["quote"] for each in perps)
    found = []
    for coin in COINS:
        own = [each for each in perps if each["base"] == coin]
        if own:
            found.append(max(own, key=lambda each: quotes[each["quote"]]))
    return found


class Rounds:
    """Places and cancels on one account."""

    def __init__(self, daemon: Door, account: str) -> None:
        self._daemon = daemon
        self._account = account

    def _call(self, name: str, **args: str) -> Any:
        return self._daemon.post("/v1/call", account=self._account, name=name, args=args)

    def run(self) -> Iterator[Placed]:
        """One after the other; ends early when the next would be refused as well. Raises `Failure` without a daemon."""
        instruments = chosen(self._call("symbols"))
        for left in self._own():  # by a probe that was broken off
            self._cancel(str(left["client_id"]))
        for instrument in instruments:
            placed = self._one(instrument)
            yield placed
            if placed.reason in FOR_ALL:
                return

    def _one(self, instrument: Row) -> Placed:
        placed = Placed(symbol=str(instrument["symbol"]))
        try:
            self._place(instrument, placed)
            if placed.state not in TERMINAL:
                placed.ended = self._follow(self._cancel(placed.client_id), placed)
        except (Failure, ArithmeticError) as error:
            placed.message = str(error) or repr(error)
            placed.reason = GONE if isinstance(error, Failure) and error.code == NOT_RUNNING else placed.reason
            self._sweep(placed)
        if placed.state not in TERMINAL and not placed.ok and not placed.message:
            placed.message = f"it is {placed.ended or 'unknown'}: look at `ctosctl orders`"
        return placed

    def _place(self, instrument: Row, placed: Placed) -> None:
        market = Decimal(self._call("get_price_now", symbol=placed.symbol))
        tick = Decimal(instrument["tick"])
        price = market * BELOW // tick * tick
        placed.price, placed.size = f"{price:f}", f"{smallest(instrument, price):f}"
        began = time.perf_counter()
        order = self._call(
            "place_order", symbol=placed.symbol, side="buy", order_type="limit", size=placed.size, price=placed.price,
            post_only="true", tag=TAG,
        )  # fmt: skip
        placed.ms = round((time.perf_counter() - began) * 1e3, 1)
        placed.client_id, placed.state = str(order["client_id"]), str(order["state"])
        self._take(order, placed)

    def _take(self, order: Row, placed: Placed) -> None:
        placed.venue_id = str(order.get("venue_id") or placed.venue_id)
        placed.reason = str(order.get("reason") or placed.reason)
        placed.message = str(order.get("message") or placed.message)

    def _cancel(self, client_id: str) -> Row:
        found: Row = self._call("revoke_order", order_id=client_id)
        return found

    def _follow(self, order: Row, placed: Placed) -> str:
        """The state in which the order ends; that of now when it does not end soon."""
        deadline = time.monotonic() + PATIENCE_S
        while str(order["state"]) not in TERMINAL and time.monotonic() < deadline:
            time.sleep(POLL_S)
            order = self._call("get_order_status", order_id=placed.client_id)
        self._take(order, placed)
        if str(order["state"]) == "filled" or Decimal(str(order.get("filled") or 0)):
            placed.message = f"{order['filled']} of it was bought: close that position by hand"
        return str(order["state"])

    def _own(self) -> list[Row]:
        return [each for each in self._call("get_open_orders") if each.get("tag") == TAG]

    def _sweep(self, placed: Placed) -> None:
        """After a failure: whatever of ours is still open is cancelled, or named."""
        try:
            for order in self._own():
                self._cancel(str(order["client_id"]))
        except Failure as failure:
            placed.message += f"; whether an order is open nobody knows ({failure}): look at `ctosctl orders`"
