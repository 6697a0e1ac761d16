"""Markets are the venue's: its names, its filters, its money."""

import json
from decimal import Decimal as D

import pytest

from drivers.backpack.emulator.markets import SYMBOLS, Markets, native, settings_of
from drivers.backpack.emulator.refusals import Refusal
from drivers.paper import listing
from drivers.paper.config import InstrumentConfig, MarketConfig, PaperConfig, SymbolConfig
from tests.drivers.backpack.emulator.counter import FIXTURES, PERP, SOL, Counter, check


def test_the_usual_settings() -> None:
    config = settings_of(None)
    assert tuple(config.market.symbols) == SYMBOLS
    assert config.market.seed == 7
    assert config.balances["USDC"] == 10_000
    assert config.self_trade == "cancel_taker"
    assert all(each.min_notional == 0 for each in config.instruments.values())


def test_given_settings_are_kept_where_they_fit() -> None:
    given = PaperConfig(
        market=MarketConfig(seed=3, symbols={"ETH/USDC": SymbolConfig(price=3000), "BTC/USDT": SymbolConfig()}),
        balances={"USDT": D(5)},
        instruments={"ETH/USDC": InstrumentConfig(tick=D("0.5"))},
        self_trade="cancel_maker",
    )
    config = settings_of(given)
    assert list(config.market.symbols) == ["ETH/USDC"]
    assert config.balances["USDC"] == 10_000
    assert config.instruments["ETH/USDC"] == InstrumentConfig(tick=D("0.5"), min_notional=D(0))
    counter = Counter(given)
    assert [each["symbol"] for each in counter.get("/api/v1/markets")] == ["ETH_USDC"]
    assert counter.get("/api/v1/market", symbol="ETH_USDC")["filters"]["price"]["tickSize"] == "0.5"


def test_names_of_markets() -> None:
    assert [native(symbol) for symbol in SYMBOLS[:4]] == [PERP, "BTC_USDC_PERP", "ETH_USDC_PERP", SOL]
    instruments = {symbol: listing.instrument("backpack", symbol) for symbol in SYMBOLS}
    markets = Markets(instruments, settings_of(None))
    assert markets.named(PERP).symbol == "SOL/USDC:USDC"
    assert markets.of("SOL/USDC").name == SOL
    assert markets.lists("SOL/USDC")
    assert not markets.lists("SOL/USDT")
    assert markets.assets() == ["USDC", "SOL", "BTC", "ETH"]
    assert [market.kind for market in markets.perps()] == ["PERP"] * 3
    with pytest.raises(Refusal, match="INVALID_MARKET"):
        markets.named("NO_USDC")


def test_a_market_has_the_fields_of_the_recorded_one() -> None:
    path = FIXTURES / "backpack" / "http_recorded.json"
    if not path.exists():
        pytest.skip("the recorded traffic is not there")
    recorded = json.loads(path.read_text())["records"][0]["body"]
    counter = Counter()
    spot, perp = (counter.get("/api/v1/market", symbol=name) for name in (SOL, PERP))
    for name in ("price", "quantity"):
        missing = recorded["filters"][name].keys() - spot["filters"][name].keys()
        assert missing <= {"maxPriceUpdateMultiplier", "minPriceUpdateMultiplier"}
    assert recorded.keys() == spot.keys() == perp.keys()
    check(perp, "Market")
    assert perp["imfFunction"]["type"] == "sqrt"
    assert perp["fundingInterval"] == 8 * 3_600_000
    assert spot["fundingInterval"] is None


def test_prices_and_sizes_have_the_places_of_the_grid() -> None:
    instruments = {symbol: listing.instrument("backpack", symbol) for symbol in SYMBOLS}
    market = Markets(instruments, settings_of(None)).named(PERP)
    assert (market.price(99.0), market.size(0.0), market.price(D("98.97"))) == ("99.00", "0.00", "98.97")
