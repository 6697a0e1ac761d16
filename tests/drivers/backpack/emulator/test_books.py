"""The book is one chain of update ids, by REST and by streams; whoever applies the changes has the snapshot."""

from typing import Any

import pytest

from drivers.backpack.emulator.books import FIRST_ID, Book
from drivers.backpack.emulator.markets import SYMBOLS, Markets, settings_of
from drivers.paper import listing
from drivers.paper.stage import Stage
from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter

MARKETS = Markets({symbol: listing.instrument("backpack", symbol) for symbol in SYMBOLS}, settings_of(None))


def test_each_changed_level_is_one_id() -> None:
    book = Book(MARKETS.named(PERP))
    first = book.take({10.0: 1.0, 9.0: 2.0}, {11.0: 1.0}, 0)
    assert first is not None
    assert (first.first_id, first.last_id) == (FIRST_ID + 1, FIRST_ID + 3)
    assert book.take({10.0: 1.0, 9.0: 2.0}, {11.0: 1.0}, 1) is None
    second = book.take({10.0: 1.0, 9.5: 2.0}, {11.0: 1.0}, 2)
    assert second is not None
    assert (second.bids, second.asks, second.touch) == ({9.5: 2.0, 9.0: 0.0}, {}, False)
    assert second.first_id == first.last_id + 1
    third = book.take({10.0: 3.0, 9.5: 2.0}, {11.0: 1.0}, 3)
    assert third is not None
    assert third.touch
    assert book.told({9.0: 0.0, 10.0: 3.0}) == [["9.00", "0.00"], ["10.00", "3.00"]]


def test_a_snapshot_is_ascending_and_cut_around_the_touch() -> None:
    counter = Counter()
    for limit in (5, 10, 1000):
        book = counter.get("/api/v1/depth", symbol=PERP, limit=limit)
        assert len(book["bids"]) == len(book["asks"]) == limit
        for side in ("bids", "asks"):
            prices = [float(price) for price, _ in book[side]]
            assert prices == sorted(prices)
        assert float(book["bids"][-1][0]) < float(book["asks"][0][0])
    assert counter.send("GET", "/api/v1/depth", {"symbol": PERP, "limit": 7}).status == 400
    assert len(counter.get("/api/v1/depth", symbol=PERP)["bids"]) == 1000
    assert book["timestamp"] == counter.now_ms * 1000


def follow(book: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Apply the sheet's rule to a snapshot and depth events; fails at a gap."""
    sides = {"a": dict(book["asks"]), "b": dict(book["bids"])}
    last = int(book["lastUpdateId"])
    for event in events:
        if event["u"] <= last:
            continue
        assert event["U"] == last + 1, "a gap"
        last = event["u"]
        for side in ("a", "b"):
            for price, size in event[side]:
                sides[side].pop(price, None)
                if float(size):
                    sides[side][price] = size
    return sides


@pytest.mark.parametrize("stream", [f"depth.{PERP}", f"depth.200ms.{PERP}", f"depth.1000ms.{PERP}", f"depth.{SOL}"])
def test_a_follower_has_the_book_of_rest(stream: str) -> None:
    counter = Counter()
    name = stream.rpartition(".")[2]
    wire, _ = counter.listen(stream)
    counter.run(1)
    first = counter.get("/api/v1/depth", symbol=name)
    counter.run(7)
    last = counter.get("/api/v1/depth", symbol=name)
    counter.run(1)
    events = [event for event in wire.on(stream) if event["u"] <= int(last["lastUpdateId"])]
    assert len(events) > 5
    sides = follow(first, events)
    if stream.count(".") == 1:
        assert sides == {"a": dict(last["asks"]), "b": dict(last["bids"])}
    assert any(event["U"] < event["u"] for event in events)


def test_own_orders_stand_in_the_book() -> None:
    counter = Counter()
    wire, _ = counter.listen(f"depth.{PERP}")
    before = dict(counter.get("/api/v1/depth", symbol=PERP)["bids"]).get("140.00", "0")
    counter.place(quantity="3")
    after = dict(counter.get("/api/v1/depth", symbol=PERP)["bids"])["140.00"]
    assert float(after) - float(before) == pytest.approx(3)
    assert [level for event in wire.on(f"depth.{PERP}") for level in event["b"] if level[0] == "140.00"][-1][1] == after


def test_a_book_that_is_looked_at_whole_tells_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded market keeps no shelves: the same frames come of comparing whole books."""

    def told() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        counter = Counter()
        wire, _ = counter.listen(f"depth.{PERP}", f"bookTicker.{PERP}")
        counter.run(4)
        counter.place(quantity="3")
        counter.run(4)
        return wire.on(f"depth.{PERP}") + wire.on(f"bookTicker.{PERP}"), counter.get("/api/v1/depth", symbol=PERP)

    kept = told()
    monkeypatch.setattr(Stage, "shelves", lambda self, symbol, levels: None)
    assert told() == kept
    assert len(kept[0]) > 20


def test_a_stale_snapshot_is_older_than_the_stream() -> None:
    counter = Counter()
    wire, _ = counter.listen(f"depth.{PERP}")
    counter.run(5)
    counter.emulator.set_fault("stale_snapshot", 1.0)
    stale = counter.get("/api/v1/depth", symbol=PERP)
    assert int(stale["lastUpdateId"]) < wire.on(f"depth.{PERP}")[0]["U"] + 3_000
    assert int(stale["lastUpdateId"]) < wire.on(f"depth.{PERP}")[-1]["u"]
