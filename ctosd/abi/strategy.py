"""What a strategy is: a class with a documented parameter record and handlers, or its own `run`.

::

    @dataclass(frozen=True, kw_only=True)
    class Params:
        symbol: str
        size: Annotated[Decimal, Gt(0), "base units of each order"] = Decimal("0.01")

    class Mine(Strategy):
        \"\"\"One sentence that `ctosctl` shows.\"\"\"

        Params = Params

        async def on_start(self) -> None:
            await self.sys.subscribe_ticks(self.params.symbol, "quotes")

        async def on_quote(self, quote: Quote) -> None: ...

Handlers run one at a time, in the strategy's own task. A handler that does not suspend costs no trip round the loop.
What a handler raises is the failure of its task: the supervisor restarts it by policy.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Log
from ctosd.abi.events import Bar, BookDelta, Fill, Funding, Quote, Trade
from ctosd.abi.orders import Order
from ctosd.abi.syscalls import Syscalls


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """For a strategy without parameters."""


class NoState(msgspec.Struct):
    """For a strategy that has nothing to resume."""


Handled = Coroutine[Any, Any, None] | None
"""What a handler gives back: it is an ``async def``, or a plain ``def`` that returns None when there was nothing to await,
else the coroutine that does it. On a stream where most events change nothing the latter costs a third."""


class Strategy:
    """One strategy. Subclass it, override what is needed; the kernel calls only what is overridden.

    - `sys`: the syscalls, this strategy's own handle
    - `params`: the validated record `Params`
    - `state`: the record `State`, read back after a restart. It is saved, together with the place in the stream of own
      fills, after `on_start`, `on_fill`, `on_order`, `on_timer` and `on_stop`, and whenever `save()` was called
    - `log`, `clock`, `name`
    """

    Params: ClassVar[type] = NoParams
    State: ClassVar[type[msgspec.Struct]] = NoState

    # Set by the kernel before anything else is called.
    name: str
    sys: Syscalls
    params: Any
    state: Any
    log: Log
    clock: Clock
    _dirty: bool = False

    def save(self) -> None:
        """Have `state` written to the journal when the present handler returns."""
        self._dirty = True

    def set_timer(self, seconds: float) -> None:
        """Call `on_timer` once, `seconds` from now; setting it again moves it. 0 clears it."""
        raise NotImplementedError  # the kernel binds it

    async def on_start(self) -> None: ...

    async def on_stop(self) -> None: ...

    def on_quote(self, quote: Quote) -> Handled: ...

    def on_trade(self, trade: Trade) -> Handled: ...

    def on_book(self, book: BookDelta) -> Handled: ...

    def on_bar(self, bar: Bar) -> Handled: ...

    def on_funding(self, funding: Funding) -> Handled: ...

    def on_fill(self, fill: Fill) -> Handled: ...

    def on_order(self, order: Order) -> Handled: ...

    async def on_timer(self) -> None: ...

    async def run(self) -> None:
        """An own life instead of handlers, or beside them; returning ends the strategy as done."""
