"""Names of market streams: what each one is, on which route it lives, and how often it speaks (sheet B4 and C6)."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from drivers.binance.emulator.candles import INTERVALS
from drivers.binance.emulator.products import Product

Route = Literal["public", "market"]
Kind = Literal[
    "depth", "levels", "bookTicker", "trade", "aggTrade", "kline", "ticker", "miniTicker", "markPrice", "forceOrder",
    "avgPrice",
]  # fmt: skip

_DEPTH = re.compile(r"^depth(5|10|20)?(?:@(\d+)ms)?$")
_KLINE = re.compile(r"^kline_(\w+)$")
_MARK = re.compile(r"^markPrice(@1s)?$")
SPEEDS = {"futures": {"": 250, "100": 100, "250": 250, "500": 500}, "spot": {"": 1000, "100": 100, "1000": 1000}}
PUBLIC: frozenset[Kind] = frozenset({"depth", "levels", "bookTicker", "trade"})


class Channel(msgspec.Struct, frozen=True):
    """One stream. `native` is empty for all markets; `period_ms` is 0 for what is told when it happens."""

    kind: Kind
    native: str
    argument: str = ""
    period_ms: int = 0

    @property
    def route(self) -> Route:
        return "public" if self.kind in PUBLIC else "market"


def channel_of(name: str, product: Product) -> Channel | None:
    """What a name means; None for one that is nobody's: the venue acknowledges it and says nothing."""
    head, _, rest = name.partition("@")
    futures = product.name == "futures"
    if head.startswith("!"):
        return _everything(head, rest, futures)
    if not rest or head != head.lower():
        return None
    native = head.upper()
    simple = _simple(rest, native, futures)
    if simple is not None:
        return simple
    if found := _DEPTH.match(rest):
        speed = SPEEDS[product.name].get(found[2] or "")
        return Channel("levels" if found[1] else "depth", native, found[1] or "", speed) if speed else None
    if found := _KLINE.match(rest):
        intervals = INTERVALS if futures else ("1s", *INTERVALS)
        period = 250 if futures else 1000 if found[1] == "1s" else 2000
        return Channel("kline", native, found[1], period) if found[1] in intervals else None
    if futures and (found := _MARK.match(rest)):
        return Channel("markPrice", native, "", 1000 if found[1] else 3000)
    return None


def _simple(rest: str, native: str, futures: bool) -> Channel | None:
    period = 2000 if futures else 1000
    table: dict[str, Channel] = {
        "bookTicker": Channel("bookTicker", native),
        "trade": Channel("trade", native),
        "aggTrade": Channel("aggTrade", native),
        "ticker": Channel("ticker", native, "", period),
        "miniTicker": Channel("miniTicker", native, "", period),
    }
    if futures:
        table["forceOrder"] = Channel("forceOrder", native)
    else:
        table["avgPrice"] = Channel("avgPrice", native, "", 1000)
    return table.get(rest)


def _everything(head: str, rest: str, futures: bool) -> Channel | None:
    if head == "!miniTicker" and rest == "arr":
        return Channel("miniTicker", "", "arr", 2000 if futures else 1000)
    if not futures:
        return None
    if head == "!ticker" and rest == "arr":
        return Channel("ticker", "", "arr", 2000)
    if head == "!bookTicker" and not rest:
        return Channel("bookTicker", "", "", 5000)
    if head == "!forceOrder" and rest == "arr":
        return Channel("forceOrder", "")
    if head == "!markPrice" and rest in ("arr", "arr@1s"):
        return Channel("markPrice", "", "arr", 1000 if rest.endswith("1s") else 3000)
    return None
