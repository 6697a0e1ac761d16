"""What an account is asked about: balances, margin, positions, settings and how much it may order (sheet section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from ctosd.abi import Balance, CallerMistake, Position, exact
from drivers.backpack.emulator.desk import Desk
from drivers.backpack.emulator.formats import plain, rough, us
from drivers.backpack.emulator.markets import QUOTE, Market, Markets
from drivers.backpack.emulator.orders import ZERO
from drivers.backpack.emulator.refusals import Refusal, bad_request
from drivers.paper.stage import Stage

FINEST = Decimal("1e-8")
SETTINGS = ("autoLend", "autoBorrowSettlements", "autoRepayBorrows")
FIRST_USER, FIRST_POSITION = 1_813_870, 28_375_996_000


class Accounts:
    """Reads the stage. `lends` of the desk says who lends its balances by itself."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        desk: Desk,
        accounts: Sequence[str],
        leverage: Decimal,
        now_ns: Callable[[], int],
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._desk = desk
        self._now_ns = now_ns
        self._leverage = dict.fromkeys(accounts, leverage)
        self._flags = {account: dict.fromkeys(SETTINGS, False) for account in accounts}
        self._users = {account: FIRST_USER + number for number, account in enumerate(accounts)}
        self._opened: dict[tuple[str, str], int] = {}
        self._sizes: dict[tuple[str, str], Decimal] = {}
        self._count = 0
        self.tell_private: Callable[[str, str, str, dict[str, Any]], None] = lambda account, stream, symbol, data: None

    # -- money ------------------------------------------------------------------------------------------------------------

    def _cash(self, account: str) -> dict[str, Balance]:
        return {each.asset: each for each in self._stage.floor.engine.balances(account)}

    def locked(self, account: str) -> dict[str, Decimal]:
        """What open spot orders hold."""
        found: dict[str, Decimal] = {}
        for order in self._stage.floor.engine.open_orders(account):
            market = self._markets.of(order.symbol)
            if market.is_perp or order.price is None:
                continue
            left, instrument = order.size - order.filled, market.instrument
            if order.side == "buy":
                fee = max(ZERO, instrument.maker_fee, instrument.taker_fee)
                found[instrument.quote] = found.get(instrument.quote, ZERO) + left * order.price * (1 + fee)
            else:
                found[instrument.base] = found.get(instrument.base, ZERO) + left
        return found

    def capital(self, account: str) -> dict[str, Any]:
        """GET /capital. With auto-lend the free part of every balance is lent, and not here."""
        locked, lends = self.locked(account), self._desk.lends.get(account, False)
        found = {}
        for asset, balance in self._cash(account).items():
            held = min(balance.total, locked.get(asset, ZERO))
            free = ZERO if lends else balance.total - held
            found[asset] = {"available": plain(_cut(free)), "locked": plain(_cut(held)), "staked": "0"}
        return found

    def lent(self, account: str) -> list[dict[str, Any]]:
        """GET /borrowLend/positions."""
        if not self._desk.lends.get(account, False):
            return []
        locked = self.locked(account)
        function = {"type": "sqrt", "base": "0", "factor": "0"}
        return [
            {
                "cumulativeInterest": "0",
                "id": f"{self._users[account]}{number}",
                "imf": "0",
                "imfFunction": function,
                "netQuantity": plain(_cut(balance.total - locked.get(asset, ZERO))),
                "markPrice": plain(self._price(asset)),
                "mmf": "0",
                "mmfFunction": function,
                "netExposureQuantity": "0",
                "netExposureNotional": "0",
                "symbol": asset,
            }
            for number, (asset, balance) in enumerate(self._cash(account).items())
            if balance.total
        ]

    def _price(self, asset: str) -> Decimal:
        """Of one coin in the quote money; 0 when no market of ours tells it."""
        if asset == QUOTE:
            return Decimal(1)
        for market in self._markets.all:
            if market.instrument.base == asset:
                return exact(self._stage.last_price(market.symbol))
        return ZERO

    def collateral(self, account: str) -> dict[str, Any]:
        """GET /capital/collateral: equity of everything; only the quote carries futures here."""
        cash, locked, lends = self._cash(account), self.locked(account), self._desk.lends.get(account, False)
        positions = self._stage.floor.engine.positions(account)
        rows, assets = [], ZERO
        for asset, balance in cash.items():
            held, price = locked.get(asset, ZERO), self._price(asset)
            free = balance.total - held
            assets += balance.total * price
            rows.append(
                {
                    "symbol": asset,
                    "assetMarkPrice": plain(price),
                    "totalQuantity": plain(_cut(balance.total)),
                    "balanceNotional": plain(_cut(balance.total * price)),
                    "collateralWeight": "1",
                    "collateralValue": plain(_cut(balance.total * price)),
                    "openOrderQuantity": plain(_cut(held)),
                    "lendQuantity": plain(_cut(free)) if lends else "0",
                    "availableQuantity": "0" if lends else plain(_cut(free)),
                }
            )
        profit = sum((each.unrealised for each in positions), ZERO)
        exposure = sum((abs(each.size) * each.mark for each in positions), ZERO)
        equity, free_margin = assets + profit, cash[QUOTE].available if QUOTE in cash else ZERO
        return {
            "assetsValue": plain(_cut(assets)),
            "borrowLiability": "0",
            "collateral": rows,
            "imf": plain((1 / self._leverage[account]).quantize(Decimal("0.000001"))),
            "liabilitiesValue": "0",
            "marginFraction": rough(equity / exposure) if exposure else None,
            "mmf": "0.0125",
            "netEquity": plain(_cut(equity)),
            "netEquityAvailable": plain(_cut(free_margin)),
            "netEquityLocked": plain(_cut(max(ZERO, equity - free_margin))),
            "netExposureFutures": plain(_cut(exposure)),
            "pnlUnrealized": plain(_cut(profit)),
            "unsettledEquity": plain(_cut(profit)),
        }

    # -- settings -----------------------------------------------------------------------------------------------------------

    def settings(self, account: str) -> dict[str, Any]:
        """GET /account; fees in basis points."""
        orders = self._desk.open_orders(account)
        fees = {"maker": {"PERP": "2", "SPOT": "8"}, "taker": {"PERP": "5", "SPOT": "10"}}
        for market in reversed(self._markets.all):
            fees["maker"][market.kind] = plain(market.instrument.maker_fee * 10_000)
            fees["taker"][market.kind] = plain(market.instrument.taker_fee * 10_000)
        waiting = sum(order.waits for order in orders)
        return {
            **self._flags[account],
            "autoRealizePnl": True,
            "borrowLimit": "0",
            "futuresMakerFee": fees["maker"]["PERP"],
            "futuresTakerFee": fees["taker"]["PERP"],
            "spotMakerFee": fees["maker"]["SPOT"],
            "spotTakerFee": fees["taker"]["SPOT"],
            "leverageLimit": plain(self._leverage[account]),
            "limitOrders": len(orders) - waiting,
            "triggerOrders": waiting,
            "liquidating": False,
            "positionLimit": "1000000",
        }

    def change(self, account: str, body: Mapping[str, Any]) -> None:
        """PATCH /account. The leverage is the account's, not a symbol's."""
        for name in SETTINGS:
            if name in body and not isinstance(body[name], bool):
                raise bad_request(f"parse request payload error: `{name}` must be a boolean")
        if (text := body.get("leverageLimit")) is not None:
            self._set_leverage(account, text)
        for name in SETTINGS:
            if name in body:
                self._flags[account][name] = body[name]
        self._desk.lends[account] = self._flags[account]["autoLend"]

    def _set_leverage(self, account: str, text: Any) -> None:
        if not isinstance(text, str) or not text.replace(".", "", 1).isdigit():
            raise bad_request("parse request payload error: `leverageLimit` must be a decimal text")
        leverage, old = Decimal(text), self._leverage[account]
        if not 1 <= leverage <= 50:
            raise Refusal("INVALID_RANGE", "Leverage limit is out of range")
        try:
            self._spread(account, leverage)
        except CallerMistake as error:
            self._spread(account, old)
            raise Refusal("MAX_LEVERAGE_REACHED", "Positions need more leverage than this") from error
        self._leverage[account] = leverage

    def _spread(self, account: str, leverage: Decimal) -> None:
        for market in self._markets.perps():
            most = market.instrument.max_leverage
            self._stage.set_leverage(account, market.symbol, min(leverage, most))

    def most(self, account: str, market: Market, side: str, price: str | None, reduce_only: bool) -> dict[str, Any]:
        """GET /account/limits/order."""
        instrument, cash = market.instrument, self._cash(account)
        at = Decimal(price) if price is not None else exact(self._stage.last_price(market.symbol))
        if reduce_only or (not market.is_perp and side == "Ask"):
            size = self._held(account, market, side) if market.is_perp else _available(cash, instrument.base)
        else:
            reach = min(self._leverage[account], instrument.max_leverage) if market.is_perp else Decimal(1)
            size = _available(cash, instrument.quote) * reach / (at * (1 + reach * instrument.taker_fee))
        found: dict[str, Any] = {
            "maxOrderQuantity": plain(instrument.floor_size(max(ZERO, size))),
            "side": side,
            "symbol": market.name,
            "autoBorrow": None,
            "autoBorrowRepay": None,
            "autoLendRedeem": None,
            "price": price,
            "reduceOnly": reduce_only or None,
        }
        return found

    def _held(self, account: str, market: Market, side: str) -> Decimal:
        positions = self._stage.floor.engine.positions(account)
        size = sum((each.size for each in positions if each.symbol == market.symbol), ZERO)
        return max(ZERO, -size if side == "Bid" else size)

    # -- positions ----------------------------------------------------------------------------------------------------------

    def positions(self, account: str, name: str = "", kind: str = "") -> list[dict[str, Any]]:
        """GET /position. Raises `Refusal` for a symbol without one."""
        found = [
            self._position(each)
            for each in self._stage.floor.engine.positions(account)
            if (not name or self._markets.of(each.symbol).name == name)
            and (not kind or self._markets.of(each.symbol).kind == kind)
        ]
        if name and not found:
            raise Refusal("RESOURCE_NOT_FOUND", "Position not found")
        return found

    def _exposure(self, position: Position) -> Decimal:
        """The position with the open orders that would enlarge it most: never a size to trade by."""
        sides = {"buy": ZERO, "sell": ZERO}
        for order in self._stage.floor.engine.open_orders(position.account, position.symbol):
            sides[order.side] += order.size - order.filled
        return max(abs(position.size + sides["buy"]), abs(position.size - sides["sell"]))

    def _position(self, each: Position) -> dict[str, Any]:
        market, exposure = self._markets.of(each.symbol), self._exposure(each)
        sign = 1 if each.size > 0 else -1
        imf = max(market.imf, 1 / self._leverage[each.account])
        return {
            "symbol": market.name,
            "netQuantity": plain(each.size),
            "netCost": rough(each.size * each.entry),
            "netExposureQuantity": plain(exposure),
            "netExposureNotional": rough(exposure * each.mark),
            "entryPrice": rough(each.entry),
            "breakEvenPrice": rough(each.entry * (1 + sign * market.instrument.taker_fee)),
            "markPrice": rough(each.mark),
            "estLiquidationPrice": rough(each.liquidation or ZERO),
            "imf": rough(imf, 6),
            "imfFunction": market.margin(market.imf),
            "mmf": plain(market.instrument.maintenance_margin),
            "mmfFunction": market.margin(market.instrument.maintenance_margin),
            "pnlRealized": rough(each.realised),
            "pnlUnrealized": rough(each.unrealised),
            "cumulativeFundingPayment": "0",
            "cumulativeInterest": "0",
            "positionId": str(self._position_id(each)),
            "subaccountId": None,
            "userId": self._users[each.account],
        }

    def _position_id(self, each: Position) -> int:
        key = (each.account, each.symbol)
        if key not in self._opened:
            self._count += 1
            self._opened[key] = FIRST_POSITION + self._count
        return self._opened[key]

    # -- streams --------------------------------------------------------------------------------------------------------------

    def hear_position(self, each: Position) -> None:
        """Tell a change of a position."""
        key, market = (each.account, each.symbol), self._markets.of(each.symbol)
        before = self._sizes.get(key, ZERO)
        self._sizes[key] = each.size
        event = "positionAdjusted" if before and each.size else "positionOpened" if each.size else "positionClosed"
        if event == "positionOpened":
            self._opened.pop(key, None)
        self.tell_private(each.account, "account.positionUpdate", market.name, {"e": event, **self.streamed(each)})

    def hear_balance(self, each: Balance) -> None:
        """Absolute values; the stream is new and told by ccxt alone (sheet section 7, UNCONFIRMED)."""
        now_us = us(self._now_ns())
        money = self.capital(each.account).get(each.asset)
        if money is not None:
            data = {"e": "balanceUpdate", "E": now_us, "T": now_us, "a": each.asset}
            told = {"A": money["available"], "L": money["locked"], "S": money["staked"]}
            self.tell_private(each.account, "account.balanceUpdate", "", data | told)

    def present(self, account: str) -> list[tuple[str, dict[str, Any]]]:
        """`(market's name, data without e)` of every open position: what a subscriber hears first."""
        positions = self._stage.floor.engine.positions(account)
        return [(self._markets.of(each.symbol).name, self.streamed(each)) for each in positions]

    def streamed(self, each: Position) -> dict[str, Any]:
        """Sheet section 7.3; texts as recorded traffic has them, the id a number."""
        told, now_us = self._position(each), us(self._now_ns())
        return {
            "E": now_us,
            "T": now_us,
            "s": told["symbol"],
            "q": told["netQuantity"],
            "Q": told["netExposureQuantity"],
            "n": told["netExposureNotional"],
            "B": told["entryPrice"],
            "b": told["breakEvenPrice"],
            "M": told["markPrice"],
            "l": "0",
            "f": told["imf"],
            "m": told["mmf"],
            "p": told["pnlRealized"],
            "P": told["pnlUnrealized"],
            "i": int(told["positionId"]),
        }


def _available(cash: Mapping[str, Balance], asset: str) -> Decimal:
    return cash[asset].available if asset in cash else ZERO


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(FINEST, ROUND_FLOOR)
