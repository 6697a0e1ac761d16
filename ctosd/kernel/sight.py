"""What the risk gate sees: everything the kernel knows that bears on one order, at one instant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from ctosd.abi.clock import Clock
from ctosd.abi.errors import CtosError
from ctosd.abi.orders import Order
from ctosd.core.gate import Limits, View
from ctosd.core.ledger import pnl
from ctosd.kernel.arming import Arming
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.line import Line
from ctosd.kernel.market import Market
from ctosd.kernel.seat import Seat
from ctosd.kernel.switch import Switch

ZERO = Decimal(0)


class Sight:
    """Gathers views. `house` bounds everybody; `lines` are the ways to the venues."""

    def __init__(
        self,
        clock: Clock,
        market: Market,
        blotter: Blotter,
        switch: Switch,
        arming: Arming,
        house: Limits,
        lines: Mapping[str, Line],
    ) -> None:
        self._clock = clock
        self._market = market
        self._blotter = blotter
        self._switch = switch
        self._arming = arming
        self._house = house
        self._lines = lines

    def view(self, seat: Seat, order: Order, privileged: bool = False) -> View:
        """What the gate sees for this order now. The order itself is not counted among the open ones."""
        now_ns = self._clock.now_ns()
        venue, _, _ = order.account.partition("/")
        seen = self._market.seen(venue, order.symbol)
        if seen is None:
            raise CtosError(f"{order.symbol} is not listed at {venue}")
        instrument, latest, price = seen
        own, whole = self._blotter.ledger.sizes(order.account, seat.name, order.symbol)
        buying = selling = all_buying = all_selling = ZERO
        unresolved = ""
        if others := self._blotter.open_on(order.account, order.symbol):
            exposure = self._blotter.exposure
            buying, selling, all_buying, all_selling, unresolved = _exposures(seat, order, others, exposure)
        if self._blotter.outside.count:
            theirs = self._blotter.outside.exposure(order.account, order.symbol)
            all_buying, all_selling = all_buying + theirs[0], all_selling + theirs[1]
        line = self._lines[venue]
        return View(
            now_ns=now_ns,
            mode=self._switch.mode,
            mode_reason=self._switch.reason,
            instrument=instrument,
            venue_up=line.up,
            unarmed=self._arming.refusal(order.account, now_ns) if line.live else "",
            frozen=self._switch.frozen.get((order.account, order.symbol), ""),
            price=price,
            price_age_ns=now_ns - latest.at_ns,
            price_valid_ns=latest.valid_ns,
            position=own,
            account_position=whole,
            buying=buying,
            selling=selling,
            account_buying=all_buying,
            account_selling=all_selling,
            open_orders=self._blotter.count_open(seat.name),
            unresolved=unresolved,
            pnl=self.pnl(seat.name) if seat.limits.max_loss is not None else ZERO,
            tokens=seat.tokens,
            last_same_ns=seat.last_same_ns(order),
            limits=seat.limits,
            house=self._house,
            privileged=privileged,
        )

    def pnl(self, strategy: str) -> Decimal:
        """Everything the strategy has gained or lost since it was first started, open positions at their marks."""
        total = ZERO
        for holding in self._blotter.ledger.holdings(strategy):
            mark = self._market.mark(holding.account.partition("/")[0], holding.symbol)
            total += pnl(holding, mark if mark is not None else holding.entry)
        return total


def _exposures(
    seat: Seat, order: Order, others: Collection[Order], exposure: Callable[[Order], Decimal]
) -> tuple[Decimal, Decimal, Decimal, Decimal, str]:
    """What open orders on the instrument may still buy and sell: the strategy's and everybody's, and an unknown one."""
    own = {"buy": ZERO, "sell": ZERO}
    everybody = {"buy": ZERO, "sell": ZERO}
    unresolved = ""
    for other in others:
        if other.client_id == order.client_id:
            continue
        rest = exposure(other)
        everybody[other.side] += rest
        if other.strategy == seat.name:
            own[other.side] += rest
        if other.state == "unknown":
            unresolved = other.client_id
    return own["buy"], own["sell"], everybody["buy"], everybody["sell"], unresolved
