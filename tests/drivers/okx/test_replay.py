"""Recorded frames of OKX, read without a connection: contracts come out as coins, what is not public says nothing."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.abi import Instrument, Quote
from drivers.okx.replay import reader

INSTRUMENT = Instrument(
    venue="okx", symbol="BTC/USDT:USDT", native="BTC-USDT-SWAP", kind="perp", base="BTC", quote="USDT", settle="USDT",
    tick=D("0.1"), lot=D("0.0001"), min_size=D("0.0001"), contract_size=D("0.01"),
)  # fmt: skip
FRAME = (
    b'{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},"data":[{"asks":[["60000.2","30","0","2"]],'
    b'"bids":[["60000.1","20","0","2"]],"ts":"1700000000000","seqId":1}]}'
)


def test_a_frame_is_read_by_what_the_instrument_says() -> None:
    read = reader("okx", [INSTRUMENT])
    quote = Quote("okx", "BTC/USDT:USDT", 60000.1, 0.2, 60000.2, 0.3, 1_700_000_000_000_000_000)
    assert list(read(FRAME, 5)) == [quote]
    assert list(read(FRAME, 6)) == [quote]
    assert not reader("okx", [])(FRAME, 5)


def test_what_is_no_public_push_says_nothing() -> None:
    read = reader("okx", [INSTRUMENT])
    for frame in (b"pong", b'{"event":"login","code":"0"}', b"\xff", b'{"arg":{"channel":"orders"},"data":[{}]}'):
        assert not read(frame, 5)
