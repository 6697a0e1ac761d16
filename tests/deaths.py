"""Where a daemon can be made to die: one named trap for each step of DESIGN.md's life of a tick and of an order.

A trap wraps the production function of its step in the process that is to die. `armed` once the daemon trades, it writes its
mark and kills the process on one of the next passes, by SIGKILL, with no code of ours in between. The steps that an amend
and a cancel take too have a trap for each.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from ctosd.core import gate, ids
from ctosd.host import httpwire, ws
from ctosd.host.storage.journal import Journal
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.bus import Bus
from ctosd.kernel.egress import Egress
from ctosd.kernel.mailbox import Mailbox
from tests.autopsy import VENUES
from tests.pendulum import Pendulum

ACT: ContextVar[str] = ContextVar("act", default="")
"""Which way through the egress this task is on: place, amend, cancel."""


class Trap:
    """Closes on a seeded pass after it was armed."""

    def __init__(self, mark: Path, step: str) -> None:
        self.enabled = False
        self.told: dict[str, str] = {"mark": step, "client_id": ""}
        self._mark = mark
        self._armed = False
        self._left = Random(step).randint(1, 3)
        self._follow_ids()
        for act in ("place", "amend", "cancel"):
            self._follow(act)

    def _follow_ids(self) -> None:
        mint = ids.ClientIds.mint

        def minted(minter: Any, *args: Any) -> str:
            self.told = {"mark": self.told["mark"], "client_id": mint(minter, *args)}
            return self.told["client_id"]

        ids.ClientIds.mint = minted  # type: ignore[method-assign]

    def _follow(self, act: str) -> None:
        inner = getattr(Egress, act)

        async def followed(egress: Any, seat: Any, order: Any, *args: Any) -> Any:
            ACT.set(act)
            if act != "place":
                wanted = args[1] if act == "amend" else order.size
                self.told |= {"client_id": order.client_id, "was": str(order.size), "wanted": str(wanted)}
            try:
                return await inner(egress, seat, order, *args)
            finally:
                ACT.set("")  # no reset: what waits for the venue goes on in a task, and context, of its own

        setattr(Egress, act, followed)

    def arm(self) -> None:
        self._armed = self.enabled

    def pass_(self) -> None:
        if not self._armed:
            return
        self._left -= 1
        if self._left == 0:
            self._mark.write_text(json.dumps(self.told))
            os.kill(os.getpid(), signal.SIGKILL)


When = Callable[[tuple[Any, ...], Any], bool]


def always(args: tuple[Any, ...], result: Any) -> bool:
    return True


def wrap(trap: Trap, owner: Any, name: str, *, after: bool, act: str = "", when: When = always) -> None:
    """Let the trap see each call of `owner.name` on the way of `act` for which `when(args, result)`, before or after it."""
    inner = getattr(owner, name)

    def see(args: tuple[Any, ...], result: Any) -> None:
        if (not act or ACT.get() == act) and when(args, result):
            trap.pass_()

    def plain(*args: Any, **kwargs: Any) -> Any:
        if not after:
            see(args, None)
        result = inner(*args, **kwargs)
        if after:
            see(args, result)
        return result

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        if not after:
            see(args, None)
        result = await inner(*args, **kwargs)
        if after:
            see(args, result)
        return result

    setattr(owner, name, waiting if inspect.iscoroutinefunction(inner) else plain)


def find(path: str) -> tuple[Any, str]:
    """`module:Class.name` or `module:name` as the owner and the name."""
    module, _, names = path.partition(":")
    owner: Any = import_module(module)
    *outer, name = names.split(".")
    for each in outer:
        owner = getattr(owner, each)
    return owner, name


DECODE = {name: f"drivers.{name}.wire:Decoder.decode" for name in ("okx", "binance", "backpack")}
SIGN = {
    "okx": "drivers.okx.requests:Writer.{act}",  # an order on a logged-in socket carries no signature
    "binance": "drivers.binance.sign:Signer.socket",
    "backpack": "drivers.backpack.sign:Signer.headers",
}
OUTCOME = {
    "okx": "drivers.okx.orders:outcome",
    "binance": "drivers.binance.orders:OrderEntry._outcome",
    "backpack": "drivers.backpack.trading:Trading.submit",
    "paper": "drivers.paper.driver:Paper.submit",
}
WORDS = {
    "place": (b'"op":"order"', b"order.place", b"POST /api/v1/order "),
    "amend": (b'"op":"amend-order"', b"order.modify", b"order.amend.keepPriority"),
    "cancel": (b'"op":"cancel-order"', b"order.cancel", b"DELETE /api/v1/order "),
}
"""What tells the bytes of an act, by each venue's protocol."""

Plant = Callable[[Trap, str], None]
"""Puts a trap into a driver's or the kernel's function. Takes the trap and the driver's name."""


@dataclass(frozen=True)
class Step:
    """`act` is the way through the egress on which it lies; a step of the way of a tick has none."""

    plant: Plant
    act: str = ""
    on_paper: bool = True
    sent: bool | None = None
    """Whether the command on its way has left when the daemon dies there; None: it may have."""


def _at(owner: Any, name: str, *, after: bool, act: str = "", when: When = always) -> Plant:
    return lambda trap, driver: wrap(trap, owner, name, after=after, act=act, when=when)


def _by_driver(paths: dict[str, str], act: str = "") -> Plant:
    def plant(trap: Trap, driver: str) -> None:
        owner, name = find(paths[driver].format(act=act))
        wrap(trap, owner, name, after=True, act=act)

    return plant


def _write(act: str, *, after: bool) -> Plant:
    """The one write: on a WebSocket at OKX and Binance, of a request at Backpack; on paper the call of the venue."""

    def plant(trap: Trap, driver: str) -> None:
        if driver == "paper":
            owner, name = find("drivers.paper.floor:Floor.execute")
            wrap(trap, owner, name, after=after, act=act)
            return
        owner, name = (httpwire.Connection, "write") if driver == "backpack" else (ws.WebSocket, "send")
        place = -2 if driver == "backpack" else 1
        wrap(trap, owner, name, after=after, act=act,
             when=lambda args, _: any(word in args[place] for word in WORDS[act]))  # fmt: skip

    return plant


def _way(act: str) -> dict[str, Step]:
    """The steps that every command takes. A cancel bypasses the gate."""
    name = "" if act == "place" else f"{act} "
    conclude = f"_conclude_{act}"
    gated = {
        f"7 {name}gate allowed": Step(
            _at(gate, "check", after=True, act=act, when=lambda args, result: result is None), act, sent=False
        )
    }
    return (gated if act != "cancel" else {}) | {
        f"8 {name}tokens taken": Step(_at(Egress, "_turn", after=True, act=act), act, sent=False),
        f"9 {name}intent queued": Step(_at(Journal, "commit_now", after=False, act=act), act, sent=False),
        f"9 {name}intent committed": Step(_at(Egress, "_intend", after=True, act=act), act, sent=False),
        f"10 {name}{'order ' if not name else ''}signed": Step(_by_driver(SIGN, act), act, on_paper=False, sent=False),
        f"11 {name}before the write": Step(_write(act, after=False), act, sent=False),
        f"11 {name}after the write": Step(_write(act, after=True), act),
        f"12 {name}outcome read": Step(_by_driver(OUTCOME, act), act, sent=True),
        f"13 {name}outcome unpublished": Step(_at(Egress, conclude, after=False, act=act), act, sent=True),
        f"13 {name}outcome published": Step(_at(Egress, conclude, after=True, act=act), act, sent=True),
    }


TICK = {
    "1 frame received": Step(_at(ws.WebSocket, "_hear", after=False), on_paper=False),
    "2 frame decoded": Step(_by_driver(DECODE), on_paper=False),
    "3 event published": Step(_at(Bus, "publish", after=True)),
    "4 mailbox filled": Step(_at(Mailbox, "put", after=True)),
    "5 handler ran": Step(_at(Pendulum, "on_fill", after=True)),
    "6 id minted": Step(_at(ids.ClientIds, "mint", after=True), "place", sent=False),
}
FILLED = {
    "14 fill heard": Step(_at(Blotter, "on_fill", after=False)),
    "14 fill applied": Step(_at(Blotter, "on_fill", after=True, when=lambda args, result: bool(result))),
}
PLACING = TICK | _way("place") | FILLED
"""The fourteen steps. Each name begins with the number of its step."""
CHANGING = _way("amend") | _way("cancel")
STEPS = PLACING | CHANGING


def has(venue: str, step: str) -> bool:
    """Whether a venue has this step."""
    found = STEPS[step]
    if venue == "paper" and not found.on_paper:
        return False
    return found.act != "amend" or VENUES[venue].amends


def plan(venue: str, everything: bool) -> list[str]:
    """Which steps one venue goes through. Without `everything`, so that it is over soon: spot trades over the wire of the
    futures, so that it and the steps of amends and cancels are taken in turns, each of them by one venue."""
    if everything:
        return [step for step in STEPS if has(venue, step)]
    placing = [] if VENUES[venue].product else [step for step in PLACING if has(venue, step)]
    return placing + [step for number, step in enumerate(CHANGING) if _turn(number, step) == venue]


def _turn(number: int, step: str) -> str:
    able = [venue for venue in VENUES if has(venue, step)]
    return able[number % len(able)]
