"""Mean reversion: in beyond the band, out at the mean, at a stop, or when time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ctosd.abi import Misconfigured
from strategies.mean_reversion import Band, MeanReversion, MeanReversionParams

D = Decimal
PLAIN: dict[str, Any] = {"symbol": "BTC/USDT:USDT", "timeframe": "1m", "amount": D(100)}
CALM = [999.0, 1001.0] * 10  # mean 1000, deviation 1


async def closes(desk: Any, *prices: float) -> None:
    for price in prices:
        desk.bar(price)
        await desk.pump()


async def begin(desk: Any, **params: Any) -> Any:
    """Started and warm, at market orders that fill at once."""
    desk.fills_at_once = True
    strategy = await desk.start(MeanReversion, **{**PLAIN, **params})
    await closes(desk, *CALM)
    return strategy


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=200), st.integers(2, 30), st.sampled_from([0.0, 1e6]))
def test_the_band_is_the_plain_mean_and_deviation(prices: list[float], period: int, offset: float) -> None:
    """The incremental sums do not drift, not even far from zero."""
    band = Band(period)
    for end, price in enumerate(prices, 1):
        band.push(price + offset)
        window = [each + offset for each in prices[max(0, end - period) : end]]
        assert band.mean == pytest.approx(fmean(window), rel=1e-9)
        assert band.deviation == pytest.approx(pstdev(window), rel=1e-4, abs=2e-2)
        assert band.full is (end >= period)


def test_a_small_deviation_at_a_high_price_survives_many_bars() -> None:
    """What the plain sums of squares lose: a deviation of a cent at 60,000."""
    band = Band(20)
    for number in range(100_000):
        band.push(60_000 + 30 * ((number // 1000) % 7) + 0.01 * (-1) ** number)
    assert band.deviation == pytest.approx(0.01, rel=1e-6)


async def test_nothing_is_sent_before_the_band_is_full(desk: Any) -> None:
    """Nineteen bars are not twenty, however wild."""
    desk.fills_at_once = True
    await desk.start(MeanReversion, **PLAIN)
    await closes(desk, *CALM[:18], 900.0)
    assert not desk.orders


async def test_old_bars_warm_it_up_and_count_once(desk: Any) -> None:
    """The first bar after the start can trade; one that was among the old ones is not counted again."""
    desk.klines = [desk.bar(price) for price in CALM]
    desk.queue.clear()
    desk.fills_at_once = True
    await desk.start(MeanReversion, **PLAIN)
    await desk.strategy.on_bar(desk.klines[-1])
    assert desk.strategy._band.mean == 1000
    await closes(desk, 997.5)
    assert desk.acts == ["place buy 0.100 market"]


@pytest.mark.parametrize(("close", "side"), [(997.5, "buy"), (1002.5, "sell")])
async def test_it_enters_beyond_the_band_and_leaves_at_the_mean(desk: Any, close: float, side: str) -> None:
    """Beyond two deviations in, back at the mean out, reduce-only and by what is held."""
    await begin(desk)
    await closes(desk, close)
    entry = next(iter(desk.orders.values()))
    assert (entry.side, entry.type, entry.reduce_only) == (side, "market", False)
    assert entry.size == desk.instrument.floor_size(D(100) / D(str(close)))
    await closes(desk, close + (0.5 if side == "buy" else -0.5))
    assert len(desk.orders) == 1
    await closes(desk, 1000.0)
    leave = list(desk.orders.values())[1]
    assert (leave.side, leave.size, leave.reduce_only) == ("sell" if side == "buy" else "buy", entry.size, True)
    assert desk.position == 0
    assert desk.strategy.state.held == 0


async def test_inside_the_band_nothing_happens(desk: Any) -> None:
    """1.9 deviations are not two; a market that stands still has no band at all."""
    await begin(desk)
    await closes(desk, 1001.5, 998.5, *[1000.0] * 30)
    assert not desk.orders


async def test_a_close_beyond_the_hard_stop_is_no_entry(desk: Any) -> None:
    """It would be stopped at once."""
    await begin(desk)
    await closes(desk, 990.0)
    assert not desk.orders


async def test_the_hard_stop_leaves_and_waits_for_calm(desk: Any) -> None:
    """Out at three deviations of the entry; no new entry before a close inside the band."""
    await begin(desk)
    await closes(desk, 997.5)
    stop = desk.strategy.state.stop
    assert stop == pytest.approx(desk.strategy._band.mean - 3 * desk.strategy._band.deviation)
    await closes(desk, stop + 0.1)
    assert desk.position > 0
    await closes(desk, stop - 0.1)
    assert desk.position == 0
    assert desk.strategy.state.resting
    placed = len(desk.orders)
    falling = [stop - 3 * 1.5**n for n in range(6)]
    await closes(desk, *falling)
    assert len(desk.orders) == placed
    assert desk.strategy.state.resting
    await closes(desk, desk.strategy._band.mean)
    assert not desk.strategy.state.resting


async def test_time_is_up_after_twenty_bars(desk: Any) -> None:
    """A price that never comes back: out on the twentieth bar after the fill."""
    await begin(desk, time_stop=20, hard_stop=50.0, width=1.5)
    await closes(desk, 997.5)
    for number in range(1, 20):
        await closes(desk, 997.4 - 0.2 * number)
        assert desk.position > 0, number
    await closes(desk, 993.0)
    assert desk.position == 0


async def test_the_time_stop_counts_through_a_restart(desk: Any) -> None:
    """The bars that passed while it was down count too."""
    await begin(desk, hard_stop=50.0)
    await closes(desk, 997.5)
    state = desk.state()
    desk.ns += 18 * 60 * 10**9
    await desk.start(MeanReversion, state, **PLAIN)
    await closes(desk, 997.5)
    assert desk.position > 0
    await closes(desk, 997.5)
    assert desk.position == 0


@pytest.mark.parametrize(("direction", "close"), [("long", 1002.5), ("short", 997.5)])
async def test_the_direction_is_kept(desk: Any, direction: str, close: float) -> None:
    """Long never sells first, short never buys first."""
    await begin(desk, direction=direction)
    await closes(desk, close)
    assert not desk.orders


async def test_spot_is_long_only_and_sells_what_the_fee_left(make_desk: Callable[..., Any]) -> None:
    """Fees in coins lessen what is held; reduce-only is not asked of a spot venue."""
    desk = make_desk(kind="spot", symbol="BTC/USDT", settle="")
    strategy = await begin(desk, symbol="BTC/USDT")
    await closes(desk, 1002.5)
    assert not desk.orders
    desk.fills_at_once = False
    await closes(desk, *CALM, 997.5)
    desk.fill(desk.only("buy"), fee=D("0.0004"), fee_asset="BTC")
    await desk.pump()
    assert strategy.state.held == D("0.0996")
    await closes(desk, 1000.5)
    assert (desk.only("sell").size, desk.only("sell").reduce_only) == (D("0.099"), False)
    desk.fill(desk.only("sell"))
    await desk.pump()
    await closes(desk, *CALM, 997.5)
    assert desk.only("buy").size == D("0.100")
    with pytest.raises(Misconfigured, match="cannot be held short"):
        await make_desk(kind="spot", symbol="BTC/USDT").start(
            MeanReversion, **{**PLAIN, "symbol": "BTC/USDT", "direction": "short"}
        )


async def test_a_limit_entry_lives_for_one_bar(desk: Any) -> None:
    """Unfilled it is taken back; a part that filled is a position, and leaves as one."""
    await begin(desk, entry="limit")
    await closes(desk, 997.53)
    first = desk.only("buy")
    assert (first.price, first.type) == (D("997.5"), "limit")
    await closes(desk, 998.9)
    assert not desk.open()
    await closes(desk, *CALM, 997.5)
    desk.fill(desk.only("buy"), "0.04")
    await desk.pump()
    await closes(desk, 998.0)
    assert not desk.open()
    assert desk.strategy.state.held == D("0.04")
    await closes(desk, 1001.0)
    assert desk.position == 0


async def test_a_limit_exit_becomes_a_market_order_after_a_bar(desk: Any) -> None:
    """The mean is where it wants to leave, but leave it will."""
    await begin(desk, exit="limit")
    await closes(desk, 997.5, 1000.03)
    assert (desk.only("sell").price, desk.only("sell").reduce_only) == (D("1000.1"), True)
    await closes(desk, 999.0)
    assert desk.position == 0
    assert desk.acts[-2:] == ["cancel sell", "place sell 0.100 market"]


async def test_a_refused_exit_is_tried_again_soon(desk: Any) -> None:
    """After 1, 2, 4 seconds, not at the next bar."""
    await begin(desk)
    await closes(desk, 997.5)
    desk.refuse.extend(["overload"] * 3)
    await closes(desk, 1000.5)
    assert desk.position > 0
    await desk.advance(6.9)
    assert desk.position > 0
    await desk.advance(0.2)
    assert desk.position == 0
    assert desk.strategy.state.leaving == ""


async def test_a_refused_entry_waits_for_the_next_bar(desk: Any) -> None:
    """No hurry, and nothing moved."""
    await begin(desk)
    desk.refuse.append("insufficient_funds")
    await closes(desk, 997.5)
    await desk.advance(30)
    assert len(desk.orders) == 1
    assert desk.strategy.state.held == 0
    await closes(desk, 997.0)
    assert desk.position > 0


async def test_fills_that_are_still_under_way_are_waited_for(desk: Any) -> None:
    """The exit is known as filled before its fill is heard: no second exit goes out."""
    await begin(desk)
    await closes(desk, 997.5)
    desk.bar(1000.5)
    await desk.strategy.on_bar(desk.queue.popleft()[1])
    late = list(desk.queue)
    desk.queue.clear()
    await closes(desk, 1000.6, 1000.7)
    assert len(desk.orders) == 2
    desk.queue.extend(late)
    await desk.pump()
    assert desk.strategy.state.held == 0
    assert not desk.strategy.state.order_id


async def test_an_unknown_entry_keeps_everything_else_back(desk: Any) -> None:
    """Neither filled nor gone: no other order until its end is proved."""
    await begin(desk)
    desk.refuse.append("unknown")
    await closes(desk, 997.5, 997.0, 997.4)
    assert len(desk.orders) == 1
    desk.end(desk.open()[0], "never_sent")
    await desk.pump()
    await closes(desk, *CALM, 997.5)
    assert desk.position > 0


async def test_a_loss_beyond_its_limit_leaves_and_halts(desk: Any) -> None:
    """Until a person raises `reset`."""
    await begin(desk, max_loss=D(1), hard_stop=50.0)
    await closes(desk, 997.5)
    await closes(desk, 987.0)
    assert desk.position == 0
    assert "max_loss" in desk.strategy.state.halted
    await closes(desk, *CALM, 997.5)
    assert desk.position == 0
    state = desk.state()
    await desk.start(MeanReversion, state, **PLAIN, reset=1)
    await closes(desk, *CALM, 997.5)
    assert desk.position > 0


async def test_a_restart_takes_back_what_still_rests(desk: Any) -> None:
    """Its own order of an earlier bar and one the state never knew; what they filled is heard and held."""
    await begin(desk, entry="limit")
    await closes(desk, 997.5)
    desk.fill(desk.only("buy"), "0.03")
    await desk.pump()
    stray = await desk.place_order(desk.symbol, "buy", "limit", D("0.1"), D("990"), tag="entry")
    await desk.start(MeanReversion, desk.state(), **PLAIN)
    assert not desk.open()
    assert not stray.is_open
    assert desk.strategy.state.held == D("0.03")
    assert desk.strategy.state.order_id == ""


async def test_a_restart_goes_on_leaving(desk: Any) -> None:
    """Killed while an exit was refused: it leaves at once when it is back."""
    await begin(desk)
    await closes(desk, 997.5)
    desk.refuse.append("overload")
    await closes(desk, 1000.5)
    await desk.start(MeanReversion, desk.state(), **PLAIN)
    await desk.pump()
    assert desk.position == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"amount": D("0.5")}, "the least is 0.001 BTC"),
        ({"amount": D(4)}, "the least is 5 USDT"),
        ({"amount": D(300)}, "max_inventory 200"),
        ({"hard_stop": 1.5}, "must grow"),
        ({"leave": 2.0}, "must grow"),
    ],
)
async def test_what_could_never_trade_is_refused_at_the_start(desk: Any, wrong: dict[str, Any], words: str) -> None:
    """With the figure and the remedy."""
    with pytest.raises(Misconfigured, match=words):
        await desk.start(MeanReversion, **{**PLAIN, **wrong})


EVENTS = st.tuples(
    st.sampled_from(["bar", "bar", "bar", "fill", "piece", "cancel", "refuse", "wait", "slow", "restart"]),
    st.integers(-45, 45),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, max_size=40), kinds=st.sampled_from(["market", "limit"]))
def test_whatever_happens_it_holds_what_it_filled_and_no_more_than_allowed(
    make_desk: Callable[..., Any], events: list[tuple[str, int]], kinds: str
) -> None:
    """Held is the sum of its fills, an exit never turns it round, one order works at a time."""
    asyncio.run(_whatever_happens(make_desk(), events, {"entry": kinds, "exit": kinds}))


async def _whatever_happens(desk: Any, events: list[tuple[str, int]], kinds: dict[str, Any]) -> None:
    params = {**PLAIN, **kinds, "max_loss": D(10**6)}
    await desk.start(MeanReversion, **params)
    await closes(desk, *CALM)
    for what, by in events:
        held = desk.position
        live = desk.open()
        if what == "bar":
            desk.bar(1000 + by / 10)
        elif what == "refuse":
            desk.refuse.append("overload")
        elif what == "wait":
            await desk.advance(abs(by))
        elif what == "slow":
            desk.cancels_at_once = not desk.cancels_at_once
        elif what == "restart":
            await desk.start(MeanReversion, desk.state(), **params)
        elif live and what == "cancel":
            desk.end(live[0])
        elif live:
            desk.fill(live[0], "" if what == "fill" else desk.instrument.lot)
        await desk.pump()
        assert len(desk.open()) <= 1
        assert desk.strategy.state.held == desk.position
        assert held * desk.position >= 0
        assert abs(desk.position) <= D("0.105")


async def test_the_unit_that_comes_with_the_house_trades(desk: Any) -> None:
    """Each of its keys is a parameter, and it sends an order on a market that leaves its band."""
    path = Path(__file__).parents[2] / "etc" / "strategies.d" / "mean-reversion-eth.yaml"
    unit = yaml.safe_load(path.read_text())
    assert unit["use"] == "mean_reversion"
    read = TypeAdapter(MeanReversionParams).validate_python({**unit["params"], "symbol": desk.symbol})
    await begin(desk, **{name: getattr(read, name) for name in unit["params"]})
    assert desk.subscribed == [("bars", "5s")]
    await closes(desk, 997.5)
    assert desk.position > 0
