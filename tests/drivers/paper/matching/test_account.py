"""Positions and money of one account: average entry, realised profit, locks and margins."""

from decimal import Decimal as D

from drivers.paper.matching import Rules
from drivers.paper.matching.account import Account
from drivers.paper.matching.market import Market
from tests.drivers.paper.matching.exchange import PERP, SPOT, A, Venue, instrument, venue


def perpetual() -> tuple[Account, Market]:
    return Account("paper/a", D(10), keep=10), Market(instrument(PERP), Rules())


def test_adding_averages_the_entry_and_reducing_keeps_it() -> None:
    account, market = perpetual()
    holding = account.holding(market)
    account.move(holding, *holding.after(10, D(100))[:2])  # one base unit at 100
    account.move(holding, *holding.after(10, D(200))[:2])
    assert (holding.size, holding.entry) == (D(2), D(150))
    lots, cost, realised = holding.after(-5, D(-100))  # half a unit at 200
    assert (lots, cost, realised) == (15, D(225), D(25))


def test_a_flip_realises_the_old_and_opens_the_new() -> None:
    """Long 1 at 100, sold 3 at 110: 10 won, short 2 at 110."""
    account, market = perpetual()
    holding = account.holding(market)
    account.move(holding, *holding.after(10, D(100))[:2])
    assert holding.after(-30, D(-330)) == (-20, D(-220), D(10))


def test_parts_add_up_to_the_whole() -> None:
    """Thirds of a cost are rounded, and what is rounded away stays in the position."""
    account, market = perpetual()
    holding = account.holding(market)
    account.move(holding, *holding.after(3, D(100))[:2])
    won = D(0)
    for _ in range(3):
        lots, cost, realised = holding.after(-1, D(-40))
        won += realised
        account.move(holding, lots, cost)
    assert (holding.lots, holding.cost, won) == (0, D(0), D(20))


def test_realised_profit_is_told_gross_of_fees(v: Venue) -> None:
    v.place("buy", "3")
    v.quote(111, 5, 112, 5)
    v.place("sell", "2")
    assert v.engine.positions(A)[0].realised == 20


def test_leverage_is_bounded_by_the_instrument() -> None:
    account = Account("paper/a", D(100), keep=10)
    assert account.leverage_of(Market(instrument(PERP), Rules())) == 50


def test_margin_is_the_worse_side_over_the_leverage(v: Venue) -> None:
    """Long 2 at 101; buys of 300 and sells of 1,000 rest: short 798 is worse than long 502."""
    v.place("buy", "2")
    v.place("buy", "3", "100")
    v.place("sell", "8", "125")
    unrealised = 2 * (D("100.5") - 101)
    assert v.available() == v.cash() + unrealised - (1000 - 202) / D(10)


def test_reduce_only_orders_hold_nothing(v: Venue) -> None:
    v.place("buy", "2")
    before = v.available()
    v.place("sell", "2", "110", reduce_only=True)
    assert v.available() == before


def test_spot_orders_lock_what_they_may_pay(v: Venue) -> None:
    """A buy locks its worth and the taker fee, a sell its size; a cancel gives both back."""
    buy, sell = v.place("buy", "2", "90", symbol=SPOT), v.place("sell", "3", "110", symbol=SPOT)
    assert v.available() == 100_000 - D(180) * D("1.0005")
    assert v.available(asset="BTC") == 97
    v.cancel(buy)
    v.cancel(sell)
    assert (v.available(), v.available(asset="BTC")) == (100_000, 100)


def test_spot_trades_move_both_assets_and_fees_are_quote(v: Venue) -> None:
    v.place("buy", "2", symbol=SPOT)
    assert v.cash(asset="BTC") == 102
    assert v.cash() == 100_000 - D(202) * D("1.0005")
    v.place("sell", "1", symbol=SPOT)
    assert v.cash(asset="BTC") == 101
    assert v.cash() == 100_000 - D(202) * D("1.0005") + D(100) * D("0.9995")
    assert not v.engine.positions(A)


def test_a_filled_maker_releases_its_whole_lock() -> None:
    """It locked the taker fee and paid the maker fee: nothing stays locked."""
    v = venue()
    v.quote(100, 1, 101, 1, symbol=SPOT)
    v.place("buy", "2", "100", symbol=SPOT)
    v.trade(99, 1, "sell", symbol=SPOT)
    v.trade(99, 1, "sell", symbol=SPOT)
    assert v.available() == v.cash() == 100_000 - D(200) * D("1.0001")
