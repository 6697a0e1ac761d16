"""The emulator as a whole: its contract, its truth, and that a run can be repeated."""

from decimal import Decimal

import pytest

from ctosd.abi import CallerMistake
from ctosd.abi import Emulator as Contract
from drivers.okx.emulator import Emulator
from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.okx.emulator.venue import ETH, MAIN, SPOT, SWAP, Venue, config
from tests.drivers.paper.clockwork import SECOND, T0, ListFeed, World, quote_rows


def test_it_is_what_the_host_serves():
    venue = Venue()
    assert isinstance(venue.emulator, Contract)
    assert Emulator.name == "okx"
    assert venue.emulator.endpoints() == {
        "rest": "http:",
        "public": "ws:/ws/v5/public",
        "private": "ws:/ws/v5/private",
        "business": "ws:/ws/v5/business",
    }
    assert [set(each) for each in venue.emulator.credentials()] == [{"api_key", "api_secret", "passphrase"}] * 2
    assert venue.emulator.credentials()[0] == dict.fromkeys(("api_key", "api_secret", "passphrase"), "emulator")
    with pytest.raises(CallerMistake, match="not a fault"):
        venue.emulator.set_fault("nonsense", 1)


def test_every_fault_can_be_switched():
    venue = Venue()
    venue.order("buy", "1")
    for name in Emulator.faults:
        venue.emulator.set_fault(name, 1)
        venue.emulator.set_fault(name, 0)
    assert venue.emulator.statistics()["faults"]["on"] == {}


def session(seed_config):
    """A bit of everything."""
    venue = Venue(seed_config)
    client = venue.login()
    client.subscribe({"channel": "orders", "instType": "ANY"}, {"channel": "account"})
    public = venue.connect()
    public.subscribe({"channel": "books", "instId": SWAP}, {"channel": "trades", "instId": ETH})
    for each in range(20):
        venue.order("buy" if each % 2 else "sell", "1", clOrdId=f"m{each}")
        venue.order("buy", "1", venue.below(20), clOrdId=f"l{each}")
        venue.clock.run(1)
    return venue, client, public


def test_the_same_run_is_the_same_to_the_byte():
    first, second = session(config()), session(config())
    assert first[1].got == second[1].got
    assert first[2].got == second[2].got
    assert first[0].truth() == second[0].truth()


def test_what_was_told_is_what_is_true():
    venue, client, _ = session(None)
    truth = venue.truth()
    told = {row["ordId"]: row for row in client.rows("orders")}
    assert {order["id"]: order["state"] for order in truth["orders"]} == {
        name: row["state"] for name, row in told.items()
    }
    fills = {row["tradeId"] for row in client.rows("orders") if row["tradeId"]}
    assert fills == {fill["trade_id"] for fill in truth["fills"]}
    net = sum(float(fill["size"]) * (1 if fill["side"] == "buy" else -1) for fill in truth["fills"])
    assert float(truth["positions"].get("BTC/USDT:USDT", 0)) == pytest.approx(net)
    assert set(truth["placed"].values()) == {1}
    assert len(truth["placed"]) == 40
    last = client.rows("account")[-1]["details"][0]["cashBal"]
    assert truth["balances"]["USDT"] == last


def test_stopping_leaves_no_timer():
    venue = Venue()
    client = venue.login()
    venue.post("trade/cancel-all-after", {"timeOut": "10"})
    venue.emulator.set_fault("ws_notice", 100)
    venue.emulator.stop()
    assert client.ended == ("aborted",)
    assert venue.clock.pending() == 0


def test_statistics_are_plain():
    venue, *_ = session(None)
    found = venue.emulator.statistics()
    assert set(found["accounts"]) == {MAIN, "okx/second"}
    assert all(limit["peak"] <= limit["allowed"] for limit in found["limits"].values())
    assert found["sockets"]["open"] == {"public": 1, "private": 1, "business": 0}
    assert venue.order("buy", "100", instId=SPOT)["sCode"] == "0"


def test_a_recorded_market_is_served_with_its_own_stamps():
    world = World()
    rows = quote_rows(*(60_000 + each for each in range(600)), start_ns=T0 - 86_400 * SECOND)
    world.feeds["x"] = ListFeed(rows)
    given = PaperConfig(
        market=MarketConfig(kind="recorded", feeds=({"path": "x"},)), balances={"USDT": Decimal(10_000)}
    )
    venue = Venue(given, world)
    venue.clock.run(300)
    listed = venue.get("public/instruments", instType="SWAP")
    assert [(row["instId"], row["ctVal"]) for row in listed] == [(SWAP, "0.01")]
    newest, *_ = venue.get("market/candles", instId=SWAP, limit=3)
    assert int(newest[0]) == (T0 // SECOND - 86_400 + 300) * 1_000
    assert venue.order("buy", "1", clOrdId="a")["sCode"] == "0"
    assert float(venue.state(venue.truth()["orders"][0]["id"])["avgPx"]) == pytest.approx(60_300, abs=5)
    assert venue.get("market/ticker", instId=SWAP)[0]["instId"] == SWAP
