"""Orders as they come in: parameters checked, refused in the product's words, or turned into terms (sheet B3, C3, C5)."""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Decimal
from random import Random

from ctosd.abi import Side
from drivers.binance.emulator import filters
from drivers.binance.emulator.formats import ZERO, mint
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.orders import Order, Terms
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal, invalid, malformed, missing, not_required
from drivers.paper.stage import Stage

SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
MATCHES = {"OPPONENT": 1, "OPPONENT_5": 5, "OPPONENT_10": 10, "OPPONENT_20": 20}
MATCHES |= {name.replace("OPPONENT", "QUEUE"): level for name, level in MATCHES.items()}
STP: dict[str, tuple[str, ...]] = {"futures": ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")}
STP["spot"] = (*STP["futures"], "DECREMENT", "TRANSFER")
GTD_LEAST_MS = 600_000


class Intake:
    """Reads orders of one product. `hedged` says whether an account is in hedge mode."""

    def __init__(self, markets: Markets, stage: Stage, random: Random) -> None:
        self._markets = markets
        self._stage = stage
        self._random = random
        self._legal = re.compile(markets.product.client_id)

    # -- what both products have --------------------------------------------------------------------------------------------

    def client_id(self, params: Params, name: str = "newClientOrderId") -> str:
        """The client's id, else one that the venue makes."""
        if not params.sent(name):
            return self.fresh_id()
        value = params.text(name)
        if not self._legal.match(value):
            if self._markets.product.name == "spot":
                raise malformed(name, self._markets.product.client_id)
            raise Refusal(-4015, "Client order id is not valid.")
        return value

    def fresh_id(self) -> str:
        return mint(self._random)

    def _stp(self, params: Params) -> str:
        return params.choice("selfTradePreventionMode", STP[self._markets.product.name], "EXPIRE_MAKER")

    # -- futures --------------------------------------------------------------------------------------------------------------

    def futures(self, params: Params, now_ms: int, *, hedged: bool) -> Terms:
        """An order of /fapi/v1/order."""
        market = self._markets.of(params)
        side = SIDES[params.choice("side", SIDES)]
        kind = params.choice("type", ("LIMIT", "MARKET", *CONDITIONAL))
        if kind in CONDITIONAL:
            raise Refusal(
                -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            )
        position_side = self._position_side(params, hedged)
        reduce_only = self._reduce_only(params, hedged)
        tif, price, match = "GTC", None, "NONE"
        if kind == "LIMIT":
            tif = params.choice("timeInForce", ("GTC", "IOC", "FOK", "GTX", "GTD", "RPI"))
            price, match = self._limit_price(params, market, side)
        else:
            for name in ("price", "timeInForce", "priceMatch"):
                if params.sent(name):
                    raise not_required(name)
        size = self._need_decimal(params, "quantity")
        filters.futures_size(market, size, is_market=kind == "MARKET")
        filters.futures_notional(market, size, price, reduce_only=reduce_only)
        return Terms(
            market=market,
            side=side,
            type=kind,
            size=size,
            tif=tif,
            price=price,
            client_id=self.client_id(params),
            position_side=position_side,
            reduce_only=reduce_only,
            price_match=match,
            stp=self._stp(params),
            good_till_ms=self._good_till(params, tif, now_ms),
            response=params.choice("newOrderRespType", ("ACK", "RESULT"), "ACK"),
        )

    @staticmethod
    def _need_decimal(params: Params, name: str) -> Decimal:
        value = params.decimal(name) if params.sent(name) else None
        if value is None:
            raise missing(name)
        return value

    @staticmethod
    def _position_side(params: Params, hedged: bool) -> str:
        side = params.choice("positionSide", ("BOTH", "LONG", "SHORT"), "BOTH")
        if hedged == (side == "BOTH"):
            raise Refusal(-4061, "Order's position side does not match user's setting.")
        return side

    @staticmethod
    def _reduce_only(params: Params, hedged: bool) -> bool:
        if hedged and params.sent("reduceOnly"):
            raise not_required("reduceOnly")
        return params.boolean("reduceOnly")

    def _limit_price(self, params: Params, market: Market, side: Side) -> tuple[Decimal, str]:
        match = params.choice("priceMatch", ("NONE", *MATCHES), "NONE")
        if match == "NONE":
            price = self._need_decimal(params, "price")
            filters.futures_price(market, price)
            return price, match
        if params.sent("price"):
            raise not_required("price")
        return self.matched(market, side, match), match

    def matched(self, market: Market, side: Side, match: str) -> Decimal:
        """The price that `priceMatch` means now."""
        market.open()
        level = MATCHES[match]
        book = self._stage.book(market.symbol, level)
        against = match.startswith("OPPONENT")
        ladder = book.asks if (side == "buy") == against else book.bids
        if len(ladder) < level:
            raise Refusal(-5041, "No depth matches this priceMatch.")
        return Decimal(repr(ladder[level - 1][0]))

    @staticmethod
    def _good_till(params: Params, tif: str, now_ms: int) -> int:
        if tif != "GTD":
            return 0
        until = params.integer("goodTillDate")
        if until <= now_ms + GTD_LEAST_MS:
            raise invalid("goodTillDate")
        return until // 1000 * 1000

    def changed(self, params: Params, market: Market, order: Order) -> tuple[Decimal, Decimal]:
        """`(size, price)` of a futures order that is modified."""
        price, _ = self._limit_price(params, market, order.terms.side)
        size = self._need_decimal(params, "quantity")
        filters.futures_size(market, size, is_market=False)
        filters.futures_notional(market, size, price, reduce_only=order.terms.reduce_only)
        return size, price

    def algo(self, params: Params, *, hedged: bool) -> Terms:
        """A conditional order of /fapi/v1/algoOrder."""
        if params.need("algoType") != "CONDITIONAL":
            raise invalid("algoType")
        market = self._markets.of(params)
        side = SIDES[params.choice("side", SIDES)]
        kind = params.choice("type", CONDITIONAL)
        if kind == "TRAILING_STOP_MARKET":
            raise Refusal(-1020, "This operation is not supported: trailing stops are not emulated.")
        position_side = self._position_side(params, hedged)
        reduce_only = self._reduce_only(params, hedged)
        stop = self._need_decimal(params, "triggerPrice")
        filters.futures_price(market, stop)
        close = params.boolean("closePosition")
        if close and (params.sent("quantity") or reduce_only or not kind.endswith("MARKET")):
            raise Refusal(-4136 if not kind.endswith("MARKET") else -1106, "closePosition does not go with this order.")
        price, tif = None, "GTC"
        if not kind.endswith("MARKET"):
            price, _ = self._limit_price(params, market, side)
            tif = params.choice("timeInForce", ("GTC", "IOC", "FOK", "GTX"), "GTC")
        size = ZERO if close else self._need_decimal(params, "quantity")
        if not close:
            filters.futures_size(market, size, is_market=price is None)
            filters.futures_notional(market, size, price or stop, reduce_only=reduce_only)
        return Terms(
            market=market,
            side=side,
            type=kind,
            size=size,
            tif=tif,
            price=price,
            stop=stop,
            client_id=self.client_id(params, "clientAlgoId"),
            position_side=position_side,
            reduce_only=reduce_only,
            close_position=close,
            working_type=params.choice("workingType", ("CONTRACT_PRICE", "MARK_PRICE"), "CONTRACT_PRICE"),
            price_protect=params.boolean("priceProtect"),
            stp=self._stp(params),
        )

    # -- spot -----------------------------------------------------------------------------------------------------------------

    def spot(self, params: Params) -> Terms:
        """An order of /api/v3/order."""
        market = self._markets.of(params)
        side = SIDES[params.choice("side", SIDES)]
        kind = params.choice("type", ("LIMIT", "MARKET", "LIMIT_MAKER", *STOPS))
        priced = kind in ("LIMIT", "LIMIT_MAKER") or kind.endswith("_LIMIT")
        timed = kind == "LIMIT" or kind.endswith("_LIMIT")
        tif = params.choice("timeInForce", ("GTC", "IOC", "FOK")) if timed else "GTC"
        for name, wanted in (("timeInForce", timed), ("price", priced), ("stopPrice", kind in STOPS)):
            if params.sent(name) and not wanted:
                raise not_required(name)
        price = self._need_decimal(params, "price") if priced else None
        if price is not None:
            filters.spot_price(market, price)
        stop = self._need_decimal(params, "stopPrice") if kind in STOPS else None
        if stop is not None:
            filters.spot_price(market, stop)
        size, quote_size = self._spot_size(params, market, side, kind)
        filters.spot_size(market, size, is_market=price is None)
        filters.spot_notional(market, size, price or stop)
        return Terms(
            market=market,
            side=side,
            type=kind,
            size=size,
            tif=tif,
            price=price,
            quote_size=quote_size,
            stop=stop,
            client_id=self.client_id(params),
            stp=self._stp(params),
            response=params.choice(
                "newOrderRespType", ("ACK", "RESULT", "FULL"), "FULL" if kind in ("MARKET", "LIMIT") else "ACK"
            ),
        )

    def _spot_size(self, params: Params, market: Market, side: Side, kind: str) -> tuple[Decimal, Decimal]:
        """`(quantity, quote quantity)`: a market order may give the latter, which is spent at the present prices."""
        quote_size = params.decimal("quoteOrderQty") if params.sent("quoteOrderQty") else None
        if quote_size is None:
            return self._need_decimal(params, "quantity"), ZERO
        if kind != "MARKET":
            raise not_required("quoteOrderQty")
        if params.sent("quantity"):
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        market.open()
        book = self._stage.book(market.symbol, 50)
        left, size = quote_size, ZERO
        for level_price, level_size in book.asks if side == "buy" else book.bids:
            price, most = Decimal(repr(level_price)), Decimal(repr(level_size))
            part = min(most, left / price)
            size, left = size + part, left - part * price
            if left <= 0:
                break
        lot = market.instrument.lot
        return (size / lot).to_integral_value(ROUND_FLOOR) * lot, quote_size
