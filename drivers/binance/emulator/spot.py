"""Spot: operations on orders and accounts (sheet B2, B3, B5, B6)."""

from __future__ import annotations

from typing import Any

from ctosd.abi import Balance
from drivers.binance.emulator import history
from drivers.binance.emulator import spot_reports as reports
from drivers.binance.emulator.bookkeeping import Reporter
from drivers.binance.emulator.branch import Branch
from drivers.binance.emulator.formats import fixed, money
from drivers.binance.emulator.listing import MOST_AMENDS, spot_filters
from drivers.binance.emulator.operations import Call
from drivers.binance.emulator.orders import Order
from drivers.binance.emulator.refusals import Refusal, missing, no_order, unknown_order
from drivers.binance.emulator.subscriptions import Subscriptions
from drivers.binance.emulator.traders import Trader

Message = dict[str, Any]
RESTRICTIONS = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}


class Spot(Branch):
    """The operations of spot; `spot_tables` says under which names they are asked for."""

    def reporter(self) -> Reporter:
        self.subscriptions = Subscriptions(self.time, self.world.faults)
        return reports.SpotReporter(self.time, self.subscriptions.tell, self.balances)

    def balances(self, trader: Trader) -> list[Balance]:
        return list(self.stage.floor.engine.balances(trader.account))

    # -- orders -----------------------------------------------------------------------------------------------------------

    def place(self, call: Call) -> Message:
        return reports.placed(self.desk.place(call.trader, self.intake.spot(call.params)))

    def test(self, call: Call) -> Message:
        self.desk.test(call.trader, self.intake.spot(call.params))
        if not call.params.boolean("computeCommissionRates"):
            return {}
        instrument = self.markets.of(call.params).instrument
        rates = {"maker": fixed(instrument.maker_fee, 8), "taker": fixed(instrument.taker_fee, 8)}
        none = {"maker": "0.00000000", "taker": "0.00000000"}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": none,
            "taxCommissionForOrder": none,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }

    def query(self, call: Call) -> Message:
        _, order = self.named(call)
        if order is None:
            raise no_order()
        return reports.queried(order)

    def cancel(self, call: Call) -> Message:
        _, order = self.named(call)
        return self._cancel(call, order, "newClientOrderId")

    def _cancel(self, call: Call, order: Order | None, name: str) -> Message:
        restriction = call.params.text("cancelRestrictions") if call.params.sent("cancelRestrictions") else ""
        if order is not None and order.open and restriction and order.status != RESTRICTIONS.get(restriction):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        cancel_id = self.intake.client_id(call.params, name)
        return reports.cancelled(self.desk.cancel(call.trader, order, cancel_id), cancel_id)

    def cancel_all(self, call: Call) -> list[Message]:
        market = self.markets.of(call.params)
        found = call.trader.ledger.open(market)
        if not found:
            raise unknown_order()
        rows = []
        for order in found:
            cancel_id = self.intake.fresh_id()
            rows.append(reports.cancelled(self.desk.cancel(call.trader, order, cancel_id), cancel_id))
        return rows

    def replace(self, call: Call) -> Message:
        """cancelReplace: a cancel, then a place; each with its own result."""
        params = call.params
        mode = params.choice("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
        _, order = self.named(call, "cancel")
        terms = self.intake.spot(params)
        cancelled, cancel_failure = self._attempt(lambda: self._cancel(call, order, "cancelNewClientOrderId"))
        placed: Message | None = None
        place_failure: Refusal | None = None
        attempted = cancel_failure is None or mode == "ALLOW_FAILURE"
        if attempted:
            placed, place_failure = self._attempt(lambda: reports.placed(self.desk.place(call.trader, terms)))
        found: Message = {
            "cancelResult": "FAILURE" if cancel_failure else "SUCCESS",
            "newOrderResult": "NOT_ATTEMPTED" if not attempted else "FAILURE" if place_failure else "SUCCESS",
            "cancelResponse": cancel_failure.body() if cancel_failure else cancelled,
            "newOrderResponse": place_failure.body() if place_failure else placed,
        }
        if cancel_failure is None and place_failure is None:
            return found
        if (cancel_failure is None) != (place_failure is None and attempted):
            raise Refusal(-2021, "Order cancel-replace partially failed.", status=409, data=found)
        raise Refusal(-2022, "Order cancel-replace failed.", data=found)

    @staticmethod
    def _attempt(act: Any) -> tuple[Message | None, Refusal | None]:
        try:
            return act(), None
        except Refusal as refusal:
            return None, refusal

    def amend(self, call: Call) -> Message:
        """amend/keepPriority: without an id for the changed order it gets one that the venue makes."""
        market, order = self.named(call)
        if not call.params.sent("newQty"):
            raise missing("newQty")
        if order is None:
            raise Refusal(-2013, "Order does not exist.")
        size = call.params.decimal("newQty")
        assert size is not None
        if not market.instrument.on_lot(size) or size < market.instrument.min_size:
            raise Refusal(-1013, "Filter failure: LOT_SIZE")
        original = order.client_id
        changed = self.desk.shrink(call.trader, order, size, self.intake.client_id(call.params), MOST_AMENDS)
        return reports.amended(changed, original, self.time.now_ms())

    # -- questions --------------------------------------------------------------------------------------------------------------

    def open_orders(self, call: Call) -> list[Message]:
        return [reports.queried(order) for order in call.trader.ledger.open(self.markets.maybe(call.params))]

    def all_orders(self, call: Call) -> list[Message]:
        market, now_ms = self.markets.of(call.params), self.time.now_ms()
        found = history.orders(call.trader, market, call.params, now_ms, spot=True)
        return [reports.queried(order) for order in found]

    def executions(self, call: Call) -> list[Message]:
        market, now_ms = self.markets.of(call.params), self.time.now_ms()
        return history.executions(call.trader, market, call.params, now_ms, reports.execution_row, spot=True)

    def account(self, call: Call) -> Message:
        bare = call.params.boolean("omitZeroBalances")
        fees = next(iter(self.markets)).instrument
        rows = [
            {"asset": each.asset, "free": money(each.available), "locked": money(each.total - each.available)}
            for each in self.balances(call.trader)
            if each.total or not bare
        ]
        return {
            "makerCommission": int(fees.maker_fee * 10_000),
            "takerCommission": int(fees.taker_fee * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": fixed(fees.maker_fee, 8),
                "taker": fixed(fees.taker_fee, 8),
                "buyer": "0.00000000",
                "seller": "0.00000000",
            },
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self.time.now_ms(),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": call.trader.uid,
        }

    def filters(self, call: Call) -> Message:
        market = self.markets.of(call.params)
        return {
            "exchangeFilters": [],
            "symbolFilters": spot_filters(market, self.market.rules),
            "assetFilters": [],
        }
