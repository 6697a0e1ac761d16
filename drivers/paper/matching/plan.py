"""The way of an order that takes: what it would meet, before anything moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ctosd.abi import Side
from drivers.paper.matching.account import Account
from drivers.paper.matching.grid import UNBOUND
from drivers.paper.matching.market import SIGN, Level, Market
from drivers.paper.matching.orders import Order, opposite
from drivers.paper.matching.rules import SelfTrade

Step = tuple[int, int, Order | None]
"""(price in ticks, lots, the resting order that gives them; None for a stranger's)"""


@dataclass(slots=True)
class Plan:
    """`victims` are the account's own orders in the way; `stopped`: the taker ends there instead of trading with itself."""

    steps: list[Step] = field(default_factory=list)
    lots: int = 0
    victims: list[Order] = field(default_factory=list)
    stopped: bool = False

    def cut(self, lots: int) -> None:
        """Take no more than `lots`."""
        kept: list[Step] = []
        self.lots = 0
        for level, size, maker in self.steps:
            size = min(size, lots - self.lots)
            if size > 0:
                kept.append((level, size, maker))
                self.lots += size
        self.steps = kept


class Walk:
    """One walk through the opposite side, best price first; within a price strangers and users as they queue."""

    def __init__(
        self, market: Market, order: Order, bound: int | None, accounts: dict[str, Account], rule: SelfTrade
    ) -> None:
        self._market = market
        self._order = order
        self._bound = bound
        self._accounts = accounts
        self._rule = rule
        self._reducible: dict[str, int] = {}
        self.plan = Plan()

    def run(self, lots: int) -> Plan:
        """Walk until `lots` are found, the bound is reached or nothing is left."""
        plan, side = self.plan, opposite(self._order.side)
        sign = -SIGN[side]  # a lower key is a better price for the taker
        if not self._reaches(side, sign):
            return plan
        for level, shown, queue in self._merged(side, sign):
            if plan.lots >= lots or plan.stopped or (self._bound is not None and level * sign > self._bound * sign):
                break
            self._level(level, shown, queue, lots)
        return plan

    def _reaches(self, side: Side, sign: int) -> bool:
        """Whether the bound is at or beyond the best price of anybody: most orders are placed to rest."""
        if self._bound is None:
            return True
        touch, own = self._market.touch(side), self._market.ladders[side].best
        bound = self._bound * sign
        return (touch is not None and touch[0] * sign <= bound) or (own is not None and own * sign <= bound)

    def _merged(self, side: Side, sign: int) -> Iterator[tuple[int, int, list[Order]]]:
        """(level, strangers' lots, users' orders), best first."""
        ladder = self._market.ladders[side]
        own = iter(list(dict.fromkeys(order.level for order in ladder)))
        shown: Iterator[Level] = self._market.levels(side)
        mine, theirs = next(own, None), next(shown, None)
        while mine is not None or theirs is not None:
            if theirs is None or (mine is not None and mine * sign < theirs[0] * sign):
                assert mine is not None
                yield mine, 0, ladder.at(mine)
                mine = next(own, None)
            elif mine == theirs[0]:
                yield mine, theirs[1], ladder.at(mine)
                mine, theirs = next(own, None), next(shown, None)
            else:
                yield theirs[0], theirs[1], []
                theirs = next(shown, None)

    def _level(self, level: int, shown: int, queue: list[Order], lots: int) -> None:
        used = 0
        for maker in queue:
            used += self._add(level, min(max(0, maker.ahead - used), shown - used), None, lots)
            if self.plan.lots >= lots or not self._meet(level, maker, lots):
                return
        self._add(level, shown - used, None, lots)

    def _meet(self, level: int, maker: Order, lots: int) -> bool:
        """A user's order is next; False when the taker ends here."""
        if maker.account == self._order.account:
            if self._rule != "cancel_taker":
                self.plan.victims.append(maker)
            self.plan.stopped = self._rule != "cancel_maker"
            return not self.plan.stopped
        found = self._add(level, min(maker.left, self._may_give(maker)), maker, lots)
        if maker.account in self._reducible:
            self._reducible[maker.account] += maker.sign * found
        return True

    def _may_give(self, maker: Order) -> int:
        """A reduce-only order gives no more than its account still holds after the steps before."""
        if self._market.instrument.kind == "spot":
            return UNBOUND
        held = self._reducible.setdefault(maker.account, self._accounts[maker.account].holding(self._market).lots)
        return max(0, -maker.sign * held) if maker.reduce_only else UNBOUND

    def _add(self, level: int, size: int, maker: Order | None, lots: int) -> int:
        size = min(size, lots - self.plan.lots)
        if size <= 0:
            return 0
        self.plan.steps.append((level, size, maker))
        self.plan.lots += size
        return size
