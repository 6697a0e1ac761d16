"""What Backpack tells of an account: orders, fills, balances, positions, settings. Sheet, sections 5 and 6.

A resting order is asked for at one place, an ended one at another: ``GET /order`` knows only what rests, the history (which
may lag a little) everything else. Every read raises `NotReady` when the venue cannot be asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ctosd.abi import AuthFailed, Balance, Clock, Fill, FundingPayment, NotReady, OrderUpdate, Position
from drivers.backpack.account import Account
from drivers.backpack.clientids import NAMELESS, ClientIds
from drivers.backpack.errors import VenueError
from drivers.backpack.instants import MS, SECOND, Moment, ns_of
from drivers.backpack.listing import Listing
from drivers.backpack.records import (
    Capital,
    FillRecord,
    Margin,
    OrderRecord,
    Payment,
    PositionRecord,
    Settings,
    balances_of,
    fill_of,
    listed,
    payment_of,
    position_of,
    read,
    update_of,
)
from drivers.backpack.rest import NOTHING, Rest
from drivers.backpack.sign import Params, Signer
from drivers.backpack.wire import BROKEN
from drivers.backpack.words import STATES, plain

T = TypeVar("T")
PAGE = 1_000
MARGIN_NS = 120 * SECOND
"""How far before a client id was given out the history is searched: two clocks never quite agree."""


class Queries:
    """Reads of accounts."""

    def __init__(self, rest: Rest, listing: Listing, ids: ClientIds, clock: Clock) -> None:
        self._rest = rest
        self._listing = listing
        self._ids = ids
        self._clock = clock
        self.unlisted = 0

    async def _read(
        self,
        account: Account,
        path: str,
        name: str,
        shape: type[T],
        params: Params = NOTHING,
        *,
        urgent: bool = False,
    ) -> T:
        response = await self._rest.ask(account.name, signer_of(account), path, name, params, urgent=urgent)
        try:
            return read(response.body, shape)
        except BROKEN as error:
            raise self._rest.unreadable(response, error) from None

    # -- orders ---------------------------------------------------------------------------------------------------------

    async def order(self, account: Account, symbol: str, client_id: str) -> OrderUpdate | None:
        """None when neither the book, nor the history, nor the fills know the order, or when it was never given a number."""
        native = self._listing.market(symbol).native
        number, order_id = self._ids.number(client_id), ""
        if number is None and client_id.startswith(NAMELESS):
            order_id = client_id[len(NAMELESS) :]
        if number is None and not order_id:
            return None
        who: Params = {"orderId": order_id} if order_id else {"clientId": number}
        try:
            record = await self._read(account, "/api/v1/order", "orderQuery", OrderRecord, {**who, "symbol": native})
        except VenueError as error:
            if error.verdict.reason != "order_not_found":
                raise
            return await self._ended(account, native, client_id, order_id)
        return self._update(account, native, record)

    async def _ended(self, account: Account, native: str, client_id: str, order_id: str) -> OrderUpdate | None:
        """An order that rests no more, by its history."""
        pair = self._ids.pair(client_id)
        since_ns = pair.at_ns - MARGIN_NS if pair is not None else 0
        params: dict[str, object] = {"limit": PAGE, "sortDirection": "Desc", "symbol": native}
        if order_id:
            params["orderId"] = order_id
        offset = 0
        last: str | int = ""
        while True:
            page = await self._orders_page(account, {**params, "offset": offset})
            for record in page:
                # a number may come again after years: an order from before it was given out is another one
                if self._ids.text(record.client_id, str(record.id)) == client_id and _at(record) >= since_ns:
                    return self._update(account, native, record)
            if len(page) < PAGE or _at(page[-1]) < since_ns or page[-1].id == last:
                break
            last = page[-1].id
            offset += PAGE
        await self._demand_no_fills(account, native, client_id, max(0, since_ns))
        return None

    async def _orders_page(self, account: Account, params: Params) -> list[OrderRecord]:
        return await self._read(account, "/wapi/v1/history/orders", "orderHistoryQueryAll", list[OrderRecord], params)

    async def _demand_no_fills(self, account: Account, native: str, client_id: str, since_ns: int) -> None:
        """The history of orders lags; an order that was filled exists, whatever that says."""
        fills = await self._fills(account, since_ns, {"symbol": native})
        if any(fill.client_id == client_id for fill in fills):
            raise NotReady(f"{client_id} has fills, but Backpack's history does not show the order yet")

    def _update(self, account: Account, native: str, record: OrderRecord) -> OrderUpdate:
        market = self._listing.by_native[record.symbol or native]
        try:
            update = update_of(account.name, record, market, self._ids)
        except ValueError as error:
            raise NotReady(f"Backpack tells of an order what is not known: {error}") from None
        self._ids.note(update.client_id, update.state, self._clock.now_ns())
        return update

    async def open_orders(self, account: Account, symbol: str = "") -> Sequence[OrderUpdate]:
        """Resting and waiting conditional orders, whoever's."""
        params: Params = {"symbol": self._listing.market(symbol).native} if symbol else NOTHING
        asked_ns = self._clock.now_ns()
        records = await self._read(account, "/api/v1/orders", "orderQueryAll", list[OrderRecord], params)
        known = listed(records, self._listing.by_native)
        self.unlisted += len(records) - len(known)
        for record, _ in known:
            if plain(record.status) not in STATES:
                record.status = "New"  # a word that is new to us, of an order that is listed as open
        updates = [self._update(account, market.native, record) for record, market in known]
        if not symbol:
            self._ids.note_open(account.name, {update.client_id for update in updates}, asked_ns)
        return updates

    async def open_natives(self, account: Account) -> set[str]:
        """The venue's names of all markets with an open order, those that we do not list included."""
        records = await self._read(account, "/api/v1/orders", "orderQueryAll", list[OrderRecord], urgent=True)
        return {record.symbol for record in records if record.symbol}

    # -- fills and payments ---------------------------------------------------------------------------------------------

    async def fills(self, account: Account, since_ns: int) -> Sequence[Fill]:
        """Everything that traded, the venue's own orders (liquidation, ADL) included: what no `fillType` leaves out."""
        return await self._fills(account, since_ns, NOTHING)

    async def _fills(self, account: Account, since_ns: int, params: Params) -> Sequence[Fill]:
        wanted: dict[str, object] = {**params, "limit": PAGE, "sortDirection": "Asc"}
        if since_ns > 0:
            wanted["from"] = since_ns // MS
        found: dict[tuple[str, str], Fill] = {}
        offset = 0
        while True:
            page = await self._read(
                account, "/wapi/v1/history/fills", "fillHistoryQueryAll", list[FillRecord], {**wanted, "offset": offset}
            )
            known = listed(page, self._listing.by_native)
            self.unlisted += len(page) - len(known)
            before = len(found)
            for record, market in known:
                fill = fill_of(account.name, record, market, self._ids)
                if fill.time_ns >= since_ns // MS * MS:
                    found[fill.symbol, fill.trade_id] = fill
            if len(page) < PAGE or len(found) == before:
                break  # the last page, or one that repeats what was told
            offset += PAGE
        return sorted(found.values(), key=lambda fill: (fill.time_ns, len(fill.trade_id), fill.trade_id))

    async def payments(self, account: Account, since_ns: int) -> Sequence[FundingPayment]:
        """Funding paid and received at or after `since_ns`, oldest first.

        The history takes no times: it is read newest first, until a page has nothing new, or ends before what is asked for.
        What comes in between two pages moves rows from the one to the next, where they are known.
        """
        wanted: Params = {"limit": PAGE, "sortDirection": "Desc"}
        found: dict[str, FundingPayment] = {}
        seen: set[tuple[str, Moment]] = set()
        offset = 0
        while True:
            page = await self._read(
                account,
                "/wapi/v1/history/funding",
                "fundingHistoryQueryAll",
                list[Payment],
                {**wanted, "offset": offset},
            )
            known = listed(page, self._listing.by_native)
            self.unlisted += len(page) - len(known)
            fresh = {(record.symbol, record.interval_end_timestamp) for record in page} - seen
            seen |= fresh
            for record, market in known:
                payment = payment_of(account.name, record, market)
                if payment.time_ns >= since_ns:
                    found[payment.payment_id] = payment
            if len(page) < PAGE or not fresh or ns_of(page[-1].interval_end_timestamp) < since_ns:
                break
            offset += PAGE
        return sorted(found.values(), key=lambda payment: (payment.time_ns, payment.payment_id))

    # -- what is held ---------------------------------------------------------------------------------------------------

    async def settings(self, account: Account) -> Settings:
        """The account's settings, kept in it. Raises `AuthFailed` when the venue refuses the key."""
        try:
            settings = await self._read(account, "/api/v1/account", "accountQuery", Settings)
        except VenueError as error:
            if error.verdict.reason in ("auth", "permission"):
                raise AuthFailed(_remedy(account, error)) from None
            raise
        account.take_settings(settings)
        return settings

    async def balances(self, account: Account) -> Sequence[Balance]:
        capital = await self._read(account, "/api/v1/capital", "balanceQuery", dict[str, Capital])
        margin = await self._read(account, "/api/v1/capital/collateral", "collateralQuery", Margin)
        now_ns = self._clock.now_ns()
        return balances_of(account.name, capital, margin, redeem=account.redeem, time_ns=now_ns)

    async def positions(self, account: Account) -> Sequence[Position]:
        try:
            records = await self._read(account, "/api/v1/position", "positionQuery", list[PositionRecord])
        except VenueError as error:
            if error.verdict.status != 404:
                raise
            records = []
        now_ns = self._clock.now_ns()
        return [
            position_of(account.name, record, market, account.leverage, now_ns)
            for record, market in listed(records, self._listing.by_native)
        ]

    def statistics(self) -> Mapping[str, int]:
        return {"unlisted": self.unlisted}


def signer_of(account: Account) -> Signer:
    if account.signer is None:
        raise NotReady(f"{account.name} has no credentials: give api_key and api_secret in accounts.yaml")
    return account.signer


def _at(record: OrderRecord) -> int:
    return ns_of(record.created_at)


def _remedy(account: Account, error: VenueError) -> str:
    return f"{account.name}: {error}. Make a new key in Backpack's API settings, and copy api_key and api_secret from there"
