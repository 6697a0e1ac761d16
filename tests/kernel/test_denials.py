"""Refusals of the gate that are kept for `why`."""

from __future__ import annotations

from decimal import Decimal as D

from ctosd.abi.orders import Order
from ctosd.core.gate import Refusal
from ctosd.kernel.denials import KEPT, Denials


def order(number: int, side: str = "buy") -> Order:
    return Order(client_id=f"c{number}", strategy="mine", account="test/main", symbol="BTC/USDT:USDT", side=side,  # type: ignore[arg-type]
                 type="limit", size=D(number), updated_ns=number)  # fmt: skip


def test_the_same_refusal_again_only_counts() -> None:
    denials = Denials()
    assert denials.note(order(1), Refusal("price_band", "too far"))
    assert not denials.note(order(2), Refusal("price_band", "farther still"))
    assert denials.note(order(3, "sell"), Refusal("price_band", "too far"))
    first, second = denials["mine"]
    assert (first.count, first.time_ns, first.message, first.size) == (2, 2, "farther still", D(2))
    assert (second.count, second.side) == (1, "sell")


def test_the_newest_are_kept() -> None:
    denials = Denials()
    for number in range(KEPT + 5):
        denials.note(order(number), Refusal(f"reason {number}", ""))
    assert [len(denials["mine"]), denials["mine"][0].reason] == [KEPT, "reason 5"]
