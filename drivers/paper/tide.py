"""The random processes behind synthetic prices: the market's tide, and each coin's own way.

A log price is ``beta x tide + own``. Both parts are a walk plus a wave: a shock moves the walk for good and the wave for some
minutes, so that a part of every move is taken back, as intraday prices do. Calm, normal and wild hours follow each other
as a Markov chain, and sudden jumps come at a small rate.

Everything advances on one grid of steps and draws from its own generator, so the path of a coin does not depend on who
else is looked at. Saved is only where a process stands: it goes on from a new seed made of the old one and its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, sqrt
from random import Random
from typing import Any

from drivers.paper.chance import chance

YEAR_S = 365 * 86_400.0
DAY_S = 86_400.0
WAVE_S = 300.0
"""Seconds in which the wave falls to a third."""

CALM, NORMAL, WILD = 0, 1, 2
REGIMES = ("calm", "normal", "wild")
FACTOR = (0.5, 1.0, 2.5)
"""Volatility of each regime; the mean of the squares over time is one."""
DWELL_S = (2_400.0, 3_600.0, 600.0)

TIDE_VOLATILITY = 0.45
CATCH_UP = 1_000
"""Steps that are made one by one; who slept longer makes the rest in one."""


class Process:
    """Walk plus wave of one thing. `share` of the variance is taken back."""

    __slots__ = (
        "_decay", "_dt", "_jump", "_jump_size", "_random", "_root", "_seed", "_sigma", "_walk_part",
        "level", "step", "walk", "wave",
    )  # fmt: skip

    def __init__(self, seed: str, volatility: float, share: float, jumps_per_day: float, dt: float) -> None:
        self._seed = seed
        self._random = chance(seed)
        self._dt = dt
        self._root = sqrt(dt)
        self._sigma = volatility / sqrt(YEAR_S)
        self._walk_part = sqrt(1.0 - share)
        self._decay = exp(-dt / WAVE_S)
        self._jump = jumps_per_day / DAY_S
        self._jump_size = volatility / sqrt(365.0)
        self.walk = self.wave = self.level = 0.0
        self.step = 0

    def move(self, factor: float, steps: int) -> None:
        """Advance by `steps` at `factor` times the usual volatility."""
        random = self._random
        root = self._root if steps == 1 else self._root * sqrt(steps)
        shock = self._sigma * factor * root * random.gauss(0.0, 1.0)
        if random.random() < self._jump * self._dt * steps:
            shock += self._leap(random)
        part = shock * self._walk_part
        self.walk += part
        self.wave = self.wave * (self._decay if steps == 1 else self._decay**steps) + shock - part
        self.level = self.walk + self.wave
        self.step += steps

    def _leap(self, random: Random) -> float:
        """A jump: a seventh of a usual day at least, rarely much more."""
        size = self._jump_size * min(0.15 + 0.25 * random.expovariate(1.0), 2.0)
        return size if random.random() < 0.5 else -size

    def settle(self, level: float) -> None:
        """Stand at `level`, without a wave."""
        self.walk = self.level = level
        self.wave = 0.0

    def save(self) -> dict[str, Any]:
        return {"walk": self.walk, "wave": self.wave, "step": self.step}

    def resume(self, saved: Mapping[str, Any]) -> None:
        self.walk, self.wave, self.step = float(saved["walk"]), float(saved["wave"]), int(saved["step"])
        self.level = self.walk + self.wave
        self._random = chance(f"{self._seed}/{self.step}")


class Tide(Process):
    """What moves all coins together, and the regime of the hour."""

    __slots__ = ("factor", "regime")

    def __init__(self, seed: str, share: float, jumps_per_day: float, dt: float) -> None:
        super().__init__(seed, TIDE_VOLATILITY, share, jumps_per_day, dt)
        self.regime = NORMAL
        self.factor = FACTOR[NORMAL]

    def advance(self, step: int) -> None:
        """Come to `step`."""
        if step - self.step > CATCH_UP:
            self._hop(step - self.step - CATCH_UP)
        while self.step < step:
            self._hop(1)

    def _hop(self, steps: int) -> None:
        random = self._random
        if random.random() < self._dt * steps / DWELL_S[self.regime]:
            self.regime = NORMAL if self.regime != NORMAL else (CALM if random.random() < 0.6 else WILD)
            self.factor = FACTOR[self.regime]
        self.move(self.factor, steps)

    def save(self) -> dict[str, Any]:
        return {**super().save(), "regime": self.regime}

    def resume(self, saved: Mapping[str, Any]) -> None:
        super().resume(saved)
        self.regime = int(saved["regime"])
        self.factor = FACTOR[self.regime]


class Own(Process):
    """One coin's own way beside the tide; `volatility` is the whole coin's."""

    __slots__ = ("beta", "key", "volatility")

    def __init__(
        self, seed: str, volatility: float, beta: float, share: float, jumps_per_day: float, dt: float
    ) -> None:
        self.key = ""  # by which its market keeps it
        self.volatility = volatility
        # A coin that is calmer than its part of the tide follows less of it.
        bound = 0.9 * volatility / TIDE_VOLATILITY
        self.beta = max(-bound, min(bound, beta))
        rest = sqrt(volatility**2 - (self.beta * TIDE_VOLATILITY) ** 2)
        super().__init__(seed, rest, share, jumps_per_day, dt)

    def advance(self, step: int, tide: Tide) -> float:
        """Come to `step`; the coin's log price, 0 at the start."""
        behind = step - self.step
        if behind > CATCH_UP:
            self.move(tide.factor, behind - CATCH_UP)
            behind = CATCH_UP
        for _ in range(behind):
            self.move(tide.factor, 1)
        return self.beta * tide.level + self.level
