"""exchangeInfo."""

from decimal import Decimal as D

import pytest

from drivers.binance.emulator.listing import Rules, spot_filters
from tests.drivers.binance.emulator.documented import fixture, has_keys, reply
from tests.drivers.binance.emulator.rig import BTC, Answered, Rig


def by_type(filters: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {str(each["filterType"]): each for each in filters}


def test_futures_have_the_keys_that_real_ones_have() -> None:
    info = Rig().open("/fapi/v1/exchangeInfo")
    real = fixture("nautilus/binance_py/http_responses/http_futures_market_exchange_info.json")
    has_keys(info, real)
    symbol = next(each for each in info["symbols"] if each["symbol"] == BTC)
    assert by_type(symbol["filters"]).keys() >= by_type(real["symbols"][0]["filters"]).keys()


def test_the_filters_of_futures_are_the_engines_grid() -> None:
    symbol = next(each for each in Rig().open("/fapi/v1/exchangeInfo")["symbols"] if each["symbol"] == BTC)
    filters = by_type(symbol["filters"])
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert filters["MIN_NOTIONAL"] == {"filterType": "MIN_NOTIONAL", "notional": "5"}
    assert (symbol["pricePrecision"], symbol["quantityPrecision"]) == (2, 4), (
        "not those of the grid: a trap of the venue"
    )
    assert "OPPONENT" not in symbol["timeInForce"]


def test_spot_has_the_keys_that_are_documented() -> None:
    info = Rig().open("/api/v3/exchangeInfo", symbol=BTC)
    has_keys(info, reply("spot", "exchange_info_success"), "sors", "count", "priceExponent")
    filters = by_type(info["symbols"][0]["filters"])
    assert D(str(filters["PRICE_FILTER"]["tickSize"])) == D("0.01")
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 200


def test_spot_shows_those_that_are_asked_for() -> None:
    rig = Rig()
    assert len(rig.open("/api/v3/exchangeInfo")["symbols"]) > 10
    chosen = rig.open("/api/v3/exchangeInfo", symbols='["BTCUSDT","ETHUSDT"]')["symbols"]
    assert [each["symbol"] for each in chosen] == ["BTCUSDT", "ETHUSDT"]
    with pytest.raises(Answered) as caught:
        rig.open("/api/v3/exchangeInfo", symbol="NOSUCH")
    assert caught.value.code == -1121


def test_a_band_is_told_as_multipliers() -> None:
    rig = Rig()
    market = rig.emulator.spot.markets.find(BTC)
    told = by_type(spot_filters(market, Rules(D("0.1"), 50)))
    assert told["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "1.1"
    assert told["PERCENT_PRICE_BY_SIDE"]["askMultiplierDown"] == "0.9"
    assert by_type(spot_filters(market, Rules(None, 50)))["PERCENT_PRICE_BY_SIDE"]["bidMultiplierUp"] == "5"
