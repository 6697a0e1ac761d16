"""Orders on their way to Backpack: one write each, and what its reply proves.

A reply that cannot be read is `Unknown`. A number is given to an order, on disk, before it is sent; the window of its
signature ends when the order expires, so that the venue refuses it when it is late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ctosd.abi import (
    Accepted,
    Amend,
    CallerMistake,
    Cancel,
    Clock,
    Command,
    CtosError,
    Log,
    NotReady,
    NotSent,
    Outcome,
    Place,
    Rejected,
    Response,
    Unknown,
)
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.errors import Verdict, glimpse, verdict_of
from drivers.backpack.instants import Moment, ns_of
from drivers.backpack.listing import Listing
from drivers.backpack.orders import Params, cancel_params, place_params
from drivers.backpack.rest import Rest, batch_of, write_of
from drivers.backpack.sign import Signer, batch
from drivers.backpack.wire import BROKEN
from drivers.backpack.words import STATES, plain

BATCH = 20
"""Orders in one batch: the venue's own limit is not published, and other clients send no more."""


class _Placed(msgspec.Struct, rename="camel"):
    """What counts in the reply to an order."""

    id: str | int
    status: str
    client_id: int | str | None = None
    created_at: Moment = None


class _Item(msgspec.Struct):
    """The head of one item of a batch's reply."""

    operation: str = ""
    code: str = ""
    message: str = ""


class Ready(NamedTuple):
    """An order that may be sent."""

    place: Place
    number: int
    params: Params


_read_placed = msgspec.json.Decoder(_Placed, strict=False).decode
_read_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_item = msgspec.json.Decoder(_Item).decode


class Trading:
    """Writes of orders."""

    def __init__(self, rest: Rest, listing: Listing, ids: ClientIds, clock: Clock, log: Log) -> None:
        self._rest = rest
        self._listing = listing
        self._ids = ids
        self._clock = clock
        self._log = log
        self.written = 0  # places that left

    async def submit(self, account: Account, command: Command) -> Outcome:
        """One command, one write."""
        if account.signer is None:
            return self._refuse(command.client_id, "auth", f"{account.name} has no credentials")
        if isinstance(command, Place):
            return await self._place(account, account.signer, command)
        if isinstance(command, Cancel):
            return await self._cancel(account, account.signer, command)
        return self._cannot_amend(command)

    def _refuse(self, client_id: str, reason: str, message: str) -> Rejected:
        """Nothing was sent."""
        return Rejected(client_id=client_id, reason=reason, message=message, time_ns=self._clock.now_ns())

    def _cannot_amend(self, command: Amend) -> Rejected:
        return self._refuse(command.client_id, "unsupported", "Backpack cannot amend: cancel, then place")

    # -- place ----------------------------------------------------------------------------------------------------------

    async def _place(self, account: Account, signer: Signer, place: Place) -> Outcome:
        ready = self._prepare(account, [place])
        if not isinstance(ready[0], Ready):
            return ready[0]
        window_ms = self._rest.window_ms(place.expires_ns)
        if window_ms <= 0:
            return self._forget(place, "deadline", "it expired before it could be sent")
        write = write_of("POST", "/api/v1/order", "orderExecute", ready[0].params)
        self.written += 1
        try:
            response = await self._rest.write(signer, write, window_ms)
        except NotSent as error:
            self.written -= 1
            return self._forget(place, "venue_down", str(error))
        except NotReady as error:
            return Unknown(client_id=place.client_id, message=str(error))
        return self._conclude(account, ready[0], response)

    def _prepare(self, account: Account, places: Sequence[Place]) -> list[Ready | Rejected]:
        """Each order with its number and parameters, or why it cannot be sent. All pairs go to disk in one write."""
        refused = [self._impossible(place) for place in places]
        wanted = [place for place, refusal in zip(places, refused, strict=True) if refusal is None]
        try:
            texts = [place.client_id for place in wanted]
            numbers = iter(self._ids.allocate(account.name, texts, self._clock.now_ns()))
        except CtosError as error:
            return [refusal or self._refuse(place.client_id, "journal", f"its number could not be kept: {error}")
                    for place, refusal in zip(places, refused, strict=True)]  # fmt: skip
        ready: list[Ready | Rejected] = []
        for place, refusal in zip(places, refused, strict=True):
            if refusal is not None:
                ready.append(refusal)
                continue
            number, market = next(numbers), self._listing.market(place.symbol)
            ready.append(Ready(place, number, place_params(place, market, number, redeem=account.redeem)))
        return ready

    def _impossible(self, place: Place) -> Rejected | None:
        """What can be refused without asking."""
        try:
            market = self._listing.market(place.symbol)
        except CallerMistake as error:
            return self._refuse(place.client_id, "bad_symbol", str(error))
        if place.type == "limit" and place.price is None:
            return self._refuse(place.client_id, "bad_request", "a limit order without a price")
        if place.reduce_only:
            if market.instrument.kind == "spot" and place.side == "buy":
                return self._refuse(place.client_id, "reduce_only", "a purchase of coins reduces nothing")
            return None
        unsure = self._rest.skew.refusal(self._clock.now_ns())
        return self._refuse(place.client_id, "timestamp", unsure) if unsure else None

    def _forget(self, place: Place, reason: str, message: str) -> Rejected:
        """Nothing left, so the number will never be heard of."""
        self._ids.end(place.client_id, self._clock.now_ns())
        return self._refuse(place.client_id, reason, message)

    def _conclude(self, account: Account, ready: Ready, response: Response) -> Outcome:
        if response.status != 200:
            return self._refused(account, ready.place.client_id, self._rest.verdict(response, account.name))
        return self._placed(ready, response.body, response.time_ns)

    def _placed(self, ready: Ready, body: bytes, time_ns: int) -> Outcome:
        """The reply to an order that was taken."""
        client_id = ready.place.client_id
        try:
            placed = _read_placed(body)
            at_ns = ns_of(placed.created_at) or time_ns
        except BROKEN:
            return Unknown(client_id=client_id, message=f"the reply to an order cannot be read: {glimpse(body)}")
        if str(placed.client_id) not in (str(ready.number), "None"):
            return Unknown(client_id=client_id, message=f"the reply is that of another order: {glimpse(body)}")
        self._ids.note(client_id, STATES.get(plain(placed.status), "open"), self._clock.now_ns())
        return Accepted(client_id=client_id, venue_id=str(placed.id), time_ns=at_ns)

    def _refused(self, account: Account, client_id: str, verdict: Verdict) -> Outcome:
        if verdict.code == "BORROW_REQUIRES_LEND_REDEEM":
            account.redeem = True  # lending was switched on meanwhile: the next order asks for its coins back
        if verdict.code == "ACCOUNT_LIQUIDATING":
            self._log.error("backpack_liquidating", account=account.name, reason=verdict.message)
        if not verdict.proof:
            return Unknown(client_id=client_id, message=f"{verdict.code or verdict.status}: {verdict.message}")
        if verdict.reason != "duplicate_client_id":
            self._ids.end(client_id, self._clock.now_ns())
        return self._refuse(client_id, verdict.reason, verdict.message)

    # -- several at once ------------------------------------------------------------------------------------------------

    async def submit_batch(self, account: Account, commands: Sequence[Command]) -> list[Outcome]:
        """Orders go together, twenty at a time; anything else goes alone. Each request takes what it costs."""
        outcomes: list[Outcome] = []
        places = [command for command in commands if isinstance(command, Place)]
        if len(places) < len(commands) or len(places) == 1 or account.signer is None:
            return await asyncio.gather(*(self._submit_alone(account, command) for command in commands))
        for start in range(0, len(places), BATCH):
            outcomes += await self._batch(account, account.signer, places[start : start + BATCH])
        return outcomes

    async def _submit_alone(self, account: Account, command: Command) -> Outcome:
        try:
            await self._rest.take(account.name, urgent=isinstance(command, Cancel))
        except NotReady as error:
            return self._refuse(command.client_id, "deadline", str(error))
        return await self.submit(account, command)

    async def _batch(self, account: Account, signer: Signer, places: Sequence[Place]) -> list[Outcome]:
        try:
            await self._rest.take(account.name)
        except NotReady as error:
            return [self._refuse(place.client_id, "deadline", str(error)) for place in places]
        prepared = self._prepare(account, places)
        ready = [each for each in prepared if isinstance(each, Ready)]
        answers = iter(await self._send_batch(account, signer, ready) if ready else ())
        return [next(answers) if isinstance(each, Ready) else each for each in prepared]

    async def _send_batch(self, account: Account, signer: Signer, ready: Sequence[Ready]) -> list[Outcome]:
        window_ms = min(self._rest.window_ms(each.place.expires_ns) for each in ready)
        if window_ms <= 0:
            return [self._forget(each.place, "deadline", "it expired before it could be sent") for each in ready]
        items = [each.params for each in ready]
        write = batch_of("/api/v1/orders", batch("orderExecute", items), items)
        self.written += len(ready)
        try:
            response = await self._rest.write(signer, write, window_ms)
        except NotSent as error:
            self.written -= len(ready)
            return [self._forget(each.place, "venue_down", str(error)) for each in ready]
        except NotReady as error:
            return [Unknown(client_id=each.place.client_id, message=str(error)) for each in ready]
        if response.status != 200:
            verdict = self._rest.verdict(response, account.name)
            return [self._refused(account, each.place.client_id, verdict) for each in ready]
        return self._each(account, ready, response)

    def _each(self, account: Account, ready: Sequence[Ready], response: Response) -> list[Outcome]:
        """A batch's reply has one item an order, in their order; a reply of another length tells nothing."""
        try:
            items = _read_items(response.body)
            heads = [_read_item(item) for item in items]
        except BROKEN:
            items, heads = [], []
        if len(items) != len(ready):
            message = f"the reply to a batch cannot be read: {glimpse(response.body)}"
            return [Unknown(client_id=each.place.client_id, message=message) for each in ready]
        outcomes: list[Outcome] = []
        for each, item, head in zip(ready, items, heads, strict=True):
            if head.operation == "Err":
                verdict = verdict_of(400, head.code, head.message)
                outcomes.append(self._refused(account, each.place.client_id, verdict))
            else:
                outcomes.append(self._placed(each, bytes(item), response.time_ns))
        return outcomes

    # -- cancel ---------------------------------------------------------------------------------------------------------

    async def _cancel(self, account: Account, signer: Signer, cancel: Cancel) -> Outcome:
        client_id = cancel.client_id
        try:
            native = self._listing.market(cancel.symbol).native
        except CallerMistake as error:
            return self._refuse(client_id, "bad_symbol", str(error))
        params = cancel_params(cancel, native, self._ids.number(client_id))
        if params is None:
            return self._refuse(client_id, "order_not_found", "this order was never given a number: it was never sent")
        write = write_of("DELETE", "/api/v1/order", "orderCancel", params)
        try:
            response = await self._rest.write(signer, write, self._rest.window_ms(0))
        except NotSent as error:
            return self._refuse(client_id, "venue_down", str(error))
        except NotReady as error:
            return Unknown(client_id=client_id, message=str(error))
        return self._conclude_cancel(account, cancel, response)

    def _conclude_cancel(self, account: Account, cancel: Cancel, response: Response) -> Outcome:
        """202 says that it was accepted and will be done; the private stream tells when it was."""
        client_id = cancel.client_id
        if response.status == 202:
            return Accepted(client_id=client_id, venue_id=cancel.venue_id, time_ns=response.time_ns)
        if response.status == 200:
            try:
                venue_id = str(_read_placed(response.body).id)
            except BROKEN:
                message = f"the reply to a cancel cannot be read: {glimpse(response.body)}"
                return Unknown(client_id=client_id, message=message)
            return Accepted(client_id=client_id, venue_id=venue_id, time_ns=response.time_ns)
        verdict = self._rest.verdict(response, account.name)
        if not verdict.proof:
            return Unknown(client_id=client_id, message=f"{verdict.code or verdict.status}: {verdict.message}")
        return self._refuse(client_id, verdict.reason, verdict.message)
