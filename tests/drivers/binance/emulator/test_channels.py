"""Names of streams."""

import pytest

from drivers.binance.emulator.channels import Channel, channel_of
from drivers.binance.emulator.products import FUTURES, SPOT


@pytest.mark.parametrize(
    ("name", "futures", "spot"),
    [
        ("btcusdt@depth", Channel("depth", "BTCUSDT", "", 250), Channel("depth", "BTCUSDT", "", 1000)),
        ("btcusdt@depth@100ms", Channel("depth", "BTCUSDT", "", 100), Channel("depth", "BTCUSDT", "", 100)),
        ("btcusdt@depth@500ms", Channel("depth", "BTCUSDT", "", 500), None),
        ("btcusdt@depth20@100ms", Channel("levels", "BTCUSDT", "20", 100), Channel("levels", "BTCUSDT", "20", 100)),
        ("btcusdt@depth7", None, None),
        ("btcusdt@kline_1s", None, Channel("kline", "BTCUSDT", "1s", 1000)),
        ("btcusdt@kline_1M", Channel("kline", "BTCUSDT", "1M", 250), Channel("kline", "BTCUSDT", "1M", 2000)),
        ("btcusdt@markPrice@1s", Channel("markPrice", "BTCUSDT", "", 1000), None),
        ("btcusdt@avgPrice", None, Channel("avgPrice", "BTCUSDT", "", 1000)),
        ("!ticker@arr", Channel("ticker", "", "arr", 2000), None),
        ("!miniTicker@arr", Channel("miniTicker", "", "arr", 2000), Channel("miniTicker", "", "arr", 1000)),
        ("!markPrice@arr@1s", Channel("markPrice", "", "arr", 1000), None),
        ("!bookTicker", Channel("bookTicker", "", "", 5000), None),
        ("!forceOrder@arr", Channel("forceOrder", ""), None),
        ("BTCUSDT@trade", None, None),
        ("btcusdt", None, None),
        ("btcusdt@nonsense", None, None),
    ],
)
def test_a_name_is_a_channel_or_nothing(name: str, futures: Channel | None, spot: Channel | None) -> None:
    assert channel_of(name, FUTURES) == futures
    assert channel_of(name, SPOT) == spot


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("a@depth", "public"),
        ("a@depth5", "public"),
        ("a@bookTicker", "public"),
        ("!bookTicker", "public"),
        ("a@trade", "public"),
        ("a@aggTrade", "market"),
        ("a@kline_1m", "market"),
        ("a@markPrice", "market"),
        ("a@ticker", "market"),
        ("a@miniTicker", "market"),
        ("a@forceOrder", "market"),
    ],
)
def test_futures_have_two_routes(name: str, route: str) -> None:
    found = channel_of(name, FUTURES)
    assert found is not None
    assert found.route == route
