"""What acts on a whole account: cancelling everything, the dead-man switch, leverage. (Sheet sections 6 and 7.)"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson

from ctosd.abi import CallerMistake, NotReady, Ports
from drivers.okx.account import Account
from drivers.okx.listing import Listing
from drivers.okx.queries import EVERY_KIND, Queries
from drivers.okx.requests import CANCEL_ALGOS_PATH, PATHS, text
from drivers.okx.rest import Rest

TURNS = 5
PAUSE_S = 0.25
BATCH = 20
ALGO_BATCH = 10
LEAST_S, MOST_S = 10.0, 120.0
DEAD_MAN_PATH = "/api/v5/trade/cancel-all-after"
LEVERAGE_PATH = "/api/v5/account/set-leverage"


class Controls:
    """The acts of one venue's accounts."""

    def __init__(
        self, ports: Ports, listing: Listing, rest: Rest, queries: Queries, tag: str, margin: str, *, hedge: bool
    ) -> None:
        self._ports = ports
        self._listing = listing
        self._rest = rest
        self._queries = queries
        self._tag = tag
        self._margin = margin
        self._hedge = hedge

    async def cancel_everything(self, account: Account, native: str = "") -> None:
        """Every open order, whoever's, conditional ones included: listed, cancelled and listed again until none is left.

        Raises:
            NotReady: after several turns something is open still.
        """
        left = 0
        for _ in range(TURNS):
            left = await self._cancel_listed(account, native)
            if not left:
                return
            await self._ports.clock.sleep(PAUSE_S)
        raise NotReady(f"{account.name}: {left} orders are open still after {TURNS} turns of cancelling")

    async def _cancel_listed(self, account: Account, native: str) -> int:
        """One turn; returns how many orders were found open before it."""
        orders = await self._queries.pending(account, native)
        algos = await self._queries.conditionals(account, native, EVERY_KIND)
        for part in _parts(orders, BATCH):
            counts: dict[str, float] = {}
            for row in part:
                counts[row.inst_id] = counts.get(row.inst_id, 0.0) + 1.0
            costs = [(account.scope("trd.batch_cancel", name), count) for name, count in counts.items()]
            body = orjson.dumps([{"instId": row.inst_id, "ordId": row.ord_id} for row in part])
            await self._cancel(PATHS["batch-cancel-orders"], body, account, len(part), costs)
        for part in _parts(algos, ALGO_BATCH):
            body = orjson.dumps([{"instId": row.inst_id, "algoId": row.algo_id} for row in part])
            await self._cancel(CANCEL_ALGOS_PATH, body, account, len(part), account.cost("trd.algo_cancel"))
        return len(orders) + len(algos)

    async def _cancel(
        self, path: str, body: bytes, account: Account, count: int, costs: Sequence[tuple[str, float]]
    ) -> None:
        """Cancels may be sent twice, so what became of them is seen by listing again."""
        if self._ports.budget is not None:
            await self._ports.budget.take(costs, urgent=True)
        await self._rest.write(path, body, account, count, costs)

    async def refresh_dead_man(self, account: Account, symbols: Collection[str], timeout_s: float) -> None:
        """Wind up the timer of our tag; OKX has one for all instruments, so it stops when the last symbol is let go.

        It cancels ordinary orders, not conditional ones. Raises `NotReady`.
        """
        if timeout_s > MOST_S:
            raise NotReady(f"the dead-man timer of OKX runs {MOST_S:g} s at most, not {timeout_s:g} s")
        if timeout_s > 0:
            account.guarded.update(symbols)
            seconds = max(LEAST_S, timeout_s)
        else:
            account.guarded.difference_update(symbols)
            if account.guarded:
                return
            seconds = 0.0
        body = orjson.dumps({"timeOut": f"{seconds:.0f}", "tag": self._tag})
        await self._rest.set(DEAD_MAN_PATH, body, account.cost("trd.caa"), account)

    async def set_leverage(self, account: Account, symbol: str, leverage: Decimal) -> None:
        """Set the leverage of a perpetual, in the margin mode that orders have. Raises `NotReady`, `CallerMistake`."""
        product = self._listing.find(symbol)
        if product.spot:
            raise CallerMistake(f"{symbol} is spot: it has no leverage")
        most = product.instrument.max_leverage
        if not 1 <= leverage <= most:
            raise CallerMistake(f"leverage {leverage} of {symbol}: OKX takes 1 to {most}")
        settings: dict[str, Any] = {"instId": product.native, "lever": text(leverage), "mgnMode": self._margin}
        legs = ("long", "short") if self._hedge and self._margin == "isolated" else ("",)
        for leg in legs:
            body = orjson.dumps({**settings, "posSide": leg} if leg else settings)
            await self._rest.set(LEVERAGE_PATH, body, account.cost("acc.leverage"), account)


def _parts(rows: Sequence[Any], size: int) -> list[list[Any]]:
    rest = iter(rows)
    return list(iter(lambda: list(islice(rest, size)), []))
