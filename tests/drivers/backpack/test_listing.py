"""Markets as instruments."""

import json
from decimal import Decimal as D

import pytest

from ctosd.abi import CallerMistake
from drivers.backpack.listing import Fees, Listing
from tests.drivers.backpack.exchange import FIXTURES, SOL, SOL_SPOT, listing, market_row


def test_perpetual_and_spot_of_one_coin() -> None:
    listed = listing()
    perp, spot = listed.market(SOL), listed.market(SOL_SPOT)
    assert (perp.native, perp.interval_ns) == ("SOL_USDC_PERP", 28_800_000 * 10**6)
    assert (spot.native, spot.interval_ns) == ("SOL_USDC", 0)
    instrument = perp.instrument
    assert (instrument.kind, instrument.base, instrument.settle) == ("perp", "SOL", "USDC")
    assert (instrument.tick, instrument.lot, instrument.min_size) == (D("0.01"), D("0.01"), D("0.01"))
    assert (instrument.max_leverage, instrument.maintenance_margin) == (D(50), D("0.0135"))
    assert (instrument.contract_size, instrument.min_notional, instrument.max_size) == (D(1), D(0), None)
    assert spot.instrument.max_leverage == 1


def test_fees_are_basis_points() -> None:
    """Those of the account, for each kind its own; a rebate is negative."""
    fees = Fees(spot_maker_fee=D(-1), spot_taker_fee=D(10), futures_maker_fee=D(2), futures_taker_fee=D("4.5"))
    listed = Listing("backpack")
    listed.load(json.dumps([market_row(), market_row("SOL_USDC", "SPOT")]).encode(), fees)
    assert (listed.market(SOL).instrument.maker_fee, listed.market(SOL).instrument.taker_fee) == (
        D("0.0002"),
        D("0.00045"),
    )
    assert listed.market(SOL_SPOT).instrument.maker_fee == D("-0.0001")


def test_other_kinds_and_bad_rows_do_not_stop_the_rest() -> None:
    rows = [
        market_row("X_USDC_RFQ", "RFQ"),
        market_row("A_USDC_MONAD", "MONAD"),
        market_row("H_USDC", "SPOT", visible=False),
        {"symbol": "COINALPHAHBOT", "baseSymbol": "COINALPHA", "quoteSymbol": "HBOT"},  # hummingbot's malformed one
        market_row("Z_USDC", "SPOT", filters={"price": {"tickSize": "0"}, "quantity": {"minQuantity": "1", "stepSize": "1"}}),
        market_row(),
    ]  # fmt: skip
    listed = listing(rows)
    assert list(listed.by_symbol) == [SOL]
    assert listed.statistics() == {"markets": 1, "ignored": 3, "undecodable": 2}


def test_thousands_of_coins_stay_as_they_are() -> None:
    """kPEPE is a thousand PEPE: its prices and sizes are not converted, and the venue is asked in its own spelling."""
    market = listing([market_row("kPEPE_USDC_PERP")]).market("kPEPE/USDC:USDC")
    assert (market.native, market.instrument.base, market.instrument.contract_size) == (
        "kPEPE_USDC_PERP",
        "kPEPE",
        D(1),
    )
    assert market.symbol == "KPEPE/USDC:USDC"  # unified symbols are written in capitals
    assert market.instrument.tick == D("0.01")


def test_numbers_as_text_and_limits() -> None:
    quantity = {"minQuantity": "1", "stepSize": "1", "maxQuantity": "5000"}
    row = market_row(fundingInterval=3_600_000)
    row["filters"]["quantity"] = quantity
    market = listing([row]).market(SOL)
    assert market.interval_ns == 3_600 * 10**9
    assert market.instrument.max_size == 5_000


def test_unknown_symbols_are_told_with_the_known_ones() -> None:
    with pytest.raises(CallerMistake, match="SOL/USDC"):
        listing().market("DOGE/USDC")
    with pytest.raises(ValueError):
        Listing("backpack").load(b"{}", Fees())


def test_the_recorded_market() -> None:
    path = FIXTURES / "backpack" / "http_recorded.json"
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    row = json.loads(path.read_text())["records"][0]["body"]
    instrument = listing([row]).market("USDT/USDC").instrument
    assert (instrument.tick, instrument.lot, instrument.min_size, instrument.kind) == (D("0.0001"), D(1), D(1), "spot")
