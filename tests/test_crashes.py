"""kill -9 at each of the fourteen steps, on each venue's own wire: nothing lost, nothing sent twice, the state goes on.

The daemon, its files, its WebSockets and the emulator are real and run in processes of their own; see tests/crashes.py. One
case reads what the life after a death found, the death itself included: that it was the named step's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.autopsy import VENUES
from tests.crashes import CHAINS
from tests.deaths import SENT, STEPS, UNSENT

CASES = [(venue, step) for venue in VENUES for step in STEPS]
WITHIN_S = 90

pytestmark = pytest.mark.timeout(WITHIN_S + 8)


class Matrix:
    """One venue after the other, each run when its first case asks: two cores have enough to do with five chains."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, venue: str, number: int) -> dict[str, Any]:
        """What one chain found."""
        place = self._folder / venue
        if not place.exists():
            place.mkdir()
            self._run(place, venue)
        told = place / str(number) / "told"
        assert told.exists(), (place / "said").read_text()[-3000:]
        found: dict[str, Any] = json.loads(told.read_text())
        return found

    @staticmethod
    def _run(place: Path, venue: str) -> None:
        command = [sys.executable, "-m", "tests.crashes", str(place), venue]
        with (place / "said").open("wb") as said:
            process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        try:
            process.wait(WITHIN_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def said(self, venue: str, number: int) -> str:
        return (self._folder / venue / str(number) / "out").read_text()[-3000:]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    return Matrix(tmp_path_factory.mktemp("crashes"))


def test_no_step_is_missing() -> None:
    numbers = [int(step.partition(" ")[0]) for step in STEPS]
    assert set(numbers) == set(range(1, 15))
    assert numbers == sorted(numbers)
    assert {number for number in numbers if numbers.count(number) > 1} >= {9, 11, 14}


@pytest.mark.skipif("CTOS_CRASHES" not in os.environ, reason="a minute and a half of both cores: `make crashes`")
@pytest.mark.parametrize(("venue", "step"), CASES, ids=[f"{venue}-{step.replace(' ', '-')}" for venue, step in CASES])
def test_a_death_leaves_nothing_wrong(matrix: Matrix, venue: str, step: str) -> None:
    place, number = divmod(list(STEPS).index(step), CHAINS)
    found = matrix.of(venue, number)
    deaths, audits, said = found["deaths"], found["audits"], matrix.said(venue, number)
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
    seen, state = after["seen"].get(death["client_id"], 0), after["states"].get(death["client_id"], "")
    if step in UNSENT:
        assert seen == 0
        assert state in ("", "never_sent")
    elif step in SENT:
        assert seen == 1
        assert state in ("filled", "cancelled", "partially_filled", "open")
