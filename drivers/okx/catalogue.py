"""Reads what can be traded: the instruments of the first account with keys, else everybody's, and that account's fees."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctosd.abi import NotReady, Ports
from drivers.okx.account import Account
from drivers.okx.errors import Refused
from drivers.okx.listing import FeeRow, Listing
from drivers.okx.rest import Rest

TYPES = ("SPOT", "SWAP")
OWN, EVERYBODYS = "/api/v5/account/instruments", "/api/v5/public/instruments"
FEES = "/api/v5/account/trade-fee"


class Catalogue:
    """Fills a listing. What a key may trade can be less than what there is, so a key's own listing comes first."""

    def __init__(self, ports: Ports, listing: Listing, rest: Rest) -> None:
        self._ports = ports
        self._listing = listing
        self._rest = rest
        self.read_ns = 0  # when it was last begun

    async def read(self, account: Account | None) -> None:
        """Read it anew; `account` has keys. Raises `NotReady`; then the old listing stands."""
        self.read_ns = self._ports.clock.now_ns()
        for kind in TYPES:
            self._listing.adopt(await self._rows(kind, account))
            if account is not None:
                await self._read_fees(kind, account)
        if not self._listing.by_symbol:
            raise NotReady(f"{self._ports.venue} lists nothing that can be traded here")

    async def _rows(self, kind: str, account: Account | None) -> Sequence[msgspec.Raw]:
        pairs = (("instType", kind),)
        if account is not None:
            costs = account.cost("acc.instruments", kind)
            try:
                return await self._rest.get(OWN, pairs, costs, account)
            except Refused as error:
                self._ports.log.warning("okx_public_listing", venue=self._ports.venue, reason=str(error))
        return await self._rest.get(EVERYBODYS, pairs, ((f"pub.instruments@{kind}", 1.0),))

    async def _read_fees(self, kind: str, account: Account) -> None:
        """Fees are for information: without them instruments have none."""
        try:
            rows = await self._rest.rows(FeeRow, FEES, (("instType", kind),), account.cost("acc.fee"), account)
        except NotReady as error:
            self._ports.log.warning("okx_fees_unknown", account=account.name, reason=str(error))
            return
        for row in rows:
            self._listing.charge(kind, row)
