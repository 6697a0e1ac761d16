"""The gate of a product: limits, keys, signatures, faults, and only then the operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ctosd.abi.emulator import Mishap
from drivers.binance.emulator.faults import TEXTS, Faults
from drivers.binance.emulator.keys import Key, Keyring
from drivers.binance.emulator.limits import Limits
from drivers.binance.emulator.operations import SIGNING, Call, Operation
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal, bad_key, missing
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime

WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000
MICROSECONDS = 10**15
GARBAGE = "<html><head><title>"


class Answer(msgspec.Struct, frozen=True):
    """What goes back, and what becomes of it on its way."""

    status: int
    value: Any
    headers: tuple[tuple[str, str], ...] = ()
    mishap: Mishap = ""
    delay_s: float = 0.0
    raw: str = ""  # sent instead of the value
    ordering: str = ""  # the account whose order counts are told

    @property
    def good(self) -> bool:
        return self.status == 200


class Ask(msgspec.Struct, frozen=True):
    """A request as it comes to the gate. `verify` checks the signature with the key that was found."""

    params: Params
    remote: str
    api_key: str
    verify: Callable[[Key], None]
    key: Key | None = None  # of a connection that is logged on: nothing is signed then


class Gate:
    """Serves the operations of one product."""

    def __init__(
        self, limits: Limits, keys: Keyring, faults: Faults, time: VenueTime, traders: Mapping[str, Trader]
    ) -> None:
        self.limits = limits
        self._keys = keys
        self._faults = faults
        self._time = time
        self._traders = traders
        self.refusals: dict[int, int] = {}

    def open(self) -> None:
        """Raises `Refusal` while a fault keeps everybody out."""
        demanded = int(self._faults.value("rate_limit"))
        if demanded:
            raise self.limits.demand(418 if demanded in (2, 418) else 429)
        if self._faults.value("maintenance"):
            raise Refusal(-1016, "This service is no longer available.", status=503)

    def serve(self, operation: Operation, ask: Ask) -> Answer:
        """Never raises for what a client did wrong."""
        try:
            self.open()
            self.limits.admit(ask.remote, operation.cost(ask.params), funding=operation.funding)
            call = self._admit(operation, ask)
            if operation.write and self._faults.strikes("not_executed"):
                code, text = TEXTS[2]
                raise Refusal(code, text, status=503)
        except Refusal as refusal:
            return self._refused(refusal)
        ordering = call.trader.name if operation.orders else ""
        try:
            answer = Answer(200, operation.run(call), ordering=ordering)
        except Refusal as refusal:
            if operation.failure_weight:
                self.limits.charge(ask.remote, operation.failure_weight)
            answer = self._refused(refusal)
        return self._mishap(operation, answer)

    def _refused(self, refusal: Refusal) -> Answer:
        self.refusals[refusal.code] = self.refusals.get(refusal.code, 0) + 1
        return Answer(refusal.status, refusal.body(), refusal.headers, delay_s=self._faults.value("slow"))

    # -- who asks -----------------------------------------------------------------------------------------------------------

    def _admit(self, operation: Operation, ask: Ask) -> Call:
        if operation.security == "none":
            return Call(ask.params, ask.remote)
        key = ask.key if ask.key is not None and not self._keys.expired else self._keys.find(ask.api_key)
        trader = self._traders.get(key.account)
        if trader is None:
            raise bad_key()
        if operation.security == "signed":
            if ask.key is None and not ask.params.sent("signature"):
                raise missing("signature")
            self.check_time(ask.params)
            if ask.key is None:
                ask.verify(key)
        if operation.knows is not None:
            ask.params.only(operation.knows | SIGNING)
        counts = operation.counts(ask.params)
        if counts:
            self.limits.order(trader.name, counts)
        return Call(ask.params, ask.remote, trader, key)

    def check_time(self, params: Params) -> None:
        """Raises `Refusal` for a timestamp outside of the window."""
        sent = params.integer("timestamp")
        if self.limits.product.name == "spot" and sent >= MICROSECONDS:
            sent //= 1000
        window = params.decimal("recvWindow") if params.sent("recvWindow") else None
        length = float(window) if window is not None else WINDOW_MS
        if length > LONGEST_WINDOW_MS:
            raise Refusal(-1131, "recvWindow must be less than 60000.")
        now_ms = self._time.now_ms()
        if sent >= now_ms + 1000:
            raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - sent > length:
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")

    # -- what becomes of the answer ----------------------------------------------------------------------------------------------

    def _mishap(self, operation: Operation, answer: Answer) -> Answer:
        change = msgspec.structs.replace
        faults = self._faults
        answer = change(answer, delay_s=faults.value("slow"))
        if operation.security == "signed" and faults.strikes("garbage"):
            return change(answer, status=200, raw=GARBAGE)
        if not operation.write:
            return answer
        if faults.strikes("reset_after"):
            return change(answer, mishap="reset")
        if faults.strikes("no_answer"):
            return change(answer, mishap="silence")
        if faults.strikes("error_after"):
            text = int(faults.value("error_text")) or 1
            if text == 4:
                return change(answer, status=502, raw="<html><body>502 Bad Gateway</body></html>")
            code, words = TEXTS[text]
            return change(answer, status=503, value={"code": code, "msg": words})
        return answer
