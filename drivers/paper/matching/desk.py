"""The order desk: places, amends and cancels, each refused with a reason or carried out whole."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctosd.abi import Accepted, Amend, Cancel, Outcome, Place, Rejected
from drivers.paper.matching import checks
from drivers.paper.matching.account import Account
from drivers.paper.matching.checks import Refusal
from drivers.paper.matching.clearing import Clearing
from drivers.paper.matching.market import Market
from drivers.paper.matching.orders import Order, opposite
from drivers.paper.matching.plan import Plan, Walk


class Desk:
    """Takes commands. Whatever happens is in the clearing's events."""

    def __init__(self, clearing: Clearing) -> None:
        self._clearing = clearing
        self._rules = clearing.rules

    # -- place ------------------------------------------------------------------------------------------------------------

    def place(self, place: Place, now_ns: int, share: float) -> Outcome:
        clearing = self._clearing
        refusal = self._late(place.expires_ns, now_ns) or checks.shape(place) or self._door(place)
        if refusal is not None:
            return self._no(place.client_id, refusal)
        market, account = clearing.markets[place.symbol], clearing.accounts[place.account]
        order = self._order(place, market)
        if refusal := self._reduces(order, account, market):
            return self._no(place.client_id, refusal)
        plan = self._plan(order, market)
        if refusal := self._judge(order, plan, account, market):
            return self._no(place.client_id, refusal)
        if share < 1.0 and order.tif != "fok":
            plan.cut(int(plan.lots * share))
        clearing.accept(order)
        self._execute(order, plan, market)
        return Accepted(client_id=order.client_id, venue_id=order.venue_id, time_ns=clearing.now_ns)

    def _door(self, place: Place) -> Refusal:
        """What can be refused without a look at the book."""
        account = self._clearing.accounts.get(place.account)
        market = self._clearing.markets.get(place.symbol)
        if account is None:
            return "permission", f"No such account: {place.account}"
        if market is None:
            return "bad_symbol", f"Invalid symbol: {place.symbol} is not listed at {self._clearing.venue}"
        if place.client_id in account.orders:
            return "duplicate_client_id", f"Duplicate order sent: client id {place.client_id} is in use"
        if place.reduce_only and market.instrument.kind == "spot":
            return "unsupported", f"Parameter reduceOnly is not accepted for spot ({place.symbol})"
        is_market = place.type == "market"
        refusal = checks.size(market.instrument, place.size, market=is_market)
        if refusal is None and place.price is not None:
            refusal = checks.price(market, place.side, place.price, self._rules.price_band)
        refusal = refusal or checks.notional(market, place.size, place.price, reduce_only=place.reduce_only)
        if refusal is None and place.tif == "gtc" and not is_market:
            refusal = checks.count(account, place.symbol, self._rules.max_open_orders)
        return refusal

    def _order(self, place: Place, market: Market) -> Order:
        now_ns = self._clearing.now_ns
        return Order(
            account=place.account,
            client_id=place.client_id,
            venue_id="",
            symbol=place.symbol,
            side=place.side,
            type=place.type,
            size=place.size,
            price=place.price,
            created_ns=now_ns,
            updated_ns=now_ns,
            tif=place.tif,
            post_only=place.post_only,
            reduce_only=place.reduce_only,
            level=market.grid.level(place.price) if place.price is not None else 0,
            left=market.grid.count(place.size),
        )

    def _reduces(self, order: Order, account: Account, market: Market) -> Refusal:
        """A reduce-only order is cut to the position, and refused when there is none on the other side."""
        if not order.reduce_only:
            return None
        held = account.holding(market).lots
        reducible = max(0, -order.sign * held)
        if not reducible:
            return (
                "reduce_only",
                f"ReduceOnly Order is rejected: a {order.side} does not reduce {market.grid.size(held)}",
            )
        if order.left > reducible:
            order.left = reducible
            order.size = order.filled + market.grid.size(reducible)
        return None

    def _plan(self, order: Order, market: Market) -> Plan:
        bound = self._bound(order, market)
        return Walk(market, order, bound, self._clearing.accounts, self._rules.self_trade).run(order.left)

    def _bound(self, order: Order, market: Market) -> int | None:
        """The last level that the order may trade at: its price, or the price band for a market order."""
        if order.price is not None:
            return order.level
        mark, band = market.mark, self._rules.price_band
        if mark is None or band is None:
            return None
        buy = order.side == "buy"
        return market.grid.beyond(mark * (1 + band) if buy else mark * (1 - band), upward=buy)

    def _judge(self, order: Order, plan: Plan, account: Account, market: Market) -> Refusal:
        """What can be refused once it is known what the order would meet."""
        if order.post_only and (plan.lots or plan.victims or plan.stopped):
            return self._would_take(order, market)
        if order.type == "market" and not plan.steps and not plan.stopped and market.half_mark() is None:
            return "market_closed", f"Market is closed: {order.symbol} has no price yet"
        if order.tif == "fok" and plan.lots < order.left:
            found, wanted = market.grid.size(plan.lots), market.grid.size(order.left)
            return "not_filled", f"The FOK order has been rejected: {found} of {wanted} could be filled"
        rest = order.left - plan.lots if order.type == "limit" and order.tif == "gtc" and not plan.stopped else 0
        return checks.funds(account, market, order, plan, rest, self._rules)

    @staticmethod
    def _would_take(order: Order, market: Market) -> Refusal:
        side = opposite(order.side)
        touch = next(market.levels(side), None)
        levels = [each for each in (touch and touch[0], market.ladders[side].best) if each is not None]
        best = (max if side == "buy" else min)(levels)
        what = f"a {order.side} at {order.price} would meet {market.grid.price(best)}"
        return "post_only", f"Post Only order will be rejected: {what}"

    def _execute(self, order: Order, plan: Plan, market: Market) -> None:
        """Trade what was planned, then rest what is left or end it."""
        clearing = self._clearing
        for victim in plan.victims:
            clearing.finish(victim, "cancelled", "self_trade")
        side = opposite(order.side)
        for level, lots, maker in plan.steps:
            trade_id = clearing.next_trade()
            if maker is None:
                market.take(side, level, lots)
                _advance(market, side, level, lots)
                clearing.look(market)
            else:
                clearing.fill(maker, lots, market.grid.price(level), "maker", trade_id)
            clearing.fill(order, lots, market.grid.price(level), "taker", trade_id)
        if not order.left:
            return
        if plan.stopped:
            clearing.finish(order, "cancelled", "self_trade")
        elif order.type == "market":
            clearing.finish(order, "cancelled", "not_filled")
        elif order.tif != "gtc":
            clearing.finish(order, "expired", "not_filled")
        else:
            clearing.rest(order)

    # -- amend ------------------------------------------------------------------------------------------------------------

    def amend(self, amend: Amend, now_ns: int) -> Outcome:
        """A smaller size keeps the place in the queue; a new price or a larger size goes to its end, and may take."""
        found = self.find(amend.account, amend.client_id, amend.venue_id)
        refusal = self._late(amend.expires_ns, now_ns) or _open(found, amend.client_id or amend.venue_id)
        if refusal is not None or found is None:
            return self._no(amend.client_id, refusal)
        market, account = self._clearing.markets[found.symbol], self._clearing.accounts[found.account]
        size = amend.size if amend.size is not None else found.size
        price = amend.price if amend.price is not None else found.price
        assert price is not None
        refusal = checks.size(market.instrument, size, market=False)
        if refusal is None and price != found.price:
            refusal = checks.price(market, found.side, price, self._rules.price_band)
        refusal = refusal or checks.notional(market, size, price, reduce_only=found.reduce_only)
        if refusal is not None:
            return self._no(amend.client_id, refusal)
        if size <= found.filled:  # Binance: an order amended to no more than what it filled is cancelled
            self._clearing.finish(found, "cancelled", "amend_reject")
        elif price == found.price and size <= found.size:
            left = market.grid.count(size - found.filled)
            self._clearing.resize(found, left)
        else:
            changed = _changed(found, price, size, market)
            refusal = self._requeue(found, changed, account, market)
        if refusal is not None:
            return self._no(amend.client_id, refusal)
        return Accepted(client_id=found.client_id, venue_id=found.venue_id, time_ns=self._clearing.now_ns)

    def _requeue(self, order: Order, changed: Order, account: Account, market: Market) -> Refusal:
        """Judge the changed order as if it were new, with the old one out of the way; then let it take its place."""
        clearing = self._clearing
        if refusal := self._reduces(changed, account, market):
            return refusal
        clearing.unrest(order)
        plan = self._plan(changed, market)
        if refusal := self._judge(changed, plan, account, market):
            clearing.shelve(order, market, account)
            account.line_up(order.symbol)
            return refusal
        order.price, order.level, order.size, order.left = changed.price, changed.level, changed.size, changed.left
        clearing.say(order)
        self._execute(order, plan, market)
        return None

    # -- cancel -----------------------------------------------------------------------------------------------------------

    def cancel(self, cancel: Cancel) -> Outcome:
        found = self.find(cancel.account, cancel.client_id, cancel.venue_id)
        refusal = _open(found, cancel.client_id or cancel.venue_id)
        if refusal is not None or found is None:
            return self._no(cancel.client_id, refusal)
        self._clearing.finish(found, "cancelled", "")
        return Accepted(client_id=found.client_id, venue_id=found.venue_id, time_ns=self._clearing.now_ns)

    def cancel_all(self, account: str, symbol: str) -> None:
        found = self._clearing.accounts.get(account)
        for order in list(found.open.values()) if found is not None else ():
            if not symbol or order.symbol == symbol:
                self._clearing.finish(order, "cancelled", "")

    def find(self, account: str, client_id: str, venue_id: str = "") -> Order | None:
        """An order by its client id, else by its venue id."""
        found = self._clearing.accounts.get(account)
        if found is None:
            return None
        return found.orders.get(client_id) if client_id else found.by_venue_id.get(venue_id)

    # -- answers ------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _late(expires_ns: int, now_ns: int) -> Refusal:
        if not expires_ns or now_ns <= expires_ns:
            return None
        late = (now_ns - expires_ns) / 1e6
        return "timestamp", f"Timestamp for this request is outside of the recvWindow: {late:.1f} ms too late"

    def _no(self, client_id: str, refusal: Refusal) -> Rejected:
        assert refusal is not None
        return Rejected(client_id=client_id, reason=refusal[0], message=refusal[1], time_ns=self._clearing.now_ns)


def _open(order: Order | None, name: str) -> Refusal:
    if order is None:
        return "order_not_found", f"Unknown order sent: {name}"
    if not order.is_open:
        why = f" ({order.reason})" if order.reason else ""
        return "order_not_found", f"Unknown order sent: {name} is already {order.state}{why}"
    return None


def _changed(order: Order, price: Decimal, size: Decimal, market: Market) -> Order:
    left = market.grid.count(size - order.filled)
    return msgspec.structs.replace(order, price=price, size=size, level=market.grid.level(price), left=left)


def _advance(market: Market, side: str, level: int, lots: int) -> None:
    """A taker ate strangers of a level: the users' orders behind them move up."""
    for order in market.ladders["buy" if side == "buy" else "sell"].at(level):
        order.ahead = max(0, order.ahead - lots)
