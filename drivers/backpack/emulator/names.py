"""Names of streams: what kind, which market, which interval (sheet section 7)."""

from __future__ import annotations

import msgspec

from drivers.backpack.emulator.candles import INTERVALS
from drivers.backpack.emulator.markets import Market, Markets

PUBLIC = ("bookTicker", "depth", "trade", "kline", "ticker", "markPrice", "openInterest")
PERIODS = {"200ms": 0.2, "600ms": 0.6, "1000ms": 1.0}
"""Aggregated depth streams and their seconds."""
PRIVATE = ("account.orderUpdate", "account.positionUpdate")
WHOLE = ("account.balanceUpdate", "account.rfqUpdate")
PERPETUAL = ("markPrice", "openInterest")


class Name(msgspec.Struct, frozen=True):
    """A stream's name, understood. `part` is an interval or a period; without a market the stream is of all."""

    text: str
    kind: str
    market: Market | None = None
    part: str = ""

    @property
    def private(self) -> bool:
        return self.kind.startswith("account.")


def understand(text: object, markets: Markets) -> Name | None:
    """None for what is no stream of this venue."""
    if not isinstance(text, str):
        return None
    if text == "liquidation":
        return Name(text, text)
    if text.startswith("account."):
        return _private(text, markets)
    kind, _, rest = text.partition(".")
    if kind not in PUBLIC:
        return None
    part = ""
    if kind == "kline" or (kind == "depth" and rest.partition(".")[0] in PERIODS):
        part, _, rest = rest.partition(".")
    market = markets.find(rest)
    wrong = (kind == "kline" and part not in INTERVALS) or (
        kind in PERPETUAL and market is not None and not market.is_perp
    )
    return None if market is None or wrong else Name(text, kind, market, part)


def _private(text: str, markets: Markets) -> Name | None:
    if text in PRIVATE or text in WHOLE:
        return Name(text, text)
    for kind in PRIVATE:
        if text.startswith(f"{kind}."):
            market = markets.find(text[len(kind) + 1 :])
            return Name(text, kind, market) if market is not None else None
    return None
