"""Where a daemon can be made to die: one named trap for each step of DESIGN.md's life of a tick and of an order.

A trap wraps the production function of its step in the process that is to die. `armed` once the daemon trades, it writes its
mark and kills the process on one of the next passes, by SIGKILL, with no code of ours in between.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from ctosd.abi import Place
from ctosd.core import gate, ids
from ctosd.host import httpwire, ws
from ctosd.host.storage.journal import Journal
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.bus import Bus
from ctosd.kernel.egress import Egress
from ctosd.kernel.mailbox import Mailbox
from tests.pendulum import Pendulum

PLACES = (b'"op":"order"', b"order.place", b"POST /api/v1/order ")
"""What tells the bytes of a place, by each venue's protocol."""


class Trap:
    """Closes on a seeded pass after it was armed."""

    def __init__(self, mark: Path, step: str) -> None:
        self.enabled = False
        self.current = ""
        self._mark = mark
        self._step = step
        self._armed = False
        self._left = Random(step).randint(1, 3)
        watch = ids.ClientIds.mint

        def mint(minter: Any, *args: Any) -> str:
            self.current = watch(minter, *args)
            return self.current

        ids.ClientIds.mint = mint  # type: ignore[method-assign]

    def arm(self) -> None:
        self._armed = self.enabled

    def pass_(self) -> None:
        if not self._armed:
            return
        self._left -= 1
        if self._left == 0:
            self._mark.write_text(json.dumps({"mark": self._step, "client_id": self.current}))
            os.kill(os.getpid(), signal.SIGKILL)


When = Callable[[tuple[Any, ...], Any], bool]


def always(args: tuple[Any, ...], result: Any) -> bool:
    return True


def wrap(trap: Trap, owner: Any, name: str, *, after: bool, when: When = always) -> None:
    """Let the trap see each call of `owner.name` for which `when(args, result)`, before it or when it has returned."""
    inner = getattr(owner, name)

    def plain(*args: Any, **kwargs: Any) -> Any:
        if not after and when(args, None):
            trap.pass_()
        result = inner(*args, **kwargs)
        if after and when(args, result):
            trap.pass_()
        return result

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        if not after and when(args, None):
            trap.pass_()
        result = await inner(*args, **kwargs)
        if after and when(args, result):
            trap.pass_()
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


DECODE = {
    "okx": "drivers.okx.wire:Decoder.decode",
    "binance": "drivers.binance.wire:Decoder.decode",
    "backpack": "drivers.backpack.wire:Decoder.decode",
}
SIGN = {
    "okx": "drivers.okx.requests:Writer.place",  # an order on a logged-in socket carries no signature
    "binance": "drivers.binance.sign:Signer.socket",
    "backpack": "drivers.backpack.sign:Signer.headers",
}
OUTCOME = {
    "okx": "drivers.okx.orders:outcome",
    "binance": "drivers.binance.orders:OrderEntry._outcome",
    "backpack": "drivers.backpack.trading:Trading._conclude",
}
COMMAND = {"okx": 0, "binance": 1}
"""Which argument of the function in OUTCOME is the command; Backpack's has places only."""


def of_place(index: int) -> When:
    return lambda args, result: isinstance(args[index], Place)


def _at(owner: Any, name: str, *, after: bool, when: When = always) -> Callable[[Trap, str], None]:
    return lambda trap, venue: wrap(trap, owner, name, after=after, when=when)


def _by_venue(paths: dict[str, str]) -> Callable[[Trap, str], None]:
    def plant(trap: Trap, venue: str) -> None:
        owner, name = find(paths[venue])
        index = COMMAND.get(venue) if paths is OUTCOME else None
        wrap(trap, owner, name, after=True, when=always if index is None else of_place(index))

    return plant


def _write(*, after: bool) -> Callable[[Trap, str], None]:
    """The one write of an order: on a WebSocket at OKX and Binance, of a request at Backpack."""

    def plant(trap: Trap, venue: str) -> None:
        owner, name = (httpwire.Connection, "write") if venue == "backpack" else (ws.WebSocket, "send")
        wrap(trap, owner, name, after=after, when=lambda args, _: any(word in args[-2 if venue == "backpack" else 1]
                                                                    for word in PLACES))  # fmt: skip

    return plant


STEPS: dict[str, Callable[[Trap, str], None]] = {
    "1 frame received": _at(ws.WebSocket, "_hear", after=False),
    "2 frame decoded": _by_venue(DECODE),
    "3 event published": _at(Bus, "publish", after=True),
    "4 mailbox filled": _at(Mailbox, "put", after=True),
    "5 handler ran": _at(Pendulum, "on_fill", after=True),
    "6 id minted": _at(ids.ClientIds, "mint", after=True),
    "7 gate allowed": _at(gate, "check", after=True, when=lambda args, result: result is None),
    "8 tokens taken": _at(Egress, "_turn", after=True, when=lambda args, _: isinstance(args[3], Place)),
    "9 intent queued": _at(Journal, "commit_now", after=False),
    "9 intent committed": _at(Egress, "_intend", after=True, when=lambda args, _: args[3] == "place"),
    "10 order signed": _by_venue(SIGN),
    "11 before the write": _write(after=False),
    "11 after the write": _write(after=True),
    "12 outcome read": _by_venue(OUTCOME),
    "13 outcome unpublished": _at(Egress, "_conclude_place", after=False),
    "13 outcome published": _at(Egress, "_conclude_place", after=True),
    "14 fill heard": _at(Blotter, "on_fill", after=False),
    "14 fill applied": _at(Blotter, "on_fill", after=True, when=lambda args, result: bool(result)),
}
"""Name, which begins with the number of the step, and what plants the trap."""

UNSENT = frozenset(
    {"6 id minted", "7 gate allowed", "8 tokens taken", "9 intent queued", "9 intent committed", "10 order signed",
     "11 before the write"}
)  # fmt: skip
"""Deaths before the first byte of the order that was on its way."""
SENT = frozenset({"12 outcome read", "13 outcome unpublished", "13 outcome published"})
"""Deaths after the venue has answered."""
