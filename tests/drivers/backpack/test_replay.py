"""Recorded frames of Backpack, read without a connection; what is not public says nothing."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.abi import Funding, Instrument, Quote
from drivers.backpack.replay import INTERVAL_NS, reader

INSTRUMENT = Instrument(
    venue="backpack", symbol="SOL/USDC:USDC", native="SOL_USDC_PERP", kind="perp", base="SOL", quote="USDC", settle="USDC",
    tick=D("0.01"), lot=D("0.01"), min_size=D("0.01"),
)  # fmt: skip
TICKER = (
    b'{"data":{"A":"3","B":"2","E":1700000000000001,"T":1700000000000000,"a":"20.02","b":"20.01","e":"bookTicker",'
    b'"s":"SOL_USDC_PERP","u":1},"stream":"bookTicker.SOL_USDC_PERP"}'
)
MARK = (
    b'{"data":{"E":1700000000000001,"T":1700000000000000,"e":"markPrice","f":"0.0001","i":"20","n":1700006400000,"p":"20.5",'
    b'"s":"SOL_USDC_PERP"},"stream":"markPrice.SOL_USDC_PERP"}'
)


def test_frames_are_read_by_the_names_of_the_instruments() -> None:
    read, ns = reader("backpack", [INSTRUMENT]), 1_700_000_000_000_000_000
    assert list(read(TICKER, 5)) == [Quote("backpack", "SOL/USDC:USDC", 20.01, 2.0, 20.02, 3.0, ns)]
    (funding,) = read(MARK, 5)
    assert isinstance(funding, Funding)
    assert (funding.rate, funding.mark, funding.interval_ns) == (0.0001, 20.5, INTERVAL_NS)
    assert not reader("backpack", [])(TICKER, 5)


def test_what_is_no_public_push_says_nothing() -> None:
    read = reader("backpack", [INSTRUMENT])
    for frame in (b'{"error":{"code":4002,"message":"no"}}', b"\xff", b'{"data":{},"stream":"account.orderUpdate"}'):
        assert not read(frame, 5)
