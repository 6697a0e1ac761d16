"""The operator: what a person may do to the daemon. Every act is journaled with who asked for it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

import msgspec

from ctosd.abi.errors import CallerMistake
from ctosd.abi.orders import Order
from ctosd.abi.syscalls import Syscalls
from ctosd.core import gate
from ctosd.core.gate import Limits, Mode
from ctosd.core.ledger import DUST, EXTERNAL
from ctosd.kernel.arming import Grant
from ctosd.kernel.desk import set_mode
from ctosd.kernel.seat import Seat
from ctosd.kernel.system import System
from ctosd.kernel.unit import Unit
from ctosd.runtime.execution import ExecutionEngine
from ctosd.runtime.facts import Facts, Record, order_record

OPERATOR = "operator"
"""The strategy name of what a person orders by hand."""


class Operator(Facts):
    """Facts and acts. Raises `LookupError` for a name that does not exist and `CtosError` for an act that is refused."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        accounts = tuple(account for venue in system.venues.all.values() for account in venue.driver.accounts)
        self.seat = Seat(OPERATOR, accounts, Limits(), system.desk.clock.steady_ns)
        self.seat.open()
        self._handle = ExecutionEngine(system.desk, self.seat, lambda channel, topic: None)

    # -- strategies ------------------------------------------------------------------------------------------------------------

    def _find(self, name: str) -> Unit:
        units = self.system.supervisor.units
        if name in units:
            return units[name]
        near = get_close_matches(name, units, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(units) or 'none'}"
        raise LookupError(f"no strategy {name!r}; {hint}")

    async def start(self, name: str, by: str) -> Record:
        unit = self._find(name)
        self._journal(by, "start", name)
        self.system.supervisor.start(unit, f"started by {by}")
        for _ in range(100):
            if unit.state != "starting":
                break
            await self.system.desk.clock.sleep(0.02)
        return self.process(unit)

    async def stop(self, name: str, by: str, reason: str = "") -> Record:
        unit = self._find(name)
        self._journal(by, "stop", name, reason)
        await self.system.supervisor.stop(unit, reason or f"stopped by {by}")
        return self.process(unit)

    async def restart(self, name: str, by: str) -> Record:
        await self.stop(name, by, f"restarted by {by}")
        return await self.start(name, by)

    # -- the kill switch --------------------------------------------------------------------------------------------------------

    async def halt(self, by: str, reason: str = "") -> Record:
        """Nothing new leaves; cancels and exits go on."""
        return self._switch("halted", by, reason or f"halted by {by}")

    async def resume(self, by: str, reason: str = "") -> Record:
        return self._switch("active", by, reason)

    def _switch(self, mode: Mode, by: str, reason: str) -> Record:
        set_mode(self.system.desk, mode, reason, by)
        return {"mode": mode, "mode_reason": reason, "by": by}

    # -- arming, and what is not ours -------------------------------------------------------------------------------------------

    async def arm(self, by: str, account: str, max_loss: str, seconds: float) -> Record:
        """Let a live account take risk, up to a loss in quote money and for a time."""
        self._account(account)
        try:
            bound = Decimal(max_loss)
        except InvalidOperation:
            raise CallerMistake(f"max_loss must be an amount of quote money, not {max_loss!r}") from None
        self._journal(by, "arm", account, f"max_loss {max_loss}, {seconds:g} s")
        grant = await self.system.desk.egress.arming.arm(account, bound, seconds, by)
        return {"account": account, **self._grant(grant)}

    async def disarm(self, by: str, account: str) -> Record:
        """End it at once; exits and cancels still go out."""
        self._account(account)
        self._journal(by, "disarm", account)
        grant = self.system.desk.egress.arming.disarm(account, by)
        return {"account": account, **self._grant(grant)}

    def _grant(self, grant: Grant) -> Record:
        return {"max_loss": str(grant.max_loss), "until_ns": grant.until_ns, "by": grant.by, "ended": grant.ended}

    def _account(self, account: str) -> None:
        if account not in self.seat.accounts:
            raise LookupError(f"no account {account!r}; there are: {', '.join(self.seat.accounts) or 'none'}")

    async def adopt(self, by: str, strategy: str, account: str, what: str, size: str = "") -> Record:
        """Give a strategy an open order that is not ours (by its id), or the external position in a symbol."""
        unit = self._find(strategy)
        self._account(account)
        if account not in unit.recipe.accounts:
            raise CallerMistake(f"{strategy} does not trade on {account}; it has {', '.join(unit.recipe.accounts)}")
        desk = self.system.desk
        found = desk.blotter.outside.find(account, what)
        self._journal(by, f"adopt for {strategy}", f"{account} {what}", size)
        if found is None:
            return self._adopt_position(strategy, account, desk.instrument(account, what).symbol, size)
        if not found.client_id or found.client_id in desk.blotter.orders:
            raise CallerMistake(
                f"{what} cannot be told apart by a client id: cancel it at the venue, and place it anew"
            )
        return order_record(desk.blotter.adopt(found, strategy))

    def _adopt_position(self, strategy: str, account: str, symbol: str, size: str) -> Record:
        desk = self.system.desk
        source = EXTERNAL if desk.blotter.ledger.position(account, EXTERNAL, symbol).size else DUST
        held = desk.blotter.ledger.position(account, source, symbol).size
        try:
            moved = Decimal(size) if size else held
        except InvalidOperation:
            raise CallerMistake(f"size must be a number with the position's sign, not {size!r}") from None
        desk.blotter.transfer(account, symbol, source, strategy, moved)
        return self._position(desk.blotter.ledger.position(account, strategy, symbol), strategy)

    async def flatten(self, by: str, strategy: str = "", reason: str = "") -> Record:
        """Cancel and close: one strategy (which is stopped), or everything (and trading is halted first)."""
        self._journal(by, "flatten", strategy, reason)
        s = self.system
        first = {order.client_id for order in s.desk.blotter.orders.values()}
        if strategy:
            await s.supervisor.stop(self._find(strategy), reason or f"flattened by {by}", "flatten")
            seats = [s.supervisor.units[strategy].seat]
        else:
            self._switch("halted", by, reason or f"flattened by {by}")
            seats = [*(unit.seat for unit in s.supervisor.units.values()), self.seat]
            await asyncio.gather(*(s.desk.leave(seat, "flatten") for seat in seats))
        placed = [order for cid, order in s.desk.blotter.orders.items() if cid not in first]
        return {"orders": [order_record(order) for order in placed], "remaining": self._remaining(seats)}

    def _remaining(self, seats: Sequence[Seat]) -> list[Record]:
        ledger = self.system.desk.blotter.ledger
        rows = []
        for seat in seats:
            rows += [self._position(h, seat.name) for h in ledger.holdings(seat.name) if h.size]
            rows += [order_record(order) for order in self.system.desk.blotter.open_orders(seat.name)]
        return rows

    # -- why --------------------------------------------------------------------------------------------------------------------

    def why(self, name: str) -> Record:
        """The last refusals of a strategy and what each gate would say to an order of it now."""
        unit = self._find(name)
        desk = self.system.desk
        refusals = [msgspec.to_builtins(denial) for denial in desk.blotter.refusals.get(name, ())]
        return {
            "strategy": name,
            "state": unit.state,
            "wanted": unit.wanted,
            "reason": unit.reason,
            "last_error": unit.last_error,
            "gates": self._gates(unit),
            "refusals": refusals,
        }

    def _gates(self, unit: Unit) -> list[Record]:
        gates = [
            self._verdict("running", "" if unit.state == "running" else f"the strategy is {unit.state}: {unit.reason}")
        ]
        gates.append(self._verdict("seat", unit.seat.fence))
        gates.append(self._verdict("journal", self.system.journal.failed))
        probe = self._probe(unit)
        if probe is None:
            return gates
        view = self.system.desk.egress.sight.view(unit.seat, probe)
        for check, refusal in gate.explain(probe, view):
            gates.append(self._verdict(check, refusal.message if refusal is not None else ""))
        return gates

    def _verdict(self, check: str, detail: str) -> Record:
        return {"check": check, "verdict": "refuse" if detail else "pass", "detail": detail}

    def _probe(self, unit: Unit) -> Order | None:
        """The smallest order that the strategy could send: the last symbol that it traded, else the first it may."""
        desk = self.system.desk
        account = unit.recipe.accounts[0]
        venue = account.partition("/")[0]
        named = getattr(unit.recipe.params, "symbol", None) or next(
            iter(getattr(unit.recipe.params, "symbols", ())), ""
        )
        symbol = desk.market.symbol(venue, named) if isinstance(named, str) and named else ""
        if not symbol:
            return None
        instrument = desk.instrument(account, symbol)
        price = desk.market.mark(venue, symbol) or Decimal(0)
        size = instrument.min_size
        if price and instrument.min_notional:
            size = max(size, instrument.floor_size(instrument.min_notional / price) + instrument.lot)
        return desk.order(unit.seat, account, symbol, "buy", size, client_id="probe")

    # -- any syscall ----------------------------------------------------------------------------------------------------------------

    async def call(self, by: str, account: str, name: str, args: dict[str, str]) -> Any:
        """Call one syscall by name with its arguments as text, on the operator's own seat."""
        names = [each for each, _ in inspect.getmembers(Syscalls, inspect.isfunction) if not each.startswith("_")]
        if name not in names:
            near = get_close_matches(name, names, 1)
            raise LookupError(f"no syscall {name!r}; {f'did you mean {near[0]!r}?' if near else ', '.join(names)}")
        method = getattr(self._handle, name)
        self._journal(by, f"call {name}", account, msgspec.json.encode(args).decode())
        arguments = _arguments(name, method, {**args, "account": account} if account else args)
        return msgspec.to_builtins(_plain(await method(*arguments.pop("*", ()), **arguments)))

    def balances(self) -> list[Record]:
        return [
            {"account": b.account, "asset": b.asset, "total": str(b.total), "available": str(b.available)}
            for b in sorted(self.system.desk.blotter.balances.values(), key=lambda b: (b.account, b.asset))
        ]

    def _journal(self, by: str, act: str, target: str, reason: str = "") -> None:
        desk = self.system.desk
        body = msgspec.json.encode({"act": act, "target": target, "reason": reason, "by": by})
        self.system.journal.append("operator", act, body, desk.clock.now_ns())
        desk.log.info("operator", act=act, target=target, reason=reason, by=by)


def _plain(result: Any) -> Any:
    if isinstance(result, list | tuple):
        return [_plain(each) for each in result]
    return order_record(result) if isinstance(result, Order) else result


def _arguments(name: str, method: Any, args: dict[str, str]) -> dict[str, Any]:
    """Texts as the syscall's parameters want them."""
    parameters = inspect.signature(method).parameters
    out: dict[str, Any] = {}
    for key, value in args.items():
        if key not in parameters:
            if key == "account":
                continue
            near = get_close_matches(key, parameters, 1)
            raise CallerMistake(f"{name} takes no {key!r}; it takes {near[0] if near else ', '.join(parameters)}")
        out["*" if parameters[key].kind is inspect.Parameter.VAR_POSITIONAL else key] = _value(parameters[key], value)
    missing = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.name not in out and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    if missing:
        raise CallerMistake(f"{name} also needs {', '.join(missing)}")
    return out


def _value(parameter: inspect.Parameter, value: str) -> Any:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(value.split(","))
    if parameter.annotation in ("int", int):
        if not value.lstrip("-").isdigit():
            raise CallerMistake(f"{parameter.name} must be a whole number, not {value!r}")
        return int(value)
    if parameter.annotation in ("bool", bool):
        return value.lower() in ("1", "true", "yes")
    return value
