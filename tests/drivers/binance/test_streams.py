"""Which stream carries what, on which route."""

from __future__ import annotations

from typing import Any

import pytest

from ctosd.abi import CallerMistake, Misconfigured
from drivers.binance.limits import Pools
from drivers.binance.streams import PublicDialect, Stream, check_depth, check_timeframe, stream


@pytest.mark.parametrize(
    ("product", "channel", "timeframe", "depth_ms", "name", "route"),
    [
        ("usdm", "quotes", "", 100, "btcusdt@bookTicker", "public"),
        ("usdm", "book", "", 100, "btcusdt@depth@100ms", "public"),
        ("usdm", "book", "", 500, "btcusdt@depth@500ms", "public"),
        ("usdm", "book", "", 250, "btcusdt@depth", "public"),
        ("usdm", "trades", "", 100, "btcusdt@aggTrade", "market"),
        ("usdm", "bars", "1M", 100, "btcusdt@kline_1M", "market"),
        ("usdm", "funding", "", 100, "btcusdt@markPrice@1s", "market"),
        ("spot", "quotes", "", 100, "btcusdt@bookTicker", "stream"),
        ("spot", "book", "", 1_000, "btcusdt@depth", "stream"),
        ("spot", "trades", "", 100, "btcusdt@trade", "stream"),
        ("spot", "bars", "1s", 100, "btcusdt@kline_1s", "stream"),
    ],
)
def test_streams(product: Any, channel: Any, timeframe: str, depth_ms: int, name: str, route: str) -> None:
    assert stream(product, channel, "BTCUSDT", timeframe, depth_ms) == Stream(name, route)


def test_what_there_is_not() -> None:
    with pytest.raises(CallerMistake, match="no funding"):
        stream("spot", "funding", "BTCUSDT", "", 100)
    with pytest.raises(CallerMistake, match="no bars of '1s'"):
        check_timeframe("usdm", "1s")


def test_the_pace_of_books_is_one_that_the_product_has() -> None:
    for product, right, wrong in (("usdm", 250, 1_000), ("spot", 1_000, 250)):
        check_depth(product, right)  # type: ignore[arg-type]
        with pytest.raises(Misconfigured, match="depth_ms"):
            check_depth(product, wrong)  # type: ignore[arg-type]


def test_a_dialect_keeps_to_the_venues_limits() -> None:
    for product, most in (("usdm", 10), ("spot", 5)):
        dialect = PublicDialect(product, "public", "wss://x", Pools(product))  # type: ignore[arg-type]
        assert dialect.messages_per_s < most
        assert dialect.capacity <= 200
        assert 0 < dialect.rotate_s < 24 * 3_600
        assert dict(dialect.connects)["connects"] == 1
        assert dialect.silent_s > dialect.ping_s > 0
    for number in range(300):
        dialect.subscribe([f"s{number}"])
    assert len(dialect._pending) == 256
    dialect.on_down("cut")
    assert dialect._pending == {}
    assert b"UNSUBSCRIBE" in dialect.unsubscribe(["a"])[0]


async def test_a_silent_stream_is_bridged_by_whoever_can() -> None:
    dialect = PublicDialect("usdm", "public", "wss://x", Pools("usdm"))
    await dialect.bridge("a")
    asked: list[str] = []

    async def ask(name: str) -> None:
        asked.append(name)

    dialect.when_silent = ask
    await dialect.bridge("a")
    assert asked == ["a"]
