"""Messages of the market streams have the keys of real ones."""

import json
from typing import Any

import pytest

from tests.drivers.binance.emulator.documented import SHARED, fixture, has_keys
from tests.drivers.binance.emulator.rig import Rig

RECORDED = {
    "futures": "cryptofeed/binance_futures_2021-07-22/BINANCE_FUTURES.ws.1.0",
    "spot": "cryptofeed/binance_spot_2021-10-12/BINANCE.ws.1.0",
}
STREAMS = {
    "futures": ("/public/ws/btcusdt@depth@100ms/btcusdt@bookTicker", "/market/ws/btcusdt@aggTrade/btcusdt@kline_1m"),
    "spot": ("/ws/btcusdt@depth@100ms/btcusdt@aggTrade/btcusdt@kline_1m/btcusdt@bookTicker",),
}


def kind(message: dict[str, Any]) -> str:
    return str(message.get("e", "bookTicker"))


def recorded(product: str) -> dict[str, Any]:
    """One real message of each kind."""
    path = SHARED / RECORDED[product]
    found: dict[str, Any] = {}
    if not path.exists():
        path = path.with_name(path.name.replace(".ws.1.0", ".0"))
    if not path.exists():
        pytest.skip("the folder of fixtures is not here")
    with path.open() as lines:
        for line in lines:
            _, _, text = line.partition(": ")
            if text.startswith('{"') and ('"e"' in text or '"u"' in text):
                message = json.loads(text)
                message = message.get("data", message)
                if "s" in message:
                    found.setdefault(kind(message), message)
            if len(found) == 4:
                break
    return found


@pytest.mark.parametrize("product", ["futures", "spot"])
def test_messages_have_the_keys_of_recorded_ones(product: str) -> None:
    real = recorded(product)
    assert real
    rig = Rig()
    sockets = [rig.socket(target) for target in STREAMS[product]]
    rig.run(4)
    ours = {kind(each): each for socket in sockets for each in socket.heard}
    assert ours.keys() == {"depthUpdate", "bookTicker", "aggTrade", "kline"}
    for name, message in real.items():
        has_keys(ours[name], message)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/market/ws/btcusdt@ticker", "futures/market_data_json/ticker_stream.json"),
        ("/public/ws/btcusdt@bookTicker", "futures/market_data_json/book_ticker_stream.json"),
        ("/market/ws/btcusdt@kline_1m", "futures/market_data_json/kline_stream_closed.json"),
    ],
)
def test_messages_have_the_keys_of_single_ones(target: str, path: str) -> None:
    rig = Rig()
    socket = rig.socket(target)
    rig.run(3)
    has_keys(socket.heard[-1], fixture(f"nautilus/binance/{path}"))


def test_a_liquidation_is_told_to_the_public() -> None:
    rig = Rig()
    rig.market()
    socket = rig.socket("/market/ws/!forceOrder@arr/btcusdt@forceOrder")
    rig.emulator.set_fault("liquidation", 1)
    found = socket.events("forceOrder")
    assert len(found) == 2
    has_keys(found[0], fixture("nautilus/binance/futures/market_data_json/liquidation_stream.json"))
    assert (found[0]["o"]["S"], found[0]["o"]["q"]) == ("SELL", "0.010")


def test_numbers_are_texts_and_ids_are_numbers() -> None:
    rig = Rig()
    socket = rig.socket("/market/ws/btcusdt@markPrice@1s/btcusdt@aggTrade/btcusdt@miniTicker")
    rig.run(3)
    mark, trade = socket.events("markPriceUpdate")[0], socket.events("aggTrade")[0]
    assert isinstance(mark["p"], str)
    assert isinstance(mark["T"], int)
    assert (trade["st"], type(trade["a"]), type(trade["p"])) == (1, int, str)
    assert socket.events("24hrMiniTicker")[0]["ps"] == "BTCUSDT"
    spot = rig.socket("/ws/btcusdt@avgPrice/btcusdt@ticker/btcusdt@trade/btcusdt@depth5")
    rig.run(2)
    assert spot.events("avgPrice")[0]["i"] == "5m"
    assert spot.events("24hrTicker")[0].keys() >= set("xbBaAcwQ")
    assert spot.events("trade")[0]["M"] is True
    assert next(each for each in spot.heard if "bids" in each).keys() == {"lastUpdateId", "bids", "asks"}
