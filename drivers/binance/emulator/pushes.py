"""Messages of the market streams, by product (sheet B4 and C6)."""

from __future__ import annotations

from typing import Any

from ctosd.abi import Bar, Funding, Quote
from drivers.binance.emulator.books import Difference, Snapshot
from drivers.binance.emulator.candles import Day, figures
from drivers.binance.emulator.formats import fixed, levels
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.tape import Print

UM = 1
"""`st` of USDⓈ-M rows: all-market streams mix them with COIN-M."""

Message = dict[str, Any]


def book_ticker(market: Market, quote: Quote, update: int, now_ms: int) -> Message:
    found: Message = {
        "u": update,
        "s": market.native,
        "b": market.price(quote.bid),
        "B": market.size(quote.bid_size),
        "a": market.price(quote.ask),
        "A": market.size(quote.ask_size),
    }
    if market.product.name == "spot":
        return found
    return {"e": "bookTicker", **found, "T": now_ms, "E": now_ms, "ps": market.native, "st": UM}


def difference(market: Market, found: Difference, time_ms: int) -> Message:
    ids: Message = {"U": found.first_id, "u": found.last_id}
    head: Message = {"e": "depthUpdate", "E": time_ms}
    if market.product.name == "futures":
        head["T"], ids["pu"] = time_ms, found.prev_id
    sides = {"b": _levels(market, found.bids), "a": _levels(market, found.asks)}
    tail = {"ps": market.native, "st": UM} if market.product.name == "futures" else {}
    return {**head, "s": market.native, **ids, **sides, **tail}


def top(market: Market, found: Snapshot, prev_id: int, time_ms: int) -> Message:
    bids, asks = _levels(market, found.bids), _levels(market, found.asks)
    if market.product.name == "spot":
        return {"lastUpdateId": found.last_id, "bids": bids, "asks": asks}
    ids = {"U": found.last_id, "u": found.last_id, "pu": prev_id}
    return {"e": "depthUpdate", "E": time_ms, "T": time_ms, "s": market.native, **ids, "b": bids, "a": asks, "st": UM}


def _levels(market: Market, found: list[tuple[float, float]]) -> list[list[str]]:
    return levels(found, market.price_places, market.size_places)


def trade(market: Market, found: Print) -> Message:
    message: Message = {
        "e": "trade",
        "E": found.time_ms,
        "T": found.time_ms,
        "s": market.native,
        "t": found.id,
        "p": market.price(found.price),
        "q": market.size(found.size),
        "m": found.buyer_is_maker,
    }
    return {**message, "M": True} if market.product.name == "spot" else {**message, "X": "MARKET", "st": UM}


def aggregate(market: Market, found: Print, now_ms: int) -> Message:
    message: Message = {
        "e": "aggTrade",
        "E": now_ms,
        "s": market.native,
        "a": found.id,
        "p": market.price(found.price),
        "q": market.size(found.size),
        "f": found.first,
        "l": found.last,
        "T": found.time_ms,
        "m": found.buyer_is_maker,
    }
    if market.product.name == "spot":
        return {**message, "M": True}
    return {**message, "nq": market.size(found.size), "st": UM}


def kline(market: Market, interval: str, bar: Bar, *, closed: bool, ids: tuple[int, int], now_ms: int) -> Message:
    base, quote, taker_base, taker_quote, count = figures(bar)
    row: Message = {
        "t": bar.open_ns // 1_000_000,
        "T": bar.time_ns // 1_000_000 - 1,
        "s": market.native,
        "i": interval,
        "f": ids[0],
        "L": ids[1],
        "o": market.price(bar.open),
        "c": market.price(bar.close),
        "h": market.price(bar.high),
        "l": market.price(bar.low),
        "v": market.size(base),
        "n": count,
        "x": closed,
        "q": fixed(quote, 8),
        "V": market.size(taker_base),
        "Q": fixed(taker_quote, 8),
        "B": "0",
    }
    found: Message = {"e": "kline", "E": now_ms, "s": market.native, "k": row}
    return {**found, "st": UM} if market.product.name == "futures" else found


def mini_ticker(market: Market, day: Day) -> Message:
    found: Message = {
        "e": "24hrMiniTicker",
        "E": day.close_ms,
        "s": market.native,
        "c": market.price(day.last),
        "o": market.price(day.open),
        "h": market.price(day.high),
        "l": market.price(day.low),
        "v": market.size(day.volume),
        "q": fixed(day.quote_volume, 8),
    }
    return {**found, "ps": market.native, "st": UM} if market.product.name == "futures" else found


def ticker(market: Market, day: Day, quote: Quote, last_size: float) -> Message:
    found: Message = {
        "e": "24hrTicker",
        "E": day.close_ms,
        "s": market.native,
        "p": market.price(day.change),
        "P": fixed(day.percent, 3),
        "w": market.price(day.average),
        "c": market.price(day.last),
        "Q": market.size(last_size),
        "o": market.price(day.open),
        "h": market.price(day.high),
        "l": market.price(day.low),
        "v": market.size(day.volume),
        "q": fixed(day.quote_volume, 8),
        "O": day.open_ms,
        "C": day.close_ms,
        "F": day.first_id,
        "L": day.last_id,
        "n": max(0, day.last_id - day.first_id + 1) if day.first_id >= 0 else 0,
    }
    if market.product.name == "futures":
        return {**found, "st": UM}
    touch = {
        "x": market.price(day.open),
        "b": market.price(quote.bid),
        "B": market.size(quote.bid_size),
        "a": market.price(quote.ask),
        "A": market.size(quote.ask_size),
    }
    return {**found, **touch}


def mark_price(market: Market, funding: Funding | None, now_ms: int) -> Message:
    mark = f"{float(market.mark()):.8f}"
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": market.native,
        "p": mark,
        "ap": mark,
        "P": mark,
        "i": mark,
        "r": f"{funding.rate:.8f}" if funding is not None else "",
        "T": funding.next_ns // 1_000_000 if funding is not None else 0,
        "st": UM,
    }


def average_price(market: Market, day: Day) -> Message:
    return {
        "e": "avgPrice",
        "E": day.close_ms,
        "s": market.native,
        "i": "5m",
        "w": market.price(day.average),
        "T": day.close_ms,
    }
