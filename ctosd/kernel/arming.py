"""Arming: real money may move only where a person said so, up to a loss and for a time.

A live account without a grant lets out only what reduces. A grant ends by its time, by its loss, or by a person's word; its
state is in the journal, so that neither a restart nor a crash arms anything or lengthens a grant.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Log
from ctosd.abi.errors import CallerMistake, NotReady
from ctosd.core.ledger import pnl
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.clock import SECOND
from ctosd.kernel.market import Market

ZERO = Decimal(0)
LONGEST_NS = 31 * 86_400 * SECOND


class Grant(msgspec.Struct, kw_only=True):
    """What a person allowed an account: to lose `max_loss` of quote money from `base` on, until `until_ns`."""

    account: str
    max_loss: Decimal
    until_ns: int
    by: str
    since_ns: int
    base: Decimal = ZERO  # the account's profit when it was armed
    ended: str = ""  # why it counts no more


class Arming:
    """The grants of all accounts."""

    def __init__(self, blotter: Blotter, market: Market, clock: Clock, log: Log) -> None:
        self._blotter = blotter
        self._market = market
        self._clock = clock
        self._log = log
        self.grants: dict[str, Grant] = {}

    def refusal(self, account: str, now_ns: int) -> str:
        """Why the account may not take risk now; empty when it may. A grant that is over is ended here."""
        grant = self.grants.get(account)
        if grant is None:
            return f"{account} is a live account that is not armed"
        if not grant.ended:
            reason = self._over(grant, now_ns)
            if not reason:
                return ""
            self._end(grant, reason)
        return f"{account} is not armed any more: {grant.ended}"

    def _over(self, grant: Grant, now_ns: int) -> str:
        if now_ns >= grant.until_ns:
            return "its time is over"
        lost = grant.base - self.profit(grant.account)
        return f"it lost {lost:.2f}, and {grant.max_loss} was the most" if lost >= grant.max_loss else ""

    def profit(self, account: str) -> Decimal:
        """What the account has gained since its first fill here, open positions at their marks, in quote money."""
        total = ZERO
        for holding in self._blotter.ledger.totals(account):
            mark = self._market.mark(account.partition("/")[0], holding.symbol)
            total += pnl(holding, mark if mark is not None else holding.entry)
        return total

    async def arm(self, account: str, max_loss: Decimal, seconds: float, by: str) -> Grant:
        """Allow risk. Raises `CallerMistake` for what is no bound, `NotReady` when the journal cannot keep it."""
        if not (max_loss.is_finite() and max_loss > 0):
            raise CallerMistake(f"max_loss {max_loss} must be more than 0 of quote money")
        now_ns = self._clock.now_ns()
        if not 0 < seconds * SECOND <= LONGEST_NS:
            raise CallerMistake(f"{seconds:g} s must be more than 0 and at most 31 days")
        until_ns = now_ns + int(seconds * SECOND)
        grant = Grant(account=account, max_loss=max_loss, until_ns=until_ns, by=by, since_ns=now_ns,
                      base=self.profit(account))  # fmt: skip
        seq = self._keep(grant)
        if not self._blotter.journal.commit_now(seq):
            await self._blotter.journal.committed(seq)
        self.grants[account] = grant
        self._log.warning("armed", account=account, max_loss=str(max_loss), seconds=round(seconds), by=by)
        return grant

    def disarm(self, account: str, by: str) -> Grant:
        """End a grant at once. Raises `CallerMistake` when there is none."""
        grant = self.grants.get(account)
        if grant is None or grant.ended:
            raise CallerMistake(f"{account} is not armed")
        self._end(grant, f"disarmed by {by}")
        return grant

    def _end(self, grant: Grant, reason: str) -> None:
        grant.ended = reason
        self._blotter.journal.commit_now(self._keep(grant))
        self._log.error("disarmed", account=grant.account, reason=reason)

    def _keep(self, grant: Grant) -> int:
        journal = self._blotter.journal
        if journal.failed:
            raise NotReady(f"the journal cannot keep it: {journal.failed}")
        return journal.append("arm", grant.account, msgspec.json.encode(grant), self._clock.now_ns())

    def statistics(self) -> Mapping[str, Any]:
        return {
            grant.account: {
                "max_loss": str(grant.max_loss),
                "until_ns": grant.until_ns,
                "lost": str(max(ZERO, grant.base - self.profit(grant.account))),
                "by": grant.by,
                "ended": grant.ended,
            }
            for grant in self.grants.values()
        }
