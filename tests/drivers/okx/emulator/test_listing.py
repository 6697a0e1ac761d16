"""The listing: OKX's ids and grids, contracts and coins."""

import json
from decimal import Decimal as D
from pathlib import Path

import pytest

from drivers.okx.emulator.listing import CONTRACTS, Listing, settings_of
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.config import InstrumentConfig, MarketConfig, PaperConfig, SymbolConfig
from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue

SWAPS = Path(__file__).parents[5] / "shared/fixtures/okx_instruments_345_swaps.json"


@pytest.fixture(scope="module")
def listing():
    return Venue().emulator._listing


def test_contracts_and_coins(listing):
    swap, spot = listing.named(SWAP), listing.named(SPOT)
    assert swap.contracts(D("0.5")) == 50
    assert swap.coins(D(50)) == D("0.5")
    assert (swap.lot, swap.least, swap.tick) == (D("0.01"), D("0.01"), D("0.1"))
    assert (spot.value, spot.lot, spot.least) == (1, D("0.00000001"), D("0.00001"))
    assert listing.named(ETH).coins(D("0.01")) == D("0.001")


def test_ids_lead_to_markets_and_back(listing):
    for market in listing.all:
        assert listing.named(market.id) is listing.coded(market.code) is listing.by_symbol[market.symbol] is market
    assert listing.index("BTC-USDT").id == SPOT
    for wrong, code in (("", "50014"), ("NO-USDT", "51001")):
        with pytest.raises(Refusal) as caught:
            listing.named(wrong)
        assert caught.value.code == code
    for wrong in ("210001", 1):
        with pytest.raises(Refusal, match="51001"):
            listing.coded(wrong)
    with pytest.raises(Refusal, match="51001"):
        listing.index("NO-USDT")


def test_contracts_are_okxs_own():
    """Every contract that the recording of the real venue has is the same here."""
    if not SWAPS.exists():
        pytest.skip("the shared fixtures are not here: a lone clone")
    real = json.loads(SWAPS.read_text())
    checked = 0
    for coin, contract in CONTRACTS.items():
        raw = real.get(f"{coin}-USDT-SWAP", {}).get("raw")
        if raw is not None:
            assert (contract.value, contract.lot, contract.tick) == (raw["ctVal"], raw["lotSz"], raw["tickSz"]), coin
            assert (str(contract.leverage), str(contract.most)) == (raw["lever"], raw["maxMktSz"]), coin
            checked += 1
    assert checked >= 12


def test_a_row_has_every_field_of_the_real_one(listing):
    if not SWAPS.exists():
        pytest.skip("the shared fixtures are not here: a lone clone")
    real = json.loads(SWAPS.read_text())[SWAP]["raw"]
    row = listing.named(SWAP).row()
    assert set(row) >= set(real)
    same = set(real) - {"instIdCode", "maxIcebergSz", "maxTriggerSz", "maxTwapSz"}
    assert {name: row[name] for name in same} == {name: real[name] for name in same}


def test_settings_keep_what_they_say_and_take_the_rest_from_okx():
    given = PaperConfig(
        market=MarketConfig(symbols={"NEW/USDT:USDT": SymbolConfig(price=2.0)}),
        instruments={"BTC/USDT:USDT": InstrumentConfig(tick=D("0.5"), lot=D("0.01"))},
    )
    found = settings_of(given)
    assert found.instruments["BTC/USDT:USDT"].tick == D("0.5")
    assert found.instruments["BTC/USDT:USDT"].min_size is None
    assert found.instruments["ETH/USDT:USDT"].lot == D("0.001")
    assert found.instruments["NEW/USDT:USDT"].min_notional == 0
    assert (found.max_open_orders, found.market.seed) == (500, 7)
    assert settings_of(None).balances == {"USDT": D(10_000)}
    listed = Listing(Venue(given).emulator._stage.instruments)
    assert listed.named("NEW-USDT-SWAP").value == 1
    assert listed.named(SWAP).lot == 1
