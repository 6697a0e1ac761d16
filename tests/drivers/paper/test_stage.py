"""The stage: a paper market for an emulator, told to one listener, with conditional orders and closes by the venue."""

from decimal import Decimal as D

import pytest

from ctosd.abi import Accepted, CallerMistake, Cancel, Fill, OrderUpdate, Place, Quote, Rejected, Trade
from drivers.paper.config import MarketConfig, PaperConfig
from drivers.paper.stage import Stage
from tests.drivers.paper.clockwork import World

BTC = "BTC/USDT:USDT"
ACCOUNT = "paper/main"


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stage(world: World) -> Stage:
    made = Stage(PaperConfig(market=MarketConfig(seed=3)), (ACCOUNT,), world.ports)
    made.start()
    made.open(BTC)
    return made


def place(stage: Stage, side: str, size: str, client_id: str = "a1", **more: object) -> Place:
    return Place(
        account=ACCOUNT, client_id=client_id, symbol=BTC, side=side, size=D(size), **{"type": "market", **more}
    )


def test_the_market_flows_to_the_listener(world: World, stage: Stage) -> None:
    heard = []
    stage.on_market = heard.append
    world.clock.run_until(world.clock.now_ns() + 5_000_000_000)
    assert {type(event) for event in heard} >= {Quote, Trade}
    assert stage.trades[BTC]
    assert stage.last_price(BTC) == stage.trades[BTC][-1].price
    assert len(stage.book(BTC, 5).bids) == 5


def test_what_an_order_does_is_told_before_it_is_answered(stage: Stage) -> None:
    heard = []
    stage.on_private = heard.append
    outcome = stage.execute(place(stage, "buy", "0.01"))
    assert isinstance(outcome, Accepted)
    fills = [event for event in heard if isinstance(event, Fill)]
    assert sum(fill.size for fill in fills) == D("0.01")
    assert stage.order(ACCOUNT, "a1").state == "filled"


def test_a_conditional_order_waits_for_its_price_and_then_trades(world: World, stage: Stage) -> None:
    told = []
    stage.on_triggered = lambda order, outcome: told.append((order.client_id, outcome))
    now = D(str(stage.last_price(BTC)))
    up = stage.execute(place(stage, "buy", "0.01", "up", trigger=now * D("1.00001")))
    never = stage.execute(place(stage, "sell", "0.01", "never", trigger=now * D("0.5")))
    assert isinstance(up, Accepted)
    assert isinstance(never, Accepted)
    again = stage.execute(place(stage, "buy", "0.01", "up", trigger=now))
    assert isinstance(again, Rejected)
    assert again.reason == "duplicate_client_id"
    world.clock.run_until(world.clock.now_ns() + 600_000_000_000)
    assert [client_id for client_id, _ in told] == ["up"]
    assert stage.order(ACCOUNT, "up").state == "filled"
    assert [waiting.client_id for waiting in stage.conditionals.of(ACCOUNT)] == ["never"]
    cancelled = stage.execute(Cancel(account=ACCOUNT, client_id="never", venue_id="", symbol=BTC))
    assert isinstance(cancelled, Accepted)
    assert stage.conditionals.of(ACCOUNT) == []


@pytest.mark.parametrize(("share", "left"), [("1", "0"), ("0.5", "0.05")])
def test_the_venue_closes_a_position_by_itself(stage: Stage, share: str, left: str) -> None:
    stage.execute(place(stage, "buy", "0.1"))
    heard = []
    stage.on_private = heard.append
    fill = stage.force_close(ACCOUNT, BTC, "adl", D(share))
    assert fill.cause == "adl"
    assert fill.side == "sell"
    assert sum(p.size for p in stage.floor.engine.positions(ACCOUNT)) == D(left)
    assert any(isinstance(event, OrderUpdate) and event.client_id.startswith("autoclose-") for event in heard)
    assert stage.force_close(ACCOUNT, "ETH/USDT:USDT", "adl") is None


def test_cancel_all_and_timers_end_with_the_stage(world: World, stage: Stage) -> None:
    for number in range(3):
        stage.execute(
            place(stage, "buy", "0.01", f"o{number}", type="limit", price=D(stage.quote(BTC).bid).quantize(D(1)) - 100)
        )
    assert stage.cancel_all(ACCOUNT, BTC) == 3
    ticks = []
    stage.every(1.0, lambda: ticks.append(stage.now_ns()))
    world.clock.run_until(world.clock.now_ns() + 3_500_000_000)
    stage.stop()
    world.clock.run_until(world.clock.now_ns() + 3_500_000_000)
    assert len(ticks) == 3


def test_what_does_not_exist_is_a_mistake(stage: Stage) -> None:
    with pytest.raises(CallerMistake, match="not listed"):
        stage.open("NO/USDT:USDT")
    with pytest.raises(CallerMistake, match="not an account"):
        stage.account("paper/nobody")
    rejected = stage.execute(Place(
        account=ACCOUNT, client_id="x", symbol="NO/USDT", side="buy", type="market", size=D(1), trigger=D(1)))  # fmt: skip
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "bad_symbol"
