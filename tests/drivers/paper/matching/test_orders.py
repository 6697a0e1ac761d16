"""An order as the venue tells it."""

from decimal import Decimal as D

from drivers.paper.matching.orders import Order, opposite


def test_an_update_carries_the_average_and_none_before_the_first_fill() -> None:
    order = Order(
        account="paper/a",
        client_id="c1",
        venue_id="o1",
        symbol="BTC/USDT",
        side="sell",
        type="limit",
        size=D(3),
        price=D(100),
        created_ns=1,
        updated_ns=2,
    )
    assert (order.update().average, order.sign, order.is_open, order.key) == (None, -1, True, "order/paper/a/c1")
    order.filled, order.notional, order.state = D(2), D(210), "cancelled"
    assert (order.update().average, order.is_open) == (D(105), False)


def test_opposite() -> None:
    assert (opposite("buy"), opposite("sell")) == ("sell", "buy")
