"""Feeds: what is pushed, how often, and the chain of the book."""

import json
from itertools import pairwise

import pytest

from drivers.paper.deepbook import DeepBook
from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture
def venue():
    found = Venue()
    found.clock.run(2)
    return found


def listen(venue, *args, url="public"):
    client = venue.connect(url)
    client.subscribe(*args)
    return client


def rebuild(client):
    """The book as a client keeps it; returns it with the gaps, repetitions and the last number."""
    sides, last, gaps = {"bids": {}, "asks": {}}, None, 0
    for push in client.told("books"):
        (row,) = push["data"]
        assert row["checksum"] == 0
        if push["action"] == "snapshot":
            assert row["prevSeqId"] == -1
            sides = {side: {level[0]: level[1] for level in row[side]} for side in sides}
        else:
            gaps += row["prevSeqId"] != last
            for side, levels in sides.items():
                for price, size, *_ in row[side]:
                    levels.pop(price, None) if size == "0" else levels.__setitem__(price, size)
        last = row["seqId"]
    return sides, gaps, last


def test_the_chain_of_the_book_holds(venue):
    client = listen(venue, {"channel": "books", "instId": SWAP})
    assert [push["action"] for push in client.told("books")] == ["snapshot"]
    venue.clock.run(10)
    sides, gaps, last = rebuild(client)
    assert gaps == 0
    assert 50 < len(client.told("books")) <= 101
    (rest,) = venue.get("market/books", instId=SWAP, sz=400)
    assert rest["seqId"] == last
    assert sides == {side: {level[0]: level[1] for level in rest[side]} for side in sides}


def test_two_listeners_and_rest_see_the_same_numbers(venue):
    first = listen(venue, {"channel": "books", "instId": SWAP})
    venue.clock.run(3.05)
    (rest,) = venue.get("market/books", instId=SWAP, sz=1)
    second = listen(venue, {"channel": "books", "instId": SWAP})
    snapshot = second.told("books")[0]["data"][0]
    assert rest["seqId"] == snapshot["seqId"] == rebuild(first)[2]
    venue.clock.run(3)
    assert first.got[-20:] == second.got[-20:]
    assert rebuild(first)[0] == rebuild(second)[0]


@pytest.mark.parametrize(("fault", "gaps"), [("book_gap", 1), ("book_duplicate", 1), ("book_reorder", 3)])
def test_the_chain_can_be_broken(venue, fault, gaps):
    client = listen(venue, {"channel": "books", "instId": SWAP})
    venue.clock.run(1)
    venue.emulator.set_fault(fault, 1)
    venue.clock.run(2)
    assert rebuild(client)[1] == gaps


def test_a_stale_snapshot_does_not_meet_the_next_update(venue):
    listen(venue, {"channel": "books", "instId": SWAP})
    venue.clock.run(2)
    venue.emulator.set_fault("stale_snapshot", 1)
    client = listen(venue, {"channel": "books", "instId": SWAP})
    venue.clock.run(2)
    assert rebuild(client)[1] == 1


def test_a_still_book_is_kept_alive(monkeypatch):
    venue = Venue()
    client = venue.connect()
    client.subscribe({"channel": "books", "instId": SWAP})
    venue.clock.run(1)
    monkeypatch.setattr(DeepBook, "look", lambda book: ({}, {}))
    for _ in range(5):
        client.conversation.receive("ping")
        venue.clock.run(25)
    row = client.rows("books")[-1]
    assert row["prevSeqId"] == row["seqId"]
    assert (row["bids"], row["asks"]) == ([], [])
    assert rebuild(client)[1] == 0


def test_small_books_are_sent_whole(venue):
    client = listen(venue, {"channel": "books5", "instId": SWAP}, {"channel": "bbo-tbt", "instId": SWAP})
    venue.clock.run(5)
    for row in client.rows("books5"):
        assert (len(row["bids"]), len(row["asks"])) == (5, 5)
    best = client.rows("bbo-tbt")
    assert len(best) > 20
    numbers = [row["seqId"] for row in best]
    assert numbers == sorted(numbers)
    assert {len(row["bids"]) for row in best} == {1}


def test_trades_carry_their_count_and_number(venue):
    client = listen(venue, {"channel": "trades", "instId": SWAP})
    every = listen(venue, {"channel": "trades-all", "instId": SWAP}, url="business")
    venue.clock.run(5)
    rows = client.rows("trades")
    assert [row["tradeId"] for row in rows] == [row["tradeId"] for row in every.rows("trades-all")]
    assert {row["count"] for row in rows} == {"1"}
    assert "count" not in every.rows("trades-all")[0]
    rest = {row["tradeId"]: row for row in venue.get("market/trades", instId=SWAP)}
    assert all(rest[row["tradeId"]]["px"] == row["px"] for row in rows)


def test_tickers_come_at_most_every_tenth_of_a_second(venue):
    client = listen(venue, {"channel": "tickers", "instId": SPOT})
    venue.clock.run(5)
    stamps = [int(row["ts"]) for row in client.rows("tickers")]
    assert len(stamps) > 20
    assert all(later - sooner >= 99 for sooner, later in pairwise(stamps[1:]))


def test_candles_close(venue):
    client = listen(
        venue, {"channel": "candle1m", "instId": SWAP}, {"channel": "candle1H", "instId": SWAP}, url="business"
    )
    venue.clock.run(125)
    rows = client.rows("candle1m")
    closed = [row for row in rows if row[8] == "1"]
    assert len(closed) == 2
    assert len({row[0] for row in closed}) == 2
    for row in closed:
        after = rows[rows.index(row) + 1 :]
        assert all(int(each[0]) > int(row[0]) for each in after)  # nothing comes of a candle that is closed
        assert row == next(each for each in venue.get("market/candles", instId=SWAP) if each[0] == row[0])
    assert {row[8] for row in client.rows("candle1H")} == {"0"}


def test_prices_of_perpetuals_are_pushed(venue):
    names = ("mark-price", "funding-rate", "price-limit", "open-interest")
    client = listen(
        venue, *({"channel": name, "instId": ETH} for name in names), {"channel": "index-tickers", "instId": "ETH-USDT"}
    )
    venue.clock.run(35)
    assert len(client.rows("mark-price")) > 20
    assert len(client.rows("index-tickers")) > 20
    assert len(client.rows("price-limit")) > 5
    assert len(client.rows("funding-rate")) == 2
    assert client.rows("open-interest")
    assert {row["instId"] for row in client.rows("index-tickers")} == {"ETH-USDT"}


def test_the_venue_tells_of_itself(venue):
    client = listen(venue, {"channel": "instruments", "instType": "SWAP"}, {"channel": "status"})
    assert len(client.rows("instruments")) == 17
    assert client.rows("status") == []
    venue.emulator.set_fault("maintenance", 1)
    venue.emulator.set_fault("maintenance", 1)
    venue.emulator.set_fault("maintenance", 0)
    assert [row["state"] for row in client.rows("status")] == ["ongoing", "completed"]


def test_accounts_and_positions_begin_with_what_is_there(venue):
    venue.order("buy", "2")
    client = venue.login()
    client.subscribe(
        {"channel": "account", "ccy": "USDT"},
        {"channel": "positions", "instType": "ANY"},
        {"channel": "balance_and_position"},
        {"channel": "orders", "instType": "SWAP"},
    )
    pushes = client.told()
    assert [push["arg"]["channel"] for push in pushes] == ["account", "positions", "balance_and_position"]
    assert [push.get("eventType") for push in pushes] == ["snapshot", "snapshot", None]
    assert all(push["arg"]["uid"] for push in pushes)
    assert pushes[0]["data"][0]["details"][0]["ccy"] == "USDT"
    assert pushes[1]["data"][0]["pos"] == "2"
    assert pushes[2]["data"][0]["posData"][0]["pos"] == "2"


@pytest.mark.parametrize(
    ("extra", "pushes"), [(None, 5), ('{"updateInterval": "0"}', 1), ('{"updateInterval": "2000"}', 11)]
)
def test_positions_are_told_regularly(venue, extra, pushes):
    client = venue.login()
    client.subscribe({"channel": "positions", "instType": "ANY"} | ({"extraParams": extra} if extra else {}))
    venue.clock.run(21.5)
    assert len(client.told("positions")) == pushes


def test_nobody_hears_of_another_account(venue):
    client = venue.login(key="emulator2")
    client.subscribe({"channel": "orders", "instType": "ANY"}, {"channel": "positions", "instType": "ANY"})
    client.got.clear()
    venue.order("buy", "1")
    assert client.told() == []
    venue.order("buy", "1", instId=ETH, key="emulator2")
    assert {row["instId"] for row in client.rows("orders")} == {ETH}


def test_a_subscription_hears_what_it_covers(venue):
    client = venue.login()
    client.subscribe({"channel": "orders", "instType": "SWAP", "instId": ETH})
    venue.order("buy", "1")
    assert client.rows("orders") == []
    venue.order("buy", "1", instId=ETH)
    (push, *_) = client.told("orders")
    assert push["arg"] == {"channel": "orders", "instType": "SWAP", "instId": ETH, "uid": push["arg"]["uid"]}
    assert json.dumps(push)
