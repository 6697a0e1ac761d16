"""Orders that are not ours: counted in the exposure, listed once, and gone when their venue says so."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.kernel.outside import Outside
from tests.core.test_lifecycle import update


def test_they_count_until_they_end() -> None:
    outside = Outside()
    mine = update("open", client_id="web-1", venue_id="v7", size=D(3), filled=D(1))
    assert outside.see(mine)
    assert not outside.see(mine)
    assert outside.exposure(mine.account, mine.symbol) == (D(2), D(0))
    assert outside.exposure(mine.account, "ETH/USDT:USDT") == (D(0), D(0))
    assert outside.find(mine.account, "v7") == outside.find(mine.account, "web-1") == mine
    assert outside.find("other/main", "v7") is None
    assert not outside.see(update("cancelled", client_id="web-1", venue_id="v7"))
    assert outside.statistics() == {"orders": 0}


def test_what_a_venue_does_not_list_is_forgotten() -> None:
    outside = Outside()
    kept, gone = (update("open", client_id="", venue_id=name) for name in ("v1", "v2"))
    outside.see(kept)
    outside.see(gone)
    outside.keep(kept.account, {"v1"})
    outside.keep("other/main", set())
    assert list(outside.all()) == list(outside.all(kept.account)) == [kept]
