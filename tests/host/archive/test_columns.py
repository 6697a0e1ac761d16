"""Which column holds what."""

import pytest

from ctosd.host.archive.columns import is_header, kind_of, roles_of


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("timestamp,open,high,low,close,volume", "bars"),
        ("Date,Time,Open,High,Low,Close,Volume", "bars"),
        ("Close,Low,High,Open,open_time", "bars"),
        ("Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT", "bars"),
        ("timestamp,symbol,ask_size,ask,bid_size,bid", "quotes"),
        ("time,bestBidPrice,bestBidQty,bestAskPrice,bestAskQty", "quotes"),
        ("timestamp,trade_id,price,quantity,buyer_maker", "trades"),
        ("id,price,qty,quote_qty,time,is_buyer_maker", "trades"),
        ("funding_time,fundingRate,mark_price", "funding"),
        ("a,b,c", ""),
    ],
)
def test_kinds_by_their_headers(header: str, kind: str) -> None:
    assert kind_of(roles_of(header.split(","))) == kind


def test_lone_date_is_the_time() -> None:
    assert roles_of(["Date", "Open"]) == {"time": 0, "open": 1}
    assert roles_of(["Date", "Time", "Open"]) == {"day": 0, "time": 1, "open": 2}


def test_header_holds_no_number() -> None:
    assert is_header(["timestamp", "open", "nan"])
    assert not is_header(["2024-01-01", "7.5"])
