"""The venue that most tests start from."""

from __future__ import annotations

import pytest

from tests.drivers.paper.matching.exchange import SPOT, Venue, venue


@pytest.fixture
def v() -> Venue:
    """Quoted 100 x 5 at 101 x 5."""
    made = venue()
    made.quote(100, 5, 101, 5)
    made.quote(100, 5, 101, 5, symbol=SPOT)
    return made
