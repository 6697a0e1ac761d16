"""Order entry: one command, one write. Over the WebSocket API, or by REST while that is not up. (Sheet B3, B6, C3 to C5, C8.)

REST takes over only when the socket proved that nothing left (`NotSent`); whatever else happens after a write is told as
it is. The one exception to "one write" is a cancel that the order service refused because it knows no such order: then the
algo service is asked, for a conditional order has the same id to us. Nothing can be done twice by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ctosd.abi import (
    Accepted,
    Amend,
    Cancel,
    Command,
    Costs,
    NotReady,
    NotSent,
    OrderUpdate,
    Outcome,
    Place,
    Ports,
    Rejected,
    Unknown,
)
from drivers.binance import requests
from drivers.binance.account import Account, Terms
from drivers.binance.config import ProductName
from drivers.binance.errors import Verdict, reason_of
from drivers.binance.limits import Pools
from drivers.binance.requests import Pairs, Unsupported
from drivers.binance.rest import Rest

BATCH_ORDERS = 5.0

Find = Callable[[str, str, str], Awaitable[OrderUpdate | None]]


class OrderEntry:
    """Order entry of all accounts of one product.

    `price(symbol)` is the present price, `find(account, symbol, client_id)` an order by query; both may raise `NotReady`.
    """

    def __init__(
        self,
        rest: Rest,
        ports: Ports,
        pools: Pools,
        accounts: Mapping[str, Account],
        natives: Mapping[str, str],
        *,
        price: Callable[[str], Awaitable[Decimal]],
        find: Find,
    ) -> None:
        self.product: ProductName = rest.product
        self._rest = rest
        self._ports = ports
        self._pools = pools
        self._accounts = accounts
        self._natives = natives
        self._price = price
        self._find = find
        self._costs: dict[tuple[type, str], Costs] = {}
        self.over_socket = self.over_rest = self.fallbacks = 0
        self.written = 0  # places and amends that left

    # -- what a command costs -------------------------------------------------------------------------------------------

    def costs(self, command: Command) -> Costs:
        key = (type(command), command.account)
        found = self._costs.get(key)
        if found is None:
            name = {Place: "place", Amend: "amend", Cancel: "cancel"}[type(command)]
            costs = self._pools.weight(self._rest.calls[name].weight)
            if isinstance(command, Place) or (isinstance(command, Amend) and self.product == "usdm"):
                costs += self._pools.orders(command.account)
            found = self._costs[key] = tuple(costs)
        return found

    def forget_costs(self) -> None:
        """The venue published other limits."""
        self._costs.clear()

    # -- one command ----------------------------------------------------------------------------------------------------

    async def submit(self, command: Command) -> Outcome:
        """Send one command. Never raises."""
        account = self._accounts.get(command.account)
        refusal = self._refusal(command, account)
        if refusal is not None or account is None:
            return refusal or self._rejected(command, "auth", f"{command.account} is not an account of this venue")
        try:
            if isinstance(command, Place) and command.trigger is None:
                name, pairs = requests.place(self.product, command, self._natives[command.symbol])
            else:
                name, pairs = await self._request(command, account)
        except Unsupported as error:
            return self._rejected(command, error.reason, error.message)
        except NotReady as error:
            return self._rejected(command, "venue_down", f"nothing was sent: {error}")
        if isinstance(command, Place):
            account.send(command)
        verdict = await self._write(account, name, pairs, command)
        if self._may_be_algo(command, name, verdict, account):
            assert isinstance(command, Cancel)
            name, pairs = requests.cancel(command, "", algo=True)
            verdict = await self._write(account, name, pairs, command)
        return self._outcome(command, account, verdict)

    def _refusal(self, command: Command, account: Account | None) -> Rejected | None:
        """Why a command cannot be sent at all."""
        if account is None or account.signer is None:
            return self._rejected(command, "auth", f"{command.account} has no credentials")
        if command.symbol not in self._natives:
            return self._rejected(command, "bad_symbol", f"{command.symbol} is not listed on Binance {self.product}")
        if isinstance(command, Place) and not command.reduce_only:
            wrong = self._rest.skew.refusal(self._ports.clock.now_ns())
            if wrong:
                return self._rejected(command, "timestamp", wrong)
        return None

    async def _request(self, command: Command, account: Account) -> tuple[str, Pairs]:
        """`(call, parameters)`. Raises `Unsupported`, or `NotReady` when something had to be asked first and could not."""
        native = self._natives[command.symbol]
        if isinstance(command, Place):
            price = await self._price(command.symbol) if command.trigger is not None else None
            return requests.place(self.product, command, native, price)
        if isinstance(command, Amend):
            return await self._amend(command, account, native)
        return self._cancel(command, account, native)

    async def _amend(self, command: Amend, account: Account, native: str) -> tuple[str, Pairs]:
        """USDⓈ-M wants side, price and size, whichever changes; what the command leaves out is as the order rests."""
        if command.client_id in account.data.conditionals.armed:
            raise Unsupported(
                "amend_reject", "Binance cannot change a conditional order: cancel it, then place a new one"
            )
        terms = await self._terms(command, account)
        if self.product == "spot":
            return requests.shrink(command, native, terms.price)
        price = command.price if command.price is not None else terms.price
        if price is None:
            raise Unsupported("amend_reject", "a market order has no price that could change")
        return requests.modify(command, native, terms.side, price, command.size or terms.size)

    async def _terms(self, command: Amend, account: Account) -> Terms:
        """The order as it rests: by the command, by what the stream told, or by asking."""
        if command.side is not None and command.old_size is not None and command.old_price is not None:
            return Terms(command.symbol, command.side, command.old_size, command.old_price)
        terms = account.terms.get(command.client_id)
        if terms is not None:
            return terms
        found = await self._find(account.name, command.symbol, command.client_id)
        if found is None:
            raise Unsupported("order_not_found", "Binance knows no such order")
        account.learn(found)
        terms = account.terms.get(command.client_id)
        if terms is None:
            raise Unsupported("order_not_found", f"the order is {found.state}")
        return terms

    def _cancel(self, command: Cancel, account: Account, native: str) -> tuple[str, Pairs]:
        conditionals = account.data.conditionals
        actual = conditionals.became.get(command.client_id)
        if actual is not None:
            return "cancel", [("symbol", native), ("orderId", actual)]
        armed = self.product == "usdm" and command.client_id in conditionals.armed
        return requests.cancel(command, native, algo=armed)

    def _may_be_algo(self, command: Command, name: str, verdict: Verdict, account: Account) -> bool:
        return (
            isinstance(command, Cancel)
            and self.product == "usdm"
            and name == "cancel"
            and verdict.kind == "rejected"
            and verdict.reason == "order_not_found"
            and command.client_id not in account.terms
        )

    # -- the write ------------------------------------------------------------------------------------------------------

    async def _write(self, account: Account, name: str, pairs: Pairs, command: Command, count: int = 1) -> Verdict:
        risks = 0 if isinstance(command, Cancel) else count
        api = account.api
        try:
            if api is not None and api.takes(name) and api.session.up:
                try:
                    timed = pairs + self._expiry(command)
                    self.written += risks
                    verdict, rows = await api.write(name, timed, self._ports.clock.now_ns)
                except NotSent:
                    self.fallbacks += 1
                    self.written -= risks
                else:
                    self.over_socket += 1
                    self._count(rows, account.name)
                    if verdict.kind != "ok":
                        self._rest.note(verdict, account.name)
                    return verdict
            timed = pairs + self._expiry(command)
            self.written += risks
            verdict = await self._rest.write(name, timed, account.name)
        except Unsupported as error:
            return Verdict(kind="rejected", reason=error.reason, message=error.message)
        except NotSent as error:
            self.written -= risks
            return Verdict(kind="rejected", reason="venue_down", message=f"nothing was sent: {error}")
        self.over_rest += 1
        return verdict

    def _expiry(self, command: Command) -> Pairs:
        return requests.expiry(command, self._ports.clock.now_ns(), self._rest.venue_ns)

    def _count(self, rows: Sequence[Any], account: str) -> None:
        budget = self._ports.budget
        if budget is not None and rows:
            for name, used, allowed in self._pools.used_by_rows(rows, account):
                budget.sync_used(name, used, allowed)

    # -- outcomes -------------------------------------------------------------------------------------------------------

    def _outcome(self, command: Command, account: Account, verdict: Verdict) -> Outcome:
        if verdict.kind == "unknown":
            return Unknown(client_id=command.client_id, message=verdict.message)
        if verdict.kind == "rejected":
            if isinstance(command, Place) and verdict.reason != "duplicate_client_id":
                account.refuse(command)
            return self._rejected(command, verdict.reason, verdict.message)
        row = verdict.data if isinstance(verdict.data, dict) else {}
        row = row.get("amendedOrder", row)
        venue_id = str(row.get("orderId") or row.get("algoId") or "")
        if not venue_id:
            return Unknown(client_id=command.client_id, message="an answer without an order id")
        if isinstance(command, Amend):
            account.amend(command)
        elif isinstance(command, Place) and "orderId" in row:
            account.accept(command.client_id, command.symbol, venue_id)
        return Accepted(client_id=command.client_id, venue_id=venue_id, time_ns=self._ports.clock.now_ns())

    def _rejected(self, command: Command, reason: str, message: str) -> Rejected:
        return Rejected(client_id=command.client_id, reason=reason, message=message, time_ns=self._ports.clock.now_ns())

    # -- several commands -----------------------------------------------------------------------------------------------

    async def submit_batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """As few writes as can be: USDⓈ-M takes 5 places or amends, or 10 cancels of one symbol, in one. Outcomes in order."""
        groups = self._groups(commands)
        told = await asyncio.gather(*(self._submit_group([commands[place] for place in group]) for group in groups))
        outcomes = {place: outcome for group, each in zip(groups, told) for place, outcome in zip(group, each)}
        return [outcomes[place] for place in range(len(commands))]

    async def _submit_group(self, commands: list[Command]) -> Sequence[Outcome]:
        if len(commands) > 1:
            return await self._together(commands)
        return await self._take(self.costs(commands[0]), commands) or [await self.submit(commands[0])]

    def _groups(self, commands: Sequence[Command]) -> list[list[int]]:
        """Places in `commands` of those that can go together, each group no larger than the venue takes."""
        groups: dict[Any, list[list[int]]] = {}
        for place, command in enumerate(commands):
            together = self._batch_key(command)
            rows = groups.setdefault(together if together is not None else ("alone", place), [[]])
            if len(rows[-1]) >= requests.BATCH[type(command)]:
                rows.append([])
            rows[-1].append(place)
        return [group for rows in groups.values() for group in rows]

    def _batch_key(self, command: Command) -> Any:
        """What commands of one batch have in common; None for one that must go alone."""
        if self.product == "spot":
            return None
        account = self._accounts.get(command.account)
        if account is None or command.client_id in account.data.conditionals.armed:
            return None
        if isinstance(command, Cancel):
            known = command.client_id in account.terms
            return (Cancel, command.account, command.symbol) if known else None
        if isinstance(command, Place) and command.trigger is not None:
            return None
        return type(command), command.account

    async def _together(self, commands: Sequence[Command]) -> list[Outcome]:
        account = self._accounts[commands[0].account]
        outcomes: dict[int, Outcome] = {}
        pairs: dict[int, Pairs] = {}
        for place, command in enumerate(commands):
            refusal = self._refusal(command, account)
            if refusal is not None:
                outcomes[place] = refusal
                continue
            try:
                pairs[place] = (await self._request(command, account))[1]
            except Unsupported as error:
                outcomes[place] = self._rejected(command, error.reason, error.message)
            except NotReady as error:
                outcomes[place] = self._rejected(command, "venue_down", f"nothing was sent: {error}")
        left = list(pairs)
        if left:
            sent = await self._send_batch(account, [commands[place] for place in left], list(pairs.values()))
            outcomes.update(zip(left, sent))
        return [outcomes[place] for place in range(len(commands))]

    async def _take(self, costs: Costs, commands: Sequence[Command]) -> list[Outcome]:
        """Take what a write of a batch costs. Empty when it may leave, else why none of its commands did."""
        if self._ports.budget is None:
            return []
        try:
            await self._ports.budget.take(costs, urgent=isinstance(commands[0], Cancel))
        except NotReady as error:
            return [self._rejected(command, "deadline", str(error)) for command in commands]
        return []

    def _batch_costs(self, name: str, account: str) -> Costs:
        """A batch of orders counts as five in the short pool, however many there are, and as one in the long one."""
        costs = self._pools.weight(self._rest.calls[name].weight)
        return costs if name == "cancel_batch" else costs + self._pools.orders(account, BATCH_ORDERS)

    async def _send_batch(self, account: Account, commands: Sequence[Command], pairs: list[Pairs]) -> list[Outcome]:
        first = commands[0]
        cancels = [command for command in commands if isinstance(command, Cancel)]
        if cancels:
            name, body = "cancel_batch", requests.cancel_batch(cancels, self._natives[first.symbol])
        else:
            name, body = "place_batch" if isinstance(first, Place) else "amend_batch", requests.batch(pairs)
        held = await self._take(self._batch_costs(name, account.name), commands)
        if held:
            return held
        for command in commands:
            if isinstance(command, Place):
                account.send(command)
        shortest = min(commands, key=lambda each: getattr(each, "expires_ns", 0) or 1 << 62)
        verdict = await self._write(account, name, body, shortest, len(commands))
        rows = verdict.data
        if verdict.kind != "ok":
            return [self._outcome(command, account, verdict) for command in commands]
        if not isinstance(rows, list) or len(rows) != len(commands):
            return [Unknown(client_id=each.client_id, message="a batch answered with other rows") for each in commands]
        return [self._outcome(command, account, self._row(row)) for command, row in zip(commands, rows)]

    def _row(self, row: Any) -> Verdict:
        """One row of a batch: an order, or an error of its own; both at once prove nothing."""
        if not isinstance(row, dict) or ("code" in row and "orderId" in row):
            return Verdict(kind="unknown", reason="exchange_error", message="a batch row that cannot be read")
        code = row.get("code")
        if isinstance(code, int) and code < 0:
            message = str(row.get("msg", ""))
            if code in (-1000, -1001, -1006, -1007):
                return Verdict(kind="unknown", reason="exchange_error", message=message, code=code)
            return Verdict(kind="rejected", reason=reason_of(self.product, code, message), message=message, code=code)
        return Verdict(kind="ok", data=row)

    def statistics(self) -> Mapping[str, Any]:
        return {"over_socket": self.over_socket, "over_rest": self.over_rest, "fallbacks": self.fallbacks}
