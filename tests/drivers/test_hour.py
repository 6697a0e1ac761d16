"""One hour of random faults on each venue: no order lost, none twice, positions, fills and money as the venue has them."""

from __future__ import annotations

import pytest

from ctosd.abi import Order, Rejected, Unknown
from ctosd.kernel.egress import Egress
from tests.drivers.hour import live_through
from tests.drivers.test_conformance import SUBJECTS

VENUES = ("okx", "binance-usdm", "binance-spot", "backpack")


@pytest.mark.timeout(119)
@pytest.mark.parametrize("name", VENUES)
def test_an_hour_of_faults_leaves_nothing_wrong(name: str) -> None:
    faults, told = live_through(SUBJECTS[name], 1)
    assert faults == [], f"python -m tests.drivers.hour {name} 1"
    assert told["unknown"] > 0, "nothing was doubtful: nothing was proved"


def test_the_hour_finds_a_kernel_that_takes_doubt_for_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rivals do: a lost answer is read as a rejection, and the order that arrived trades on unseen."""

    def wishful(self: Egress, order: Order, outcome: Unknown, seq: int) -> None:
        refusal = Rejected(client_id=order.client_id, reason="exchange_error", message=outcome.message, time_ns=1)
        self._reject(order, refusal, seq)

    monkeypatch.setattr(Egress, "_mark_unknown", wishful)
    faults, _ = live_through(SUBJECTS["binance-usdm"], 1)
    assert any("order_" in fault or "open there" in fault for fault in faults)
