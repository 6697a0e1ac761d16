"""The promise: records that compare and encode, symbols and grids that keep their laws, words that are documented."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd import abi
from ctosd.abi import commands, events
from ctosd.testing.venue import perpetual

prices = st.decimals(D("0.000001"), D(1_000_000), places=6)
grids = st.sampled_from([D("0.1"), D("0.01"), D("0.00001"), D(1), D("0.5"), D("2.5")])


def test_all_names_are_there_once() -> None:
    assert len(abi.__all__) == len(set(abi.__all__))
    assert all(hasattr(abi, name) for name in abi.__all__)


@given(prices, grids)
def test_prices_round_passively_to_the_tick(price: D, tick: D) -> None:
    instrument = perpetual(tick=tick)
    low, high = instrument.round_price(price, "buy"), instrument.round_price(price, "sell")
    assert low <= price <= high
    assert high - low in (0, tick)
    assert instrument.on_tick(low)
    assert instrument.on_tick(high)


@given(prices, grids)
def test_sizes_are_never_rounded_up(size: D, lot: D) -> None:
    floored = perpetual(lot=lot).floor_size(size)
    assert floored <= size < floored + lot
    assert perpetual(lot=lot).on_lot(floored)


@given(st.decimals(D(-99999999), D(99999999), places=6))
def test_a_float_gives_the_venues_own_digits_back(digits: D) -> None:
    assert abi.exact(float(digits)) == digits


@pytest.mark.parametrize(("text", "symbol"), [
    ("BTC/USDT:USDT", "BTC/USDT:USDT"), ("btc-usdt:usdt", "BTC/USDT:USDT"), (" eth-usdt ", "ETH/USDT"), ("BTC/USDT", "BTC/USDT"),
])  # fmt: skip
def test_a_hyphen_may_stand_for_the_slash(text: str, symbol: str) -> None:
    assert abi.normalise_symbol(text) == symbol
    assert abi.normalise_symbol(abi.path_symbol(symbol)) == symbol


def test_symbols_split() -> None:
    assert abi.split_symbol("btc-usdt:usdt") == ("BTC", "USDT", "USDT")
    assert abi.split_symbol("ETH/BTC") == ("ETH", "BTC", "")
    with pytest.raises(abi.CallerMistake, match="BASE/QUOTE"):
        abi.split_symbol("BTC")


def test_topics_fit_into_paths() -> None:
    assert abi.topic("bars", "okx", "BTC/USDT:USDT", "1m") == "bars.1m/okx/BTC-USDT:USDT"
    assert abi.topic("private", "okx") == "private/okx"


EVENTS: list[Any] = [
    events.Quote("v", "A/B", 1.0, 2.0, 3.0, 4.0, 5),
    events.Trade("v", "A/B", 1.5, 2.0, "buy", 5, "t"),
    events.BookDelta("v", "A/B", [(1.0, 2.0)], [(3.0, 4.0)], 5, snapshot=True),
    events.Bar("v", "A/B", "1m", 1.0, 2.0, 0.5, 1.5, 9.0, 0, 60),
    events.Funding("v", "A/B", 0.0001, 100.0, 9, 5),
    events.Fill(account="v/m", symbol="A/B", trade_id="t", client_id="c", venue_id="o", side="buy", price=D("1.10"), size=D(2),
                fee=D("0.1"), fee_asset="B", liquidity="taker", time_ns=5),
    events.VenueStatus(venue="v", up=True, reason="", time_ns=5),
    commands.Place(account="v/m", client_id="c", symbol="A/B", side="sell", type="limit", size=D(1), price=D("2.50")),
    commands.Amend(account="v/m", client_id="c", venue_id="o", symbol="A/B", size=D(1)),
    commands.Cancel(account="v/m", client_id="c", venue_id="o", symbol="A/B"),
    commands.Rejected(client_id="c", reason="filter", message="no", time_ns=5),
    commands.Unknown(client_id="c", message="reset"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_records_survive_the_journal(event: Any) -> None:
    again = msgspec.json.decode(msgspec.json.encode(event), type=type(event))
    assert again == event
    assert str(again) == str(event)  # a Decimal keeps its digits: 1.10 is not 1.1


def test_market_events_cannot_be_changed_by_a_listener() -> None:
    with pytest.raises(AttributeError):
        EVENTS[0].bid = 9.0


def test_every_state_is_terminal_or_live() -> None:
    assert set(get_args(events.OrderState)) > events.TERMINAL
    order = abi.Order(client_id="c", strategy="s", account="v/m", symbol="A/B", side="buy", type="limit", size=D(4))
    assert order.is_open
    order.state = "unknown"
    assert order.is_open  # its absence is not proved
    order.filled, order.notional = D(2), D(5)
    assert (order.remaining, order.average) == (D(2), D("2.5"))


def test_errors_choose_the_policy_by_their_type() -> None:
    for name in ("NotReady", "AuthFailed", "Misconfigured", "CallerMistake", "Fenced", "InvariantBroken"):
        assert issubclass(getattr(abi, name), abi.CtosError)
        assert getattr(abi, name).__doc__


def test_every_reason_has_a_meaning() -> None:
    assert all(word == word.lower() and meaning for word, meaning in abi.REASONS.items())


def test_a_strategy_needs_no_handler() -> None:
    class Empty(abi.Strategy):
        """Nothing."""

    empty = Empty()
    assert empty.Params is abi.NoParams
    empty.save()
    with pytest.raises(NotImplementedError):
        empty.set_timer(1)


def test_a_request_tells_its_path_and_its_query_as_they_came() -> None:
    """What was signed is what is looked at: nothing is decoded."""
    request = abi.Request("GET", "/api/v5/market/books?instId=BTC%2DUSDT&sz=5?x", {})
    assert request.path == "/api/v5/market/books"
    assert request.query == "instId=BTC%2DUSDT&sz=5?x"
    assert abi.Request("GET", "/", {}).query == ""


def test_a_dialect_asks_for_little() -> None:
    """The defaults are those of a venue without a login, without pings and without rotation."""
    dialect = abi.Dialect()
    assert list(dialect.hello()) == list(dialect.headers()) == []
    assert not dialect.needs_greeting
    assert dialect.silent_s > dialect.ping_s > 0


async def test_a_driver_without_the_extras_says_so() -> None:
    """What a venue lacks is an error with the venue's name, and never a silent success."""
    from ctosd.testing.rig import Rig

    venue = Rig().venue
    assert not venue.live
    with pytest.raises(abi.NotReady, match="dead-man"):
        await venue.refresh_dead_man("test/main", (), 60)
    with pytest.raises(abi.NotReady, match="everything"):
        await venue.cancel_everything("test/main")
    assert await venue.preflight("test/main") == ()


def test_nothing_sent_and_no_answer_are_told_apart() -> None:
    """Both are `NotReady` to a read; a write must know which."""
    assert issubclass(abi.NotSent, abi.NotReady)
    assert issubclass(abi.NoAnswer, abi.NotReady)
    assert not issubclass(abi.NoAnswer, abi.NotSent)
