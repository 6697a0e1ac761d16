"""Chance is the same for the same text."""

from __future__ import annotations

from drivers.paper.chance import chance


def test_the_same_text_gives_the_same_numbers() -> None:
    """The figures are those that every Python gives, so that a seed means the same on every machine."""
    assert [round(chance("7/BTC/USDT:USDT").random(), 12) for _ in range(2)] == [FIRST, FIRST]
    assert chance("a").random() != chance("b").random()


FIRST = 0.211183137409
