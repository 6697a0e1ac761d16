"""Conditional orders of futures: a list of their own, with their own ids; a triggered one becomes an ordinary order (sheet C5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi import Cancel, Outcome, Place, Rejected
from drivers.binance.emulator.bookkeeping import Act, Bookkeeper
from drivers.binance.emulator.desk import Desk, check_trigger, command_of
from drivers.binance.emulator.formats import plain
from drivers.binance.emulator.listing import MOST_ALGOS
from drivers.binance.emulator.markets import Market
from drivers.binance.emulator.orders import Order, Terms
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal, missing, no_order, of_engine, unknown_order
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

FIRST_ALGO = 2_000_000_000_000_000
Message = dict[str, Any]


class Algo(msgspec.Struct, eq=False):
    """One conditional order. `order` is what it became."""

    number: int
    draft: Order
    created_ms: int
    updated_ms: int
    status: str = "NEW"
    triggered_ms: int = 0
    order: Order | None = None
    reason: str = ""

    @property
    def terms(self) -> Terms:
        return self.draft.terms

    @property
    def client_id(self) -> str:
        return self.draft.terms.client_id


class Algos:
    """The conditional orders of all accounts. `on_change` is told of every change of one."""

    def __init__(self, stage: Stage, time: VenueTime, desk: Desk, books: Bookkeeper) -> None:
        self._stage = stage
        self._time = time
        self._desk = desk
        self._books = books
        self._next = FIRST_ALGO
        self._of: dict[str, list[Algo]] = {}
        self._by_engine: dict[str, Algo] = {}
        self.on_change: Callable[[Trader, Algo], None] = lambda trader, algo: None
        books.on_act = self._on_act

    def of(self, trader: Trader, market: Market | None = None, *, waiting: bool = True) -> list[Algo]:
        """Those of an account, oldest first."""
        return [
            algo
            for algo in self._of.get(trader.account, ())
            if (not waiting or algo.status == "NEW") and (market is None or algo.terms.market is market)
        ]

    def find(self, trader: Trader, params: Params) -> Algo | None:
        """By `algoId`, else by `clientAlgoId`; the newest of that id."""
        number = params.integer("algoId") if params.sent("algoId") else None
        client_id = params.text("clientAlgoId") if params.sent("clientAlgoId") else ""
        if number is None and not client_id:
            raise missing("algoId")
        found = [
            algo
            for algo in self._of.get(trader.account, ())
            if (algo.number == number if number is not None else algo.client_id == client_id)
        ]
        return found[-1] if found else None

    # -- commands -----------------------------------------------------------------------------------------------------------

    def place(self, trader: Trader, terms: Terms) -> Algo:
        """Raises `Refusal`."""
        ledger = trader.ledger
        ledger.received[terms.client_id] += 1
        waiting = self.of(trader)
        if len(waiting) >= MOST_ALGOS:
            raise Refusal(-4045, "Reach max stop order limit.")
        if any(algo.client_id == terms.client_id for algo in waiting):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        check_trigger(terms.market, terms, -2021, "Order would immediately trigger.")
        self._next += 1
        draft = self._desk.draft(trader, terms, f"a{self._next}")
        outcome = self._stage.execute(command_of(trader, draft))
        if isinstance(outcome, Rejected):
            raise of_engine(terms.market.product, outcome.reason, terms.side, outcome.message)
        now_ms = self._time.now_ms()
        algo = Algo(self._next, draft, now_ms, now_ms)
        self._of.setdefault(trader.account, []).append(algo)
        self._by_engine[draft.engine_id] = algo
        ledger.processed[terms.client_id] += 1
        self.on_change(trader, algo)
        return algo

    def cancel(self, trader: Trader, algo: Algo | None) -> Algo:
        """Raises `Refusal`: there is none that waits."""
        if algo is None or algo.status != "NEW":
            raise unknown_order()
        cancel = Cancel(
            account=trader.account,
            client_id=algo.draft.engine_id,
            venue_id="",
            symbol=algo.terms.market.symbol,
        )
        self._stage.execute(cancel)
        self._change(trader, algo, "CANCELED")
        return algo

    def query(self, trader: Trader, params: Params) -> Algo:
        found = self.find(trader, params)
        if found is None:
            raise no_order()
        return found

    def _change(self, trader: Trader, algo: Algo, status: str) -> None:
        algo.status, algo.updated_ms = status, self._time.now_ms()
        self.on_change(trader, algo)

    # -- triggers -----------------------------------------------------------------------------------------------------------

    def on_triggered(self, trader: Trader, place: Place, outcome: Outcome) -> None:
        """The stage carried one out; what came of it is in the books' hands, and not yet told."""
        algo = self._by_engine.get(place.client_id)
        if algo is None:
            return
        algo.triggered_ms = self._time.now_ms()
        if isinstance(outcome, Rejected):
            refusal = of_engine(algo.terms.market.product, outcome.reason, algo.terms.side, outcome.message)
            algo.reason = refusal.message
            self._change(trader, algo, "REJECTED")
            return
        plain_type = "MARKET" if algo.terms.price is None else "LIMIT"
        terms = msgspec.structs.replace(algo.terms, type=plain_type, stop=None)
        order = self._desk.draft(trader, terms, place.client_id)
        algo.order = order
        self._books.expect(trader, order)
        self._change(trader, algo, "TRIGGERED")
        self._books.flush()

    def _on_act(self, trader: Trader, act: Act) -> None:
        """What a triggered one became is over."""
        for _, _, order, _ in act.reports:
            algo = self._by_engine.get(order.engine_id)
            if algo is not None and algo.status == "TRIGGERED" and not order.open:
                self._change(trader, algo, "FINISHED")

    # -- told -----------------------------------------------------------------------------------------------------------------

    def placed(self, algo: Algo) -> Message:
        """The answer to a place."""
        terms, market = algo.terms, algo.terms.market
        return {
            "algoId": algo.number,
            "clientAlgoId": algo.client_id,
            "algoType": "CONDITIONAL",
            "orderType": terms.type,
            "symbol": market.native,
            "side": terms.side.upper(),
            "positionSide": terms.position_side,
            "timeInForce": terms.tif,
            "quantity": market.size(terms.size),
            "algoStatus": algo.status,
            "triggerPrice": _price(market, terms.stop),
            "price": _price(market, terms.price),
            "icebergQuantity": None,
            "selfTradePreventionMode": terms.stp,
            "workingType": terms.working_type,
            "priceMatch": terms.price_match,
            "closePosition": terms.close_position,
            "priceProtect": terms.price_protect,
            "reduceOnly": terms.reduce_only,
            "activatePrice": "",
            "callbackRate": "",
            "createTime": algo.created_ms,
            "updateTime": algo.updated_ms,
            "triggerTime": algo.triggered_ms,
            "goodTillDate": 0,
        }

    def told(self, algo: Algo) -> Message:
        """The answer to a query."""
        order, market = algo.order, algo.terms.market
        return {
            **self.placed(algo),
            "actualOrderId": str(order.number) if order is not None else "",
            "actualPrice": market.price(order.average) if order is not None else market.price(Decimal(0)),
            "actualQty": market.size(order.executed) if order is not None else "",
            "actualType": order.terms.type if order is not None else "",
            "tpTriggerPrice": "0.000",
            "tpPrice": "0.000",
            "slTriggerPrice": "0.000",
            "slPrice": "0.000",
            "tpOrderType": "",
        }

    def event(self, algo: Algo) -> Message:
        """ALGO_UPDATE."""
        terms, market, order = algo.terms, algo.terms.market, algo.order
        found: Message = {
            "caid": algo.client_id,
            "aid": algo.number,
            "at": "CONDITIONAL",
            "o": terms.type,
            "s": market.native,
            "S": terms.side.upper(),
            "ps": terms.position_side,
            "f": terms.tif,
            "q": plain(terms.size),
            "X": algo.status,
            "ai": str(order.number) if order is not None else "",
            "ap": plain(order.average) if order is not None else "0.00000",
            "aq": plain(order.executed) if order is not None else "0.00000",
            "act": order.terms.type if order is not None else "0",
            "tp": plain(terms.stop) if terms.stop is not None else "0",
            "p": plain(terms.price) if terms.price is not None else "0",
            "V": terms.stp,
            "wt": terms.working_type,
            "pm": terms.price_match,
            "cp": terms.close_position,
            "pP": terms.price_protect,
            "R": terms.reduce_only,
            "tt": algo.triggered_ms,
            "gtd": 0,
        }
        if algo.reason:
            found["rm"] = algo.reason
        return {"e": "ALGO_UPDATE", "T": algo.updated_ms, "E": self._time.now_ms(), "o": found}


def _price(market: Market, price: Decimal | None) -> str:
    return market.price(price if price is not None else Decimal(0))
