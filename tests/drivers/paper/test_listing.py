"""Instruments: listed, derived from a price, fitted to data, overridden."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.abi import exact
from drivers.paper import listing
from drivers.paper.config import FeesConfig, InstrumentConfig


def test_every_listed_symbol_is_sensible() -> None:
    """Perpetuals and spot pairs have a grid fit for their price, fees, and margin that leverage can reach."""
    for symbol in listing.symbols():
        found = listing.instrument("paper", symbol)
        price = Decimal(repr(listing.coin(symbol).price))
        assert found.tick / price < Decimal("0.002"), symbol
        assert found.lot * price < 100, symbol
        assert found.on_tick(price)
        assert found.min_size >= found.lot
        assert 0 < found.maker_fee < found.taker_fee
        if found.kind == "perp":
            assert found.maintenance_margin < 1 / found.max_leverage * 2
        else:
            assert found.max_leverage == 1
            assert found.settle == "USDT"


@given(st.floats(min_value=1e-7, max_value=1e7))
def test_a_derived_grid_fits_its_price(price: float) -> None:
    """A tick is between one and a tenth of a basis point-ish of the price, a lot about one to ten units of quote money."""
    tick, lot = listing.derive(price)
    assert 9e-6 < float(tick) / price < 1.01e-4
    assert 0.9 < float(lot) * price < 10.1
    assert "E" not in str(lot) or lot < 1


def test_a_symbol_far_from_its_usual_price_gets_a_grid_of_its_own() -> None:
    """A listed grid is not used when the price is another thing's."""
    assert listing.instrument("paper", "BTC/USDT:USDT", 46_000).tick == Decimal("0.1")
    assert listing.instrument("paper", "BTC/USDT:USDT", 12.0).tick == Decimal("0.001")
    assert listing.instrument("paper", "FOO/USDT", 12.0).tick == Decimal("0.001")


@pytest.mark.parametrize(
    ("symbol", "prices", "tick"),
    [
        ("BTC/USDT:USDT", [46_319.0, 46_385.0], "0.1"),
        ("BTC/USDT:USDT", [46_319.05, 46_385.0], "0.01"),
        ("ETC/USDT:USDT", [7.69, 7.6560000000000015], "0.001"),
        ("EOS/USDT:USDT", [2.884, 2.8845], "0.0001"),
        ("BTC/USDT:USDT", [], "0.1"),
    ],
)
def test_the_tick_is_fitted_to_recorded_prices(symbol: str, prices: list[float], tick: str) -> None:
    """A tick that the data does not lie on is replaced by the coarsest decimal one that it does; float noise is none."""
    found = listing.fit(listing.instrument("paper", symbol, prices[0] if prices else None), prices)
    assert found.tick == Decimal(tick)
    assert all(found.on_tick(exact(round(price, 8))) for price in prices)


def test_the_configuration_has_the_last_word() -> None:
    """The venue's fees replace the listing's, the instrument's own replace both; a larger lot lifts the minimum."""
    found = listing.instrument("paper", "ETH/USDT:USDT")
    fees = FeesConfig(maker=Decimal(0), taker=Decimal("0.001"))
    own = InstrumentConfig(lot=Decimal("0.1"), taker_fee=Decimal("0.002"))
    changed = listing.override(found, own, fees)
    assert (changed.maker_fee, changed.taker_fee) == (0, Decimal("0.002"))
    assert changed.lot == changed.min_size == Decimal("0.1")
    assert changed.tick == found.tick
    assert listing.override(found, None, None) is found
