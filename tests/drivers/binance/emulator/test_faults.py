"""Faults by name."""

import pytest

from ctosd.abi import CallerMistake
from drivers.binance.emulator.faults import FAULTS, Faults


def test_a_name_or_a_value_that_makes_no_sense_is_a_callers_mistake() -> None:
    faults = Faults(1)
    with pytest.raises(CallerMistake, match="not a fault"):
        faults.set("rain", 1)
    for name, value in (("book_gap", 1.5), ("book_gap", -1), ("clock_skew", 1e9), ("error_text", 9)):
        with pytest.raises(CallerMistake, match="takes"):
            faults.set(name, value)
    faults.set("clock_skew", -5)


def test_every_fault_can_be_switched_off() -> None:
    faults = Faults(1)
    for name in FAULTS:
        faults.set(name, 0)
        assert not faults.strikes(name)
    assert faults.statistics() == {"on": {}, "happened": {}}


def test_chance_comes_from_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.set("book_gap", 0.5)
        return [faults.strikes("book_gap") for _ in range(60)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 10 < sum(drawn(1)) < 50


def test_a_certain_fault_happens_each_time_and_is_counted() -> None:
    faults = Faults(1)
    faults.set("garbage", 1)
    assert all(faults.strikes("garbage") for _ in range(20))
    assert faults.statistics() == {"on": {"garbage": 1}, "happened": {"garbage": 20}}


def test_an_action_hears_its_value() -> None:
    faults, heard = Faults(1), []
    faults.actions["adl"] = heard.append
    faults.set("adl", 0.5)
    faults.set("adl", 0)
    assert heard == [0.5, 0]
