"""Recorded trades, quotes and funding rates."""

from collections.abc import Callable

import pytest

from ctosd.abi import Feed, Funding, Misconfigured, Quote, Trade

Opened = Callable[..., Feed]
SECOND = 1_000_000_000
AT = 1_723_118_400 * SECOND
TRADES = "time,price,qty,side,id\n1723118400,100.5,0.1,buy,7\n1723118400,100.4,0.2,Sell,8\n1723118402,100.6,0.3,buy,9\n"
QUOTES = "time,bid,bid_qty,ask,ask_qty\n1723118400,100,1,101,2\n1723118401,100,1,100.5,2\n"


def test_trades(opened: Opened) -> None:
    feed = opened(TRADES)
    assert next(iter(feed)) == (AT, Trade("paper", "BTC/USDT", 100.5, 0.1, "buy", AT, "7"))
    assert [e.side for _, e in feed if isinstance(e, Trade)] == ["buy", "sell", "buy"]
    assert feed.statistics().items() >= {"kind": "trades", "rows": 3, "dropped": 0}.items()


@pytest.mark.parametrize(("cell", "side"), [("True", "sell"), ("false", "buy"), ("1", "sell")])
def test_buyer_who_was_the_maker_was_hit(opened: Opened, cell: str, side: str) -> None:
    [(_, trade)] = opened(f"time,price,qty,is_buyer_maker\n1723118400,1,1,{cell}\n")
    assert isinstance(trade, Trade)
    assert trade.side == side


def test_binance_trades_without_a_header(opened: Opened) -> None:
    [(ns, trade)] = opened("7,100.5,0.1,10.05,1723118400000000,True,True\n")
    assert (ns, trade) == (AT, Trade("paper", "BTC/USDT", 100.5, 0.1, "sell", AT, "7"))


def test_quotes(opened: Opened) -> None:
    feed = opened(QUOTES)
    assert list(feed)[1] == (AT + SECOND, Quote("paper", "BTC/USDT", 100.0, 1.0, 100.5, 2.0, AT + SECOND))


def test_range_is_open_at_its_end(opened: Opened) -> None:
    feed = opened(TRADES, start=1723118400, end=1723118402)
    assert [e.trade_id for _, e in feed if isinstance(e, Trade)] == ["7", "8"]


def test_funding_is_told_a_minute_before_it_is_paid(opened: Opened) -> None:
    """The jitter of the recorder is gone: settlement times are whole minutes."""
    feed = opened("time,funding_rate,mark_price\n1723118400.017,0.0001,60000\n1723147200.007,-0.0002,61000\n")
    due = AT + 28_800 * SECOND
    told = due - 60 * SECOND
    assert list(feed)[1] == (told, Funding("paper", "BTC/USDT", -0.0002, 61000.0, due, told, 28_800 * SECOND))


def test_freqtrade_keeps_rates_in_its_open_column(opened: Opened) -> None:
    text = "date,open,high,low,close,volume\n2024-08-08,0.0001,0,0,0,0\n2024-08-08 08:00:00,0.0002,0,0,0,0\n"
    feed = opened(text, name="BTC-8h-funding_rate.csv")
    assert [e.rate for _, e in feed if isinstance(e, Funding)] == [0.0001, 0.0002]
    with pytest.raises(Misconfigured, match="high is 0"):
        opened(text)


def test_repeated_trade_is_told_or_dropped(opened: Opened) -> None:
    text = TRADES + "1723118402,100.6,0.3,buy,9\n"
    with pytest.raises(Misconfigured, match="line 5: trade 9 a second time; delete one, or write `duplicates: drop`"):
        opened(text)
    assert opened(text, duplicates="drop").statistics()["dropped"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TRADES + "1723118401,1,1,buy,10\n",
            "line 5: time goes back from 2024-08-08T12:00:02Z to 2024-08-08T12:00:01Z",
        ),
        (TRADES + "1723118403,-1,1,buy,10\n", "line 5: a trade of 1.0 at -1.0; correct or delete the row"),
        (TRADES + "1723118403,nan,1,buy,10\n", "line 5: a trade of 1.0 at nan"),
        (TRADES + "1723118403,1,0,buy,10\n", "line 5: a trade of 0.0 at 1.0"),
        (TRADES + "1723118403,1,1,up,10\n", "line 5: side is 'up'; write one of buy"),
        ("time,price,qty\n1,1,1\n", "no side of the taker among time, price, qty; add a column"),
        (QUOTES + "1723118402,102,1,101,2\n", "line 4: bid 102.0 x 1.0 and ask 101.0 x 2.0 cannot stand together"),
        (QUOTES + "1723118402,100,-1,101,2\n", "cannot stand together"),
        ("time,funding_rate\n1723118400,3\n", "line 2: a funding rate of 3.0 at .*write the rate as a fraction"),
    ],
)
def test_impossible_rows_are_told(opened: Opened, text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        opened(text)
