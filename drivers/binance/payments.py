"""Funding that was paid and received, by the venue's own record. (Sheet C2.)

The income history tells neither the rate nor the position; the rate and the mark price at which a symbol was settled stand
in its history of funding rates, and the three together tell the position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ctosd.abi import FundingPayment, Instrument, NotReady
from drivers.binance import replies
from drivers.binance.account import Account
from drivers.binance.history import PAGE, rows_of
from drivers.binance.replies import MS, ZERO
from drivers.binance.rest import Rest

KEPT_MS = 90 * 24 * 3_600_000
"""How far back the venue knows income: three months."""
AROUND_MS = 60_000
"""How far from a payment the record of its rate may stand."""
MOST_KEPT = 50_000
"""Settlements that are remembered before any are forgotten, so that one is asked for once."""
LAST_DIGIT = Decimal("1E-8")
"""Income is told to so many places."""

Row = Mapping[str, Any]


class Settled(NamedTuple):
    """One settlement of a symbol."""

    time_ms: int
    rate: Decimal
    mark: Decimal  # 0: not told


class Payments:
    """The funding of all accounts of one product. It raises `NotReady` when the venue cannot be asked."""

    def __init__(self, rest: Rest, symbols: Mapping[str, str]) -> None:
        self._rest = rest
        self._symbols = symbols
        self._lots: dict[str, Decimal] = {}  # the venue's name -> the lot
        self._settled: dict[tuple[str, int], Settled] = {}  # by the venue's name and the minute

    def adopt(self, instruments: Iterable[Instrument]) -> None:
        """Positions are multiples of these instruments' lots."""
        self._lots = {instrument.native: instrument.lot for instrument in instruments}

    async def fetch(self, account: Account, since_ns: int) -> Sequence[FundingPayment]:
        """Payments at or after `since_ns`, oldest first. There are none on spot."""
        if self._rest.product == "spot":
            return ()
        try:
            rows = [row for row in await self._income(account, since_ns // MS) if row["symbol"] in self._symbols]
            times: dict[str, list[int]] = {}
            for row in rows:
                times.setdefault(str(row["symbol"]), []).append(int(row["time"]))
            while len(self._settled) > MOST_KEPT:
                del self._settled[next(iter(self._settled))]
            for native, moments in times.items():
                await self._learn(account, native, moments)
            paid = [self._payment(account, row) for row in rows]
        except replies.WRONG as error:
            raise NotReady(f"{account.name}: funding that cannot be read ({error!r})") from None
        found = [payment for payment in paid if payment.time_ns >= since_ns // MS * MS]
        return sorted(found, key=lambda payment: payment.time_ns)

    async def _income(self, account: Account, since_ms: int) -> Sequence[Row]:
        """Every record once. A page begins where the one before ended, as records of one moment may lie on both."""
        begin_ms = max(since_ms, self._rest.venue_ms() - KEPT_MS)
        found: dict[tuple[str, str], Row] = {}
        while True:
            pairs = [("incomeType", "FUNDING_FEE"), ("startTime", f"{begin_ms}"), ("limit", f"{PAGE}")]
            page = await rows_of(self._rest, "income", pairs, account)
            found.update({(str(row["symbol"]), str(row["tranId"])): row for row in page})
            if len(page) < PAGE:
                return list(found.values())
            last_ms = max(int(row["time"]) for row in page)
            if last_ms == begin_ms:
                raise NotReady(f"{account.name}: more than {PAGE} funding payments at one moment cannot be told apart")
            begin_ms = last_ms

    async def _learn(self, account: Account, native: str, moments_ms: Sequence[int]) -> None:
        """Ask for the rates that are not known yet: one range for all of them."""
        missing = [moment for moment in moments_ms if self._near(native, moment) is None]
        if not missing:
            return
        begin_ms, end_ms = min(missing) - AROUND_MS, max(missing) + AROUND_MS
        while True:
            pairs = [("symbol", native), ("startTime", f"{begin_ms}"), ("endTime", f"{end_ms}"), ("limit", f"{PAGE}")]
            page = await rows_of(self._rest, "funding_rate", pairs, account)
            for row in page:
                rate, mark = replies.number(row["fundingRate"]), replies.number(row.get("markPrice") or 0)
                settled = Settled(int(row["fundingTime"]), rate, mark)
                self._settled[native, settled.time_ms // AROUND_MS] = settled
            if len(page) < PAGE:
                break
            begin_ms = max(int(row["fundingTime"]) for row in page) + 1

    def _near(self, native: str, moment_ms: int) -> Settled | None:
        """The settlement that a payment of this moment is about."""
        minute = moment_ms // AROUND_MS
        around = [self._settled.get((native, each)) for each in (minute - 1, minute, minute + 1)]
        near = [each for each in around if each is not None and abs(each.time_ms - moment_ms) <= AROUND_MS]
        return min(near, key=lambda each: abs(each.time_ms - moment_ms), default=None)

    def _payment(self, account: Account, row: Row) -> FundingPayment:
        native, time_ms, amount = str(row["symbol"]), int(row["time"]), replies.number(row["income"])
        due_ms, rate, mark = self._near(native, time_ms) or Settled(time_ms, ZERO, ZERO)
        return FundingPayment(
            account=account.name,
            symbol=self._symbols[native],
            payment_id=str(row["tranId"]),
            amount=amount,
            asset=str(row["asset"]),
            rate=rate,
            position=position(amount, rate, mark, self._lots.get(native, ZERO)),
            time_ns=min(time_ms, due_ms) * MS,
        )


def position(amount: Decimal, rate: Decimal, mark: Decimal, lot: Decimal) -> Decimal:
    """The signed size that was paid on; 0 where the figures do not tell it to the lot.

    >>> position(Decimal("-0.60000001"), Decimal("0.0001"), Decimal(60000), Decimal("0.001"))
    Decimal('0.100')
    """
    each = abs(rate * mark * lot)  # what one lot pays
    return -lot * round(amount / (rate * mark * lot)) if each > 2 * LAST_DIGIT else ZERO
