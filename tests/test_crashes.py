"""kill -9 at each of the fourteen steps, on each venue's own wire: nothing lost, nothing sent twice, the state goes on.

The daemon, its files, its WebSockets and the emulator are real and run in processes of their own; see tests/crashes.py. One
case reads what the life after a death found, the death itself included: that it was the named step's.
`make crashes` takes every venue through every step; without it the steps of amends and cancels, and Binance spot, take turns.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.apart import apart
from tests.autopsy import VENUES
from tests.crashes import chains
from tests.deaths import PLACING, STEPS, has, plan

EVERYTHING = "CTOS_CRASHES" in os.environ
CHAINS = chains(EVERYTHING)
CASES = [(number, steps.index(step), venue, step) for number, (venue, steps) in enumerate(CHAINS) for step in steps]
WITHIN_S = 240

pytestmark = pytest.mark.timeout(WITHIN_S + 8)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all chains have run: a good half minute of both cores."""
    place = tmp_path_factory.mktemp("crashes")
    apart("tests.crashes", place, *(["all"] if EVERYTHING else []), within_s=WITHIN_S)
    return place


def test_no_step_is_missing() -> None:
    numbers = [int(step.partition(" ")[0]) for step in PLACING]
    assert set(numbers) == set(range(1, 15))
    assert numbers == sorted(numbers)
    assert {number for number in numbers if numbers.count(number) > 1} >= {9, 11, 14}


def test_each_step_is_died_at_and_on_each_emulator() -> None:
    plans = {venue: plan(venue, everything=False) for venue in VENUES}
    assert {step for steps in plans.values() for step in steps} == set(STEPS)
    for venue in ("okx", "binance", "backpack"):
        assert set(PLACING) <= set(plans[venue])
    assert plans["binance-spot"]
    assert all(has(venue, step) for venue, steps in plans.items() for step in steps)
    assert {venue: sum(has(venue, step) for step in STEPS) for venue in VENUES} == {
        "okx": 37, "binance": 37, "binance-spot": 37, "backpack": 27, "paper": 32,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "place", "venue", "step"), CASES, ids=[f"{venue}-{step.replace(' ', '-')}" for *_, venue, step in CASES]
)
def test_a_death_leaves_nothing_wrong(matrix: Path, number: int, place: int, venue: str, step: str) -> None:
    told = matrix / str(number) / "told"
    assert told.exists(), (matrix / "said").read_text()[-3000:]
    found: dict[str, Any] = json.loads(told.read_text())
    deaths, audits, said = found["deaths"], found["audits"], (matrix / str(number) / "out").read_text()[-3000:]
    assert len(deaths) > place, f"an earlier step ended it: {deaths[-1]}\n{said}"
    death = deaths[place]
    assert death["killed"], f"{death}\n{said}"
    assert death["mark"] == step
    assert len(audits) > place + 1, said
    before, after = audits[place], audits[place + 1]
    assert after["faults"] == []
    assert after["fills"] >= before["fills"] + 2, "it traded again after the restart before"
    assert after["placed"] >= after["intents"] > before["intents"], "the state is as new as the last intent"
    assert after["placed"] > before["placed"]
    assert after["swings"] > before["swings"]
    assert after["swings"] == after["fills"], "each fill reached the strategy once, over all lives"
    _judge(death, after, STEPS[step].act, STEPS[step].sent)


def _judge(death: dict[str, Any], after: dict[str, Any], act: str, sent: bool | None) -> None:
    """What became of the command that was on its way; where it may have left, that both say the same is all there is."""
    client_id = death["client_id"]
    seen, state = after["seen"].get(client_id, 0), after["states"].get(client_id, "")
    if act == "place" and sent is False:
        assert (seen, state) in ((0, ""), (0, "never_sent"))
    elif act == "place" and sent:
        assert seen == 1
        assert state in ("filled", "cancelled", "partially_filled", "open")
    elif act == "amend":
        assert (seen, state) == (1, "open")
        assert death["was"] != death["wanted"]
        if sent is not None:
            assert Decimal(after["sizes"][client_id]) == Decimal(death["wanted" if sent else "was"])
    elif act == "cancel" and sent is not None:
        assert (seen, state) == (1, "cancelled" if sent else "open")
