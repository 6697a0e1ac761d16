"""No file of real payloads is forgotten: each is read by a test, or has its reason here."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"

UNREAD = {
    "ticker_price_response": "a last trade is no quote",
    "http_futures_market_agg_trades": "trades come by stream",
    "http_futures_market_trades": "trades come by stream",
    "http_spot_market_agg_trades": "trades come by stream",
    "http_spot_market_trades": "trades come by stream",
    "http_spot_market_ticker_price": "a last trade is no quote",
    "http_futures_market_blvt_nav_kline": "leveraged tokens",
    "http_futures_market_global_long_short_account_ratio": "figures about other people",
    "http_futures_market_top_long_short_account_ratio": "figures about other people",
    "http_futures_market_open_interest": "open interest is no event of the promise",
    "http_futures_market_index_info": "indices",
    "http_futures_market_ticker_24hr": "figures of a day",
    "http_wallet_trading_fee": "fees are asked of the account's commission",
}
RECORDINGS = ("BINANCE_FUTURES.http.0", "BINANCE.http.0")
"""Read by `test_books` and `test_wire` under the stem of the recording."""


def test_every_file_is_read_or_has_its_reason() -> None:
    if not FIXTURES.is_dir():
        pytest.skip("the fixtures are not beside the tree")
    source = "\n".join(path.read_text() for path in TESTS.rglob("*.py") if path != Path(__file__))
    stems = {path.stem for path in FIXTURES.rglob("*") if path.is_file()}
    unread = {stem for stem in stems if stem not in source}
    assert unread - {*RECORDINGS} == UNREAD.keys()
