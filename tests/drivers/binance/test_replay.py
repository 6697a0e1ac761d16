"""Recorded frames of Binance, read without a connection; what is not public says nothing."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.abi import Instrument, Quote
from drivers.binance.replay import reader

INSTRUMENT = Instrument(
    venue="binance", symbol="BTC/USDT:USDT", native="BTCUSDT", kind="perp", base="BTC", quote="USDT", settle="USDT",
    tick=D("0.1"), lot=D("0.001"), min_size=D("0.001"),
)  # fmt: skip
FRAME = (
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"60000.10","B":"2","a":"60000.20",'
    b'"A":"3","T":1700000000000,"E":1700000000001}}'
)


def test_a_frame_is_read_by_the_names_of_the_instruments() -> None:
    read = reader("binance", [INSTRUMENT])
    assert list(read(FRAME, 5)) == [
        Quote("binance", "BTC/USDT:USDT", 60000.1, 2.0, 60000.2, 3.0, 1_700_000_000_000_000_000)
    ]
    assert not reader("binance", [])(FRAME, 5)


def test_what_is_no_public_push_says_nothing() -> None:
    read = reader("binance", [INSTRUMENT])
    for frame in (b'{"result":null,"id":1}', b"\xff", b'{"stream":"abc","data":{"e":"ORDER_TRADE_UPDATE"}}', b"[]"):
        assert not read(frame, 5)
