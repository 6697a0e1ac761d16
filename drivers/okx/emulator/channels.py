"""What can be subscribed, on which of the three URLs, with which arguments (sheet section 9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from drivers.okx.emulator.candles import NAMES
from drivers.okx.emulator.figures import whole
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.refusals import Refusal

URLS = ("public", "private", "business")
BY_INSTRUMENT = frozenset(
    {"trades", "tickers", "bbo-tbt", "books5", "books", "mark-price", "funding-rate", "price-limit", "open-interest"}
)
PUBLIC = BY_INSTRUMENT | {"index-tickers", "instruments", "status"}
PRIVATE = frozenset({"orders", "account", "positions", "balance_and_position"})
COSTLY = frozenset({"books-l2-tbt", "books50-l2-tbt", "fills"})
"""For higher fee tiers than these accounts have."""
PERPETUAL = frozenset({"mark-price", "funding-rate", "open-interest"})
TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "ANY")
LOGIN = PRIVATE | {"orders-algo", "fills"}


class Subscription(msgspec.Struct, frozen=True):
    """One subscription, understood. `arg` is what pushes carry; `interval_s` of regular pushes, 0 for none."""

    channel: str
    key: tuple[str, ...]
    arg: dict[str, Any]
    market: Market | None = None
    kind: str = "ANY"
    family: str = ""
    asset: str = ""
    index: str = ""
    interval_s: float = 0.0

    @property
    def candle(self) -> str:
        """Name of the bar of a candle channel, or empty."""
        return self.channel[6:] if self.channel.startswith("candle") else ""

    def covers(self, market: Market) -> bool:
        """Whether an order or a position in a market belongs to it."""
        return (
            self.kind in ("ANY", market.type)
            and (self.market is None or self.market is market)
            and self.family in ("", market.family)
        )


def url_of(channel: str) -> str:
    """The URL that has a channel; empty for one that no URL has."""
    if channel in PUBLIC or channel in ("books-l2-tbt", "books50-l2-tbt"):
        return "public"
    if channel in PRIVATE or channel == "fills":
        return "private"
    if channel in ("orders-algo", "trades-all") or (channel.startswith("candle") and channel[6:] in NAMES):
        return "business"
    return ""


def understand(given: object, url: str, listing: Listing, *, logged_in: bool) -> Subscription:
    """Raises `Refusal`."""
    if not isinstance(given, Mapping):
        raise Refusal("60013")
    channel = given.get("channel")
    if not isinstance(channel, str) or not channel:
        raise Refusal("60027", "channel")
    if url_of(channel) != url:
        raise _nowhere(given)
    if channel in LOGIN and not logged_in:
        raise Refusal("60011")
    if channel in COSTLY:
        raise Refusal("64003")
    market, kind, index = None, "ANY", ""
    if channel in ("orders", "positions", "orders-algo", "instruments"):
        kind = _kind(given, channel)
    name = given.get("instId")
    if channel in BY_INSTRUMENT or (url == "business" and channel != "orders-algo"):
        if not name:
            raise Refusal("60027", "instId")
        market = listing.find(name)
        if market is None or (channel in PERPETUAL and not market.swap):
            raise _nowhere(given)
    elif channel == "index-tickers":
        index = _index(given, listing)
    elif channel in ("orders", "positions", "orders-algo") and name:
        market = listing.find(name)
        if market is None:
            raise _nowhere(given)
    arg = {word: given[word] for word in ("channel", "instType", "instFamily", "instId", "ccy") if given.get(word)}
    return Subscription(
        channel, tuple(str(arg.get(word, "")) for word in ("channel", "instType", "instFamily", "instId", "ccy")), arg,
        market, kind, str(given.get("instFamily") or ""), str(given.get("ccy") or ""), index, _interval(given, channel),
    )  # fmt: skip


def _kind(given: Mapping[str, Any], channel: str) -> str:
    kind = given.get("instType")
    if not kind:
        raise Refusal("60027", "instType")
    if kind not in TYPES or (kind == "ANY" and channel == "instruments"):
        raise _nowhere(given)
    return str(kind)


def _index(given: Mapping[str, Any], listing: Listing) -> str:
    name = given.get("instId")
    if not name:
        raise Refusal("60027", "instId")
    try:
        listing.index(name)
    except Refusal:
        raise _nowhere(given) from None
    if str(name).endswith("-SWAP"):
        raise _nowhere(given)
    return str(name)


def _interval(given: Mapping[str, Any], channel: str) -> float:
    """Seconds between regular pushes of an account or positions."""
    if channel not in ("account", "positions"):
        return 0.0
    extra = given.get("extraParams")
    if extra in (None, ""):
        return 5.0
    try:
        told = msgspec.json.decode(extra) if isinstance(extra, str) else extra
    except msgspec.DecodeError:
        raise Refusal("60033", "extraParams") from None
    interval = whole(told.get("updateInterval", "")) if isinstance(told, dict) else None
    if interval not in ((0,) if channel == "account" else (0, 2_000, 3_000, 4_000)):
        raise Refusal("60033", "updateInterval")
    return (interval or 0) / 1_000


def _nowhere(given: Mapping[str, Any]) -> Refusal:
    words = ",".join(f"{name}:{value}" for name, value in given.items() if name != "extraParams")
    return Refusal("60018", words)
