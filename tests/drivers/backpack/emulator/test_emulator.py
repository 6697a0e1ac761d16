"""The emulator as its host sees it: addresses, keys, life, and the same run for the same seed."""

import base64
import json

import pytest

from ctosd.abi import CallerMistake, Emulator
from drivers.backpack import emulator
from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.backpack.emulator.counter import PERP, Counter, market


def test_it_is_what_its_host_wants() -> None:
    counter = Counter()
    assert isinstance(counter.emulator, Emulator)
    assert emulator.Emulator.name == "backpack"
    assert emulator.Emulator.config is PaperConfig
    usual = emulator.Emulator(None, counter.world.ports)
    assert isinstance(usual.settings, PaperConfig)
    assert usual.credentials() == counter.emulator.credentials()
    assert counter.emulator.endpoints()["rest"] == "http:"
    assert any(address.startswith("ws:") for address in counter.emulator.endpoints().values())
    first, second = counter.emulator.credentials()
    assert base64.b64decode(first["api_secret"]) == bytes(range(32))
    assert base64.b64decode(second["api_secret"]) == bytes(range(1, 33))
    with pytest.raises(CallerMistake, match="not a fault"):
        counter.emulator.set_fault("nonsense", 1.0)


def run() -> str:
    counter = Counter(PaperConfig(market=MarketConfig(seed=11)))
    wire, _ = counter.listen(f"depth.{PERP}", f"trade.{PERP}", "account.orderUpdate", account=0)
    counter.emulator.set_fault("partial", 0.5)
    counter.emulator.set_fault("book_gap", 0.2)
    for number in range(10):
        counter.place(**market(quantity="3", clientId=number))
        counter.run(0.5)
    return json.dumps([wire.frames, counter.emulator.statistics()["accounts"]])


def test_the_same_seed_gives_the_same_run() -> None:
    assert run() == run()


def test_nothing_is_left_when_it_stops() -> None:
    counter = Counter()
    wire, _ = counter.listen(f"depth.{PERP}")
    counter.place()
    counter.emulator.set_fault("accepted_cancel", 1.0)
    counter.cancel(symbol=PERP, orderId=counter.truth()["orders"][0]["id"])
    counter.emulator.stop()
    assert wire.aborted
    assert counter.world.clock.pending() == 0


def test_the_venue_keeps_its_clock_fault_out_of_its_limits() -> None:
    counter = Counter()
    counter.get("/api/v1/ping")
    counter.emulator.set_fault("clock_skew", -3_600.0)
    counter.get("/api/v1/ping")
    assert counter.emulator.statistics()["limits"]["rest@127.0.0.1"]["used"] == 2


def test_money_adds_up_over_a_busy_hour() -> None:
    """What the fills say is what the balances and positions are."""
    counter = Counter()
    for number in range(40):
        side = "Bid" if number % 3 else "Ask"
        counter.place(**market(quantity="2", side=side, clientId=number))
        bid, ask = counter.touch()
        counter.place(side=side, price=f"{bid if side == 'Bid' else ask:.2f}", quantity="1", clientId=1000 + number)
        counter.run(20)
    truth = counter.truth()
    bought = sum(float(f["quantity"]) * (1 if f["side"] == "Bid" else -1) for f in truth["fills"])
    assert float(truth["positions"].get("SOL/USDC:USDC", "0")) == pytest.approx(bought)
    by_order: dict[str, float] = {}
    for fill in truth["fills"]:
        by_order[fill["orderId"]] = by_order.get(fill["orderId"], 0.0) + float(fill["quantity"])
    assert by_order == pytest.approx({o["id"]: float(o["filled"]) for o in truth["orders"] if float(o["filled"])})
    spent = sum(float(f["quantity"]) * float(f["price"]) * (1 if f["side"] == "Bid" else -1) for f in truth["fills"])
    fees = sum(float(f["fee"]) for f in truth["fills"])
    position = counter.ask("GET", "/api/v1/position")[0] if truth["positions"] else {"netCost": "0"}
    assert float(truth["balances"]["USDC"]) == pytest.approx(10_000 - spent - fees + float(position["netCost"]))
    assert any(fill["isMaker"] for fill in truth["fills"])
