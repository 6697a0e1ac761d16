"""What a trader realised and earned."""

from decimal import Decimal as D

from ctosd.abi import Fill, Side
from drivers.binance.emulator.traders import STRIDE, Trader


def fill(side: Side, size: str, price: str) -> Fill:
    return Fill(
        account="v/main", symbol="BTC/USDT:USDT", trade_id="v-t1", client_id="c", venue_id="o", side=side,
        price=D(price), size=D(size), fee=D(0), fee_asset="USDT", liquidity="taker", time_ns=0,
    )  # fmt: skip


def test_profit_is_realised_against_the_average_entry() -> None:
    trader = Trader("main", "v/main", 0)
    assert trader.realise(fill("buy", "1", "100")) == 0
    assert trader.realise(fill("buy", "3", "120")) == 0
    assert trader.realise(fill("sell", "2", "125")) == D(20)
    assert trader.realise(fill("sell", "3", "110")) == D(-10), "two are closed at 115, one is opened"
    assert trader.realise(fill("buy", "1", "100")) == D(10)
    assert trader.realise(fill("buy", "1", "100")) == 0


def test_nothing_earned_is_not_kept() -> None:
    trader = Trader("main", "v/main", 0)
    trader.earn("COMMISSION", D(0), "USDT", 1)
    trader.earn("TRANSFER", D(5), "USDT", 1)
    assert [(each.kind, each.native, each.info) for each in trader.income] == [("TRANSFER", "", "TRANSFER")]


def test_orders_of_two_traders_never_share_a_number() -> None:
    first, second = Trader("main", "v/main", 0), Trader("second", "v/second", 1)
    assert second.ledger.number() - first.ledger.number() == STRIDE
