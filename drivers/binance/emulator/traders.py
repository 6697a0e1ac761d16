"""One account in one product: its orders, what it was told to be, and what it earned."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctosd.abi import Fill
from drivers.binance.emulator.formats import ZERO
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.orders import Ledger

FIRST_ORDER = 8_000_000_000
STRIDE = 100_000_000
"""Orders of two accounts never share a number."""


class Income(msgspec.Struct, frozen=True):
    """One record of the income history."""

    number: int
    kind: str
    amount: Decimal
    asset: str
    native: str
    info: str
    trade_id: str
    time_ms: int


class Trader:
    """`name` is the account's, `account` its full name on the stage."""

    def __init__(self, name: str, account: str, index: int) -> None:
        self.name = name
        self.account = account
        self.uid = 354_937_868 + index
        self.ledger = Ledger(FIRST_ORDER + index * STRIDE)
        self.hedged = False
        self.multi_assets = False
        self.isolated: set[str] = set()
        self.income: list[Income] = []
        self._held: dict[str, tuple[Decimal, Decimal]] = {}  # symbol -> signed size and cost

    def realise(self, fill: Fill) -> Decimal:
        """What a fill of a perpetual realises, fees apart."""
        size, cost = self._held.get(fill.symbol, (ZERO, ZERO))
        signed = fill.size if fill.side == "buy" else -fill.size
        if not size or (size > 0) == (signed > 0):
            self._held[fill.symbol] = (size + signed, cost + signed * fill.price)
            return ZERO
        closed = min(abs(signed), abs(size))
        part = cost * closed / abs(size)
        realised = closed * fill.price * (1 if size > 0 else -1) - part
        opened = abs(signed) - closed
        left = size + signed
        self._held[fill.symbol] = (left, left * fill.price if opened else cost - part)
        return realised

    def earn(
        self, kind: str, amount: Decimal, asset: str, time_ms: int, market: Market | None = None, trade_id: str = ""
    ) -> None:
        """Keep an income record; nothing is kept of nothing."""
        if amount:
            native = market.native if market is not None else ""
            info = trade_id or kind
            number = 9_000_000_000 + len(self.income)
            self.income.append(Income(number, kind, amount, asset, native, info, trade_id, time_ms))
