"""Seeded chance: the same text gives the same numbers, in any process."""

from __future__ import annotations

from random import Random


def chance(seed: str) -> Random:
    """A generator of its own. A text is hashed by `random` itself, so the process's hash seed does not matter."""
    return Random(seed)  # noqa: S311 - it makes prices and mishaps, not secrets
