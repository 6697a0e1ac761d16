"""exchangeInfo as instruments: filters, not precisions; what cannot be read is left out."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest

from drivers.binance import instruments
from tests.drivers.binance.scripted import PERP_INFO, SHARED, SPOT_INFO, fixture


def usdm(**changes: Any) -> Any:
    row = {**PERP_INFO["symbols"][0], **changes}  # type: ignore[index]
    return instruments.read("usdm", "v", {"symbols": [row]})


def test_a_perpetual() -> None:
    [found], unread = usdm()
    assert unread == []
    assert (found.symbol, found.native, found.kind, found.settle) == ("BTC/USDT:USDT", "BTCUSDT", "perp", "USDT")
    assert (found.tick, found.lot, found.min_size, found.min_notional) == (D("0.1"), D("0.001"), D("0.001"), D(100))
    assert (found.max_size, found.max_market_size, found.contract_size) == (D(1000), D(120), D(1))


def test_a_spot_pair() -> None:
    found, _ = instruments.read("spot", "v", SPOT_INFO)
    assert [(each.symbol, each.kind) for each in found] == [
        ("BTC/USDT", "spot"),
        ("ETH/USDT", "spot"),
        ("ETH/BTC", "spot"),
    ]
    assert (found[0].tick, found[0].lot, found[0].min_notional, found[0].max_market_size) == (
        D("0.01"),
        D("0.00001"),
        D(5),
        None,
    )


@pytest.mark.parametrize(
    "changes", [{"contractType": "CURRENT_QUARTER"}, {"status": "SETTLING"}, {"status": "PENDING_TRADING"}]
)  # fmt: skip
def test_what_is_not_traded_is_left_out(changes: dict[str, Any]) -> None:
    assert usdm(**changes) == ([], [])


def test_stock_perpetuals_are_perpetuals() -> None:
    assert len(usdm(contractType="TRADIFI_PERPETUAL")[0]) == 1


@pytest.mark.parametrize(
    "filters",
    [[], [{"filterType": "PRICE_FILTER", "tickSize": "0"}], [{"filterType": "PRICE_FILTER", "tickSize": "x"}, {"filterType": "LOT_SIZE"}], 5],
)  # fmt: skip
def test_what_cannot_be_read_is_counted(filters: Any) -> None:
    assert usdm(filters=filters) == ([], ["BTCUSDT"])


def test_brackets_give_leverage_and_margin() -> None:
    found, _ = instruments.read("usdm", "v", PERP_INFO)
    rows = [
        {"symbol": "BTCUSDT", "brackets": [{"bracket": 1, "initialLeverage": 125, "maintMarginRatio": 0.004}]},
        {"symbol": "ETHUSDT", "brackets": []},
    ]
    better = instruments.with_brackets(found, rows)
    assert (better[0].max_leverage, better[0].maintenance_margin) == (D(125), D("0.004"))
    assert better[1] == found[1]


def test_documented_listings() -> None:
    """nautilus's and hummingbot's; the latter also have rows without filters, which are no instruments."""
    info = fixture("nautilus", "binance_py", "http_responses", "http_futures_market_exchange_info.json")
    found, unread = instruments.read("usdm", "v", info)
    assert unread == []
    assert {each.native for each in found} <= {row["symbol"] for row in info["symbols"]}
    btc = next(each for each in found if each.native == "BTCUSDT")
    assert (btc.tick, btc.lot) == (D("0.10"), D("0.001"))
    spot = fixture("nautilus", "binance_py", "http_responses", "http_spot_market_exchange_info.json")
    found, unread = instruments.read("spot", "v", spot)
    assert found
    assert unread == []
    for name, product in (("binance", "spot"), ("binance_perpetual", "usdm")):
        for key, body in fixture("hummingbot", f"{name}.json")["fixtures"].items():
            if isinstance(body, dict) and "symbols" in body:
                found, unread = instruments.read(product, "v", body)  # type: ignore[arg-type]
                assert (found, unread) == ([], ["COINALPHAHBOT"]), key
    rows = next(
        c["payload"] for c in fixture("hummingbot", "binance.json")["inline_payloads"] if c["var"] == "trading_rules"
    )
    assert instruments.read("spot", "v", {"symbols": rows}) == ([], ["COINALPHAHBOT"])  # it does not say its coins


@pytest.mark.parametrize(
    ("name", "stem", "product"),
    [("binance_futures_2021-07-22", "BINANCE_FUTURES", "usdm"), ("binance_spot_2021-10-12", "BINANCE", "spot")],
)
def test_recorded_listings(name: str, stem: str, product: Any) -> None:
    """Every symbol of a whole listing is read, and no minimum is off the grid."""
    path = SHARED / "fixtures/cryptofeed" / name / f"{stem}.0"
    if not path.is_file():
        pytest.skip(f"the recording {name} is not beside the tree")
    line = next(row for row in path.read_text().splitlines() if "exchangeInfo" in row)
    info = json.loads(line[line.index("{") :])
    found, unread = instruments.read(product, "v", info)
    assert unread == []
    assert len(found) > 80
    assert all(each.min_size > 0 and each.tick > 0 for each in found)
    assert len({each.symbol for each in found}) == len(found)
