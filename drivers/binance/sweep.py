"""Clearing an account: cancel everything, and the dead man's switch. (Sheet C2: allOpenOrders leaves conditional orders alive.)"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ctosd.abi import CallerMistake, Clock, NotReady
from drivers.binance.calls import ONE_SYMBOL
from drivers.binance.errors import Refused
from drivers.binance.rest import Rest

ROUNDS = 3
WAIT_S = 0.2


class Sweep:
    """Cancels whatever is open, whoever's it is."""

    def __init__(self, rest: Rest, clock: Clock, natives: Mapping[str, str]) -> None:
        self._rest = rest
        self._clock = clock
        self._natives = natives
        self._lists = ("open_orders", "open_algos") if rest.product == "usdm" else ("open_orders",)
        self._sweeps = ("cancel_all", "cancel_all_algos") if rest.product == "usdm" else ("cancel_all",)

    async def cancel_everything(self, account: str, symbol: str = "") -> None:
        """Until nothing is listed any more. Raises `NotReady` when that is not sure."""
        native = self._native(symbol) if symbol else ""
        left = {native} if native else await self._open(account, "")
        for turn in range(ROUNDS):
            for each in sorted(left):
                await self._clear(account, each)
            left = await self._open(account, native)
            if not left:
                return
            await self._clock.sleep(WAIT_S * (turn + 1))
        raise NotReady(f"{account} still has open orders on {', '.join(sorted(left))}")

    async def _clear(self, account: str, native: str) -> None:
        for name in self._sweeps:
            try:
                await self._rest.read(name, [("symbol", native)], account=account, urgent=True)
            except Refused as error:
                if error.reason != "order_not_found":  # nothing is open: as it should be
                    raise

    async def _open(self, account: str, native: str) -> set[str]:
        """Native symbols with open orders."""
        found: set[str] = set()
        for name in self._lists:
            weight = ONE_SYMBOL[self._rest.product][name] if native else None
            params = [("symbol", native)] if native else []
            rows = await self._rest.read(name, params, account=account, weight=weight, urgent=True)
            if not isinstance(rows, list):
                raise NotReady(f"{account}: the list of open orders cannot be read")
            found |= {str(row["symbol"]) for row in rows if isinstance(row, dict) and "symbol" in row}
        return found

    async def refresh_dead_man(self, account: str, symbols: Collection[str], timeout_s: float) -> None:
        """Have the venue cancel the orders of each symbol unless this comes again in time; 0 disarms. Raises `NotReady`.

        It is not known whether the countdown takes conditional orders too.
        """
        if self._rest.product == "spot":
            raise NotReady("Binance spot has no dead-man switch: open orders stay when this machine dies")
        for symbol in symbols:
            params = [("symbol", self._native(symbol)), ("countdownTime", f"{int(timeout_s * 1_000)}")]
            answer: Any = await self._rest.read("dead_man", params, account=account, urgent=True)
            if not isinstance(answer, dict) or "countdownTime" not in answer:
                raise NotReady(f"{symbol}: the dead man's switch did not confirm")

    def _native(self, symbol: str) -> str:
        try:
            return self._natives[symbol]
        except KeyError:
            raise CallerMistake(f"{symbol} is not listed on Binance {self._rest.product}") from None
