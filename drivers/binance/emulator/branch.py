"""What both products are built of: market, streams, limits, desk and gate of one product on the stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from ctosd.abi import MarketEvent
from drivers.binance.emulator.bookkeeping import Bookkeeper, Reporter
from drivers.binance.emulator.books import Books
from drivers.binance.emulator.broadcast import Broadcast
from drivers.binance.emulator.candles import Candles
from drivers.binance.emulator.desk import Desk
from drivers.binance.emulator.faults import Faults
from drivers.binance.emulator.formats import plain
from drivers.binance.emulator.gate import Gate
from drivers.binance.emulator.intake import Intake
from drivers.binance.emulator.keys import Keyring
from drivers.binance.emulator.limits import Limits
from drivers.binance.emulator.listing import Rules
from drivers.binance.emulator.marketdata import MarketData
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.operations import Call, Operation
from drivers.binance.emulator.orders import Order
from drivers.binance.emulator.products import Product
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.streams import Hub
from drivers.binance.emulator.tape import Tapes
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

Table = Mapping[tuple[str, str], Operation]
"""Operations by method and path."""


class World:
    """What both products share."""

    def __init__(self, stage: Stage, time: VenueTime, faults: Faults, keys: Keyring, random: Random) -> None:
        self.stage = stage
        self.time = time
        self.faults = faults
        self.keys = keys
        self.random = random


class Branch:
    """One product. `rest` and `socket` are its operations."""

    rest: Table
    socket: Mapping[str, Operation]

    def __init__(
        self, product: Product, world: World, traders: Sequence[Trader], house: str, band: Decimal | None, most: int
    ) -> None:
        stage, time, faults = world.stage, world.time, world.faults
        self.product = product
        self.world = world
        self.time = time
        self.stage = stage
        self.traders = {trader.name: trader for trader in traders}
        self.markets = Markets(product, stage)
        self.limits = Limits(product, time)
        self.hub = Hub(product, self.limits)
        self.books = Books(stage, world.random)
        self.tapes = Tapes(time)
        self.candles = Candles(stage, self.tapes, time)
        self.broadcast = Broadcast(stage, self.markets, self.books, self.tapes, self.candles, self.hub, faults, time)
        self.market = MarketData(
            stage, self.markets, self.books, self.tapes, self.candles, self.limits, faults, time, Rules(band, most)
        )
        self.intake = Intake(self.markets, stage, world.random)
        self.gate = Gate(self.limits, world.keys, faults, time, self.traders)
        self.bookkeeper = Bookkeeper(self.markets, time, self.limits, self.reporter())
        self.desk = Desk(product, stage, time, faults, self.bookkeeper, house)
        for trader in traders:
            self.bookkeeper.enrol(trader)

    def reporter(self) -> Reporter:
        raise NotImplementedError

    def hear(self, event: MarketEvent) -> None:
        self.bookkeeper.flush()
        self.broadcast.hear(event)

    # -- what operations of both products ask ----------------------------------------------------------------------------------

    def named(self, call: Call, prefix: str = "") -> tuple[Market, Order | None]:
        """The market and the order that a request names; `prefix` is of cancelReplace."""
        params = call.params
        market = self.markets.of(params)
        number_name, client_name = (
            ("cancelOrderId", "cancelOrigClientOrderId") if prefix else ("orderId", "origClientOrderId")
        )
        number = params.integer(number_name) if params.sent(number_name) else None
        client_id = params.text(client_name) if params.sent(client_name) else ""
        if self.product.name == "spot" and number is not None and client_id:
            either = call.trader.ledger.find(market, number, "")
            if either is not None and either.client_id != client_id:
                raise Refusal(-2039, "Client order ID is not correct for this order ID.")
        return market, call.trader.ledger.find(market, number, client_id)

    def usage(self, call: Call) -> Any:
        """rateLimit/order."""
        return self.limits.orders(call.trader.name)

    # -- the truth ----------------------------------------------------------------------------------------------------------------

    def truth(self, trader: Trader) -> dict[str, Any]:
        """What is so, for tests to compare with what a client believes."""
        engine = self.stage.floor.engine
        received, processed = trader.ledger.received, trader.ledger.processed
        return {
            "orders": [
                {
                    "client_id": order.client_id,
                    "order_id": order.number,
                    "symbol": order.market.symbol,
                    "side": order.terms.side,
                    "type": order.terms.type,
                    "state": order.status,
                    "size": plain(order.size),
                    "price": plain(order.price),
                    "filled": plain(order.executed),
                }
                for order in trader.ledger
            ],
            "fills": [
                {
                    "trade_id": str(each.id),
                    "client_id": order.client_id,
                    "symbol": order.market.symbol,
                    "side": order.terms.side,
                    "price": plain(each.price),
                    "size": plain(each.size),
                    "fee": plain(each.fee),
                    "fee_asset": each.fee_asset,
                    "cause": each.cause,
                    "time_ms": each.time_ms,
                }
                for order in trader.ledger
                for each in order.executions
            ],
            "positions": {each.symbol: plain(each.size) for each in engine.positions(trader.account)},
            "balances": {each.asset: plain(each.total) for each in engine.balances(trader.account)},
            "client_ids": {
                client_id: {"received": count, "processed": processed[client_id]}
                for client_id, count in received.items()
            },
        }
