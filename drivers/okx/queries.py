"""What the venue knows of an account: orders, fills, funding paid, balances, positions. (Sheet sections 6 and 7.)

All raise `NotReady` when the venue cannot be asked, and when one of its rows cannot be read: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from ctosd.abi import Balance, Fill, FundingPayment, NotReady, OrderUpdate, Ports, Position
from drivers.okx.account import Account
from drivers.okx.errors import Refused
from drivers.okx.listing import Listing, Product
from drivers.okx.private import balance, conditional_update, fill_of_row, order_update, payment_of_row
from drivers.okx.records import MS, AccountRow, AlgoRow, BillRow, FillRow, OrderRow, PositionRow, decimal, time_ns
from drivers.okx.requests import CLIENT_ID
from drivers.okx.rest import Pairs, Rest
from drivers.okx.settled import Settled

T = TypeVar("T", bound=msgspec.Struct)

PAGE = 100
DAY_NS = 86_400 * 1_000_000_000
RECENT_NS = 3 * DAY_NS - 3_600 * 1_000_000_000
"""trade/fills has three days; a little less is relied on."""
BILLS_NS, ARCHIVE_NS = 7 * DAY_NS - 3_600 * 1_000_000_000, 90 * DAY_NS
"""account/bills has seven days, of which a little less is relied on; the archive has three months."""
MOST_PAGES = 200
CONDITIONAL_KINDS = ("trigger", "conditional")
EVERY_KIND = ("trigger", "conditional,oco", "move_order_stop", "iceberg", "twap")


class Queries:
    """The questions about accounts of one venue."""

    def __init__(self, ports: Ports, listing: Listing, rest: Rest, history_days: float) -> None:
        self._ports = ports
        self._listing = listing
        self._rest = rest
        self._history_ns = int(history_days * DAY_NS)
        self._settled = Settled(rest)

    # -- orders ---------------------------------------------------------------------------------------------------------

    async def order(self, account: Account, product: Product, client_id: str) -> OrderUpdate | None:
        """One order: where it is open, else in the history, else among the conditional ones. None: the venue has none."""
        if not CLIENT_ID.fullmatch(client_id):
            return None  # the venue would not have taken it
        became = account.conditionals.order_of(client_id)
        if became:
            return await self._asked_for(account, product, ("ordId", became))
        found = None
        if client_id not in account.conditionals.armed:
            found = await self._asked_for(account, product, ("clOrdId", client_id))
        found = found or await self._conditional(account, product, client_id)
        return found or await self._remembered(account, product, client_id)

    async def _asked_for(self, account: Account, product: Product, name: tuple[str, str]) -> OrderUpdate | None:
        pairs = [("instId", product.native), name]
        costs = account.cost("trd.get_order", product.native)
        try:
            rows = await self._rest.rows(OrderRow, "/api/v5/trade/order", pairs, costs, account, urgent=True)
        except Refused as error:
            if error.reason == "order_not_found":
                return None
            raise
        return self.update(account, rows[0]) if rows else None

    async def _conditional(self, account: Account, product: Product, client_id: str) -> OrderUpdate | None:
        """A conditional order, whatever became of it."""
        costs = account.cost("trd.algo_query")
        pairs = [("algoClOrdId", client_id)]
        try:
            rows = await self._rest.rows(AlgoRow, "/api/v5/trade/order-algo", pairs, costs, account, urgent=True)
        except Refused as error:
            if error.reason not in {"order_not_found", "bad_request"} and error.code:
                raise
            rows = [row for row in await self.conditionals(account, product.native) if row.algo_cl_ord_id == client_id]
        for row in rows:
            if row.algo_cl_ord_id == client_id:
                update = conditional_update(account.name, row, product, account.conditionals)
                became = account.conditionals.order_of(client_id)
                return await self._asked_for(account, product, ("ordId", became)) if became else update
        return None

    async def _remembered(self, account: Account, product: Product, client_id: str) -> OrderUpdate | None:
        """The history of the last days, which is asked by instrument only."""
        pairs = [("instType", "SPOT" if product.spot else "SWAP"), ("instId", product.native)]
        costs = account.cost("trd.history")
        path = "/api/v5/trade/orders-history"
        for row in await self._pages(OrderRow, path, pairs, costs, account, "ord_id", until=client_id):
            if row.cl_ord_id == client_id:
                return self.update(account, row)
        return None

    async def open_orders(self, account: Account, native: str = "") -> list[OrderUpdate]:
        """Open orders of listed instruments, strangers' and conditional ones included."""
        found = [self.update(account, row) for row in await self.pending(account, native)]
        for row in await self.conditionals(account, native):
            product = self._listing.get(row.inst_id)
            if product is not None:
                found.append(conditional_update(account.name, row, product, account.conditionals))
        return [update for update in found if update is not None]

    async def pending(self, account: Account, native: str = "", *, urgent: bool = True) -> list[OrderRow]:
        """Rows of every open order, also of instruments that are not listed."""
        pairs = [("instId", native)] if native else []
        costs = account.cost("trd.pending")
        return await self._pages(
            OrderRow, "/api/v5/trade/orders-pending", pairs, costs, account, "ord_id", urgent=urgent
        )

    async def conditionals(
        self, account: Account, native: str = "", kinds: Sequence[str] = CONDITIONAL_KINDS
    ) -> list[AlgoRow]:
        """Rows of every waiting conditional order of these kinds."""
        found: list[AlgoRow] = []
        path, costs = "/api/v5/trade/orders-algo-pending", account.cost("trd.algo_query")
        for kind in kinds:
            pairs = [("ordType", kind), *([("instId", native)] if native else [])]
            found += await self._pages(AlgoRow, path, pairs, costs, account, "algo_id")
        return found

    def update(self, account: Account, row: OrderRow) -> OrderUpdate | None:
        """A row as an event; None for an instrument that is not listed. Raises `NotReady`."""
        product = self._listing.get(row.inst_id)
        if product is None:
            return None
        try:
            return order_update(account.name, row, product, account.conditionals)
        except ValueError as error:
            raise NotReady(f"order {row.ord_id}: {error}") from None

    # -- fills ----------------------------------------------------------------------------------------------------------

    async def fills(self, account: Account, since_ns: int) -> list[Fill]:
        """All fills at or after `since_ns`, oldest first."""
        now_ns = self._rest.venue_ns()
        begin_ns = max(since_ns, now_ns - self._history_ns)
        begin = ("begin", str(begin_ns // MS))
        rows: list[FillRow] = []
        if begin_ns < now_ns - RECENT_NS:
            costs = account.cost("trd.fills_hist")
            for kind in ("SPOT", "SWAP"):
                pairs = [("instType", kind), begin]
                rows += await self._pages(FillRow, "/api/v5/trade/fills-history", pairs, costs, account, "bill_id")
        costs = account.cost("trd.fills")
        rows += await self._pages(FillRow, "/api/v5/trade/fills", [begin], costs, account, "bill_id")
        await self._learn(account, rows)
        found: dict[tuple[str, str], Fill] = {}
        for row in rows:
            product = self._listing.get(row.inst_id)
            if product is None or int(row.ts or 0) < begin_ns // MS:  # the venue counts in whole ms
                continue
            try:
                fill = fill_of_row(account.name, row, product, account.conditionals)
            except ValueError as error:
                raise NotReady(f"fill {row.trade_id}: {error}") from None
            found[fill.symbol, fill.trade_id] = fill
        return sorted(found.values(), key=lambda fill: fill.time_ns)

    async def _learn(self, account: Account, rows: Sequence[FillRow]) -> None:
        """Fills do not tell which conditional order they came from: learn it once for those that have no client id."""
        owner = account.conditionals.owner
        if all(row.cl_ord_id or owner(row.ord_id) for row in rows):
            return
        path, costs = "/api/v5/trade/orders-algo-history", account.cost("trd.algo_query")
        try:
            for kind in CONDITIONAL_KINDS:
                pairs = [("ordType", kind), ("state", "effective")]
                for row in await self._pages(AlgoRow, path, pairs, costs, account, "algo_id"):
                    if row.algo_cl_ord_id and row.ord_id:
                        account.conditionals.join(row.algo_cl_ord_id, row.ord_id)
        except Refused as error:
            if error.code:
                raise

    # -- funding --------------------------------------------------------------------------------------------------------

    async def funding_payments(self, account: Account, since_ns: int) -> list[FundingPayment]:
        """Funding that was due at or after `since_ns`, oldest first: three months are the most that the venue tells."""
        rows: dict[Product, list[BillRow]] = {}
        for row in await self._bills(account, since_ns):
            product = self._listing.get(row.inst_id)
            if product is not None:
                rows.setdefault(product, []).append(row)
        found = []
        for product, bills in rows.items():
            await self._settled.learn(product, [time_ns(row.ts) for row in bills])
            for row in bills:
                settled = self._settled.at(product, time_ns(row.ts))
                found.append(payment_of_row(account.name, row, product, settled))
        told = [payment for payment in found if payment.time_ns >= since_ns // MS * MS]
        return sorted(told, key=lambda payment: (payment.time_ns, payment.payment_id))

    async def _bills(self, account: Account, since_ns: int) -> list[BillRow]:
        """Bills of funding: the archive up to the moment from which on the recent ones are asked for."""
        now_ns = self._rest.venue_ns()
        begin_ns, recent_ns = max(since_ns, now_ns - ARCHIVE_NS), max(since_ns, now_ns - BILLS_NS)
        kind = [("instType", "SWAP"), ("type", "8")]
        found: dict[str, BillRow] = {}
        if begin_ns < recent_ns:
            pairs = [*kind, ("begin", str(begin_ns // MS)), ("end", str(recent_ns // MS))]
            costs, path = account.cost("acc.bills_archive"), "/api/v5/account/bills-archive"
            for row in await self._pages(BillRow, path, pairs, costs, account, "bill_id", urgent=False):
                found[row.bill_id] = row
        pairs = [*kind, ("begin", str(recent_ns // MS))]
        costs, path = account.cost("acc.bills"), "/api/v5/account/bills"
        for row in await self._pages(BillRow, path, pairs, costs, account, "bill_id", urgent=False):
            found[row.bill_id] = row
        return list(found.values())

    # -- money ----------------------------------------------------------------------------------------------------------

    async def balances(self, account: Account) -> list[Balance]:
        costs = account.cost("acc.balance")
        rows = await self._rest.rows(AccountRow, "/api/v5/account/balance", (), costs, account)
        now_ns = self._ports.clock.now_ns()
        return [balance(account.name, each, now_ns) for row in rows for each in row.details]

    async def positions(self, account: Account) -> list[Position]:
        """Open positions, and at size 0 those that were open when it was last asked or told."""
        asked_ns = self._rest.venue_ns()
        costs = account.cost("acc.positions")
        rows = await self._rest.rows(PositionRow, "/api/v5/account/positions", (), costs, account)
        return account.positions.replace([row for row in rows if decimal(row.pos)], asked_ns)

    # -- pages ----------------------------------------------------------------------------------------------------------

    async def _pages(
        self,
        shape: type[T],
        path: str,
        pairs: Pairs,
        costs: Sequence[tuple[str, float]],
        account: Account,
        cursor: str,
        *,
        until: str = "",
        urgent: bool = True,
    ) -> list[T]:
        """All rows, newest first: each page asks for what is older than the last row of the one before.

        `until`: the page that has this client id is the last.
        """
        found: list[T] = []
        after = ""
        for _ in range(MOST_PAGES):
            more = [*pairs, *([("after", after)] if after else []), ("limit", str(PAGE))]
            rows = await self._rest.rows(shape, path, more, costs, account, urgent=urgent)
            found += rows
            last = getattr(rows[-1], cursor) if rows else ""
            if len(rows) < PAGE or not last or last == after:
                return found
            if until and any(getattr(row, "cl_ord_id", "") == until for row in rows):
                return found
            after = last
        raise NotReady(f"GET {path}: more than {MOST_PAGES * PAGE} rows")
