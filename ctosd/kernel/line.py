"""The way to one venue: its driver, its buckets, and the count of what left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctosd.abi.driver import Driver
from ctosd.kernel.budget import SharedBudget


class Line:
    """What every order to a venue meets on its way out. `live` venues move real money."""

    def __init__(self, driver: Driver, budget: SharedBudget) -> None:
        self.driver = driver
        self.budget = budget
        budget.declare(driver.manifest.limits)
        self.up = False
        self.live = driver.live
        self.reason = "starting"
        self.intents = 0
        self.writes = 0
        self.meant = 0  # places and amends among the writes
        self.waiting = 0
        self.unknown = 0

    def statistics(self) -> Mapping[str, Any]:
        return {
            "up": self.up,
            "live": self.live,
            "intents": self.intents,
            "writes": self.writes,
            "written": -1 if self.driver.written is None else self.driver.written,
            "waiting": self.waiting,
            "unknown": self.unknown,
        }
