"""Futures accounts as they are told: balances, positions, settings, brackets (sheet C2)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ctosd.abi import Balance, CallerMistake, Position
from drivers.binance.emulator.formats import ZERO, fixed, money, plain
from drivers.binance.emulator.futures_reports import config_update, leverage_change
from drivers.binance.emulator.markets import Market, Markets
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.stage import Stage

Message = dict[str, Any]
MOST_NOTIONAL = Decimal(10_000_000)


class Portfolio:
    """Questions about futures accounts, and their settings. `send` tells an account's streams."""

    def __init__(
        self, stage: Stage, markets: Markets, time: VenueTime, send: Callable[[Trader, Message], None]
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._time = time
        self._send = send

    # -- figures ------------------------------------------------------------------------------------------------------------

    def leverage(self, trader: Trader, market: Market) -> Decimal:
        return self._stage.floor.engine.leverage(trader.account, market.symbol)

    def held(self, trader: Trader) -> dict[str, Position]:
        """Open positions by symbol."""
        return {each.symbol: each for each in self._stage.floor.engine.positions(trader.account)}

    def balances(self, trader: Trader) -> list[Balance]:
        return list(self._stage.floor.engine.balances(trader.account))

    def _resting(self, trader: Trader, market: Market) -> tuple[Decimal, Decimal]:
        """Worth of open buys and sells that may enlarge the position."""
        worth = {"buy": ZERO, "sell": ZERO}
        for order in trader.ledger.open(market):
            if not order.terms.reduce_only:
                worth[order.terms.side] += order.left * order.price
        return worth["buy"], worth["sell"]

    def _margins(self, trader: Trader, market: Market, position: Position | None) -> tuple[Decimal, Decimal, Decimal]:
        """`(of the position, of open orders, maintenance)`."""
        leverage = self.leverage(trader, market)
        notional = abs(position.size * position.mark) if position is not None else ZERO
        buys, sells = self._resting(trader, market)
        maintenance = notional * market.instrument.maintenance_margin
        return notional / leverage, max(buys, sells) / leverage, maintenance

    def _concerned(self, trader: Trader) -> list[Market]:
        """Markets with a position or an open order."""
        held = self.held(trader)
        busy = {order.market.symbol for order in trader.ledger.open()} | held.keys()
        return [market for market in self._markets if market.symbol in busy]

    # -- balances -----------------------------------------------------------------------------------------------------------

    def balance(self, trader: Trader) -> list[Message]:
        unrealised = self._unrealised(trader)
        return [
            {
                "accountAlias": f"emu{trader.uid}",
                "asset": each.asset,
                "balance": money(each.total),
                "crossWalletBalance": money(each.total),
                "crossUnPnl": money(unrealised.get(each.asset, ZERO)),
                "availableBalance": money(each.available),
                "maxWithdrawAmount": money(min(each.available, each.total)),
                "marginAvailable": True,
                "updateTime": self._time.now_ms(),
            }
            for each in self.balances(trader)
        ]

    def _unrealised(self, trader: Trader) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for symbol, position in self.held(trader).items():
            asset = self._markets.by_symbol[symbol].instrument.settle
            found[asset] = found.get(asset, ZERO) + position.unrealised
        return found

    def account(self, trader: Trader, version: int) -> Message:
        held = self.held(trader)
        chosen = list(self._markets) if version == 2 else self._concerned(trader)
        rows = [(market, *self._margins(trader, market, held.get(market.symbol))) for market in chosen]
        assets = [self._asset(trader, each, rows) for each in self.balances(trader)]
        total = {
            name: money(sum((Decimal(asset[key]) for asset in assets), ZERO))
            for name, key in (
                ("totalInitialMargin", "initialMargin"),
                ("totalMaintMargin", "maintMargin"),
                ("totalWalletBalance", "walletBalance"),
                ("totalUnrealizedProfit", "unrealizedProfit"),
                ("totalMarginBalance", "marginBalance"),
                ("totalPositionInitialMargin", "positionInitialMargin"),
                ("totalOpenOrderInitialMargin", "openOrderInitialMargin"),
                ("totalCrossWalletBalance", "crossWalletBalance"),
                ("totalCrossUnPnl", "crossUnPnl"),
                ("availableBalance", "availableBalance"),
                ("maxWithdrawAmount", "maxWithdrawAmount"),
            )
        }
        positions = [self._account_position(trader, row, held.get(row[0].symbol), version) for row in rows]
        head = {**self.config(trader), "canWithdraw": True} if version == 2 else {}
        head.pop("dualSidePosition", None)
        return {**head, **total, "assets": assets, "positions": positions}

    def _asset(self, trader: Trader, balance: Balance, rows: list[tuple[Market, Decimal, Decimal, Decimal]]) -> Message:
        own = [row for row in rows if row[0].instrument.settle == balance.asset]
        position = sum((row[1] for row in own), ZERO)
        orders = sum((row[2] for row in own), ZERO)
        maintenance = sum((row[3] for row in own), ZERO)
        unrealised = self._unrealised(trader).get(balance.asset, ZERO)
        return {
            "asset": balance.asset,
            "walletBalance": money(balance.total),
            "unrealizedProfit": money(unrealised),
            "marginBalance": money(balance.total + unrealised),
            "maintMargin": money(maintenance),
            "initialMargin": money(position + orders),
            "positionInitialMargin": money(position),
            "openOrderInitialMargin": money(orders),
            "crossWalletBalance": money(balance.total),
            "crossUnPnl": money(unrealised),
            "availableBalance": money(balance.available),
            "maxWithdrawAmount": money(min(balance.available, balance.total)),
            "marginAvailable": True,
            "updateTime": self._time.now_ms(),
        }

    def _account_position(
        self, trader: Trader, row: tuple[Market, Decimal, Decimal, Decimal], position: Position | None, version: int
    ) -> Message:
        market, margin, orders, maintenance = row
        size = position.size if position is not None else ZERO
        found: Message = {
            "symbol": market.native,
            "positionSide": "BOTH",
            "positionAmt": market.size(size),
            "unrealizedProfit": money(position.unrealised if position is not None else ZERO),
            "initialMargin": money(margin + orders),
            "maintMargin": money(maintenance),
            "updateTime": self._ms(position),
        }
        if version == 3:
            notional = money(size * position.mark if position is not None else ZERO)
            return {**found, "isolatedMargin": "0", "notional": notional, "isolatedWallet": "0"}
        buys, sells = self._resting(trader, market)
        return {
            **found,
            "positionInitialMargin": money(margin),
            "openOrderInitialMargin": money(orders),
            "leverage": plain(self.leverage(trader, market)),
            "isolated": market.symbol in trader.isolated,
            "entryPrice": self._entry(market, position),
            "breakEvenPrice": self._entry(market, position),
            "maxNotional": plain(MOST_NOTIONAL),
            "bidNotional": plain(buys),
            "askNotional": plain(sells),
        }

    def _ms(self, position: Position | None) -> int:
        return self._time.ms(position.time_ns) if position is not None else 0

    @staticmethod
    def _entry(market: Market, position: Position | None) -> str:
        return fixed(position.entry if position is not None else ZERO, market.price_places + 3)

    # -- positions ------------------------------------------------------------------------------------------------------------

    def positions(self, trader: Trader, market: Market | None, version: int) -> list[Message]:
        """Version 3 leaves out the symbols in which nothing is, version 2 has all of them."""
        chosen = self._concerned(trader) if version == 3 else list(self._markets)
        held = self.held(trader)
        rows = [each for each in chosen if market is None or each is market]
        return [self._position(trader, each, held.get(each.symbol), version) for each in rows]

    def _position(self, trader: Trader, market: Market, position: Position | None, version: int) -> Message:
        margin, orders, maintenance = self._margins(trader, market, position)
        flat = position is None
        size = position.size if position is not None else ZERO
        found: Message = {
            "symbol": market.native,
            "positionSide": "BOTH",
            "positionAmt": market.size(size),
            "entryPrice": self._entry(market, position),
            "breakEvenPrice": self._entry(market, position),
            "markPrice": fixed(position.mark if position is not None else market.mark(), 8),
            "unRealizedProfit": money(position.unrealised if position is not None else ZERO),
            "liquidationPrice": plain(position.liquidation or ZERO) if position is not None else "0",
            "isolatedMargin": "0",
            "notional": "0" if flat or position is None else money(size * position.mark),
            "isolatedWallet": "0",
            "updateTime": self._ms(position),
        }
        if version == 3:
            buys, sells = self._resting(trader, market)
            return {
                **found,
                "marginAsset": market.instrument.settle,
                "initialMargin": money(margin + orders),
                "maintMargin": money(maintenance),
                "positionInitialMargin": money(margin),
                "openOrderInitialMargin": money(orders),
                "adl": 0 if flat else 2,
                "bidNotional": plain(buys),
                "askNotional": plain(sells),
            }
        return {
            **found,
            "leverage": plain(self.leverage(trader, market)),
            "maxNotionalValue": plain(MOST_NOTIONAL),
            "marginType": "isolated" if market.symbol in trader.isolated else "cross",
            "isAutoAddMargin": "false",
        }

    # -- settings -----------------------------------------------------------------------------------------------------------

    def config(self, trader: Trader) -> Message:
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": trader.hedged,
            "updateTime": 0,
            "multiAssetsMargin": trader.multi_assets,
            "tradeGroupId": -1,
        }

    def symbol_config(self, trader: Trader, market: Market | None) -> list[Message]:
        return [
            {
                "symbol": each.native,
                "marginType": "ISOLATED" if each.symbol in trader.isolated else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": int(self.leverage(trader, each)),
                "maxNotionalValue": plain(MOST_NOTIONAL),
            }
            for each in self._markets
            if market is None or each is market
        ]

    def set_leverage(self, trader: Trader, market: Market, leverage: int) -> Message:
        most = market.instrument.max_leverage
        if not 1 <= leverage <= most:
            raise Refusal(-4028, f"Leverage {leverage} is not valid")
        try:
            self._stage.set_leverage(trader.account, market.symbol, Decimal(leverage))
        except CallerMistake as error:
            raise Refusal(-2028, "Leverage is smaller than permitted: insufficient margin balance.") from error
        change = leverage_change(market.native, Decimal(leverage))
        self._send(trader, config_update(trader, self._time.now_ms(), change))
        return {"symbol": market.native, "leverage": leverage, "maxNotionalValue": plain(MOST_NOTIONAL)}

    def set_margin_type(self, trader: Trader, market: Market, isolated: bool) -> Message:
        if (market.symbol in trader.isolated) == isolated:
            raise Refusal(-4046, "No need to change margin type.")
        if trader.ledger.open(market):
            raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
        if market.symbol in self.held(trader):
            raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
        (trader.isolated.add if isolated else trader.isolated.discard)(market.symbol)
        return done()

    def set_hedged(self, trader: Trader, hedged: bool) -> Message:
        if trader.hedged == hedged:
            raise Refusal(-4059, "No need to change position side.")
        if trader.ledger.open():
            raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
        if self.held(trader):
            raise Refusal(-4068, "Position side cannot be changed if there exists position.")
        trader.hedged = hedged
        return done()

    def set_multi_assets(self, trader: Trader, multi: bool) -> Message:
        if trader.multi_assets == multi:
            raise Refusal(-4171, "No need to change Multi-Assets Mode.")
        trader.multi_assets = multi
        self._send(trader, config_update(trader, self._time.now_ms(), {"ai": {"j": multi}}))
        return done()

    # -- what depends on the market alone -------------------------------------------------------------------------------------

    def brackets(self, market: Market | None) -> list[Message]:
        return [
            {
                "symbol": each.native,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": int(each.instrument.max_leverage),
                        "notionalCap": int(MOST_NOTIONAL),
                        "notionalFloor": 0,
                        "maintMarginRatio": float(each.instrument.maintenance_margin),
                        "cum": 0.0,
                    }
                ],
            }
            for each in self._markets
            if market is None or each is market
        ]


def done() -> Message:
    return {"code": 200, "msg": "success"}
