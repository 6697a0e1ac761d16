"""USDⓈ-M futures: operations on orders, accounts and listen keys (sheet C2 to C8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from drivers.binance.emulator import futures_reports as reports
from drivers.binance.emulator import history
from drivers.binance.emulator.algos import Algos
from drivers.binance.emulator.bookkeeping import Reporter
from drivers.binance.emulator.branch import Branch
from drivers.binance.emulator.deadman import DeadMan
from drivers.binance.emulator.listenkeys import ListenKeys, UserHub
from drivers.binance.emulator.operations import Call
from drivers.binance.emulator.orders import Order, forgotten
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.portfolio import Portfolio
from drivers.binance.emulator.refusals import Refusal, missing, no_order
from drivers.binance.emulator.traders import Trader

MOST_PLACED, MOST_CANCELLED = 5, 10
Message = dict[str, Any]


class Futures(Branch):
    """The operations of futures; `futures_tables` says under which names they are asked for."""

    def reporter(self) -> Reporter:
        """Made while the branch is built: what tells the streams comes first."""
        self.user_hub = UserHub(self.product, self.limits)
        self.listen_keys = ListenKeys(self.time, self.user_hub, self.world.faults, self.world.random)
        return reports.FuturesReporter(self.markets, self.time, self.listen_keys.tell)

    def furnish(self) -> None:
        """What stands on the desk."""
        self.portfolio = Portfolio(self.stage, self.markets, self.time, self.listen_keys.tell)
        self.dead_man = DeadMan(self.time, self.desk)
        self.algos = Algos(self.stage, self.time, self.desk, self.bookkeeper)
        self.algos.on_change = lambda trader, algo: self.listen_keys.tell(trader, self.algos.event(algo))

    # -- orders -----------------------------------------------------------------------------------------------------------

    def place(self, call: Call) -> Message:
        return self._place(call.trader, call.params)

    def _place(self, trader: Trader, params: Params) -> Message:
        terms = self.intake.futures(params, self.time.now_ms(), hedged=trader.hedged)
        if trader.hedged:
            raise Refusal(-1020, "This operation is not supported: positions of hedge mode are not emulated.")
        order = self.desk.place(trader, terms)
        return reports.placed(order) if terms.response == "RESULT" else reports.acknowledged(order)

    def test(self, call: Call) -> Message:
        terms = self.intake.futures(call.params, self.time.now_ms(), hedged=call.trader.hedged)
        self.desk.test(call.trader, terms)
        return reports.queried(self.desk.draft(call.trader, terms))

    def modify(self, call: Call) -> Message:
        return self._modify(call.trader, call.params)

    def _modify(self, trader: Trader, params: Params) -> Message:
        market, order = self.named(Call(params, "", trader))
        side = params.choice("side", ("BUY", "SELL"))
        if not params.sent("quantity"):
            raise missing("quantity")
        if not params.sent("price", "priceMatch"):
            raise missing("price")
        if order is None or forgotten(order, self.time.now_ms()):
            raise no_order()
        if order.open and order.terms.type != "LIMIT":
            raise Refusal(-5025, "Only limit order is supported.")
        if side.lower() != order.terms.side:
            raise Refusal(-1117, "Invalid side.")
        if params.sent("reduceOnly") and params.boolean("reduceOnly") != order.terms.reduce_only:
            raise Refusal(-5047, "Reduce only does not match the order.")
        size, price = self.intake.changed(params, market, order)
        return reports.placed(self.desk.modify(trader, order, price, size))

    def cancel(self, call: Call) -> Message:
        _, order = self.named(call)
        return reports.placed(self.desk.cancel(call.trader, order))

    def cancel_all(self, call: Call) -> Message:
        self.desk.cancel_all(call.trader, self.markets.of(call.params))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def countdown(self, call: Call) -> Message:
        market = self.markets.of(call.params)
        countdown_ms = call.params.integer("countdownTime", least=0)
        self.dead_man.arm(call.trader, market, countdown_ms)
        return {"symbol": market.native, "countdownTime": str(countdown_ms)}

    # -- several at once ------------------------------------------------------------------------------------------------------

    def _batch(self, call: Call, one: Callable[[Trader, Params], Message]) -> list[Message]:
        items = _array(call.params, "batchOrders")
        if not 1 <= len(items) <= MOST_PLACED or not all(isinstance(item, dict) for item in items):
            raise Refusal(-4082, "Invalid number of batch place orders.")
        return [_each(lambda item=item: one(call.trader, _params(item))) for item in items]  # type: ignore[misc]

    def place_batch(self, call: Call) -> list[Message]:
        return self._batch(call, self._place)

    def modify_batch(self, call: Call) -> list[Message]:
        return self._batch(call, self._modify)

    def cancel_batch(self, call: Call) -> list[Message]:
        market = self.markets.of(call.params)
        numbers = _array(call.params, "orderIdList", "orderidlist")
        names = _array(call.params, "origClientOrderIdList", "origclientorderidlist")
        if bool(numbers) == bool(names):
            raise missing("orderIdList")
        if len(numbers or names) > MOST_CANCELLED:
            raise Refusal(-4083, "Invalid number of batch cancel orders.")
        ledger = call.trader.ledger

        def one(number: int | None, client_id: str) -> Message:
            return reports.placed(self.desk.cancel(call.trader, ledger.find(market, number, client_id)))

        chosen: list[tuple[int | None, str]] = [(int(number), "") for number in numbers]
        chosen += [(None, str(name)) for name in names]
        return [_each(lambda pair=pair: one(*pair)) for pair in chosen]  # type: ignore[misc]

    # -- questions about orders ----------------------------------------------------------------------------------------------------

    def query(self, call: Call) -> Message:
        _, order = self.named(call)
        if order is None or forgotten(order, self.time.now_ms()):
            raise no_order()
        return reports.queried(order)

    def query_open(self, call: Call) -> Message:
        _, order = self.named(call)
        if order is None or not order.open:
            raise no_order()
        return reports.queried(order)

    def open_orders(self, call: Call) -> list[Message]:
        found: list[Order] = call.trader.ledger.open(self.markets.maybe(call.params))
        return [reports.queried(order) for order in found]

    def all_orders(self, call: Call) -> list[Message]:
        market = self.markets.maybe(call.params)
        found = history.orders(call.trader, market, call.params, self.time.now_ms(), spot=False)
        return [reports.queried(order) for order in found]

    def executions(self, call: Call) -> list[Message]:
        market, now_ms = self.markets.of(call.params), self.time.now_ms()
        return history.executions(call.trader, market, call.params, now_ms, reports.execution_row, spot=False)

    def forced(self, call: Call) -> list[Message]:
        """forceOrders: what the venue closed by itself."""
        kind = call.params.text("autoCloseType") if call.params.sent("autoCloseType") else ""
        market = self.markets.maybe(call.params)
        return [
            reports.queried(order)
            for order in call.trader.ledger
            if order.executions
            and order.executions[0].cause in {"": ("liquidation", "adl"), "ADL": ("adl",)}.get(kind, ("liquidation",))
            and (market is None or order.market is market)
        ]

    # -- conditional orders -----------------------------------------------------------------------------------------------------

    def place_algo(self, call: Call) -> Message:
        terms = self.intake.algo(call.params, hedged=call.trader.hedged)
        return self.algos.placed(self.algos.place(call.trader, terms))

    def cancel_algo(self, call: Call) -> Message:
        algo = self.algos.cancel(call.trader, self.algos.find(call.trader, call.params))
        return {"algoId": algo.number, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def query_algo(self, call: Call) -> Message:
        return self.algos.told(self.algos.query(call.trader, call.params))

    def open_algos(self, call: Call) -> list[Message]:
        found = self.algos.of(call.trader, self.markets.maybe(call.params))
        return [self.algos.told(algo) for algo in found]

    def all_algos(self, call: Call) -> list[Message]:
        found = self.algos.of(call.trader, self.markets.of(call.params), waiting=False)
        return [self.algos.told(algo) for algo in found]

    def cancel_algos(self, call: Call) -> Message:
        for algo in self.algos.of(call.trader, self.markets.of(call.params)):
            self.algos.cancel(call.trader, algo)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    # -- the account ------------------------------------------------------------------------------------------------------------

    def leverage(self, call: Call) -> Message:
        market = self.markets.of(call.params)
        return self.portfolio.set_leverage(call.trader, market, call.params.integer("leverage"))

    def margin_type(self, call: Call) -> Message:
        market = self.markets.of(call.params)
        kind = call.params.choice("marginType", ("ISOLATED", "CROSSED"))
        return self.portfolio.set_margin_type(call.trader, market, kind == "ISOLATED")

    def set_hedged(self, call: Call) -> Message:
        call.params.need("dualSidePosition")
        return self.portfolio.set_hedged(call.trader, call.params.boolean("dualSidePosition"))

    def set_multi_assets(self, call: Call) -> Message:
        call.params.need("multiAssetsMargin")
        return self.portfolio.set_multi_assets(call.trader, call.params.boolean("multiAssetsMargin"))

    def income(self, call: Call) -> list[Message]:
        return history.income(call.trader, self.markets.maybe(call.params), call.params, self.time.now_ms())

    # -- listen keys ----------------------------------------------------------------------------------------------------------------

    def start_stream(self, call: Call) -> Message:
        return {"listenKey": self.listen_keys.start(call.trader)}

    def extend_stream(self, call: Call) -> Message:
        name = call.params.values.get("listenKey", "")
        return {"listenKey": self.listen_keys.extend(call.trader, name)}

    def stop_stream(self, call: Call) -> Message:
        self.listen_keys.stop(call.trader)
        return {}


def _each(act: Callable[[], Message]) -> Message:
    """One of several: its own answer, or its own refusal."""
    try:
        return act()
    except Refusal as refusal:
        return refusal.body()


def _array(params: Params, *names: str) -> list[Any]:
    """A JSON array; empty when it was not sent under any of its names."""
    name = next((each for each in names if params.sent(each)), "")
    if not name:
        return []
    try:
        found = json.loads(params.text(name), parse_float=str)
    except ValueError:
        raise Refusal(-1102, f"Mandatory parameter '{name}' was malformed.") from None
    if not isinstance(found, list):
        raise Refusal(-1102, f"Mandatory parameter '{name}' was malformed.")
    return found


def _params(item: Mapping[str, Any]) -> Params:
    """An order of a batch: values may be texts, numbers or booleans."""
    return Params({name: _text(value) for name, value in item.items() if value is not None})


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
