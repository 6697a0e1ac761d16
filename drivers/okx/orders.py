"""Orders on their way out: over the WebSocket while it is up, else by REST. Exactly one write each. (Sheet 7 and 9.6.)"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ctosd.abi import (
    Accepted,
    Amend,
    AuthFailed,
    CallerMistake,
    Cancel,
    Command,
    Costs,
    NoAnswer,
    NotReady,
    NotSent,
    Outcome,
    Place,
    Ports,
    Rejected,
)
from drivers.okx.account import Account
from drivers.okx.errors import Verdict
from drivers.okx.link import Link
from drivers.okx.listing import Listing, Product
from drivers.okx.records import MS
from drivers.okx.replies import in_order, outcome, weigh
from drivers.okx.requests import ALGO_PATH, AMEND, BATCHES, CANCEL, CANCEL_ALGOS_PATH, PATHS, PLACE, Writer, frame
from drivers.okx.rest import Rest

ASK_S = 10.0
LARGEST_BATCH = 20


class Orders:
    """Sends the commands of all accounts of one venue. `price_of(symbol)` raises `NotReady` when there is none."""

    def __init__(
        self,
        ports: Ports,
        listing: Listing,
        rest: Rest,
        writer: Writer,
        accounts: Mapping[str, Account],
        *,
        websocket: bool,
    ) -> None:
        self.links: dict[str, Link] = {}
        self.price_of: Callable[[str], Any] | None = None
        self._ports = ports
        self._listing = listing
        self._rest = rest
        self._writer = writer
        self._accounts = accounts
        self._websocket = websocket
        self._costs: dict[tuple[str, str, str], Costs] = {}
        self._count = 0
        self._by_websocket = self._by_rest = 0
        self.written = 0  # places and amends that left

    # -- limits ---------------------------------------------------------------------------------------------------------

    def costs(self, command: Command) -> Costs:
        """What the command takes from the limits. Raises `CallerMistake` for what is not listed."""
        if isinstance(command, Place) and command.trigger is not None:
            return self._account(command).cost("trd.algo")
        if isinstance(command, Cancel) and command.client_id in self._account(command).conditionals.armed:
            return self._account(command).cost("trd.algo_cancel")
        kind = operation_of(command)
        key = kind, command.account, command.symbol
        costs = self._costs.get(key)
        if costs is None:
            costs = self._costs[key] = self._price(kind, self._account(command), self._listing.find(command.symbol))
        return costs

    @staticmethod
    def _price(kind: str, account: Account, product: Product) -> Costs:
        name = {PLACE: "trd.place", AMEND: "trd.amend", CANCEL: "trd.cancel"}[kind]
        costs = [*account.cost(name, product.native)]
        if kind != CANCEL and not product.spot:
            costs += account.cost("trd.subaccount")
        return tuple(costs)

    def _account(self, command: Command) -> Account:
        try:
            return self._accounts[command.account]
        except KeyError:
            raise CallerMistake(f"{command.account!r} is not an account of {self._ports.venue}") from None

    # -- one command ----------------------------------------------------------------------------------------------------

    async def submit(self, command: Command) -> Outcome:
        """Send one command. Never raises for what may have happened at the venue."""
        try:
            account = self._account(command)
            product = self._listing.find(command.symbol)
            if not account.has_keys:
                return self._reject(command, "auth", f"{account.name} has no credentials")
            refusal = self._doubt(command)
            if refusal is not None:
                return refusal
            if isinstance(command, Place) and command.trigger is not None:
                return await self._place_conditional(command, account, product)
            if isinstance(command, Cancel) and command.client_id in account.conditionals.armed:
                return await self._cancel_conditional(command, account, product)
            if isinstance(command, Amend) and command.client_id in account.conditionals.armed:
                return self._reject(command, "amend_reject", "a waiting conditional order is cancelled and placed anew")
            verdicts = await self._send(operation_of(command), [command], account, [product])
        except CallerMistake as error:
            return self._reject(command, _word(error), str(error))
        except AuthFailed as error:
            return self._reject(command, "auth", str(error))
        except NotSent as error:
            return self._reject(command, "venue_down", str(error))
        return outcome(command, verdicts[0], self._ports.clock.now_ns())

    def _doubt(self, command: Command) -> Rejected | None:
        """No new risk on a clock that nobody can rely on; what reduces goes out all the same."""
        if isinstance(command, Cancel) or (isinstance(command, Place) and command.reduce_only):
            return None
        reason = self._rest.skew.refusal(self._ports.clock.now_ns())
        return self._reject(command, "timestamp", reason) if reason else None

    def _reject(self, command: Command, reason: str, message: str) -> Rejected:
        now_ns = self._ports.clock.now_ns()
        return Rejected(client_id=command.client_id, reason=reason, message=message, time_ns=now_ns)

    # -- several --------------------------------------------------------------------------------------------------------

    async def submit_batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Commands of one account and kind, 20 in a message; outcomes in their order."""
        found: dict[int, Outcome] = {}
        plain: list[tuple[int, Command, Product]] = []
        alone: list[int] = []
        for place, command in enumerate(commands):
            product = self._listing.by_symbol.get(command.symbol)
            if product is None or not self._is_plain(command):
                alone.append(place)
                continue
            try:
                self._write(command, product, by_code=False)
            except CallerMistake as error:
                found[place] = self._reject(command, _word(error), str(error))
            else:
                plain.append((place, command, product))
        parts = [plain[start : start + LARGEST_BATCH] for start in range(0, len(plain), LARGEST_BATCH)]
        groups = [alone, *([each[0] for each in part] for part in parts)]
        told = await asyncio.gather(
            asyncio.gather(*(self._submit_alone(commands[place]) for place in alone)),
            *(self._submit_part([each[1] for each in part], [each[2] for each in part]) for part in parts),
        )
        for group, outcomes in zip(groups, told, strict=True):
            found.update(zip(group, outcomes, strict=True))
        return [found[place] for place in range(len(commands))]

    def _is_plain(self, command: Command) -> bool:
        """Whether it can go in a batch: conditional orders and commands of accounts without keys cannot."""
        account = self._accounts.get(command.account)
        if account is None or not account.has_keys or self._doubt(command) is not None:
            return False
        if isinstance(command, Place):
            return command.trigger is None
        return command.client_id not in account.conditionals.armed

    async def _submit_alone(self, command: Command) -> Outcome:
        """One of several that goes by itself, after it took what it costs."""
        account = self._accounts.get(command.account)
        if self._ports.budget is not None and account is not None and command.symbol in self._listing.by_symbol:
            try:
                await self._ports.budget.take(self.costs(command), urgent=isinstance(command, Cancel))
            except NotReady as error:
                return self._reject(command, "deadline", str(error))
        return await self.submit(command)

    async def _submit_part(self, commands: list[Command], products: list[Product]) -> list[Outcome]:
        if len(commands) == 1:  # the venue charges it to the bucket of single orders
            return [await self._submit_alone(commands[0])]
        account, now_ns = self._account(commands[0]), self._ports.clock.now_ns
        kind = operation_of(commands[0])
        counts: dict[str, int] = {}
        for product in products:
            counts[product.native] = counts.get(product.native, 0) + 1
        limit = {PLACE: "trd.batch_place", AMEND: "trd.batch_amend", CANCEL: "trd.batch_cancel"}[kind]
        costs = [(account.scope(limit, native), float(count)) for native, count in counts.items()]
        derivatives = sum(not product.spot for product in products)
        if kind != CANCEL and derivatives:
            costs.append((account.scope("trd.subaccount"), float(derivatives)))
        try:
            if self._ports.budget is not None:
                await self._ports.budget.take(costs, urgent=kind == CANCEL)
        except NotReady as error:
            return [self._reject(command, "deadline", str(error)) for command in commands]
        try:
            verdicts = await self._send(BATCHES[kind], commands, account, products, costs)
        except NotReady as error:
            return [self._reject(command, "venue_down", str(error)) for command in commands]
        return [outcome(command, verdict, now_ns()) for command, verdict in zip(commands, verdicts, strict=True)]

    # -- the write ------------------------------------------------------------------------------------------------------

    async def _send(
        self,
        operation: str,
        commands: Sequence[Command],
        account: Account,
        products: Sequence[Product],
        costs: Costs = (),
    ) -> list[Verdict]:
        """One message. Raises `NotSent` when nothing left by either way, `CallerMistake` for what cannot be written."""
        expires_ms = self._expiry_ms(commands[0])
        link = self.links.get(account.name)
        session = link.session if link is not None else None
        costs = costs or self.costs(commands[0])
        if self._websocket and session is not None and session.up and all(each.code is not None for each in products):
            bodies = [
                self._write(each, product, by_code=True) for each, product in zip(commands, products, strict=True)
            ]
            self._count += 1
            key = f"o{self._count}"
            self._wrote(commands)
            try:
                reply = await session.ask(key, frame(key, operation, bodies, expires_ms), ASK_S)
            except NotSent:
                self._wrote(commands, -1)  # it went down a moment ago, before the first byte: REST has its turn
            except NoAnswer as error:
                return [Verdict("unknown", "exchange_error", str(error))] * len(commands)
            else:
                self._by_websocket += 1
                return self._weigh(commands, reply, costs)
        bodies = [self._write(each, product, by_code=False) for each, product in zip(commands, products, strict=True)]
        body = bodies[0] if operation in {PLACE, AMEND, CANCEL} else f"[{','.join(bodies)}]"
        self._by_rest += 1
        self._wrote(commands)
        return await self._rest.write(PATHS[operation], body.encode(), account, len(commands), costs, expires_ms)

    def _wrote(self, commands: Sequence[Command], sign: int = 1) -> None:
        self.written += sign * sum(not isinstance(command, Cancel) for command in commands)

    def _weigh(self, commands: Sequence[Command], reply: Any, costs: Costs) -> list[Verdict]:
        if len(commands) > 1:
            reply = in_order(commands, reply)
        verdicts = weigh(reply, len(commands))
        for verdict in verdicts:
            if verdict.kind != "ok":
                self._rest.note(verdict.reason, costs)
        return verdicts

    def _write(self, command: Command, product: Product, *, by_code: bool) -> str:
        if isinstance(command, Place):
            return self._writer.place(command, product, by_code=by_code)
        became = self._accounts[command.account].conditionals.order_of(command.client_id)
        if isinstance(command, Amend):
            return self._writer.amend(command, product, by_code=by_code, order_id=became)
        return self._writer.cancel(command, product, by_code=by_code, order_id=became)

    def _expiry_ms(self, command: Command) -> int:
        """When the venue must not take it any more, by the venue's clock. Cancels do not expire."""
        if isinstance(command, Cancel) or not command.expires_ns:
            return 0
        return (command.expires_ns + self._rest.skew.offset_ns) // MS

    # -- conditional orders ---------------------------------------------------------------------------------------------

    async def _place_conditional(self, place: Place, account: Account, product: Product) -> Outcome:
        """Nothing is sent before its fate would be heard of."""
        link = self.links.get(account.name)
        last: Decimal | None = None
        try:
            if link is None:
                raise NotReady(f"{account.name} is not connected")
            await link.watch_conditionals()
            if place.reduce_only and self.price_of is not None:
                last = await self.price_of(place.symbol)
        except NotReady as error:
            return self._reject(place, "venue_down", str(error))
        body = self._writer.conditional(place, product, last).encode()
        costs = account.cost("trd.algo")
        self._wrote([place])
        verdict = (await self._rest.write(ALGO_PATH, body, account, 1, costs))[0]
        result = outcome(place, verdict, self._ports.clock.now_ns())
        if isinstance(result, Accepted):
            account.conditionals.arm(place.client_id, result.venue_id)
        return result

    async def _cancel_conditional(self, cancel: Cancel, account: Account, product: Product) -> Outcome:
        algo_id = account.conditionals.armed[cancel.client_id]
        body = f'[{{"instId":"{product.native}","algoId":"{algo_id}"}}]'.encode()
        costs = account.cost("trd.algo_cancel")
        verdict = (await self._rest.write(CANCEL_ALGOS_PATH, body, account, 1, costs))[0]
        return outcome(cancel, verdict, self._ports.clock.now_ns())

    def statistics(self) -> Mapping[str, Any]:
        return {"websocket": self._by_websocket, "rest": self._by_rest}


def operation_of(command: Command) -> str:
    if isinstance(command, Place):
        return PLACE
    return AMEND if isinstance(command, Amend) else CANCEL


def _word(error: CallerMistake) -> str:
    """The word for why a command cannot be written."""
    text = str(error)
    if "not listed" in text:
        return "bad_symbol"
    if "multiple of the lot" in text:
        return "filter"
    return "unsupported" if "has no" in text else "bad_request"
