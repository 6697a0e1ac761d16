"""The engine against an independent ledger: random commands and news, and laws that must hold after each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ctosd.abi import TERMINAL, Balance, CallerMistake, Fill, FundingPayment, OrderUpdate, Position
from drivers.paper.matching import Engine, Rules
from tests.drivers.paper.matching.exchange import ETH, PERP, SPOT, A, B, Venue, instrument

SYMBOLS = (PERP, ETH, SPOT)
BALANCES = {"USDT": D(500), "BTC": D(20)}
ACCOUNTS = st.sampled_from([A, B])
SYMBOL = st.sampled_from([PERP, PERP, ETH, SPOT])
SIDE = st.sampled_from(["buy", "sell"])
PRICE = st.integers(92, 108)
LOTS = st.integers(1, 60)
STYLE = st.sampled_from(
    ["gtc", "gtc", "gtc", "gtc", "ioc", "fok", "post", "reduce", "reduce", "reduce_market", "market"]
)
ORDER = st.tuples(ACCOUNTS, SYMBOL, SIDE, LOTS, PRICE, STYLE)


class Ledger:
    """What the events alone say: written apart from the engine, in the plainest way."""

    def __init__(self) -> None:
        self.cash: dict[tuple[str, str], D] = defaultdict(D)  # what fills and payments moved, positions at cost
        self.size: dict[tuple[str, str], D] = defaultdict(D)
        self.orders: dict[tuple[str, str], OrderUpdate] = {}
        self.filled: dict[tuple[str, str], D] = defaultdict(D)
        self.trades: dict[str, list[Fill]] = defaultdict(list)

    def hear(self, event: Any) -> None:
        if isinstance(event, OrderUpdate):
            self._order(event)
        elif isinstance(event, Fill):
            self._fill(event)
        elif isinstance(event, FundingPayment):
            assert self.size[event.account, event.symbol] == event.position
            self.cash[event.account, event.asset] += event.amount

    def _order(self, update: OrderUpdate) -> None:
        key = (update.account, update.client_id)
        old = self.orders.get(key)
        if old is not None:
            assert old.state not in TERMINAL, f"{key} was {old.state} and is {update.state} again"
            assert update.filled >= old.filled
            assert update.time_ns >= old.time_ns
        assert update.filled == self.filled[key]
        assert update.filled <= update.size
        assert (update.state == "filled") == (update.filled == update.size)
        self.orders[key] = update

    def _fill(self, fill: Fill) -> None:
        key, place = (fill.account, fill.client_id), (fill.account, fill.symbol)
        order = self.orders[key]
        assert fill.size > 0
        self.filled[key] += fill.size
        assert self.filled[key] <= order.size
        if order.price is not None:
            assert fill.price <= order.price if fill.side == "buy" else fill.price >= order.price
        signed = fill.size if fill.side == "buy" else -fill.size
        before = self.size[place]
        if order.reduce_only:
            assert abs(before + signed) == abs(before) - fill.size
        self.size[place] += signed
        self.cash[fill.account, "USDT"] -= signed * fill.price + fill.fee
        self.trades[fill.trade_id].append(fill)


class Machine(RuleBasedStateMachine):
    """Two accounts and three symbols. A second engine, restored from what the first wrote, must say the same for ever."""

    @initialize(quoted=st.booleans(), queue=st.sampled_from(["book", "fraction"]), touch=st.booleans(), trade=st.sampled_from(["cancel_maker", "cancel_taker", "cancel_both"]))  # fmt: skip
    def open(self, quoted: bool, queue: Any, touch: bool, trade: Any) -> None:
        self.rules = Rules(
            queue_model=queue, bar_touch_fills=touch, self_trade=trade, depth_levels=3, max_open_orders=6
        )
        self.quoted = quoted
        self.ledger = Ledger()
        self.records: dict[str, bytes] = {}
        self.names: list[tuple[str, str]] = []
        self.count = 0
        self.venues = [self.make()]
        self.last: dict[str, tuple[int, int]] = {}
        for symbol in SYMBOLS:
            self.market(symbol, 99, 102, 30, 0)

    def make(self) -> Venue:
        engine = Engine("paper", [instrument(symbol) for symbol in SYMBOLS], self.rules)
        engine.restore(self.records)
        for account in (A, B):
            engine.open_account(account, BALANCES, D(10))
        return Venue(engine)

    def act(self, what: Callable[[Venue], Any]) -> None:
        """Do it at both; the events must be the same and go into the ledger."""
        for venue in self.venues:
            what(venue)
        first = self.venues[0]
        for venue in self.venues[1:]:
            assert venue.events == first.events
            assert venue.outcome == first.outcome
        for event in first.events:
            self.ledger.hear(event)

    # -- news

    @rule(symbol=SYMBOL, bid=PRICE, gap=st.integers(1, 12), size=st.integers(1, 40), wick=st.integers(0, 5))
    def market(self, symbol: str, bid: int, gap: int, size: int, wick: int) -> None:
        if self.quoted:
            self.act(lambda v: v.quote(bid, size / 10, bid + gap, size / 5, symbol=symbol))
        else:
            self.act(lambda v: v.bar(bid, bid + gap, bid - wick, bid + gap // 2, size / 10, symbol=symbol))

    @precondition(lambda self: self.quoted)
    @rule(symbol=SYMBOL, price=PRICE, size=st.integers(1, 60), side=SIDE)
    def trade(self, symbol: str, price: int, size: int, side: str) -> None:
        self.act(lambda v: v.trade(price, size / 10, side, symbol=symbol))
        fills = [event for event in self.venues[0].events if isinstance(event, Fill) and not event.cause]
        assert sum(fill.size for fill in fills) <= D(size) / 10

    @precondition(lambda self: self.quoted)
    @rule(mid=PRICE, sizes=st.lists(st.integers(0, 30), min_size=4, max_size=4), whole=st.booleans())
    def book(self, mid: int, sizes: list[int], whole: bool) -> None:
        bids = [(float(mid - 1 - k), size / 10) for k, size in enumerate(sizes)]
        asks = [(float(mid + 1 + k), size / 10) for k, size in enumerate(reversed(sizes))]
        self.act(lambda v: v.book(bids, asks, snapshot=whole))

    @rule(mid=st.integers(60, 150))
    def jump(self, mid: int) -> None:
        """A gap that may liquidate."""
        self.market(PERP, mid, 1, 50, 0)

    @rule(rate=st.integers(-300, 300))
    def funding(self, rate: int) -> None:
        due = self.venues[0].now + 1
        self.act(lambda v: v.funding(rate / 10_000, due, due, interval=1))

    # -- commands

    @rule(orders=st.lists(ORDER, min_size=1, max_size=8))
    def orders(self, orders: list[tuple[str, str, str, int, int, str]]) -> None:
        for order in orders:
            self.place(*order)

    def place(self, account: str, symbol: str, side: str, lots: int, price: int, style: str) -> None:
        self.count += 1
        name = f"n{self.count}"
        more: dict[str, Any] = {"tif": style} if style in ("gtc", "ioc", "fok") else {}
        more |= {"post_only": True} if style == "post" else {}
        more |= {"reduce_only": True} if style.startswith("reduce") else {}
        at = None if style.endswith("market") else str(price)
        size = str(D(lots) / 10)
        self.act(lambda v: v.place(side, size, at, account=account, symbol=symbol, client_id=name, **more))
        venue = self.venues[0]
        if venue.accepted:
            self.names.append((account, name))
            order = venue.order(name, account)
            assert style not in ("ioc", "fok", "market", "reduce_market") or order.state in TERMINAL
            assert style != "fok" or order.state == "filled"
            assert style != "post" or not venue.fills(name)
        else:
            assert not venue.events

    @precondition(lambda self: self.names)
    @rule(data=st.data(), price=st.none() | PRICE, lots=st.none() | LOTS)
    def amend(self, data: st.DataObject, price: int | None, lots: int | None) -> None:
        account, name = data.draw(st.sampled_from(self.names))
        size = str(D(lots) / 10) if lots else None
        self.act(lambda v: v.amend(name, str(price) if price else None, size, account=account))

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        account, name = data.draw(st.sampled_from(self.names))
        self.act(lambda v: v.cancel(name, account=account))
        assert self.venues[0].state(name, account) in TERMINAL

    @rule(account=ACCOUNTS, symbol=st.sampled_from([PERP, ETH]), leverage=st.integers(1, 50))
    def leverage(self, account: str, symbol: str, leverage: int) -> None:
        told = [self.refusal(venue, account, symbol, leverage) for venue in self.venues]
        assert len(set(told)) == 1
        assert not told[0] or "insufficient" in told[0]

    @staticmethod
    def refusal(venue: Venue, account: str, symbol: str, leverage: int) -> str:
        try:
            venue.engine.set_leverage(account, symbol, D(leverage))
        except CallerMistake as mistake:
            return str(mistake)
        return ""

    @rule(mid=PRICE)
    def restart(self, mid: int) -> None:
        """What was written is enough: the restored engine answers alike, and after fresh news acts alike."""
        first = self.venues[0]
        for key, value in first.engine.drain_changes().items():
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value
        second = self.make()
        second.now, second.ids, second.sequence, second.outcome = first.now, first.ids, first.sequence, first.outcome
        for account in (A, B):
            for ask in ("open_orders", "balances", "positions", "fills"):
                one, two = (timeless(getattr(venue.engine, ask)(account)) for venue in (first, second))
                assert one == two
            for _, name in self.names:
                assert second.engine.order(account, name) == first.engine.order(account, name)
        self.venues = [first, second]
        self.count += 1
        odd = 50 + self.count / 10  # sizes that never were: all that was taken is there again
        for symbol in SYMBOLS:
            if self.quoted:
                self.act(lambda v, s=symbol: v.quote(mid, odd, mid + 2, odd, symbol=s))
            else:
                self.act(lambda v, s=symbol: v.bar(mid, mid, mid, mid, odd, symbol=s))
        if self.quoted:
            self.act(lambda v: v.book([(float(mid), odd)], [(float(mid + 2), odd)]))

    # -- laws

    @invariant()
    def money_is_explained_by_fills_and_payments(self) -> None:
        """Cash less the positions' cost is what the fills and payments moved: nothing appears, nothing is lost."""
        for name, account in self.accounts():
            cost = sum((holding.cost for holding in account.holdings.values()), D(0))
            assert account.cash["USDT"] - cost == BALANCES["USDT"] + self.ledger.cash[name, "USDT"]
            assert account.cash["BTC"] == BALANCES["BTC"] + self.ledger.size[name, SPOT]
            for symbol, holding in account.holdings.items():
                assert holding.size == self.ledger.size[name, symbol]
                assert (holding.cost > 0) == (holding.lots > 0)
                assert (holding.cost < 0) == (holding.lots < 0)

    @invariant()
    def trades_between_users_cancel_out(self) -> None:
        """One stranger or one user on the other side of each fill, never two, never oneself."""
        for fills in self.ledger.trades.values():
            assert len(fills) <= 2
            if len(fills) == 2:
                one, two = fills
                assert one.account != two.account
                assert (one.price, one.size, one.symbol) == (two.price, two.size, two.symbol)
                assert {one.side, two.side} == {"buy", "sell"}
                assert {one.liquidity, two.liquidity} == {"maker", "taker"}

    @invariant()
    def what_is_held_back_is_what_open_orders_need(self) -> None:
        for _, account in self.accounts():
            locked: dict[str, D] = defaultdict(D)
            reserved = D(0)
            sides: dict[tuple[str, str], D] = defaultdict(D)
            for order in account.open.values():
                if order.symbol == SPOT:
                    worth = order.update().size - order.filled
                    locked["BTC" if order.side == "sell" else "USDT"] += (
                        worth if order.side == "sell" else worth * order.price * D("1.0005")
                    )
                elif not order.reduce_only:
                    sides[order.symbol, order.side] += (order.size - order.filled) * order.price
            for symbol, holding in account.holdings.items():
                buys, sells = sides[symbol, "buy"], sides[symbol, "sell"]
                assert (holding.buys, holding.sells) == (buys, sells)
                worst = max(abs(holding.cost + buys), abs(holding.cost - sells))
                exact = worst / account.leverage_of(holding.market)
                assert exact <= holding.margin <= exact + D("1e-12")
                reserved += holding.margin
            assert account.reserved.get("USDT", D(0)) == reserved
            for asset in ("USDT", "BTC"):
                assert account.locked.get(asset, D(0)) == locked[asset]
                assert account.cash[asset] >= locked[asset] or account.positions

    @invariant()
    def nobody_sinks_within_the_bands(self) -> None:
        """Were every price at the worst edge of its band at once, equity would still cover maintenance."""
        for _, account in self.accounts():
            left = worst = account.cash["USDT"] - account.locked.get("USDT", D(0))
            for holding in account.positions.values():
                edge = D(repr(holding.floor if holding.lots > 0 else holding.ceiling))
                left += holding.value() - abs(holding.size) * (holding.market.mark or D(0)) / 100
                worst += holding.size * edge - holding.cost - abs(holding.size) * edge / 100
            assert worst >= 0 or left <= 0

    @invariant()
    def the_book_is_whole(self) -> None:
        """Ladders, accounts and orders agree; reduce-only orders never exceed what they reduce."""
        accounts = dict(self.accounts())
        for symbol, market in self.venues[0].engine._markets.items():
            resting = [order for ladder in market.ladders.values() for order in ladder]
            assert all(accounts[order.account].open[order.client_id] is order for order in resting)
            for order in resting:
                assert order.left > 0
                assert order.ahead >= 0
                assert market.grid.size(order.left) == order.size - order.filled
                if order.reduce_only:
                    held = accounts[order.account].holdings[symbol].lots
                    assert order.left <= -order.sign * held
            bid, ask = market.ladders["buy"].best, market.ladders["sell"].best
            assert bid is None or ask is None or bid < ask
            assert market.idle or resting or market.holders or market.stirred
        for account in accounts.values():
            assert sum(account.counts.values()) == len(account.open)
            assert [order.rank for order in account.open.values()] == sorted(
                order.rank for order in account.open.values()
            )

    def accounts(self) -> list[tuple[str, Any]]:
        return list(self.venues[0].engine._clearing.accounts.items()) if hasattr(self, "venues") else []


def timeless(answers: Any) -> list[Any]:
    """Answers without the time at which they were given."""
    return [
        msgspec.structs.replace(answer, time_ns=0) if isinstance(answer, Balance | Position) else answer
        for answer in answers
    ]


TestEngine = Machine.TestCase
TestEngine.settings = settings(stateful_step_count=40)


def test_unknown_accounts_are_a_callers_mistake() -> None:
    engine = Engine("paper", [instrument(PERP)])
    engine.open_account(A, {}, D(5))
    for ask in (engine.open_orders, engine.balances, engine.positions, engine.fills):
        with pytest.raises(CallerMistake, match=A):
            ask("paper/nobody")
    assert engine.order("paper/nobody", "x") is None


def test_instruments_can_be_listed_later() -> None:
    engine = Engine("paper", [instrument(PERP)])
    engine.add_instrument(instrument(ETH))
    engine.add_instrument(instrument(ETH, tick=D("0.5")))
    assert [(each.symbol, each.tick) for each in engine.instruments] == [(PERP, D(1)), (ETH, D(1))]


def test_a_quiet_act_gives_the_empty_tuple() -> None:
    engine = Engine("paper", [instrument(PERP)])
    engine.open_account(A, BALANCES, D(5))
    v = Venue(engine)
    assert engine.settle(1) == ()
    v.quote(100, 5, 101, 5)
    v.place("buy", "1", "90")
    assert engine.on_quote(engine.quote(PERP)) == ()  # type: ignore[arg-type]


def test_statistics_count() -> None:
    engine = Engine("paper", [instrument(PERP)])
    engine.open_account(A, BALANCES, D(5))
    v = Venue(engine)
    v.quote(100, 5, 101, 5)
    v.place("buy", "1", "90")
    v.place("buy", "1")
    found = engine.statistics()
    assert (found["accounts"], found["open_orders"], found["orders"], found["trades"]) == (1, 1, 2, 1)
