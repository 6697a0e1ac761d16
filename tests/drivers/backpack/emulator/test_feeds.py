"""Public streams tell what REST tells, at their own pace and in the recorded shape."""

import json
from datetime import datetime
from itertools import pairwise

import pytest

from tests.drivers.backpack.emulator.counter import FIXTURES, PERP, SOL, Counter, market
from tests.drivers.backpack.emulator.test_books import follow


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize("kind", ["bookTicker", "depth", "markPrice"])
def test_frames_have_the_recorded_keys_and_types(counter: Counter, kind: str) -> None:
    path = FIXTURES / "backpack" / "ws_public_raw.jsonl"
    if not path.exists():
        pytest.skip("the recorded traffic is not there")
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    recorded = next(line["data"] for line in lines if line.get("stream", "").startswith(f"{kind}."))
    wire, _ = counter.listen(f"{kind}.{PERP}")
    counter.run(3)
    data = wire.on(f"{kind}.{PERP}")[-1]
    assert {key: type(value) for key, value in data.items()} == {key: type(value) for key, value in recorded.items()}
    assert all(frame.keys() == {"data", "stream"} for frame in wire.frames)


def test_the_touch_comes_before_the_depth_of_the_same_id(counter: Counter) -> None:
    wire, _ = counter.listen(f"depth.{PERP}", f"bookTicker.{PERP}")
    counter.run(5)
    seen, touches = 0, 0
    for frame in wire.frames:
        data = frame["data"]
        if data["e"] == "bookTicker":
            touches += 1
            assert data["u"] > seen
        else:
            seen = data["u"]
    assert touches > 5
    last = wire.on(f"bookTicker.{PERP}")[-1]
    book = counter.get("/api/v1/depth", symbol=PERP)
    assert ([last["b"], last["B"]], [last["a"], last["A"]]) == (book["bids"][-1], book["asks"][0])


def test_aggregated_streams_keep_their_pace(counter: Counter) -> None:
    names = [f"depth.{part}.{PERP}" for part in ("200ms", "600ms", "1000ms")]
    wire, _ = counter.listen(f"depth.{PERP}", *names)
    counter.run(6)
    counts = [len(wire.on(name)) for name in names]
    assert len(wire.on(f"depth.{PERP}")) > counts[0] > counts[1] > counts[2] >= 5
    for name in names:
        events = wire.on(name)
        assert all(after["U"] == before["u"] + 1 for before, after in pairwise(events))


def test_trades_are_those_of_rest(counter: Counter) -> None:
    wire, _ = counter.listen(f"trade.{PERP}")
    counter.run(5)
    placed = counter.place(**market(quantity="1"))
    told = wire.on(f"trade.{PERP}")
    asked = counter.get("/api/v1/trades", symbol=PERP)
    assert [each["id"] for each in asked][: len(told)] == [each["t"] for each in reversed(told)]
    assert (told[-1]["b"], told[-1]["m"], asked[0]["isBuyerMaker"]) == (placed["id"], False, False)
    assert told[-1]["T"] // 1000 == asked[0]["timestamp"]


def test_klines_change_each_second_and_close_once(counter: Counter) -> None:
    stream = f"kline.1m.{PERP}"
    wire, _ = counter.listen(stream)
    counter.run(65)
    told = wire.on(stream)
    closed = [each for each in told if each["X"]]
    assert len(closed) == 1
    assert 50 < len(told) <= 67
    start = datetime.fromisoformat(closed[0]["t"] + "+00:00")
    asked = counter.get("/api/v1/klines", symbol=PERP, interval="1m", startTime=int(start.timestamp()))
    assert (asked[0]["open"], asked[0]["close"], asked[0]["volume"]) == tuple(closed[0][key] for key in "ocv")
    assert told[-1]["T"] > closed[0]["T"]


def test_tickers_marks_and_interest(counter: Counter) -> None:
    wire, _ = counter.listen(f"ticker.{SOL}", f"markPrice.{PERP}", f"openInterest.{PERP}")
    counter.run(61)
    assert len(wire.on(f"ticker.{SOL}")) == len(wire.on(f"markPrice.{PERP}")) >= 60
    assert len(wire.on(f"openInterest.{PERP}")) == 1
    ticker, asked = wire.on(f"ticker.{SOL}")[-1], counter.get("/api/v1/ticker", symbol=SOL)
    assert (ticker["o"], ticker["h"], ticker["l"]) == (asked["firstPrice"], asked["high"], asked["low"])
    mark, (told,) = wire.on(f"markPrice.{PERP}")[-1], counter.get("/api/v1/markPrices", symbol=PERP)
    assert (mark["n"], mark["f"]) == (told["nextFundingTimestamp"], told["fundingRate"])


def test_faults_of_the_book(counter: Counter) -> None:
    stream = f"depth.{PERP}"
    snapshot = counter.get("/api/v1/depth", symbol=PERP)
    wire, _ = counter.listen(stream)
    counter.run(1)
    counter.emulator.set_fault("book_duplicate", 1.0)
    counter.run(1)
    counter.emulator.set_fault("book_duplicate", 0.0)
    ids = [each["u"] for each in wire.on(stream)]
    assert len(ids) > len(set(ids))
    follow(snapshot, wire.on(stream))  # a repetition is no gap
    counter.emulator.set_fault("book_reorder", 1.0)
    counter.run(1)
    counter.emulator.set_fault("book_reorder", 0.0)
    ids = [each["u"] for each in wire.on(stream)]
    assert ids != sorted(ids)
    counter.emulator.set_fault("book_gap", 1.0)
    count = len(wire.frames)
    counter.run(1)
    assert len(wire.frames) <= count + 1
    counter.emulator.set_fault("book_gap", 0.0)
    counter.run(1)
    with pytest.raises(AssertionError, match="a gap"):
        follow(snapshot, sorted(wire.on(stream), key=lambda each: each["u"]))
