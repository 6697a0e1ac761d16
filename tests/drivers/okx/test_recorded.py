"""Every payload that hummingbot keeps of OKX: its meaning, or why we have no use for it. Symbols are invented, shapes are real."""

import ast
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ctosd.abi import BookDelta, Funding, Trade
from drivers.okx.conditionals import Conditionals
from drivers.okx.marketdata import read_depth, read_rate
from drivers.okx.private import balance, fill_of_row
from drivers.okx.records import AccountRow, FillRow, Push
from drivers.okx.wire import Decoder, depth
from tests.drivers.okx.scripted import MAIN, dump, fixture, listing
from tests.drivers.okx.test_fixtures import decode, made_for

MS = 1_000_000
HERE = Path(__file__).parent
SPOT, PERP = "test_fixtures.test_hummingbot", "test_fixtures.test_hummingbot_perpetual"
FILLS, STREAMS, NEWS = "test_fills", "test_pushes", "test_answers"
CONTROLS = "test_streams.test_recorded_controls"
TICKERS, RATES = "tickers: quotes come from bbo-tbt and the book", "test_rates"
OURS = "what the client sends, compared in tests of the subscriptions"
TABLE = {
    "okx": {
        "_order_fills_request_full_fill_mock_response": FILLS, "_order_status_request_canceled_mock_response": 'its side is "limit"',
        "_order_status_request_open_mock_response": SPOT, "all_symbols_including_invalid_pair_mock_response": SPOT,
        "balance_event_websocket_update": STREAMS, "balance_request_mock_response_only_base": SPOT,
        "is_order_fill_http_update_included_in_status_update": "not a message",
        "latest_single_price_request_mock_response": TICKERS, "order_creation_request_successful_mock_response": SPOT,
        "order_event_for_full_fill_websocket_update": SPOT, "trade_event_for_full_fill_websocket_update": SPOT,
        "trading_rules_request_mock_response": SPOT, "test_get_new_order_book_successful": NEWS,
        "test_listen_for_subscriptions_subscribes_to_trades_and_order_diffs": OURS, "test_listen_for_trades_successful": STREAMS,
        "test_listen_for_order_book_diffs_successful": STREAMS, "test_listen_for_order_book_snapshots_api_successful": NEWS,
        "test_channel_originating_message_diff_queue": STREAMS,
        "test_listen_for_user_stream_subscribes_to_orders_and_balances_events": OURS,
        "test_listen_for_user_stream_authentication_failure": CONTROLS,
        "test_listen_for_user_stream_sends_ping_message_before_ping_interval_finishes": CONTROLS,
    },
    "okx_perpetual": {
        "get_funding_info_rest_msg": RATES, "get_last_traded_prices_rest_msg": TICKERS, "get_ws_funding_info_msg": PERP,
        "get_ws_mark_price_info_msg": PERP, "get_ws_order_book_snapshot_msg": PERP,
        "trading_rules_request_mock_response": NEWS, "_order_fills_request_partial_fill_mock_response": FILLS,
        "_order_status_request_completely_filled_mock_response": PERP,
        "_order_status_request_partially_filled_mock_response": PERP, "all_symbols_request_mock_response": NEWS,
        "balance_request_mock_response_for_base_and_quote": PERP, "empty_funding_payment_mock_response": "nothing is in it",
        "funding_info_mock_response": RATES, "index_price_event_for_websocket_update": "indices",
        "is_order_fill_http_update_executed_during_websocket_order_event_processing": "not a message",
        "latest_prices_request_mock_response": TICKERS, "mark_price_mock_response": STREAMS,
        "order_creation_request_successful_mock_response": SPOT, "order_event_for_full_fill_websocket_update": SPOT,
        "trading_rules_request_erroneous_mock_response": PERP, "test_subscribe_channels_successful": OURS,
        "test_listen_for_order_book_diffs_logs_exception": STREAMS, "test_is_exchange_information_valid": "a state without an instrument",
        "test_get_current_server_time": "the time alone: clocks are read in test_rest",
    },
}  # fmt: skip
"""Case -> the test that judges it (of this file, where no file is named), or why none does."""


def cases(name: str) -> dict[str, Any]:
    """The last one of a test that has several stands for all: they are a subscription and its acknowledgement."""
    found = fixture(f"hummingbot/{name}.json")
    inline = {each["test"]: each["payload"] for each in found["inline_payloads"]}
    return {key.partition(".")[2]: value for key, value in found["fixtures"].items()} | inline


@pytest.mark.parametrize("name", TABLE)
def test_every_payload_is_judged_or_has_its_reason(name: str) -> None:
    assert cases(name).keys() == TABLE[name].keys()
    for where in set(TABLE[name].values()):
        if not where.startswith("test_"):
            continue
        module, _, test = where.rpartition(".")
        tree = ast.parse((HERE / f"{module or 'test_recorded'}.py").read_text())
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("name", "case", "price", "size"),
    [("okx", "_order_fills_request_full_fill_mock_response", 10000, D(1)),
     ("okx_perpetual", "_order_fills_request_partial_fill_mock_response", 10500, D("0.5"))],
)  # fmt: skip
def test_fills(name: str, case: str, price: int, size: D) -> None:
    """Their side is the word "limit", which no venue says: with a side that can be, they are fills."""
    (row,) = cases(name)[case]["data"]
    made = made_for(row["instId"])
    with pytest.raises(ValueError, match="is no side"):
        fill_of_row(MAIN, msgspec.convert(row, FillRow), made.by_native[row["instId"]], Conditionals())
    fill = fill_of_row(
        MAIN, msgspec.convert({**row, "side": "buy"}, FillRow), made.by_native[row["instId"]], Conditionals()
    )
    assert (fill.trade_id, fill.venue_id, fill.client_id) == ("TrID1", "4", "OID1")
    assert (fill.price, fill.size, fill.fee, fill.fee_asset, fill.liquidity) == (price, size, 30, "HBOT", "maker")
    assert fill.time_ns == 1597026383085 * MS


def test_pushes() -> None:
    spot, perpetual = cases("okx"), cases("okx_perpetual")
    made = made_for("COINALPHA-HBOT")
    (trade,) = decode(spot["test_listen_for_trades_successful"], made)
    assert isinstance(trade, Trade)
    assert (trade.price, trade.size, trade.side, trade.time_ns) == (42219.9, 0.12060306, "buy", 1630048897897 * MS)
    for case, asks in (
        ("test_listen_for_order_book_diffs_successful", 3),
        ("test_channel_originating_message_diff_queue", 1),
    ):
        (book,) = decode(spot[case], made)
        assert isinstance(book, BookDelta)
        assert (book.snapshot, len(book.asks), book.asks[0], book.bids[0]) == (
            False,
            asks,
            (8476.98, 415.0),
            (8476.97, 256.0),
        )
    (account,) = msgspec.convert(spot["balance_event_websocket_update"], Push[AccountRow]).data
    held = balance(MAIN, account.details[0], 7)
    assert (held.asset, held.available) == ("COINALPHA", 10)
    swap = Decoder("okx", made_for("COINALPHA-HBOT-SWAP"))
    assert list(swap.decode(dump(perpetual["mark_price_mock_response"]), 7)[1]) == [], "no funding rate is known yet"
    incomplete = Decoder("okx", made)
    assert list(incomplete.decode(dump(perpetual["test_listen_for_order_book_diffs_logs_exception"]), 7)[1]) == []
    assert incomplete.undecodable == 1


def test_answers() -> None:
    spot, perpetual = cases("okx"), cases("okx_perpetual")
    for case in ("test_get_new_order_book_successful", "test_listen_for_order_book_snapshots_api_successful"):
        (row,) = spot[case]["data"]
        product = made_for("COINALPHA-HBOT").by_native["COINALPHA-HBOT"]
        book = depth("okx", product, read_depth(dump(row)), True)
        assert (book.snapshot, book.asks, book.bids) == (True, [(41006.8, 0.60038921)], [(41006.3, 0.30178218)])
    for case in ("trading_rules_request_mock_response", "all_symbols_request_mock_response"):
        (product,) = listing(*perpetual[case]["data"])
        instrument = product.instrument
        assert (instrument.base, instrument.settle, instrument.kind) == ("COINALPHA", "HBOT", "perp")


@pytest.mark.parametrize("name", ["get_funding_info_rest_msg", "funding_info_mock_response"])
def test_rates(name: str) -> None:
    """Of REST, where the mark price is asked for beside them."""
    (row,) = cases("okx_perpetual")[name]["data"]
    rate = read_rate(dump(row))
    assert (rate.funding_rate, rate.funding_time) == (float(row["fundingRate"]), 1703088000000)
    assert int(rate.next_funding_time) == int(row["nextFundingTime"])


def test_funding_needs_a_mark_price_first() -> None:
    """A push of a rate tells nothing until a mark price has come."""
    perpetual = cases("okx_perpetual")
    decoder = Decoder("okx", made_for("COINALPHAHBOT"))
    told = dump(perpetual["get_ws_funding_info_msg"])
    assert list(decoder.decode(told, 7)[1]) == []
    list(decoder.decode(dump(perpetual["get_ws_mark_price_info_msg"]), 7)[1])
    (funding,) = decoder.decode(told, 7)[1]
    assert isinstance(funding, Funding)
