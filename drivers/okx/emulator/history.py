"""What accounts did, in OKX's words: orders, fills and bills, newest first and page by page (sheet section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drivers.okx.emulator.figures import MS
from drivers.okx.emulator.ledger import Book, forgotten
from drivers.okx.emulator.listing import Listing
from drivers.okx.emulator.orders import Ticket, fill_row
from drivers.okx.emulator.paging import page, within
from drivers.okx.emulator.refusals import Refusal

DAY_NS = 24 * 3600 * 1_000_000_000
Given = Mapping[str, Any]
Row = dict[str, Any]
TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")


class History:
    """Answers of requests; they raise `Refusal`."""

    def __init__(self, listing: Listing, books: Mapping[str, Book], now: Callable[[], int]) -> None:
        self._listing = listing
        self._books = books
        self._now = now

    # -- orders -----------------------------------------------------------------------------------------------------------

    def order(self, account: str, given: Given) -> list[Row]:
        """The newest order with an id; cancelled ones without a fill are unknown after two hours."""
        market = self._listing.named(given.get("instId"))
        if not (given.get("ordId") or given.get("clOrdId")):
            raise Refusal("51003")
        ticket = self._books[account].find(market.id, given.get("ordId"), given.get("clOrdId"))
        if ticket is None or forgotten(ticket, self._now()):
            raise Refusal("51603")
        return [ticket.row()]

    def pending(self, account: str, given: Given) -> list[Row]:
        tickets = reversed(self._books[account].pending.values())
        return [ticket.row() for ticket in page(self._asked(tickets, given), given, lambda each: int(each.id))]

    def closed(self, account: str, given: Given) -> list[Row]:
        """The last seven days."""
        return self._closed(account, given, 7)

    def archive(self, account: str, given: Given) -> list[Row]:
        return self._closed(account, given, 92)

    def _closed(self, account: str, given: Given, days: int) -> list[Row]:
        if given.get("instType") in (None, ""):
            raise Refusal("50014", "instType")
        now_ns = self._now()
        tickets = (
            ticket
            for ticket in self._books[account].visible(now_ns)
            if not ticket.open and now_ns - ticket.updated_ns <= days * DAY_NS
        )
        found = within(self._asked(tickets, given), given, lambda each: each.created_ns)
        return [ticket.row() for ticket in page(found, given, lambda each: int(each.id))]

    def _asked(self, tickets: Iterable[Ticket], given: Given) -> Iterable[Ticket]:
        kind, name = self._scope(given)
        kinds = {each for each in str(given.get("ordType") or "").split(",") if each}
        state = given.get("state")
        if state not in (None, "", "live", "partially_filled", "filled", "canceled", "mmp_canceled"):
            raise Refusal("51000", "state")
        return (
            ticket
            for ticket in tickets
            if kind in ("", ticket.market.type)
            and name in ("", ticket.market.id)
            and given.get("instFamily") in (None, "", ticket.market.family)
            and (not kinds or ticket.type in kinds)
            and state in (None, "", ticket.state)
        )

    def _scope(self, given: Given) -> tuple[str, str]:
        """`(instType, instId)`, empty for any."""
        kind, name = str(given.get("instType") or ""), str(given.get("instId") or "")
        if kind not in ("", *TYPES):
            raise Refusal("51000", "instType")
        if name:
            market = self._listing.named(name)
            if kind and market.type != kind:
                raise Refusal("51015")
        return kind, name

    # -- fills and bills ----------------------------------------------------------------------------------------------------

    def fills(self, account: str, given: Given) -> list[Row]:
        """The last three days."""
        return self._fills(account, given, 3)

    def fills_history(self, account: str, given: Given) -> list[Row]:
        if given.get("instType") in (None, ""):
            raise Refusal("50014", "instType")
        return self._fills(account, given, 92)

    def _fills(self, account: str, given: Given, days: int) -> list[Row]:
        kind, name = self._scope(given)
        now_ns, order = self._now(), str(given.get("ordId") or "")
        fills = (
            (ticket, fill)
            for ticket, fill in reversed(self._books[account].fills)
            if kind in ("", ticket.market.type)
            and name in ("", ticket.market.id)
            and order in ("", ticket.id)
            and now_ns - fill.time_ns <= days * DAY_NS
        )
        found = within(fills, given, lambda each: each[1].time_ns)
        return [fill_row(ticket, fill) for ticket, fill in page(found, given, lambda each: int(each[1].bill_id))]

    def bills(self, account: str, given: Given) -> list[Row]:
        """The last seven days."""
        return self._bills(account, given, 7)

    def bills_archive(self, account: str, given: Given) -> list[Row]:
        return self._bills(account, given, 92)

    def _bills(self, account: str, given: Given, days: int) -> list[Row]:
        kind, name = self._scope(given)
        oldest_ns = self._now() - days * DAY_NS
        bills = (
            bill
            for bill in reversed(self._books[account].bills)
            if int(bill["ts"]) * MS >= oldest_ns
            and kind in ("", bill["instType"])
            and name in ("", bill["instId"])
            and all(given.get(key) in (None, "", bill[key]) for key in ("type", "subType", "ccy", "mgnMode"))
        )
        found = within(bills, given, lambda each: int(each["ts"]) * MS)
        return list(page(found, given, lambda each: int(each["billId"])))
