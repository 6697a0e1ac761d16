"""Balances, margin, settings and positions, as the account's owner sees them."""

from decimal import Decimal as D

import pytest

from tests.drivers.backpack.emulator.counter import PERP, SOL, Counter, market, refusal


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_spot_orders_lock_what_they_need(counter: Counter) -> None:
    assert counter.ask("GET", "/api/v1/capital") == {
        "USDC": {"available": "10000", "locked": "0", "staked": "0"},
        "SOL": {"available": "20", "locked": "0", "staked": "0"},
    }
    counter.place(symbol=SOL, price="140", quantity="10")
    counter.place(symbol=SOL, side="Ask", price="160", quantity="5")
    capital = counter.ask("GET", "/api/v1/capital")
    assert D(capital["USDC"]["locked"]) == D("1401.4")
    assert D(capital["USDC"]["available"]) == 10_000 - D("1401.4")
    assert capital["SOL"] == {"available": "15", "locked": "5", "staked": "0"}
    assert counter.truth(1)["balances"] == {"USDC": "10000", "SOL": "20"}


def test_lent_balances_are_not_in_the_capital(counter: Counter) -> None:
    reply = counter.signed("PATCH", "/api/v1/account", {"autoLend": True})
    assert (reply.status, reply.body) == (200, b"")
    assert counter.ask("GET", "/api/v1/account")["autoLend"] is True
    assert counter.ask("GET", "/api/v1/capital")["USDC"]["available"] == "0"
    lent = {each["symbol"]: each["netQuantity"] for each in counter.ask("GET", "/api/v1/borrowLend/positions")}
    assert lent == {"USDC": "10000", "SOL": "20"}
    rows = {each["symbol"]: each for each in counter.ask("GET", "/api/v1/capital/collateral")["collateral"]}
    assert (rows["USDC"]["totalQuantity"], rows["USDC"]["lendQuantity"]) == ("10000", "10000")
    counter.signed("PATCH", "/api/v1/account", {"autoLend": False})
    assert counter.ask("GET", "/api/v1/borrowLend/positions") == []


def test_equity_is_everything(counter: Counter) -> None:
    before = counter.ask("GET", "/api/v1/capital/collateral")
    assert 12_500 < float(before["netEquity"]) < 13_500
    assert before["marginFraction"] is None
    counter.place(**market(quantity="10"))
    after = counter.ask("GET", "/api/v1/capital/collateral")
    assert float(after["netExposureFutures"]) == pytest.approx(1500, rel=0.01)
    assert float(after["netEquityAvailable"]) < 10_000 - 140
    position = counter.ask("GET", "/api/v1/position")[0]
    assert after["pnlUnrealized"] == position["pnlUnrealized"]


def test_the_leverage_is_the_account_s(counter: Counter) -> None:
    assert counter.ask("GET", "/api/v1/account")["leverageLimit"] == "10"
    counter.signed("PATCH", "/api/v1/account", {"leverageLimit": "2"})
    assert counter.ask("GET", "/api/v1/account")["leverageLimit"] == "2"
    assert counter.refused(quantity="150", price="140")[:2] == (400, "INSUFFICIENT_MARGIN")
    counter.signed("PATCH", "/api/v1/account", {"leverageLimit": "10"})
    counter.place(quantity="150", price="140")
    assert refusal(counter.signed("PATCH", "/api/v1/account", {"leverageLimit": "1"}))[1] == "MAX_LEVERAGE_REACHED"
    assert counter.ask("GET", "/api/v1/account")["leverageLimit"] == "10"
    for wrong in ("0", "1000", 5, "x", "1.2.3"):
        assert counter.signed("PATCH", "/api/v1/account", {"leverageLimit": wrong}).status == 400


def test_fees_are_in_basis_points_and_orders_are_counted(counter: Counter) -> None:
    counter.place()
    counter.place(quantity=None, triggerPrice="160", triggerQuantity="1")
    told = counter.ask("GET", "/api/v1/account")
    fees = [told[name] for name in ("futuresMakerFee", "futuresTakerFee", "spotMakerFee", "spotTakerFee")]
    assert fees == ["2", "5", "8", "10"]
    assert (told["limitOrders"], told["triggerOrders"]) == (1, 1)


def test_a_position_is_its_net_quantity_not_its_exposure(counter: Counter) -> None:
    counter.place(**market(quantity="2", side="Ask"))
    counter.place(side="Ask", price="160", quantity="3")
    (told,) = counter.ask("GET", "/api/v1/position")
    assert (told["symbol"], told["netQuantity"], told["netExposureQuantity"]) == (PERP, "-2", "5")
    assert float(told["netCost"]) == pytest.approx(-2 * float(told["entryPrice"]))
    assert counter.ask("GET", "/api/v1/position", {"symbol": PERP}) == [told]
    missing = counter.signed("GET", "/api/v1/position", {"symbol": "BTC_USDC_PERP"})
    assert refusal(missing)[:2] == (404, "RESOURCE_NOT_FOUND")
    assert counter.ask("GET", "/api/v1/position", account=1) == []
    assert counter.ask("GET", "/api/v1/position", {"marketType": "SPOT"}) == []


def test_how_much_may_be_ordered(counter: Counter) -> None:
    def most(**fields: object) -> D:
        return D(counter.ask("GET", "/api/v1/account/limits/order", {"symbol": PERP, **fields})["maxOrderQuantity"])

    size = most(side="Bid", price="140")
    counter.place(price="140", quantity=str(size))
    counter.signed("DELETE", "/api/v1/orders", {"symbol": PERP})
    assert counter.refused(price="140", quantity=str(size + 20))[1] == "INSUFFICIENT_MARGIN"
    assert most(side="Ask", reduceOnly=True) == 0
    counter.place(**market(quantity="3"))
    assert most(side="Ask", reduceOnly=True) == 3
    assert most(side="Ask", symbol=SOL) == 20
    assert counter.signed("GET", "/api/v1/account/limits/order", {"symbol": PERP, "side": "Sell"}).status == 400


def test_an_identity_of_a_position_changes_when_it_is_opened_anew(counter: Counter) -> None:
    ids = []
    for _ in range(2):
        counter.place(**market(quantity="1"))
        ids.append(counter.ask("GET", "/api/v1/position")[0]["positionId"])
        counter.place(**market(quantity="1", side="Ask"))
    assert len(set(ids)) == 2
