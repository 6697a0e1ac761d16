"""Instruments: contracts and coins, what is listed and what is not, fees."""

from decimal import Decimal as D

import pytest

from ctosd.abi import CallerMistake
from drivers.okx.listing import FeeGroup, FeeRow, InstrumentRow, product_of
from tests.drivers.okx.scripted import PERP, SPOT, SPOT_ROW, SWAP_ROW, dump, fixture, listing


def test_sizes_are_coins_outside_and_contracts_inside() -> None:
    product = listing().find(PERP)
    instrument = product.instrument
    assert (instrument.lot, instrument.min_size, instrument.tick) == (D("0.0001"), D("0.0001"), D("0.1"))
    assert (instrument.max_size, instrument.max_market_size) == (D(1_000_000), D(120))
    assert product.contracts(D("0.5")) == 50
    assert product.coins("50") == D("0.5")
    assert product.code == 10459
    assert (instrument.kind, instrument.quote, instrument.settle, instrument.max_leverage) == (
        "perp",
        "USDT",
        "USDT",
        100,
    )


def test_spot_is_in_coins_already() -> None:
    product = listing().find(SPOT)
    assert product.contracts(D("0.12345678")) == D("0.12345678")
    assert product.instrument.max_market_size is None, "the venue's cap is money"
    assert product.instrument.max_leverage == 1


def test_nothing_is_rounded_on_the_way_in() -> None:
    with pytest.raises(CallerMistake, match="multiple of the lot"):
        listing().find(PERP).contracts(D("0.00015"))


@pytest.mark.parametrize(
    "changes",
    [{"ctType": "inverse", "settleCcy": "BTC"}, {"instType": "FUTURES"}, {"instType": "OPTION"}, {"state": "preopen"},
     {"state": "test"}, {"tickSz": ""}, {"lotSz": "0"}, {"minSz": ""}, {"ctVal": ""}, {"settleCcy": ""}],
)  # fmt: skip
def test_what_has_no_unified_symbol_is_not_listed(changes: dict) -> None:
    made = listing(SWAP_ROW | changes)
    assert (len(made.by_symbol), made.unlisted) == (0, 1)


def test_rows_that_cannot_be_read_are_counted() -> None:
    made = listing()
    assert made.adopt([b'{"instId":5}', b"[]", b"{"]) == 0
    assert made.unlisted == 3


def test_a_number_may_be_absent() -> None:
    assert listing(SWAP_ROW | {"instIdCode": None}).find(PERP).code is None


def test_unified_dollar_contracts_have_a_symbol_of_their_own() -> None:
    row = SWAP_ROW | {"instId": "BTC-USD_UM-SWAP", "instFamily": "BTC-USD_UM", "uly": "BTC-USD", "settleCcy": "USD"}
    assert list(listing(row).by_symbol) == ["BTC/USD:USD"]


def test_the_first_of_two_books_keeps_the_symbol() -> None:
    made = listing(SWAP_ROW, SWAP_ROW | {"instId": "BTC-USDT_X-SWAP"})
    assert made.find(PERP).native == "BTC-USDT-SWAP"
    assert made.get("BTC-USDT_X-SWAP") is None


def test_fees_are_positive_when_paid() -> None:
    made = listing()
    made.charge("SWAP", FeeRow(fee_group=[FeeGroup("4", "-0.0002", "-0.0005"), FeeGroup("9", "-1", "-1")]))
    made.charge("SPOT", FeeRow(maker="0.0001", taker="-0.001"))
    perp, spot = made.find(PERP).instrument, made.find(SPOT).instrument
    assert (perp.maker_fee, perp.taker_fee) == (D("0.0002"), D("0.0005"))
    assert (spot.maker_fee, spot.taker_fee) == (D("-0.0001"), D("0.001"))
    made.adopt([dump(SWAP_ROW)])
    assert made.find(PERP).instrument.taker_fee == D("0.0005"), "a new listing keeps the fees"


def test_unknown_symbols_say_so() -> None:
    with pytest.raises(CallerMistake, match="not listed"):
        listing().find("DOGE/USDT")


def test_345_real_swaps() -> None:
    """Each linear swap: coins to contracts and back is the same, on the venue's own grid; the rest is not listed."""
    rows = [each["raw"] for each in fixture("okx_instruments_345_swaps.json").values()]
    made = listing(*rows)
    linear = [row for row in rows if row.get("ctType") == "linear" and row.get("instType") == "SWAP"]
    assert len(made.by_symbol) == len(linear) == 290
    for row in linear:
        product = made.by_native[row["instId"]]
        instrument = product.instrument
        contract = D(row["ctVal"]) * D(row["ctMult"])
        assert instrument.lot == D(row["lotSz"]) * contract
        assert instrument.min_size == D(row["minSz"]) * contract
        assert instrument.tick == D(row["tickSz"])
        for lots in (1, 3, 7, 99, 12_345):
            coins = instrument.lot * lots
            assert instrument.floor_size(coins + instrument.lot / 3) == coins
            contracts = product.contracts(coins)
            assert contracts == D(row["lotSz"]) * lots
            assert contracts % D(row["lotSz"]) == 0
            assert product.coins(str(contracts)) == coins
        assert float(contract) == pytest.approx(product.times / product.parts)
        price = D("1234.56789") * instrument.tick
        assert instrument.round_price(price, "buy") <= price <= instrument.round_price(price, "sell")
        assert instrument.on_tick(instrument.round_price(price, "buy"))
        assert instrument.symbol == f"{row['ctValCcy']}/{row['uly'].split('-')[1]}:{row['settleCcy']}"


def test_a_row_of_spot_needs_its_currencies() -> None:
    assert (
        product_of(
            "okx",
            InstrumentRow(inst_id="X", inst_type="SPOT", tick_sz="1", lot_sz="1", min_sz="1", state="live"),
        )
        is None
    )
    assert listing(SPOT_ROW).find(SPOT).spot
