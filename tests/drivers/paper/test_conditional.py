"""Conditional orders wait for their price, from whichever side it comes."""

from decimal import Decimal as D

from ctosd.abi import Place
from drivers.paper.conditional import Conditionals


def order(client_id: str, trigger: str, account: str = "v/a", symbol: str = "BTC/USDT") -> Place:
    return Place(
        account=account, client_id=client_id, symbol=symbol, side="buy", type="market", size=D(1), trigger=D(trigger)
    )


def test_a_trigger_waits_for_the_price_from_the_side_on_which_it_was_set() -> None:
    waiting = Conditionals()
    waiting.add(order("above", "110"), 100.0)
    waiting.add(order("below", "90"), 100.0)
    assert waiting.reached("BTC/USDT", 109.9) == []
    assert waiting.reached("BTC/USDT", 90.1) == []
    assert [each.client_id for each in waiting.reached("BTC/USDT", 90.0)] == ["below"]
    assert waiting.reached("BTC/USDT", 80.0) == []
    assert [each.client_id for each in waiting.reached("BTC/USDT", 110.0)] == ["above"]
    assert waiting.reached("BTC/USDT", 111.0) == ()


def test_they_are_kept_apart_by_account_and_symbol() -> None:
    waiting = Conditionals()
    waiting.add(order("one", "110"), 100.0)
    waiting.add(order("one", "110", account="v/b"), 100.0)
    waiting.add(order("two", "110", symbol="ETH/USDT"), 100.0)
    assert [each.client_id for each in waiting.of("v/a")] == ["one", "two"]
    assert [each.client_id for each in waiting.of("v/a", "ETH/USDT")] == ["two"]
    assert waiting.remove("v/b", "one") is not None
    assert waiting.remove("v/b", "one") is None
    assert waiting.find("v/a", "one") is not None
    assert [each.client_id for each in waiting.reached("ETH/USDT", 200.0)] == ["two"]
    assert waiting.statistics() == {"waiting": 1}
