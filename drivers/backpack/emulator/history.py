"""What is over: orders, fills, funding and settlements, page by page (sheet sections 5 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ctosd.abi import FundingPayment, Reply
from drivers.backpack.emulator.faults import Faults
from drivers.backpack.emulator.formats import iso, ms, plain
from drivers.backpack.emulator.intake import number, parameter
from drivers.backpack.emulator.ledger import Ledger
from drivers.backpack.emulator.markets import Markets, native
from drivers.backpack.emulator.orders import Execution, Ticket
from drivers.backpack.emulator.refusals import JSON, bad_request

MOST = 1_000
EVER = 1 << 62
FILL_TYPES: dict[str, frozenset[str]] = {
    "User": frozenset({""}),
    "BookLiquidation": frozenset({"liquidation"}),
    "Adl": frozenset({"adl"}),
    "Backstop": frozenset(),
    "Liquidation": frozenset({"liquidation"}),
    "AllLiquidation": frozenset({"liquidation", "adl"}),
    "CollateralConversion": frozenset(),
    "CollateralConversionAndSpotLiquidation": frozenset(),
}
"""fillType -> causes of the fills that it asks for; without one everything is told, system fills too."""

Query = Mapping[str, str]


class History:
    """`now_ns` is the venue's clock; things turn up here `history_delay` seconds after they happened."""

    def __init__(self, ledger: Ledger, markets: Markets, faults: Faults, now_ns: Callable[[], int]) -> None:
        self._ledger = ledger
        self._markets = markets
        self._faults = faults
        self._now_ns = now_ns

    def _until(self) -> int:
        delay = self._faults.value("history_delay")
        return self._now_ns() - int(delay * 1e9) if delay else EVER

    def orders(self, account: str, query: Query) -> Reply:
        until, kinds = self._until(), _kinds(query)
        found = [
            ticket
            for ticket in self._ledger.books[account].tickets.values()
            if self._wanted(ticket, query, kinds) and max(ticket.created_ns, ticket.ended_ns) <= until
        ]
        return page(found, query, Ticket.historical)

    def fills(self, account: str, query: Query) -> Reply:
        until, kinds = self._until(), _kinds(query)
        kind = parameter(query, "fillType", tuple(FILL_TYPES), "all") if "fillType" in query else ""
        since, end = number(query, "from", 0), number(query, "to", 2**62)
        found = [
            each
            for each in self._ledger.books[account].executions
            if self._wanted(each.ticket, query, kinds)
            and (not kind or each.fill.cause in FILL_TYPES[kind])
            and since <= ms(each.fill.time_ns) <= end
            and each.fill.time_ns <= until
        ]
        return page(found, query, Execution.historical)

    def _wanted(self, ticket: Ticket, query: Query, kinds: frozenset[str]) -> bool:
        if query.get("orderId", ticket.id) != ticket.id or query.get("symbol", ticket.name) != ticket.name:
            return False
        return not kinds or self._markets.of(ticket.symbol).kind in kinds

    def funding(self, account: str, query: Query) -> Reply:
        wanted = query.get("symbol", "")
        found = [each for each in self._ledger.books[account].payments if not wanted or native(each.symbol) == wanted]
        return page(found, query, _payment)

    def settlements(self, account: str, query: Query) -> Reply:
        found = (
            self._ledger.books[account].payments if query.get("source", "FundingPayment") == "FundingPayment" else []
        )
        return page(found, query, _settlement)

    @staticmethod
    def nothing(account: str, query: Query) -> Reply:
        """Of what no account here ever does: borrowing, dust, interest, quotes."""
        return page([], query, dict)


def page(found: list[Any], query: Query, tell: Callable[[Any], dict[str, Any]]) -> Reply:
    """One page, newest first unless `sortDirection` says Asc, with the headers that count the pages."""
    limit, offset = number(query, "limit", 100, MOST), number(query, "offset", 0)
    if not limit:
        raise bad_request("failed to parse parameter `limit`: must be positive")
    newest_first = parameter(query, "sortDirection", ("Asc", "Desc"), "Desc") == "Desc"
    ordered = found[::-1] if newest_first else found
    total = len(ordered)
    counts = {
        "X-PAGE-COUNT": -(-total // limit),
        "X-CURRENT-PAGE": offset // limit + 1,
        "X-PAGE-SIZE": limit,
        "X-TOTAL": total,
    }
    headers = (*JSON, *((name, str(value)) for name, value in counts.items()))
    exposed = ("ACCESS-CONTROL-EXPOSE-HEADERS", ",".join(counts))
    return Reply(200, orjson.dumps([tell(each) for each in ordered[offset : offset + limit]]), (*headers, exposed))


def _kinds(query: Query) -> frozenset[str]:
    return frozenset(part for part in query.get("marketType", "").split(",") if part)


def _payment(each: FundingPayment) -> dict[str, Any]:
    return {
        "userId": 0,
        "subaccountId": None,
        "symbol": native(each.symbol),
        "quantity": plain(each.amount),
        "intervalEndTimestamp": iso(each.time_ns, fraction=False),
        "fundingRate": plain(each.rate),
    }


def _settlement(each: FundingPayment) -> dict[str, Any]:
    return {
        "userId": 0,
        "subaccountId": None,
        "quantity": plain(each.amount),
        "source": "FundingPayment",
        "timestamp": iso(each.time_ns),
    }
