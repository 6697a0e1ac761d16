"""Legs and margin modes become one net position, in the order of the venue's times."""

from decimal import Decimal as D
from typing import Any

from drivers.okx.positions import Positions
from drivers.okx.records import PositionRow
from tests.drivers.okx.scripted import MAIN, PERP, listing


def row(pos: str, side: str = "net", time: str = "10", mode: str = "cross", **more: Any) -> PositionRow:
    facts = {"avg_px": "60000", "mark_px": "61000", "upl": "10", "lever": "5", "liq_px": "50000"} | more
    return PositionRow("BTC-USDT-SWAP", pos, side, mode, u_time=time, **facts)


def make() -> Positions:
    return Positions(MAIN, listing())


def test_a_net_position() -> None:
    (position,) = make().push([row("-50")])
    assert (position.symbol, position.size, position.entry, position.mark) == (PERP, D("-0.5"), 60000, 61000)
    assert (position.unrealised, position.leverage, position.liquidation, position.time_ns) == (
        10,
        5,
        50000,
        10_000_000,
    )


def test_two_legs() -> None:
    """0.5 long and 0.2 short are 0.3 long, at the entry that gives the same profit."""
    long = row("50", "long", avg_px="60000", upl="500", mark_px="61000")
    short = row("20", "short", avg_px="62000", upl="200", mark_px="61000")
    (position,) = make().push([long, short])
    assert position.size == D("0.3")
    assert position.unrealised == 700
    assert round((position.mark - position.entry) * position.size, 12) == 700
    assert position.liquidation is None


def test_legs_that_cancel_out() -> None:
    (position,) = make().push([row("20", "long"), row("20", "short")])
    assert (position.size, position.entry, position.unrealised) == (0, 0, 0)


def test_cross_and_isolated_are_added() -> None:
    (position,) = make().push([row("10"), row("5", mode="isolated")])
    assert position.size == D("0.15")


def test_a_closed_position_is_told_once_as_flat() -> None:
    positions = make()
    positions.push([row("50")])
    (flat,) = positions.push([row("0", time="11", upl="")])
    assert (flat.size, flat.entry, flat.liquidation) == (0, 0, None)


def test_an_older_word_is_not_taken() -> None:
    positions = make()
    positions.push([row("50", time="20")])
    (position,) = positions.push([row("10", time="19")])
    assert position.size == D("0.5")


def test_an_answer_replaces_what_was_known() -> None:
    positions = make()
    positions.push([row("50", time="20")])
    (gone,) = positions.replace([], asked_ns=30_000_000)
    assert gone.size == 0
    assert positions.rows() == []


def test_what_was_told_after_the_question_stays() -> None:
    positions = make()
    positions.push([row("50", time="40")])
    (kept,) = positions.replace([], asked_ns=30_000_000)
    assert kept.size == D("0.5")


def test_unlisted_instruments_are_left_out() -> None:
    assert make().push([PositionRow("BTC-USD-SWAP", "5")]) == []
    assert make().replace([PositionRow("BTC-USD-SWAP", "5")], 0) == []
