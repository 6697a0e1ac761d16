"""Orders, balances and positions by query. (Sheet B2 and C2.)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ctosd.abi import (
    Balance,
    CallerMistake,
    NotReady,
    OrderUpdate,
    Ports,
    Position,
)
from drivers.binance import replies
from drivers.binance.account import Account
from drivers.binance.calls import ONE_SYMBOL
from drivers.binance.errors import Refused
from drivers.binance.requests import Pairs
from drivers.binance.rest import Rest
from drivers.binance.userdata import PositionRow

PAGE = 1_000
"""The most records of one answer."""

Read = Callable[[Mapping[str, Any], str, str], OrderUpdate]


class History:
    """The queries of all accounts of one product."""

    def __init__(
        self,
        rest: Rest,
        ports: Ports,
        accounts: Mapping[str, Account],
        natives: Mapping[str, str],
        symbols: Mapping[str, str],
    ) -> None:
        self._rest = rest
        self._ports = ports
        self._accounts = accounts
        self._natives = natives
        self._symbols = symbols

    def account(self, name: str) -> Account:
        """Raises `CallerMistake` for an account that this venue does not have."""
        try:
            return self._accounts[name]
        except KeyError:
            raise CallerMistake(f"{name!r} is not an account here; known: {', '.join(self._accounts)}") from None

    def _native(self, symbol: str) -> str:
        try:
            return self._natives[symbol]
        except KeyError:
            raise CallerMistake(f"{symbol} is not listed on Binance {self._rest.product}") from None

    # -- orders ---------------------------------------------------------------------------------------------------------

    async def order(self, name: str, symbol: str, client_id: str) -> OrderUpdate | None:
        """None when neither service knows it. Ids are not used twice, so the newest with this id is the one."""
        account, native = self.account(name), self._native(symbol)
        actual = account.data.conditionals.became.get(client_id)
        by = ("orderId", actual) if actual is not None else ("origClientOrderId", client_id)
        found = await self._order(account, symbol, [("symbol", native), by])
        if found is None and self._rest.product == "usdm":
            found = await self._algo(account, symbol, client_id)
        if found is not None and actual is not None:
            found = replace(found, client_id=client_id)
        if found is not None:
            account.learn(found)
        return found

    async def _order(self, account: Account, symbol: str, params: Pairs) -> OrderUpdate | None:
        try:
            row = await self._rest.read("order", params, account=account.name)
        except Refused as error:
            if error.code == -2026 and self._rest.product == "spot":
                return self._archived(account, symbol, dict(params))
            if error.reason == "order_not_found":
                return None
            raise
        return self._read(replies.order, row, account, symbol)

    def _archived(self, account: Account, symbol: str, params: Mapping[str, str]) -> OrderUpdate | None:
        """The venue had it, closed without a fill more than 90 days ago, and tells no more than that."""
        terms = account.terms.get(params.get("origClientOrderId", ""))
        return OrderUpdate(
            account=account.name, symbol=symbol, client_id=params.get("origClientOrderId", ""), venue_id="",
            state="cancelled", side=terms.side if terms else "buy", type="limit", size=replies.ZERO,
            filled=replies.ZERO, time_ns=self._ports.clock.now_ns(),
        )  # fmt: skip

    async def _algo(self, account: Account, symbol: str, client_id: str) -> OrderUpdate | None:
        """A conditional order; once it has triggered, the order that it became is the one that counts."""
        try:
            row = await self._rest.read("algo", [("clientAlgoId", client_id)], account=account.name)
        except Refused as error:
            if error.reason == "order_not_found":
                return None
            raise
        found = self._read(replies.algo, row, account, symbol)
        actual = str(row.get("actualOrderId") or "")
        if not actual or actual == "0":
            return found
        account.data.conditionals.join(actual, client_id)
        params = [("symbol", self._native(symbol)), ("orderId", actual)]
        became = await self._order(account, symbol, params)
        return replace(became, client_id=client_id) if became is not None else found

    async def open_orders(self, name: str, symbol: str = "") -> list[OrderUpdate]:
        """Open orders of everybody, conditional ones included."""
        account, asked_ns = self.account(name), self._ports.clock.now_ns()
        params: Pairs = [("symbol", self._native(symbol))] if symbol else []
        weights = ONE_SYMBOL[self._rest.product] if symbol else {}
        rows = await self._rest.read("open_orders", params, account=name, weight=weights.get("open_orders"))
        found = [self._named(account, update) for update in self._rows(replies.order, rows, account)]
        if self._rest.product == "usdm":
            rows = await self._rest.read("open_algos", params, account=name, weight=weights.get("open_algos"))
            algos = self._rows(replies.algo, rows, account)
            for update in algos:
                account.data.conditionals.arm(update.client_id, update.symbol, update.side, update.size)
            found += algos
        for update in found:
            account.learn(update)
        account.trade(update.symbol for update in found)
        account.listed_ns = account.listed_ns if symbol else asked_ns
        return found

    def _named(self, account: Account, update: OrderUpdate) -> OrderUpdate:
        owner = account.data.conditionals.aliases.get(update.venue_id)
        return replace(update, client_id=owner) if owner else update

    def _rows(self, read: Read, rows: Any, account: Account) -> list[OrderUpdate]:
        """Rows of listed symbols. One that cannot be read fails the whole answer: half a list would be taken for all."""
        if not isinstance(rows, list):
            raise NotReady(f"{account.name}: a list was expected")
        found = []
        for row in rows:
            symbol = self._symbols.get(str(row.get("symbol"))) if isinstance(row, dict) else None
            if symbol is not None:
                found.append(self._read(read, row, account, symbol))
        return found

    def _read(self, read: Read, row: Any, account: Account, symbol: str) -> OrderUpdate:
        try:
            return read(row, account.name, symbol)
        except replies.WRONG as error:
            raise NotReady(f"{account.name}: a row that cannot be read ({error!r})") from None

    # -- money ----------------------------------------------------------------------------------------------------------

    async def balances(self, name: str) -> list[Balance]:
        account, now_ns = self.account(name), self._ports.clock.now_ns()
        try:
            if self._rest.product == "usdm":
                rows = await rows_of(self._rest, "balances", [], account)
                found = [replies.balance_usdm(row, name, now_ns) for row in rows]
            else:
                answer = await self._rest.read("balances", [("omitZeroBalances", "true")], account=name)
                found = [replies.balance_spot(row, name, now_ns) for row in answer["balances"]]
        except replies.WRONG as error:
            raise NotReady(f"{name}: balances that cannot be read ({error!r})") from None
        found = [balance for balance in found if balance.total or balance.available]
        if self._rest.product == "usdm":
            account.data.wallets.update({balance.asset: balance for balance in found})
        return found

    async def positions(self, name: str) -> list[Position]:
        """What is held, and what was held when last heard of and is flat now: the venue leaves flat symbols out."""
        account = self.account(name)
        if self._rest.product == "spot":
            return []
        settings = await rows_of(self._rest, "symbol_config", [], account)
        rows = await rows_of(self._rest, "positions", [], account)
        legs: dict[str, list[Position]] = {}
        kept: dict[str, dict[str, PositionRow]] = {}
        try:
            self._learn_leverage(account, settings)
            for row in rows:
                symbol = self._symbols.get(str(row["symbol"]))
                if symbol is not None:
                    leverage = account.data.leverage.get(symbol, replies.number(1))
                    leg = replies.position(row, name, symbol, leverage)
                    legs.setdefault(symbol, []).append(leg)
                    side = str(row.get("positionSide", "BOTH"))
                    kept.setdefault(symbol, {})[side] = PositionRow(
                        s=str(row["symbol"]), pa=leg.size, ep=leg.entry, up=leg.unrealised, ps=side
                    )
        except replies.WRONG as error:
            raise NotReady(f"{name}: positions that cannot be read ({error!r})") from None
        gone = [self._flat(account, symbol) for symbol in account.data.held.keys() - legs.keys()]
        account.data.held = kept
        return [_net(each) for each in legs.values()] + gone

    def _learn_leverage(self, account: Account, settings: Sequence[Mapping[str, Any]]) -> None:
        for row in settings:
            symbol = self._symbols.get(str(row["symbol"]))
            if symbol is not None:
                account.data.leverage[symbol] = replies.number(row["leverage"])

    def _flat(self, account: Account, symbol: str) -> Position:
        zero = replies.ZERO
        return Position(
            account=account.name, symbol=symbol, size=zero, entry=zero, mark=zero, unrealised=zero,
            leverage=account.data.leverage.get(symbol, replies.number(1)), time_ns=self._ports.clock.now_ns(),
        )  # fmt: skip


async def rows_of(rest: Rest, name: str, params: Pairs, account: Account) -> list[Mapping[str, Any]]:
    """A query that answers with a list of records. Raises `NotReady` for anything else."""
    rows = await rest.read(name, params, account=account.name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NotReady(f"{account.name}: a list was expected")
    return rows


def _net(legs: Sequence[Position]) -> Position:
    """One position of the legs of a symbol; in one-way mode there is but one."""
    if len(legs) == 1:
        return legs[0]
    largest = max(legs, key=lambda leg: abs(leg.size))
    size = sum((leg.size for leg in legs), replies.ZERO)
    unrealised = sum((leg.unrealised for leg in legs), replies.ZERO)
    return replace(largest, size=size, unrealised=unrealised, entry=largest.entry if size else replies.ZERO)
