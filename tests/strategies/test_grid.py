"""The grid: fills move its state, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctosd.abi import Bar, Misconfigured, Order
from strategies.grid import Grid, GridParams

D = Decimal
PLAIN: dict[str, Any] = {
    "symbols": ("BTC/USDT:USDT",),
    "base_notional": D(100),
    "buy_step": D("0.98"),
    "sell_step": D("1.02"),
    "buy_move": D("0.99"),
    "sell_move": D("1.01"),
    "max_inventory": D(1000),
    "max_loss": D(100),
}


def line(desk: Any) -> Any:
    return desk.strategy.state.lines[desk.symbol]


async def test_it_rests_one_buy_and_one_sell_round_the_price(desk: Any) -> None:
    """Prices are rounded away from the market, sizes down, orders post-only."""
    desk.price = D("1000.3")
    await desk.start(Grid, **PLAIN)
    buy, sell = desk.only("buy"), desk.only("sell")
    assert (buy.price, buy.size, buy.post_only, buy.tag) == (D("980.2"), D("0.102"), True, "BTC/USDT:USDT:buy")
    assert (sell.price, sell.size, sell.post_only) == (D("1020.4"), D("0.098"), True)
    assert not buy.reduce_only
    assert not sell.reduce_only
    assert desk.subscribed == [("bars", "1m")]


async def test_a_full_buy_moves_the_baseline_and_both_quotes(desk: Any) -> None:
    """The other side is amended in place, the filled side is placed anew."""
    await desk.start(Grid, **PLAIN)
    sell = desk.only("sell")
    desk.price = D(975)
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert line(desk).baseline == 990
    assert line(desk).inventory == D("0.102")
    assert desk.only("buy").price == D("970.2")
    assert desk.only("sell") is sell
    assert sell.price == D("1009.8")
    assert desk.acts[2:] == ["place buy 0.103 970.2", "amend sell 0.099 1009.8"]


async def test_a_partial_fill_keeps_resting_and_counts_as_inventory(desk: Any) -> None:
    """Only the last piece moves the baseline."""
    await desk.start(Grid, **PLAIN)
    buy = desk.only("buy")
    desk.fill(buy, "0.1")
    await desk.pump()
    assert (line(desk).baseline, line(desk).inventory, desk.only("buy")) == (1000, D("0.1"), buy)
    assert len(desk.acts) == 2
    desk.fill(buy)
    await desk.pump()
    assert (line(desk).baseline, line(desk).inventory) == (990, D("0.102"))


async def test_refused_orders_never_move_the_baseline(desk: Any) -> None:
    """With every buy refused for an hour the baseline stays, and the tries get rarer."""
    desk.refuse.extend(["insufficient_funds", ""] + ["insufficient_funds"] * 1000)
    await desk.start(Grid, **PLAIN)
    at = []
    for _ in range(3600):
        before = len(desk.acts)
        await desk.advance(1)
        if len(desk.acts) > before:
            at.append(desk.ns // 10**9 - 1_700_000_000)
    assert line(desk).baseline == 1000
    assert at[:8] == [1, 3, 7, 15, 31, 63, 123, 183]
    assert len(desk.open("sell")) == 1
    assert len(desk.log.said("grid_no_order")) == 1
    desk.refuse.clear()
    await desk.advance(60)
    assert desk.only("buy").price == 980


@pytest.mark.parametrize("state", ["cancelled", "expired", "rejected", "never_sent"])
async def test_an_order_ended_from_outside_comes_back_at_the_same_price(desk: Any, state: str) -> None:
    """After a pause; the baseline stays."""
    await desk.start(Grid, **PLAIN)
    first = desk.only("sell")
    desk.end(first, state)
    await desk.pump()
    assert not desk.open("sell")
    await desk.advance(1)
    again = desk.only("sell")
    assert again is not first
    assert (again.price, again.size) == (first.price, first.size)
    assert line(desk).baseline == 1000


async def test_what_a_cancelled_order_did_not_fill_comes_back_and_ends_the_level_once(desk: Any) -> None:
    """Two orders, one level: the baseline moves when the rest is filled."""
    await desk.start(Grid, **PLAIN)
    desk.fill(desk.only("buy"), "0.05")
    desk.end(desk.only("buy"))
    await desk.pump()
    await desk.advance(1)
    assert desk.only("buy").size == D("0.052")
    desk.end(desk.only("buy"))
    await desk.pump()
    await desk.advance(2)
    assert desk.only("buy").size == D("0.052")
    assert line(desk).baseline == 1000
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert line(desk).baseline == 990
    assert line(desk).inventory == D("0.102")
    assert desk.only("buy").size == D("0.103")


async def test_crumbs_that_no_venue_takes_begin_the_level_again(desk: Any) -> None:
    """0.002 of the level are worth 2 quote, the least order is 5."""
    await desk.start(Grid, **PLAIN)
    desk.fill(desk.only("buy"), "0.1")
    desk.end(desk.only("buy"))
    await desk.pump()
    await desk.advance(1)
    assert desk.only("buy").size == D("0.102")


async def test_without_amending_it_cancels_waits_for_the_proof_and_places(desk: Any) -> None:
    """Never two orders on one side, however long the venue takes; it asks to amend only once."""
    desk.can_amend = desk.cancels_at_once = False
    await desk.start(Grid, **PLAIN)
    sell = desk.only("sell")
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert desk.only("sell") is sell
    desk.end(sell)
    await desk.pump()
    assert desk.only("sell").price == D("1009.8")
    desk.cancels_at_once = True
    desk.price = D(965)
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert desk.only("sell").price == D("999.8")
    assert sum(act.startswith("amend") for act in desk.acts) == 1


async def test_a_lost_cancel_is_asked_for_again(desk: Any) -> None:
    """No word came: after a pause the cancel is repeated, which harms nothing."""
    desk.can_amend = desk.cancels_at_once = False
    await desk.start(Grid, **PLAIN)
    desk.fill(desk.only("buy"))
    await desk.pump()
    desk.cancels_at_once = True
    await desk.advance(1)
    assert desk.acts[-3:] == ["cancel sell", "cancel sell", "place sell 0.099 1009.8"]


async def test_an_order_that_fills_while_it_is_cancelled_counts(desk: Any) -> None:
    """The fill wins: the baseline moves twice, and nothing is placed double."""
    desk.can_amend = desk.cancels_at_once = False
    await desk.start(Grid, **PLAIN)
    desk.fill(desk.only("buy"))
    await desk.pump()
    desk.fill(desk.only("sell"))
    await desk.pump()
    assert line(desk).baseline == D(1000) * D("0.99") * D("1.01")


async def test_a_refused_amend_is_tried_again_and_then_replaced(desk: Any) -> None:
    """Three refusals, then cancel and place."""
    await desk.start(Grid, **PLAIN)
    sell = desk.only("sell")
    desk.refuse_amends.extend(["rate_limited"] * 9)
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert sell.price == 1020
    await desk.advance(10)
    assert not sell.is_open
    assert desk.only("sell").price == D("1009.8")
    assert [act for act in desk.acts if "sell" in act].count("amend sell 0.099 1009.8") == 3


async def test_both_sides_filled_in_one_batch(desk: Any) -> None:
    """Both count, in the order of their times; the quotes end round the new baseline."""
    await desk.start(Grid, **PLAIN)
    buy, sell = desk.only("buy"), desk.only("sell")
    desk.fill(buy)
    desk.fill(sell)
    await desk.pump()
    baseline = D(1000) * D("0.99") * D("1.01")
    assert line(desk).baseline == baseline
    assert desk.only("buy").price == desk.instrument.round_price(baseline * D("0.98"), "buy")
    assert desk.only("sell").price == desk.instrument.round_price(baseline * D("1.02"), "sell")


async def test_an_unknown_order_is_neither_filled_nor_replaced(desk: Any) -> None:
    """It may rest at the venue: nothing goes beside it until its end is proved."""
    desk.refuse.append("unknown")
    await desk.start(Grid, **PLAIN)
    (lost,) = desk.open("buy")
    await desk.advance(600)
    assert desk.only("buy") is lost
    desk.end(lost, "never_sent")
    await desk.pump()
    await desk.advance(1)
    assert desk.only("buy").price == 980
    assert line(desk).baseline == 1000


@pytest.mark.parametrize("on_halt", ["cancel", "flatten"])
async def test_a_baseline_beyond_its_guard_halts_the_symbol(desk: Any, on_halt: str) -> None:
    """Orders are taken back and none follows, after a restart neither; flatten closes what is held, reduce-only."""
    params = {**PLAIN, "low_guard": D("0.985"), "on_halt": on_halt}
    await desk.start(Grid, **params)
    for _ in range(2):
        desk.price = desk.only("buy").price - 1
        desk.fill(desk.only("buy"))
        await desk.pump()
    assert "baseline" in line(desk).halted
    exits = [order for order in desk.open() if order.type == "market"]
    assert len(exits) == (1 if on_halt == "flatten" else 0)
    for order in exits:
        assert (order.side, order.size, order.reduce_only) == ("sell", line(desk).inventory, True)
        desk.fill(order)
    await desk.pump()
    await desk.advance(600)
    assert not desk.open()
    assert line(desk).inventory == (0 if on_halt == "flatten" else D("0.205"))
    await desk.start(Grid, desk.state(), **{**params, "on_halt": "cancel"})
    assert not desk.open()


async def test_reset_forgets_the_halt_and_begins_at_the_present_price(desk: Any) -> None:
    """A person's word, and only once."""
    await desk.start(Grid, **{**PLAIN, "low_guard": D("0.995")})
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert line(desk).halted
    desk.price = D(500)
    await desk.start(Grid, desk.state(), **PLAIN, reset=1)
    assert (line(desk).halted, line(desk).baseline, line(desk).inventory) == ("", 500, D("0.102"))
    assert desk.only("buy").price == 490
    desk.price = D(505)
    await desk.start(Grid, desk.state(), **PLAIN, reset=1)
    assert line(desk).baseline == 500


async def test_a_loss_halts_at_the_close_of_a_bar(desk: Any) -> None:
    """Open loss and fees count; a bar before the line costs nothing and saves nothing."""
    await desk.start(Grid, **{**PLAIN, "max_loss": D(10), "low_guard": D("0.1")})
    desk.fill(desk.only("buy"), fee=D("0.04"))
    await desk.pump()
    acts = len(desk.acts)
    # 0.102 bought at 980 with a fee of 0.04: 10 are lost at 882.35...
    desk.bar(882.4)
    await desk.pump()
    assert (line(desk).halted, len(desk.acts), desk.saves) == ("", acts, 0)
    desk.bar(882.3)
    await desk.pump()
    assert "lost 10.01" in line(desk).halted
    assert not desk.open()
    assert desk.saves == 1


async def test_a_short_inventory_loses_when_the_price_rises(desk: Any) -> None:
    """The line is drawn on the other side."""
    await desk.start(Grid, **{**PLAIN, "max_loss": D(10)})
    desk.fill(desk.only("sell"))
    await desk.pump()
    desk.bar(1122.0)
    await desk.pump()
    assert not line(desk).halted
    desk.bar(1122.1)
    await desk.pump()
    assert line(desk).halted


async def test_the_inventory_never_outgrows_its_limit(desk: Any) -> None:
    """The last order is smaller, then none is sent and the reason is said once."""
    await desk.start(Grid, **{**PLAIN, "max_inventory": D(250), "low_guard": D("0.1")})
    for _ in range(3):
        desk.price = desk.only("buy").price - 1
        desk.fill(desk.only("buy"))
        await desk.pump()
        assert line(desk).inventory * desk.price <= 250
    assert not desk.open("buy")
    assert [said["reason"] for said in desk.log.said("grid_no_order")] == ["the inventory leaves no room"]
    desk.price = desk.only("sell").price
    desk.fill(desk.only("sell"))
    await desk.pump()
    assert desk.only("buy").size > 0


async def test_long_sells_only_what_it_holds_reduce_only(desk: Any) -> None:
    """Nothing to sell at the start; then no more than was bought."""
    await desk.start(Grid, **PLAIN, side="long")
    assert not desk.open("sell")
    desk.fill(desk.only("buy"), "0.05")
    await desk.pump()
    assert (desk.only("sell").size, desk.only("sell").reduce_only) == (D("0.05"), True)
    desk.fill(desk.only("sell"))
    await desk.pump()
    assert not desk.open("sell")
    assert line(desk).inventory == 0


async def test_short_is_the_mirror_of_long(desk: Any) -> None:
    """Sells first, buys back only what it is short."""
    await desk.start(Grid, **PLAIN, side="short")
    assert not desk.open("buy")
    desk.fill(desk.only("sell"))
    await desk.pump()
    assert (desk.only("buy").size, desk.only("buy").reduce_only) == (D("0.098"), True)


async def test_a_spot_grid_sells_what_is_left_after_fees_in_coins(make_desk: Callable[..., Any]) -> None:
    """Bought 0.102 less a fee of 0.0015: 0.100 can be sold, without the reduce-only that spot venues do not know."""
    desk = make_desk(kind="spot", symbol="BTC/USDT", settle="")
    await desk.start(Grid, **{**PLAIN, "symbols": ("BTC-USDT",)})
    desk.fill(desk.only("buy"), fee=D("0.0015"), fee_asset="BTC")
    await desk.pump()
    assert (desk.only("sell").size, desk.only("sell").reduce_only) == (D("0.099"), False)
    assert line(desk).inventory == D("0.1005")
    with pytest.raises(Misconfigured, match="cannot be held short"):
        await make_desk(kind="spot", symbol="BTC/USDT").start(
            Grid, **{**PLAIN, "symbols": ("BTC/USDT",), "side": "short"}
        )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"base_notional": D("0.9")}, "the least is 0.001 BTC"),
        ({"base_notional": D(4)}, "the least is 5 USDT"),
        ({"max_inventory": D(50)}, "max_inventory 50"),
    ],
)
async def test_amounts_that_cannot_trade_are_refused_at_the_start(desk: Any, wrong: dict[str, Any], words: str) -> None:
    """A smaller order than the venue takes is a stated refusal, never a larger order."""
    with pytest.raises(Misconfigured, match=words):
        await desk.start(Grid, **{**PLAIN, **wrong})
    assert not desk.orders


async def test_a_fixed_quantity_takes_the_place_of_the_amount(desk: Any) -> None:
    """The same size on both sides."""
    await desk.start(Grid, **PLAIN, base_quantity=D("0.0305"))
    assert {order.size for order in desk.open()} == {D("0.030")}


async def test_a_restart_takes_up_its_own_orders(desk: Any) -> None:
    """Nothing is sent when everything still rests."""
    await desk.start(Grid, **PLAIN)
    desk.fill(desk.only("buy"), "0.05")
    await desk.pump()
    resting, acts = desk.open(), len(desk.acts)
    await desk.start(Grid, desk.state(), **PLAIN)
    assert (desk.open(), len(desk.acts)) == (resting, acts)
    desk.fill(desk.only("buy"))
    await desk.pump()
    assert line(desk).baseline == 990


async def test_a_fill_while_it_was_down_is_counted_once(desk: Any) -> None:
    """The order says filled at the start, the fill itself is heard afterwards."""
    await desk.start(Grid, **PLAIN)
    state = desk.state()
    desk.fill(desk.only("buy"))
    missed = list(desk.queue)
    desk.queue.clear()
    await desk.start(Grid, state, **PLAIN)
    assert line(desk).baseline == 990
    desk.queue.extend(missed)
    await desk.pump()
    assert (line(desk).baseline, line(desk).inventory) == (990, D("0.102"))


async def test_orders_that_the_state_does_not_know_are_found_by_their_tag(desk: Any) -> None:
    """Killed between the order and the state: the order is taken up, a second one on its side is cancelled."""
    await desk.start(Grid, **PLAIN)
    buy = desk.only("buy")
    stray = await desk.place_order(desk.symbol, "buy", "post_only", D("0.1"), D("970"), tag=f"{desk.symbol}:buy")
    await desk.start(Grid, **PLAIN)
    assert line(desk).buy.order_id == buy.client_id
    assert not stray.is_open
    assert len(desk.open()) == 2
    assert len(desk.log.said("grid_orphan_cancelled")) == 1


async def test_an_order_that_never_left_is_placed_again(desk: Any) -> None:
    """The state knows an id that the kernel does not."""
    await desk.start(Grid, **PLAIN)
    state = desk.state()
    desk.orders.clear()
    await desk.start(Grid, state, **PLAIN)
    assert sorted(order.price for order in desk.open()) == [980, 1020]


async def test_what_it_held_before_its_first_start_is_its_inventory(desk: Any) -> None:
    """A lost state does not turn a long grid naked."""
    desk.position = D("0.04")
    await desk.start(Grid, **PLAIN, side="long")
    assert desk.only("sell").size == D("0.04")


async def act(desk: Any, what: str, pick: int, share: int) -> None:
    """One thing that the world does to a grid."""
    live = desk.open()
    order: Order | None = live[pick % len(live)] if live else None
    if what == "wait":
        await desk.advance(share)
    elif what == "slow":
        desk.cancels_at_once = not desk.cancels_at_once
    elif what == "refuse":
        desk.refuse.append("rate_limited")
    elif what == "stubborn":
        desk.refuse_amends.append("unsupported" if share == 9 else "amend_reject")
    elif what == "restart":
        await desk.pump()
        await desk.start(Grid, desk.state(), **desk.params)
    elif order is not None and what == "cancel":
        desk.end(order)
    elif order is not None and what in ("fill", "piece"):
        piece = desk.instrument.floor_size(order.remaining * share / 10)
        desk.price = order.price
        desk.fill(order, piece if what == "piece" and piece else "")
    if pick % 3:
        await desk.pump()


ACTS = st.tuples(
    st.sampled_from(["fill", "fill", "piece", "cancel", "wait", "wait", "refuse", "slow", "stubborn", "restart"]),
    st.integers(0, 5),
    st.integers(1, 9),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=30), side=st.sampled_from(["neutral", "long", "short"]))
def test_whatever_happens_only_full_fills_move_the_baseline(
    make_desk: Callable[..., Any], acts: list[tuple[str, int, int]], side: str
) -> None:
    """The baseline is the product of the moves of its filled orders, the inventory the sum of its fills."""
    asyncio.run(_whatever_happens(make_desk(), acts, side))


async def _whatever_happens(desk: Any, acts: list[tuple[str, int, int]], side: str) -> None:
    desk.params = {**PLAIN, "side": side, "low_guard": D("0.01"), "high_guard": D(100), "max_loss": D(10**6)}
    await desk.start(Grid, **desk.params)
    for what, pick, share in acts:
        await act(desk, what, pick, share)
        if side == "long":
            assert desk.position >= 0
        if side == "short":
            assert desk.position <= 0
    await desk.pump()
    filled = [order for order in desk.orders.values() if order.state == "filled"]
    moves = [D("0.99") if order.side == "buy" else D("1.01") for order in filled]
    expected = D(1000)
    for move in moves:
        expected *= move
    assert abs(line(desk).baseline - expected) < D("1e-20")
    assert line(desk).inventory == desk.position
    desk.cancels_at_once = True
    desk.refuse.clear()
    desk.refuse_amends.clear()
    desk.price = line(desk).baseline
    await desk.advance(200)
    for order in desk.open():
        step = D("0.98") if order.side == "buy" else D("1.02")
        assert order.price == desk.instrument.round_price(line(desk).baseline * step, order.side)
    assert desk.open("buy") or side == "short" or line(desk).inventory * desk.price > 900
    assert desk.open("sell") or side == "long" or line(desk).inventory * desk.price < -900


async def test_bars_of_strangers_are_nothing_to_it(desk: Any) -> None:
    """A symbol that it does not trade."""
    await desk.start(Grid, **PLAIN)
    assert desk.strategy.on_bar(Bar("paper", "ETH/USDT:USDT", "1m", 1.0, 1.0, 1.0, 1.0, 1.0, 0, 1)) is None
    assert not line(desk).halted


ETC = Path(__file__).parents[2] / "etc"


@pytest.mark.parametrize("file", sorted(path.name for path in (ETC / "presets").glob("grid-*.yaml")))
async def test_presets_trade(desk: Any, file: str) -> None:
    """Every preset is a record of this strategy, and places two orders."""
    unit = yaml.safe_load((ETC / "presets" / file).read_text())
    assert unit["use"] == "grid"
    await desk.start(Grid, **typed(unit["params"]))
    assert len(desk.open()) == 2


async def test_the_unit_that_comes_with_the_house_trades(desk: Any) -> None:
    """On the paper venue's bitcoin, and each of its keys is a parameter."""
    desk.price = D(60000)
    unit = yaml.safe_load((ETC / "strategies.d" / "grid-btc.yaml").read_text())
    await desk.start(Grid, **typed(unit["params"]))
    assert [str(order.price) for order in desk.open()] == ["59982.0", "60018.0"]


def typed(params: dict[str, Any]) -> dict[str, Any]:
    """As the configuration reads it, with money as decimals."""
    from pydantic import TypeAdapter

    read = TypeAdapter(GridParams).validate_python(params)
    return {name: getattr(read, name) for name in params}


async def test_a_level_that_the_market_went_through_rests_at_the_touch_until_it_comes_back(desk: Any) -> None:
    """A post-only order through the market is refused: the touch is the best it can rest at, never a worse price."""
    grid = await desk.start(Grid, symbols=(desk.symbol,), base_notional=D(100), buy_step=D("0.99"), sell_step=D("1.01"))
    desk.price = D(900)
    buy = next(order for order in desk.open() if order.side == "buy")
    await grid.sys.revoke_order(buy.client_id)
    await desk.pump()
    await desk.advance(5)
    (again,) = [order for order in desk.open() if order.side == "buy"]
    assert again.price == D(900)
    desk.price = D(1000)
    await grid.on_bar(Bar("test", desk.symbol, "1m", 1000.0, 1000.0, 1000.0, 1000.0, 1.0, 0, 60))
    await desk.pump()
    (back,) = [order for order in desk.open() if order.side == "buy"]
    assert back.price == D(990)
