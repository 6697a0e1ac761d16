"""Cancel everything: both kinds of orders of every market with one, and a look afterwards whether they are gone.

Backpack cancels market by market. Whether a request without a kind takes conditional orders too is not documented, so each
kind is asked for by name. Its 202 means that the cancels are still under way.
"""

from __future__ import annotations

from collections.abc import Collection

from ctosd.abi import Clock, NotReady
from drivers.backpack.account import Account
from drivers.backpack.errors import VenueError
from drivers.backpack.listing import Listing
from drivers.backpack.queries import Queries, signer_of
from drivers.backpack.rest import Rest, write_of

KINDS = ("RestingLimitOrder", "ConditionalOrder")
WAITS_S = (0.0, 0.3, 1.0, 2.0)
"""When it is looked whether the orders are gone, each time after the one before, in seconds."""


class Clearing:
    """Takes every open order of an account out of the books."""

    def __init__(self, rest: Rest, listing: Listing, queries: Queries, clock: Clock) -> None:
        self._rest = rest
        self._listing = listing
        self._queries = queries
        self._clock = clock

    async def cancel(self, account: Account, symbol: str) -> None:
        """Raises `NotReady` when orders are left, or when that cannot be known."""
        only = self._listing.market(symbol).native if symbol else ""
        natives = {only} if only else await self._queries.open_natives(account)
        faults = await self._cancel_each(account, natives)
        left: set[str] = set()
        for wait_s in WAITS_S:
            if wait_s:
                await self._clock.sleep(wait_s)
            left = await self._queries.open_natives(account)
            left = left & {only} if only else left
            if not left:
                return
        raise NotReady(f"{account.name} still has open orders in {', '.join(sorted(left))}; {'; '.join(faults)}")

    async def _cancel_each(self, account: Account, natives: Collection[str]) -> list[str]:
        """Ask for every market, whatever became of the one before."""
        faults: list[str] = []
        for native in sorted(natives):
            for kind in KINDS:
                params = {"orderType": kind, "symbol": native}
                write = write_of("DELETE", "/api/v1/orders", "orderCancelAll", params)
                try:
                    await self._rest.change(account.name, signer_of(account), write, urgent=True)
                except VenueError as error:
                    if error.verdict.reason != "order_not_found":
                        faults.append(f"{native}: {error}")
                except NotReady as error:
                    faults.append(f"{native}: {error}")
        return faults
