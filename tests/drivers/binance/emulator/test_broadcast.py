"""What is told when: beats, closed klines, all-market rows, and the faults of books."""

import itertools
from typing import Any

import pytest

from tests.drivers.binance.emulator.rig import Rig


def chain(socket: Any) -> list[tuple[int, int]]:
    return [(each["pu"], each["u"]) for each in socket.events("depthUpdate")]


def test_streams_speak_on_their_beat() -> None:
    rig = Rig()
    socket = rig.socket(
        "/market/stream?streams=btcusdt@markPrice@1s/ethusdt@markPrice/btcusdt@ticker/btcusdt@kline_1m/!miniTicker@arr"
    )
    rig.run(12.1)
    count = {
        name: sum(each["stream"] == name for each in socket.heard)
        for name in (
            "btcusdt@markPrice@1s",
            "ethusdt@markPrice",
            "btcusdt@ticker",
            "btcusdt@kline_1m",
            "!miniTicker@arr",
        )
    }
    assert count["btcusdt@markPrice@1s"] == 12
    assert count["ethusdt@markPrice"] == 4
    assert count["btcusdt@ticker"] == 6
    assert 40 <= count["btcusdt@kline_1m"] <= 48
    assert count["!miniTicker@arr"] == 6
    rows = [each for each in socket.heard if each["stream"] == "!miniTicker@arr"][-1]["data"]
    assert {each["s"] for each in rows} == {"BTCUSDT", "ETHUSDT"}, "only what moves"


def test_a_kline_closes_once_and_the_next_one_opens() -> None:
    rig = Rig()
    socket = rig.socket("/market/ws/btcusdt@kline_1m")
    rig.run(125)
    rows = [each["k"] for each in socket.events("kline")]
    closed = [row["t"] for row in rows if row["x"]]
    assert len(closed) == 2
    assert closed[1] - closed[0] == 60_000
    for start in closed:
        last_open = [row for row in rows if row["t"] == start and not row["x"]][-1]
        final = next(row for row in rows if row["t"] == start and row["x"])
        assert (final["o"], final["T"]) == (last_open["o"], start + 59_999)
    rest = rig.open("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=2)[0]
    final = next(row for row in rows if row["t"] == rest[0] and row["x"])
    assert [final["o"], final["h"], final["l"], final["c"], final["v"]] == rest[1:6]


def test_depth_differences_are_tied() -> None:
    rig = Rig()
    fast, slow = rig.socket("/public/ws/btcusdt@depth@100ms"), rig.socket("/public/ws/btcusdt@depth@500ms")
    rig.run(10)
    for socket in (fast, slow):
        assert all(before[1] == after[0] for before, after in itertools.pairwise(chain(socket)))
    assert len(fast.heard) > 3 * len(slow.heard)


def test_a_partial_book_is_the_top() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@depth10@100ms")
    rig.run(1)
    message = socket.events("depthUpdate")[-1]
    assert (len(message["b"]), len(message["a"])) == (10, 10)
    shown = rig.open("/fapi/v1/depth", symbol="BTCUSDT", limit=10)
    assert shown["lastUpdateId"] >= message["u"]


def test_a_clock_that_is_set_back_holds_no_stream_up() -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@depth@100ms")
    rig.emulator.set_fault("clock_skew", 40)
    rig.run(2)
    rig.emulator.set_fault("clock_skew", 0)
    before = len(socket.events("depthUpdate"))
    rig.run(2)
    assert len(socket.events("depthUpdate")) > before + 5


@pytest.mark.parametrize("fault", ["book_gap", "book_duplicate", "book_reorder"])
def test_a_fault_breaks_the_chain_and_only_while_it_is_on(fault: str) -> None:
    rig = Rig()
    socket = rig.socket("/public/ws/btcusdt@depth@100ms")
    rig.run(2)
    rig.emulator.set_fault(fault, 0.3)
    rig.run(10)
    broken = [after for before, after in itertools.pairwise(chain(socket)) if before[1] != after[0]]
    assert broken
    rig.emulator.set_fault(fault, 0)
    rig.run(0.5)
    socket.clear()
    rig.run(3)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(chain(socket)))


def test_all_book_tickers_are_told_each_five_seconds() -> None:
    rig = Rig()
    rig.open("/fapi/v1/ticker/bookTicker", symbol="ETHUSDT")
    socket = rig.socket("/public/ws/!bookTicker/btcusdt@bookTicker")
    rig.run(5.1)
    assert {each["s"] for each in socket.heard} == {"BTCUSDT", "ETHUSDT"}


def test_aggregates_and_trades_have_the_same_size() -> None:
    rig = Rig()
    socket = rig.socket("/ws/btcusdt@trade/btcusdt@aggTrade")
    rig.run(20)
    trades, aggregates = socket.events("trade"), socket.events("aggTrade")
    last = aggregates[-1]["l"]
    assert sum(float(each["q"]) for each in trades if each["t"] <= last) == pytest.approx(
        sum(float(each["q"]) for each in aggregates)
    )
    assert [each["f"] for each in aggregates[1:]] == [each["l"] + 1 for each in aggregates[:-1]]


def test_a_stream_of_no_market_is_nothing() -> None:
    rig = Rig()
    socket = rig.socket("/ws/nosuch@depth/nosuch@trade/nosuch@kline_1m")
    rig.run(2)
    assert socket.heard == []
