"""What an emulator knows by its own records, in one form for all venues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ctosd.abi import Amend, Command, Emulator, Outcome, Quote

ACCOUNT = "emulator/main"
OPEN = frozenset({"live", "partially_filled", "NEW", "PARTIALLY_FILLED", "New", "PartiallyFilled"})
FILLED = frozenset({"filled", "FILLED", "Filled"})
Levels = dict[float, float]


@dataclass(frozen=True)
class Theirs:
    """One order as the venue has it; `state` is `open`, `filled` or `ended`."""

    venue_id: str
    client_id: str
    state: str
    filled: Decimal
    size: Decimal | None = None  # where its records tell


class Truth:
    """One account of one emulator. Make it before anything is sent: it counts the amends that are carried out."""

    def __init__(self, name: str, emulator: Any) -> None:
        self.name, self._emulator = name, emulator
        self.product = {"binance-usdm": "futures", "binance-spot": "spot"}.get(name, "")
        self.stage = emulator.stage if self.product else emulator._stage
        self.account = f"{ACCOUNT}-spot" if self.product == "spot" else ACCOUNT
        self.amends: Counter[tuple[str, str]] = Counter()
        self._watch()
        self.opening = self.balances()

    def _watch(self) -> None:
        execute = self.stage.execute

        def watched(command: Command, share: float = 1.0) -> Outcome:
            if isinstance(command, Amend):
                self.amends[command.client_id, f"{command.price} {command.size}"] += 1
            outcome: Outcome = execute(command, share)
            return outcome

        self.stage.execute = watched

    # -- records ------------------------------------------------------------------------------------------------------------

    def _told(self) -> Mapping[str, Any]:
        emulator: Emulator = self._emulator
        accounts = emulator.statistics()["accounts"]
        found: Mapping[str, Any] = accounts["main"][self.product] if self.product else accounts[ACCOUNT]
        return found

    def orders(self) -> list[Theirs]:
        """Every order that it took, ours alone: what it trades by itself has no client id of ours."""
        return [
            Theirs(
                str(row.get("id") or row.get("order_id")),
                str(row["client_id"]),
                _class(row["state"]),
                Decimal(row["filled"]),
                Decimal(row["size"]) if "size" in row else None,
            )
            for row in self._told()["orders"]
        ]

    def fills(self) -> Counter[str]:
        return Counter(str(row.get("trade_id") or row.get("tradeId")) for row in self._told()["fills"])

    def received(self) -> dict[str, int]:
        """How often a place with a client id came, refused ones included."""
        told = self._told()
        counts = told.get("received") or {name: each["received"] for name, each in told.get("client_ids", {}).items()}
        return {str(name): int(count) for name, count in counts.items()}

    def positions(self) -> dict[str, Decimal]:
        return {each.symbol: each.size for each in self._positions() if each.size}

    def _positions(self) -> list[Any]:
        return list(self.stage.floor.engine.positions(self.account))

    def balances(self) -> dict[str, Decimal]:
        return {each.asset: each.total for each in self.stage.floor.engine.balances(self.account)}

    def cash(self, money: str) -> dict[str, Decimal]:
        """What trading moved, less the cost of what is open: in which order late fills were booked does not change it."""
        moved = Counter(self.balances())
        moved.subtract(self.opening)
        for each in self._positions():
            moved[money] -= each.size * each.entry
        return dict(moved)

    def struck(self, fault: str) -> int:
        """How often a fault struck, where the emulator counts it."""
        told = self._emulator.statistics()["faults"]
        counts = told.get("struck") or told.get("happened") or told.get("injected") or {}
        return int(counts.get("error_after" if fault == "error_text" else fault, 0))

    # -- the market -----------------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Quote:
        found: Quote = self.stage.quote(symbol)
        return found

    def book(self, symbol: str) -> tuple[Levels, Levels]:
        """The book that was streamed last."""
        emulator = self._emulator
        if self.product:
            feed = getattr(emulator, self.product).books.feeds[symbol]
            return dict(feed._book.bids), dict(feed._book.asks)
        if self.name == "okx":
            book = next(each for each in emulator._public._books.values() if each.market.symbol == symbol)
            return _numbers(book.bids, book.market.coins), _numbers(book.asks, book.market.coins)
        kept = next(each for each in emulator._books._books.values() if each.market.symbol == symbol)
        return dict(kept.bids), dict(kept.asks)


def _class(state: str) -> str:
    return "open" if state in OPEN else "filled" if state in FILLED else "ended"


def _numbers(side: Mapping[str, str], size: Any) -> Levels:
    return {float(price): float(size(Decimal(amount))) for price, amount in side.items()}
