"""Markets by the venue's names."""

from decimal import Decimal as D

import pytest

from drivers.binance.emulator.markets import Markets
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.products import FUTURES, SPOT
from drivers.binance.emulator.refusals import Refusal
from tests.drivers.binance.emulator.rig import Rig


def test_a_name_means_another_market_in_each_product() -> None:
    stage = Rig().emulator.stage
    futures, spot = Markets(FUTURES, stage), Markets(SPOT, stage)
    assert (futures.find("BTCUSDT").symbol, spot.find("BTCUSDT").symbol) == ("BTC/USDT:USDT", "BTC/USDT")
    assert futures.by_symbol["BTC/USDT:USDT"] is futures.find("BTCUSDT")
    assert "BTC/USDT" not in futures.by_symbol
    assert len(list(spot)) > 10


def test_futures_write_the_digits_of_the_grid_and_spot_eight() -> None:
    stage = Rig().emulator.stage
    futures, spot = Markets(FUTURES, stage).find("BTCUSDT"), Markets(SPOT, stage).find("BTCUSDT")
    assert (futures.price(D(60000)), futures.size(0.5)) == ("60000.0", "0.500")
    assert (spot.price(D(60000)), spot.size(0.5)) == ("60000.00000000", "0.50000000")


def test_strange_symbols_are_refused() -> None:
    markets = Markets(FUTURES, Rig().emulator.stage)
    for name, code in (("NOSUCHUSDT", -1121), ("btcusdt", -1100), ("", -1100)):
        with pytest.raises(Refusal) as caught:
            markets.find(name)
        assert caught.value.code == code
    with pytest.raises(Refusal) as caught:
        markets.of(Params({}))
    assert caught.value.code == -1102
    assert markets.maybe(Params({})) is None
    assert markets.get("NOSUCHUSDT") is None


def test_a_market_knows_its_touch_and_its_mark() -> None:
    rig = Rig()
    market = rig.emulator.futures.markets.find("ETHUSDT")
    quote = market.quote()
    assert D(repr(quote.bid)) < market.mark() < D(repr(quote.ask))
    rig.run(5)
    assert market.last() == rig.emulator.stage.trades["ETH/USDT:USDT"][-1].price
