"""Lives in which something was lost once: the shortest that `test_nothing_lost` found for each mistake of the kernel."""

from __future__ import annotations

import pytest

from tests.kernel.adversary_world import Step, run

STORIES: dict[str, list[Step]] = {
    "a clock that was set ages no order, not over a restart either": [("place", 0, 0, 2), ("clock", 0, 0, 0), ("kill", 0, 0, 0)],
    "nor one whose request arrives while its process is gone": [
        ("place", 0, 0, 8), ("deaf", 0, 0, 0), ("clock", 0, 0, 0), ("kill", 0, 0, 0),
    ],
    "a clock that was set back holds no resolution up": [("place", 0, 0, 2), ("clock", 9, 0, 0)],
    "a clock that was set back holds no audit up": [
        ("place", 0, 0, 0), ("clock", 9, 0, 0), ("lose", 0, 0, 0), ("cancel", 0, 0, 0),
    ],
    "nor of an order that was filled in part": [
        ("clock", 9, 0, 0), ("place", 0, 0, 0), ("fill", 0, 1, 0), ("lose", 0, 0, 0), ("end", 0, 0, 0),
    ],
    "a clock that was set back holds no token back": [
        ("place", 0, 0, 0), ("place", 0, 0, 0), ("cancel_all", 0, 0, 0), ("place", 0, 0, 0), ("place", 0, 0, 0),
        ("place", 0, 0, 0), ("clock", 9, 0, 0),
    ],
    "an order that was dated by a clock ahead finds its fills": [
        ("lag", 0, 0, 11), ("clock", 0, 0, 0), ("place", 0, 0, 14), ("kill", 0, 0, 0), ("cancel", 0, 0, 0),
    ],
    "what an amendment in doubt asked for counts as exposure": [
        ("place", 0, 0, 0), ("stream", 1, 0, 0), ("amend", 0, 1, 1),
    ],
    "a fill of an order that power loss left smaller here does not end it": [
        ("place", 0, 0, 0), ("place", 0, 0, 0), ("amend", 0, 1, 0), ("fill", 0, 1, 0), ("power", 9, 0, 0),
    ],
    "nor is it too much": [
        ("deaf", 0, 0, 0), ("place", 0, 0, 0), ("amend", 0, 1, 8), ("wait", 1, 0, 0), ("power", 0, 0, 0), ("fill", 0, 0, 0),
    ],
    "old news of an amended order changes nothing": [
        ("stream", 2, 0, 0), ("place", 0, 0, 0), ("wait", 1, 0, 0), ("amend", 0, 1, 0), ("wait", 3, 0, 0),
    ],
    "an endpoint that lags does not undo an amendment": [
        ("lag", 0, 1, 0), ("place", 0, 0, 14), ("place", 0, 0, 0), ("power", 0, 0, 0), ("amend", 1, 1, 0), ("cancel", 0, 0, 0),
        ("kill", 0, 0, 0),
    ],
    "an answer that comes after those of later amendments is put right": [
        ("place", 0, 0, 0), ("place", 0, 15, 0), ("place", 0, 15, 2), ("amend", 0, 0, 6), ("cancel", 0, 0, 0), ("amend", 0, 0, 0),
        ("amend", 0, 1, 0),
    ],
    "what we infer ourselves is no date of the venue's": [
        ("clock", 2, 0, 0), ("give", 0, 0, 0), ("place", 2, 0, 4), ("power", 0, 0, 0), ("lose", 0, 0, 0), ("force", 0, 0, 0),
        ("force", 1, 0, 0),
    ],
    "fills that are told later than the position are nobody else's": [
        ("clock", 2, 0, 0), ("lag", 12, 0, 0), ("place", 0, 0, 4), ("kill", 0, 0, 0), ("lose", 0, 0, 0), ("force", 0, 0, 0),
    ],
    "a liquidation that a crash cut between its parts is shared out once": [
        ("place", 2, 1, 0), ("fill", 0, 0, 0), ("place", 11, 1, 11), ("wait", 1, 0, 0), ("force", 1, 0, 0), ("power", 1, 0, 0),
    ],
    "also when what was held then is told later": [
        ("lag", 0, 0, 1), ("place", 2, 0, 0), ("lose", 0, 0, 0), ("fill", 0, 1, 0), ("lose", 0, 0, 0), ("fill", 0, 0, 0),
        ("give", 0, 0, 0), ("wait", 0, 0, 0), ("force", 1, 0, 0), ("kill", 1, 0, 0),
    ],
    "an order that waits for its turn is not absent": [
        ("wait", 10, 0, 0), ("place", 0, 0, 0), ("place", 0, 0, 0), ("place", 0, 0, 0), ("place", 0, 0, 0), ("cancel", 0, 0, 0),
        ("cancel", 0, 0, 0), ("place", 1, 0, 0), ("cancel_all", 1, 0, 0),
    ],
    "an order that was refused after it waited moves no strategy back": [
        ("place", 1, 0, 4), ("place", 0, 0, 0), ("place", 0, 0, 0), ("cancel", 0, 0, 0), ("place", 0, 0, 0), ("place", 0, 0, 0),
        ("place", 1, 0, 0), ("lose", 0, 0, 0), ("wait", 2, 0, 0), ("kill", 0, 0, 0),
    ],
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES.values(), ids=[name.replace(" ", "-") for name in STORIES])
def test_it_ends_well(story: list[Step]) -> None:
    run(story)
