"""Public trades: the market's own and those of the accounts, counted by symbol, with the figures of a day."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Trade, exact
from drivers.backpack.emulator.formats import ms, plain, us
from drivers.backpack.emulator.ledger import Ledger
from drivers.backpack.emulator.markets import Market
from drivers.backpack.emulator.orders import Execution

KEPT = 10_000
STRANGER = 59_000_000_000
"""Order ids of those who have no account here begin here."""


class Print(msgspec.Struct, frozen=True):
    """One public trade. Prices and sizes are exact; `buyer` and `seller` are order ids."""

    id: int
    price: Decimal
    size: Decimal
    time_ns: int
    buyer_is_maker: bool
    buyer: str
    seller: str

    def rest(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "price": plain(self.price),
            "quantity": plain(self.size),
            "quoteQuantity": plain(self.price * self.size),
            "timestamp": ms(self.time_ns),
            "isBuyerMaker": self.buyer_is_maker,
        }

    def stream(self, market: Market, time_us: int) -> dict[str, Any]:
        return {
            "e": "trade",
            "E": time_us,
            "s": market.name,
            "p": market.price(self.price),
            "q": market.size(self.size),
            "b": self.buyer,
            "a": self.seller,
            "t": self.id,
            "T": us(self.time_ns),
            "m": self.buyer_is_maker,
        }


class Tape:
    """The trades of every market, newest last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._prints: dict[str, deque[Print]] = {}

    def of(self, symbol: str) -> deque[Print]:
        return self._prints.setdefault(symbol, deque(maxlen=KEPT))

    def hear(self, trade: Trade) -> Print:
        """A trade among strangers."""
        number = self._ledger.next_trade(trade.symbol)
        ids = str(STRANGER + 2 * number), str(STRANGER + 2 * number + 1)
        made = Print(number, exact(trade.price), exact(trade.size), trade.time_ns, trade.side == "sell", ids[0], ids[1])
        self.of(trade.symbol).append(made)
        return made

    def execute(self, execution: Execution) -> Print:
        """A trade in which an account took, or of which the other side is a stranger."""
        fill, number = execution.fill, execution.trade_id
        bought, took = fill.side == "buy", fill.liquidity == "taker"
        mine, other = execution.ticket.id, str(STRANGER + 2 * number)
        buyer, seller = (mine, other) if bought else (other, mine)
        made = Print(number, fill.price, fill.size, fill.time_ns, bought != took, buyer, seller)
        self.of(fill.symbol).append(made)
        return made

    def page(self, symbol: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Newest first."""
        prints = self.of(symbol)
        end = len(prints) - offset
        return [prints[index].rest() for index in range(end - 1, max(-1, end - 1 - limit), -1)]
