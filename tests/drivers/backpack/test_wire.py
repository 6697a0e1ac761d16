"""Public frames: each stream, the recorded session, and that no garbage raises."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, BookDelta, Funding, Quote, Trade
from drivers.backpack.wire import Decoder, Refused
from tests.drivers.backpack.exchange import FIXTURES, SOL, SOL_SPOT, listing, market_row

ROWS = [
    market_row(),
    market_row("SOL_USDC", "SPOT"),
    market_row("AAPL.US_USDC", "SPOT", base="AAPL.US"),
    market_row("COINALPHAHBOT", "PERP", base="COINALPHA", quote="HBOT"),
]
HOUR8 = 8 * 3_600 * 10**9


def decoder() -> Decoder:
    listed = listing(ROWS)
    return Decoder("backpack", lambda: listed.by_native)


def frame(stream: str, data: dict[str, Any], *, front: bool = True) -> bytes:
    whole = {"stream": stream, "data": data} if front else {"data": data, "stream": stream}
    return json.dumps(whole, separators=(",", ":")).encode()


TICK = {"e": "bookTicker", "E": 1694687965941000, "s": "SOL_USDC", "a": "18.70", "A": "1.000", "b": "18.67", "B": "2.000", "u": "111063070525358080", "T": 1694687965940999}  # fmt: skip
DEPTH = {"e": "depth", "E": 1694687965941000, "s": "SOL_USDC", "a": [["18.70", "0.000"]], "b": [["18.67", "0.832"], ["18.68", "0.000"]], "U": 94978271, "u": 94978272, "T": 1694687965940999}  # fmt: skip
TRADE = {"e": "trade", "E": 1694687965941000, "s": "SOL_USDC_PERP", "p": "18.68", "q": "0.122", "b": "1", "a": "2", "t": 12345, "T": "1694687965940999", "m": True}  # fmt: skip
KLINE = {"e": "kline", "E": 1694687692980000, "s": "SOL_USDC", "t": "2026-09-01T10:00:00", "T": "2026-09-01T10:01:00", "o": "18.75", "c": "19.25", "h": "19.80", "l": "18.50", "v": "32123", "n": 93828, "X": True}  # fmt: skip
MARK = {"e": "markPrice", "E": 1788367430422109, "T": 1788367430421396, "f": "0.0000125", "i": "98.94998504", "n": 1788368400000, "p": "98.94", "s": "SOL_USDC_PERP"}  # fmt: skip

CASES = [
    ("bookTicker.SOL_USDC", TICK, Quote("backpack", SOL_SPOT, 18.67, 2.0, 18.7, 1.0, 1694687965940999_000)),
    (
        "depth.SOL_USDC",
        DEPTH,
        BookDelta("backpack", SOL_SPOT, [(18.67, 0.832), (18.68, 0.0)], [(18.7, 0.0)], 1694687965940999_000, 94978271, 94978272),
    ),
    ("depth.200ms.SOL_USDC", DEPTH, BookDelta("backpack", SOL_SPOT, [(18.67, 0.832), (18.68, 0.0)], [(18.7, 0.0)], 1694687965940999_000, 94978271, 94978272)),
    ("trade.SOL_USDC_PERP", TRADE, Trade("backpack", SOL, 18.68, 0.122, "sell", 1694687965940999_000, "12345")),
    ("trade.SOL_USDC_PERP", {**TRADE, "m": False}, Trade("backpack", SOL, 18.68, 0.122, "buy", 1694687965940999_000, "12345")),
    ("kline.1m.SOL_USDC", KLINE, Bar("backpack", SOL_SPOT, "1m", 18.75, 19.8, 18.5, 19.25, 32123.0, 1788256800_000000000, 1788256860_000000000)),
    ("kline.1m.SOL_USDC", {**KLINE, "t": 1788256800, "T": 1788256860}, Bar("backpack", SOL_SPOT, "1m", 18.75, 19.8, 18.5, 19.25, 32123.0, 1788256800_000000000, 1788256860_000000000)),
    ("kline.1month.SOL_USDC", {**KLINE, "t": "2026-09-01 00:00:00"}, Bar("backpack", SOL_SPOT, "1M", 18.75, 19.8, 18.5, 19.25, 32123.0, 1788220800_000000000, 1790812800_000000000)),
    ("markPrice.SOL_USDC_PERP", MARK, Funding("backpack", SOL, 0.0000125, 98.94, 1788368400_000000000, 1788367430421396_000, HOUR8)),
    ("markPrice.SOL_USDC_PERP", {**MARK, "n": 1788368400000000}, Funding("backpack", SOL, 0.0000125, 98.94, 1788368400_000000000, 1788367430421396_000, HOUR8)),
    ("bookTicker.AAPL.US_USDC", {**TICK, "T": 0}, Quote("backpack", "AAPL.US/USDC", 18.67, 2.0, 18.7, 1.0, 1694687965941000_000)),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "data", "event"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("front", [True, False])
def test_streams(stream: str, data: dict[str, Any], event: object, front: bool) -> None:
    """Whatever the order of the envelope's keys; the second frame goes by the reader that the first one chose."""
    made = decoder()
    for _ in range(2):
        assert made.decode(frame(stream, data, front=front), 5) == (stream, event)
    assert made.undecodable == 0


def test_white_space_changes_nothing() -> None:
    made = decoder()
    for stream, data, event in CASES[:3]:
        assert made.decode(json.dumps({"data": data, "stream": stream}, indent=2).encode(), 5) == (stream, event)


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("kline.1m.SOL_USDC", {**KLINE, "X": False}),
        ("kline.1m.SOL_USDC", {**KLINE, "o": None, "h": None, "l": None, "c": None}),
        ("bookTicker.SOL_USDC", {**TICK, "b": None, "B": None}),
        ("bookTicker.SOL_USDC", {**TICK, "A": "0.00"}),
        ("ticker.SOL_USDC", {"e": "ticker"}),
        ("openInterest.SOL_USDC_PERP", {"e": "openInterest"}),
        ("bookTicker.UNLISTED_USDC", TICK),
        ("markPrice.SOL_USDC", MARK),
    ],
)
def test_what_tells_nothing_is_counted(stream: str, data: dict[str, Any]) -> None:
    made = decoder()
    assert made.decode(frame(stream, data), 5) == (stream, None)
    assert (made.ignored, made.undecodable) == (1, 0)


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("depth.COINALPHAHBOT", {"m": 1, "i": 2}),  # as hummingbot's tests send
        ("trade.COINALPHAHBOT", {"m": 1, "i": 2}),
        ("depth.SOL_USDC", {**DEPTH, "u": 1}),
        ("bookTicker.SOL_USDC", {**TICK, "b": "19"}),
        ("trade.SOL_USDC_PERP", {**TRADE, "p": "0"}),
        ("trade.SOL_USDC_PERP", {**TRADE, "q": "nan"}),
        ("kline.1m.SOL_USDC", {**KLINE, "h": "1"}),
        ("kline.1m.SOL_USDC", {**KLINE, "t": "soon"}),
        ("markPrice.SOL_USDC_PERP", {**MARK, "p": "-1"}),
    ],
)
def test_what_cannot_be_true_is_kept_for_why(stream: str, data: dict[str, Any]) -> None:
    made = decoder()
    assert made.decode(frame(stream, data), 5) == (stream, None)
    assert (made.ignored, made.undecodable) == (0, 1)
    assert made.reason
    assert made.frame


def test_replies() -> None:
    """An error, the acknowledgement that some servers give, and garbage."""
    made = decoder()
    refused = Refused(4006, "Invalid stream")
    assert made.decode(b'{"id":null,"error":{"code":4006,"message":"Invalid stream"}}', 5) == ("", refused)
    assert made.decode(b'{"result":null,"id":1}', 5) == ("", None)
    assert made.decode(b"<html>", 5) == ("", None)
    assert made.statistics() | {"reason": ""} == {"ignored": 1, "undecodable": 1, "refused": 1, "reason": ""}


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(CASES), st.integers(0, 400))
def test_no_garbage_raises(noise: bytes, case: tuple[str, dict[str, Any], object], at: int) -> None:
    """Noise alone, and frames cut and spliced with it."""
    made, whole = decoder(), frame(case[0], case[1])
    for each in (noise, whole[:at] + noise, whole[:at] + noise + whole[at:], whole[at:]):
        made.decode(each, 5)


def recorded() -> list[bytes]:
    path = FIXTURES / "backpack" / "ws_public_raw.jsonl"
    return [line for line in path.read_bytes().splitlines() if line.strip()] if path.exists() else []


@pytest.mark.skipif(not recorded(), reason="the shared fixtures are not here")
def test_the_recorded_session_reads_whole() -> None:
    """Every frame tells something; the ids of depth chain; mark prices have their own markets."""
    made = decoder()
    heard = [made.decode(line, 5) for line in recorded()]
    assert len(heard) == 47
    assert [stream for stream, event in heard if event is None] == [
        "ticker.SOL_USDC"
    ]  # statistics of a day: no event of ours
    events = [event for _, event in heard if event is not None]
    kinds = [type(event).__name__ for event in events]
    assert made.undecodable == 0
    deltas = [event for event in events if isinstance(event, BookDelta)]
    assert all(after.first_id == before.last_id + 1 for before, after in pairwise(deltas))
    assert kinds.count("Funding") >= 1
    assert all(1_788_367_430 <= event.time_ns / 1e9 < 1_788_367_440 for event in events)
