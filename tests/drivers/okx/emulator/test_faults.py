"""Faults: switches, dice and counts."""

import pytest

from ctosd.abi import CallerMistake
from drivers.okx.emulator.faults import COUNTS, FAULTS, MOMENTS, SHARES, Faults


def test_every_group_is_of_known_faults():
    assert set(FAULTS) >= SHARES | COUNTS | MOMENTS


@pytest.mark.parametrize(
    ("name", "value"), [("nonsense", 1), ("garbage", 2), ("book_gap", 0.5), ("slow", -1), ("slow", float("nan"))]
)
def test_what_cannot_be_is_a_mistake(name, value):
    with pytest.raises(CallerMistake):
        Faults("x").set(name, value)


def test_dice_fall_the_same_way_for_the_same_seed():
    runs = []
    for _ in range(2):
        faults = Faults("seed")
        faults.set("garbage", 0.5)
        runs.append([faults.strikes("garbage") for _ in range(50)])
    assert runs[0] == runs[1]
    assert 10 < sum(runs[0]) < 40


def test_a_count_is_used_up():
    faults = Faults("x")
    faults.set("book_gap", 2)
    assert [faults.use("book_gap") for _ in range(3)] == [True, True, False]
    assert faults.statistics() == {"on": {}, "struck": {"book_gap": 2}}


def test_a_moment_leaves_nothing_on_and_zero_switches_off():
    faults = Faults("x")
    faults.set("cut", 1)
    faults.set("clock_skew", -3.5)
    assert faults.value("clock_skew") == -3.5
    faults.set("clock_skew", 0)
    assert faults.statistics() == {"on": {}, "struck": {"cut": 1}}
    assert not faults.strikes("reset_after")
    assert faults.choose(("a",)) == "a"
