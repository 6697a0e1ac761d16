"""The page that a person reads: aligned, plain on paper, coloured on a terminal, and safe for it."""

from __future__ import annotations

from ctosd.ctl.words import Paper
from ctosd.host.probing import page
from ctosd.host.probing.check import Check, Report
from ctosd.host.probing.orders import Placed

CHECKS = (
    Check(name="tcp", target="one.test:443", ok=True, ms=12.34, message="192.0.2.1", way="direct"),
    Check(
        name="tunnel",
        target="one.test:443",
        ok=False,
        ms=1200.0,
        message="no\x1b[2J way",
        remedy="mend it",
        way="proxy",
    ),
    Check(name="key binding", target="okx/main", ok=False, message="bound to nothing", matters=False),
)
REPORT = Report(venue="okx", money="demo money", proxy="http://127.0.0.1:1", checks=CHECKS)


def test_one_aligned_line_a_check() -> None:
    head, *lines = page.venue(REPORT, Paper()).splitlines()
    assert head == "okx: demo money, through http://127.0.0.1:1"
    assert lines == [
        "  ok     tcp          one.test:443    12.3 ms  direct  192.0.2.1",
        "  wrong  tunnel       one.test:443  1200.0 ms  proxy   no [2J way  -> mend it",
        "  note   key binding  okx/main                         bound to nothing",
    ]


def test_colours_are_for_terminals() -> None:
    shown = page.venue(REPORT, Paper(80, colours=True))
    assert "\x1b[31mwrong\x1b[0m" in shown
    assert "\x1b[33mnote \x1b[0m" in shown
    assert "\x1b[2J" not in shown


def test_without_a_proxy_there_is_no_column_of_ways() -> None:
    plain = Report(venue="okx", money="demo money", proxy="", checks=(Check(name="dns", target="a", ok=True),))
    assert page.venue(plain, Paper()) == "okx: demo money\n  ok     dns  a"


def test_the_last_line_counts() -> None:
    good = Report(venue="binance", money="", proxy="", checks=CHECKS[:1])
    assert page.summary([good]) == "nothing is wrong"
    assert page.summary([good, REPORT]) == "something is wrong: okx (1); 1 note"


def test_an_order_and_a_refused_one() -> None:
    done = Placed(
        symbol="BTC/USDT:USDT", client_id="ctos1", size="0.001", price="57000", state="open", ended="cancelled", ms=3.25
    )
    shown = page.order(done, Paper())
    assert shown.split() == [
        "ok",
        "BTC/USDT:USDT",
        "ctos1",
        "buy",
        "0.001",
        "at",
        "57000",
        "3.2",
        "ms",
        "open",
        "->",
        "cancelled",
    ]
    denied = Placed(symbol="BTC/USDT:USDT", state="denied", reason="unarmed", message="okx/main is not armed")
    shown = page.order(denied, Paper())
    assert shown.split()[0] == "wrong"
    assert shown.endswith("denied  unarmed: okx/main is not armed")
