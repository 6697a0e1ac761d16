"""Shapes: every field that recordings of the real venue have is in what the emulator sends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.okx.emulator.venue import SPOT, SWAP, Venue

FIXTURES = Path(__file__).parents[5] / "shared/fixtures"
FILES = (
    "ccxt/ws_okx.json",
    "hummingbot/okx.json",
    "hummingbot/okx_perpetual.json",
    "gocryptotrader/okx_push_and_payload_literals.json",
    "tardis/mappers_okx_binance.json",
    "crypto-msg-parser/okx_raw_messages.json",
)
SLIPS = {"balance_and_position.posData": {"uTIme"}}
"""What the other project mistyped."""

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not here: a lone clone")


def pushes(found: Any) -> Iterator[dict[str, Any]]:
    """Every push in a file, however deep, also those that are texts."""
    if isinstance(found, dict):
        if isinstance(found.get("arg"), dict) and isinstance(found.get("data"), list):
            yield found
            return
        for value in found.values():
            yield from pushes(value)
    elif isinstance(found, list):
        for value in found:
            yield from pushes(value)
    elif isinstance(found, str) and found.startswith('{"arg"'):
        try:
            yield from pushes(json.loads(found))
        except json.JSONDecodeError:
            return


def real() -> dict[str, set[str]]:
    """Keys of real pushes by channel; those of option and futures markets are others' business."""
    files = [FIXTURES / name for name in FILES] + sorted((FIXTURES / "nautilus/okx").glob("ws_*.json"))
    keys: dict[str, set[str]] = {}
    for file in files:
        for push in pushes(json.loads(file.read_text())):
            channel = push["arg"].get("channel", "")
            for row in push["data"]:
                if isinstance(row, dict) and row.get("instType") != "OPTION" and row.get("pxUsd", "") == "":
                    keys.setdefault(channel, set()).update(row)
                    for part in ("details", "balData", "posData", "trades"):
                        for each in row.get(part) or ():
                            keys.setdefault(f"{channel}.{part}", set()).update(each)
    return keys


@pytest.fixture(scope="module")
def sent() -> dict[str, set[str]]:
    """Keys of what the emulator pushes, by channel."""
    venue = Venue()
    venue.clock.run(2)
    names = ("trades", "tickers", "bbo-tbt", "books5", "books", "mark-price", "funding-rate", "price-limit")
    public, business, private = venue.connect(), venue.login("business"), venue.login()
    public.subscribe(
        *({"channel": name, "instId": SWAP} for name in (*names, "open-interest")),
        {"channel": "index-tickers", "instId": "BTC-USDT"},
        {"channel": "instruments", "instType": "SWAP"},
        {"channel": "status"},
    )
    business.subscribe({"channel": "trades-all", "instId": SWAP}, {"channel": "orders-algo", "instType": "ANY"})
    private.subscribe(
        {"channel": "orders", "instType": "ANY"}, {"channel": "account"}, {"channel": "positions", "instType": "ANY"},
        {"channel": "balance_and_position"},
    )  # fmt: skip
    venue.emulator.set_fault("maintenance", 1)
    venue.emulator.set_fault("maintenance", 0)
    venue.order("buy", "1")
    venue.order("buy", "50", instId=SPOT)
    terms = {"instId": SWAP, "tdMode": "cross", "side": "buy", "sz": "1", "ordType": "trigger"}
    venue.row("trade/order-algo", terms | {"triggerPx": "30000", "orderPx": "-1"})
    venue.clock.run(31)
    keys: dict[str, set[str]] = {}
    for client in (public, business, private):
        for push in client.told():
            for row in push["data"]:
                channel = push["arg"]["channel"]
                if channel in keys:
                    assert channel == "books" or set(row) == keys[channel], channel  # always the same fields
                keys.setdefault(channel, set()).update(row)
                for part in ("details", "balData", "posData", "trades"):
                    for each in row.get(part) or ():
                        keys.setdefault(f"{channel}.{part}", set()).update(each)
    return keys


def test_every_field_of_a_real_push_is_sent(sent):
    missing = {}
    for channel, keys in real().items():
        if channel in sent:
            lack = keys - sent[channel] - SLIPS.get(channel, set())
            if lack:
                missing[channel] = sorted(lack)
    assert missing == {}


def test_all_channels_are_compared(sent):
    both = real().keys() & sent.keys()
    assert both >= {
        "account", "account.details", "balance_and_position", "bbo-tbt", "books", "books5", "funding-rate", "index-tickers",
        "instruments", "mark-price", "open-interest", "orders", "orders-algo", "positions", "price-limit", "status",
        "tickers", "trades", "trades-all",
    }  # fmt: skip


def rows(file: str) -> list[dict[str, Any]]:
    found = json.loads((FIXTURES / "nautilus/okx" / file).read_text())
    return found.get("data", [found])


@pytest.mark.parametrize(
    ("file", "path", "params"),
    [
        ("http_get_account_balance.json", "account/balance", {}),
        ("http_get_positions.json", "account/positions", {}),
        ("http_get_orders_history.json", "trade/orders-history", {"instType": "SWAP"}),
        ("http_transaction_detail.json", "trade/fills", {"instId": SWAP}),
        ("http_get_trade_fee_response.json", "account/trade-fee", {"instType": "SPOT"}),
        ("http_get_mark_price.json", "public/mark-price", {"instType": "SWAP"}),
        ("http_get_order_book.json", "market/books", {"instId": SWAP}),
        ("http_get_instruments_swap.json", "public/instruments", {"instType": "SWAP"}),
        ("http_get_orders_algo_pending_attached_oco.json", "trade/orders-algo-pending", {"ordType": "trigger"}),
        ("http_get_orders_algo_history.json", "trade/orders-algo-pending", {"ordType": "trigger"}),
        ("http_get_orders_pending_with_attached_tp_sl.json", "trade/orders-pending", {}),
    ],
)
def test_every_field_of_a_real_answer_is_sent(file, path, params):
    venue = Venue()
    venue.order("buy", "1")
    venue.order("buy", "1", venue.below())
    terms = {"instId": SWAP, "tdMode": "cross", "side": "buy", "sz": "1", "ordType": "trigger"}
    venue.row("trade/order-algo", terms | {"triggerPx": "30000", "orderPx": "-1"})
    ours, theirs = venue.get(path, **params)[0], rows(file)[0]
    assert set(theirs) - set(ours) == set()
    details = theirs.get("details") or ()
    for each in details:
        assert set(each) - set(ours["details"][0]) == set()


def test_an_order_is_answered_as_the_real_venue_answers():
    venue = Venue()
    assert set(rows("http_place_order_response.json")[0]) <= set(venue.order("buy", "1"))
    refused = venue.row("trade/order-algo", {"instId": "NO"})
    assert set(rows("http_place_algo_order_rejected.json")[0]) <= set(refused)


def test_candles_have_nine_columns():
    ours = Venue().get("market/candles", instId=SWAP, limit=1)[0]
    theirs = rows("http_get_candlesticks.json")[0]
    assert len(ours) == len(theirs) == 9
    assert all(isinstance(each, str) for each in ours)


def test_figures_are_strings_where_the_real_ones_are():
    """Numbers of accounts and orders are never bare."""
    venue = Venue()
    venue.order("buy", "1")
    for path, params in (
        ("account/positions", {}),
        ("trade/orders-history", {"instType": "SWAP"}),
        ("trade/fills", {}),
    ):
        for row in venue.get(path, **params):
            assert not [name for name, value in row.items() if isinstance(value, int | float)], path
