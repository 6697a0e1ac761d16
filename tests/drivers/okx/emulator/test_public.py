"""Market data over REST."""

import pytest

from tests.drivers.okx.emulator.venue import ETH, SPOT, SWAP, Venue


@pytest.fixture(scope="module")
def venue():
    found = Venue()
    found.clock.run(30)
    return found


@pytest.fixture(autouse=True)
def _pause(venue):
    venue.clock.run(6)


def test_time_is_the_clocks(venue):
    assert venue.get("public/time") == [{"ts": str(venue.clock.now_ns() // 1_000_000)}]


def test_tickers(venue):
    (row,) = venue.get("market/ticker", instId=SWAP)
    assert float(row["bidPx"]) < float(row["askPx"])
    rows = venue.get("market/tickers", instType="SPOT")
    assert {each["instType"] for each in rows} == {"SPOT"}
    assert SPOT in {each["instId"] for each in rows}
    assert venue.ask("market/tickers")["code"] == "50014"
    assert venue.ask("market/tickers", instType="X")["code"] == "51000"
    assert venue.ask("market/ticker", instId="NO")["code"] == "51001"


def test_books_show_one_level_unless_asked(venue):
    (one,) = venue.get("market/books", instId=SWAP)
    assert (len(one["bids"]), len(one["asks"])) == (1, 1)
    assert isinstance(one["seqId"], int)
    (many,) = venue.get("market/books", instId=SWAP, sz=400)
    assert len(many["bids"]) > 50
    assert "seqId" not in venue.get("market/books-full", instId=SWAP, sz=5000)[0]
    for wrong in ("0", "401", "x"):
        assert venue.ask("market/books", instId=SWAP, sz=wrong)["code"] == "51000"


def test_trades_newest_first(venue):
    rows = venue.get("market/trades", instId=SWAP, limit=20)
    ids = [int(row["tradeId"]) for row in rows]
    assert ids == sorted(ids, reverse=True)
    assert {row["side"] for row in rows} <= {"buy", "sell"}
    older = venue.get("market/history-trades", instId=SWAP, type=1, after=rows[5]["tradeId"], limit=3)
    assert older == rows[6:9]
    by_time = venue.get("market/history-trades", instId=SWAP, type=2, after=rows[0]["ts"])
    assert all(int(row["ts"]) < int(rows[0]["ts"]) for row in by_time)
    assert venue.ask("market/history-trades", instId=SWAP, type=2, before="1")["code"] == "50024"
    assert venue.ask("market/history-trades", instId=SWAP, type=3)["code"] == "51000"


def test_funding_says_which_time_is_next(venue):
    (row,) = venue.get("public/funding-rate", instId=SWAP)
    now = venue.clock.now_ns() // 1_000_000
    assert now < int(row["fundingTime"]) <= now + 8 * 3_600_000
    assert int(row["nextFundingTime"]) - int(row["fundingTime"]) == 8 * 3_600_000
    assert row["method"] == "current_period"
    assert abs(float(row["fundingRate"])) <= float(row["maxFundingRate"])
    assert len(venue.get("public/funding-rate", instId="ANY")) == 17
    assert venue.ask("public/funding-rate", instId=SPOT)["code"] == "51000"


def test_prices_of_perpetuals(venue):
    bid, ask = venue.touch()
    (mark,) = venue.get("public/mark-price", instType="SWAP", instId=SWAP)
    assert bid <= float(mark["markPx"]) <= ask
    assert len(venue.get("public/mark-price", instType="SWAP")) == 17
    (limits,) = venue.get("public/price-limit", instId=SWAP)
    assert float(limits["sellLmt"]) < bid < ask < float(limits["buyLmt"])
    (interest,) = venue.get("public/open-interest", instType="SWAP", instId=ETH)
    assert float(interest["oi"]) * 0.1 == pytest.approx(float(interest["oiCcy"]))
    assert len(venue.get("public/open-interest", instType="SWAP")) == 17
    for path in ("public/mark-price", "public/open-interest"):
        assert venue.ask(path)["code"] == "50014"
        assert venue.ask(path, instType="SPOT")["code"] == "51000"


def test_an_index_has_no_swap_in_its_name(venue):
    (row,) = venue.get("market/index-tickers", instId="BTC-USDT")
    assert row["instId"] == "BTC-USDT"
    assert float(row["idxPx"]) > 1_000
    assert len(venue.get("market/index-tickers", quoteCcy="USDT")) == 17
    assert venue.ask("market/index-tickers")["code"] == "50015"
    assert venue.ask("market/index-tickers", instId="NO-USDT")["code"] == "51001"


def test_settled_rates_are_remembered():
    venue = Venue()
    venue.touch()
    venue.clock.run(1)
    assert venue.get("public/funding-rate-history", instId=SWAP) == []
    for _ in range(2):
        venue.jump(28_800)
        venue.clock.run(1)
    newest, oldest = venue.get("public/funding-rate-history", instId=SWAP)
    assert int(newest["fundingTime"]) - int(oldest["fundingTime"]) == 28_800_000
    assert venue.get("public/funding-rate-history", instId=SWAP, after=newest["fundingTime"]) == [oldest]


def test_maintenance_is_announced():
    venue = Venue()
    assert venue.get("system/status") == []
    venue.emulator.set_fault("maintenance", 1)
    venue.clock.run(5)
    (row,) = venue.get("system/status")
    assert row["state"] == "ongoing"
    venue.emulator.set_fault("maintenance", 0)
    venue.clock.run(5)
    assert venue.get("system/status") == []
    venue.clock.run(5)
    assert venue.get("system/status", state="completed")[0]["begin"] == row["begin"]
    venue.clock.run(5)
    assert venue.ask("system/status", state="x")["code"] == "51000"
