"""Orders as they come over REST and WebSocket alike: buckets, expiry, one or many, and the rows of the answer.

Both ways share the buckets (sheet section 7). A batch of one is charged to the single order's bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from drivers.okx.emulator.algos import Algos
from drivers.okx.emulator.desk import BULK, Desk
from drivers.okx.emulator.figures import ms
from drivers.okx.emulator.limits import Cost, Limits
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.refusals import Refusal
from drivers.okx.emulator.terms import expiry

Given = Mapping[str, Any]
Row = dict[str, Any]
Act = Callable[[str, Given, Market], Row]


class Trading:
    """Answers are rows with `sCode`; a `Refusal` is raised for a request that is refused as a whole."""

    def __init__(
        self,
        desk: Desk,
        algos: Algos,
        listing: Listing,
        limits: Limits,
        now: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._algos = algos
        self._listing = listing
        self._limits = limits
        self._now = now
        self._clock = clock
        self._acts: dict[str, Act] = {"place": desk.place, "amend": desk.amend, "cancel": desk.cancel}

    def single(self, verb: str, account: str, given: object, *, coded: bool, expires: object = None) -> list[Row]:
        if not isinstance(given, Mapping):
            raise Refusal("60013" if coded else "50002")
        self._limits.take(self._costs(verb, account, [given], coded=coded, batch=False), self._clock())
        self._in_time(verb, given, expires)
        return [self._one(verb, account, given, coded=coded)]

    def batch(self, verb: str, account: str, given: object, *, coded: bool, expires: object = None) -> list[Row]:
        if not isinstance(given, Sequence) or not all(isinstance(each, Mapping) for each in given):
            raise Refusal("60013" if coded else "50002")
        if not given:
            raise Refusal("60013" if coded else "50000")
        if len(given) > BULK:
            raise Refusal("51111", BULK)
        if verb == "amend":
            names = [(each.get("ordId") or "", each.get("clOrdId") or "") for each in given]
            if len(set(names)) < len(names):
                raise Refusal("51512")
        self._limits.take(self._costs(verb, account, given, coded=coded, batch=len(given) > 1), self._clock())
        self._in_time(verb, {}, expires)
        return [self._one(verb, account, each, coded=coded) for each in given]

    def _in_time(self, verb: str, given: Given, expires: object) -> None:
        if verb != "cancel":
            expiry(expires or given.get("expTime"), self._now())

    def _market(self, given: Given, *, coded: bool) -> Market:
        return self._listing.coded(given.get("instIdCode")) if coded else self._listing.named(given.get("instId"))

    def _one(self, verb: str, account: str, given: Given, *, coded: bool) -> Row:
        try:
            return self._acts[verb](account, given, self._market(given, coded=coded))
        except Refusal as refusal:
            ids = {"clOrdId": str(given.get("clOrdId") or ""), "ordId": str(given.get("ordId") or "")}
            more = {"place": "tag", "amend": "reqId"}.get(verb)
            if more is not None:
                ids[more] = str(given.get(more) or "")
            return refusal.row(**ids, ts=ms(self._now()))

    def _costs(self, verb: str, account: str, given: Sequence[Given], *, coded: bool, batch: bool) -> list[Cost]:
        costs: list[Cost] = []
        for each in given:
            try:
                market = self._market(each, coded=coded)
            except Refusal:
                scope, derivative = "", True
            else:
                scope, derivative = market.id, market.swap
            costs.append((f"trd.{'batch_' if batch else ''}{verb}@{account}+{scope}", 1))
            if verb != "cancel" and derivative:
                costs.append((f"trd.subaccount@{account}", 1))
        return costs

    # -- conditional orders ---------------------------------------------------------------------------------------------------

    def place_algo(self, account: str, given: object) -> list[Row]:
        if not isinstance(given, Mapping):
            raise Refusal("50002")
        return [self._algo(self._algos.place, account, given)]

    def cancel_algos(self, account: str, given: object) -> list[Row]:
        if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
            raise Refusal("50002")
        if not 0 < len(given) <= 10:
            raise Refusal("50025", "algoId", 10)
        return [self._algo(self._algos.cancel, account, each) for each in given]

    @staticmethod
    def _algo(act: Callable[[str, Given], Row], account: str, given: Given) -> Row:
        try:
            return act(account, given)
        except Refusal as refusal:
            ids = {name: str(given.get(name) or "") for name in ("algoId", "algoClOrdId", "tag")}
            return refusal.row(**ids, clOrdId="")


class Op(msgspec.Struct, frozen=True):
    """A WebSocket operation on orders."""

    verb: str
    batch: bool


OPS: dict[str, Op] = {
    "order": Op("place", False),
    "amend-order": Op("amend", False),
    "cancel-order": Op("cancel", False),
    "batch-orders": Op("place", True),
    "batch-amend-orders": Op("amend", True),
    "batch-cancel-orders": Op("cancel", True),
}
