"""The power goes: what the journal and the store of a real daemon had not synced is torn or lost, and nothing is wrong.

See tests/power.py. With durability `process` the last rows may be gone: the orders that they told of are found at the venue
again, by their client ids. With `power` not one row that an order stood on is.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.apart import apart
from tests.power import DEATHS, SECTOR, torn

SEEDS = range(1, 7) if "CTOS_CRASHES" in os.environ else range(1, 2)
WAYS = ("okx/process", "okx/power", "binance/process", "binance-spot/process", "backpack/process", "backpack/power")
CASES = [f"{way}/{seed}" for way in WAYS for seed in SEEDS]
WITHIN_S = 150

pytestmark = pytest.mark.timeout(WITHIN_S + 8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all cases have run."""
    folder = tmp_path_factory.mktemp("power")
    for start in range(0, len(CASES), 6):
        apart("tests.power", folder, *CASES[start : start + 6], within_s=WITHIN_S)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_no_order_is_lost_and_none_sent_twice_when_the_power_goes(place: Path, case: str) -> None:
    folder = place / case
    said = (place / "said").read_text()[-2000:] + (folder / "out").read_text()[-3000:]
    assert (folder / "told").exists(), said
    found: dict[str, Any] = json.loads((folder / "told").read_text())
    lives = found["audits"]
    assert len(lives) == DEATHS + 1, said
    for before, after in pairwise(lives):
        assert after["fills"] > before["fills"], "it traded again after the power came back"
    faults = [fault for life in lives for fault in life["faults"]]
    assert [fault for fault in faults if " times" in fault or "exposure" in fault] == []
    if case.startswith("backpack/process"):
        # Its numbers tell nothing by themselves: orders whose pair was not synced come back as a stranger's, in sight.
        return
    assert faults == []
    assert lives[-1]["swings"] == lives[-1]["fills"], "each fill reached the strategy once, over all lives"
    if "/power/" in case:
        assert [life["adopted"] for life in lives] == [0] * len(lives)
        assert lives[-1]["placed"] >= lives[-1]["intents"], "the state is as new as the last intent"


def test_what_was_synced_stays_and_of_the_rest_chance_takes_whole_sectors() -> None:
    durable, written = bytes(3 * SECTOR), b"x" * (5 * SECTOR)
    assert torn(durable, written, Random(1), 0.0) == durable
    assert torn(durable, written, Random(1), 1.0) == written
    half = torn(durable, written, Random(1), 0.5)
    sectors = {half[start : start + SECTOR] for start in range(0, len(half), SECTOR)}
    assert sectors == {bytes(SECTOR), b"x" * SECTOR}
    assert torn(written, written, Random(1), 0.5) == written
