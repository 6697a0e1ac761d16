"""The ledger: what is remembered, and what is forgotten."""

from drivers.okx.emulator.ledger import Numbers
from tests.drivers.okx.emulator.venue import SWAP, Venue


def test_numbers_grow():
    numbers = Numbers()
    orders = [int(numbers.order()) for _ in range(3)]
    assert orders == sorted(set(orders))
    assert len(str(orders[0])) == 19
    assert int(numbers.bill()) < int(numbers.bill())


def test_truth_tells_orders_fills_and_client_ids():
    venue = Venue()
    venue.order("buy", "2", clOrdId="a")
    venue.order("buy", "0", clOrdId="b")
    truth = venue.truth()
    assert truth["received"] == {"a": 1, "b": 1}
    assert truth["placed"] == {"a": 1}
    (order,) = truth["orders"]
    assert (order["client_id"], order["state"], order["filled"], order["symbol"]) == (
        "a",
        "filled",
        "0.02",
        "BTC/USDT:USDT",
    )
    assert sum(float(fill["size"]) for fill in truth["fills"]) == 0.02
    assert truth["positions"] == {"BTC/USDT:USDT": "0.02"}
    assert float(truth["fills"][0]["fee"]) > 0


def test_cancelled_orders_without_a_fill_are_forgotten_after_two_hours():
    venue = Venue()
    resting = venue.order(price=venue.below())
    venue.row("trade/cancel-order", {"instId": SWAP, "ordId": resting["ordId"]})
    filled = venue.order()
    book = venue.emulator._books["okx/main"]
    now = venue.clock.now_ns()
    assert [ticket.id for ticket in book.visible(now)] == [filled["ordId"], resting["ordId"]]
    assert [ticket.id for ticket in book.visible(now + 7_200_000_000_001)] == [filled["ordId"]]


def test_an_order_id_wins_over_a_client_id():
    venue = Venue()
    first = venue.order(price=venue.below(), clOrdId="one")
    second = venue.order(price=venue.below(), clOrdId="two")
    book = venue.emulator._books["okx/main"]
    assert book.find(SWAP, second["ordId"], "one").id == second["ordId"]
    assert book.find(SWAP, "", "one").id == first["ordId"]
    assert book.find("ETH-USDT-SWAP", "", "one") is None
