"""Conditional orders: they wait outside of the book until the last price reaches their trigger. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ctosd.abi import Place


class Conditionals:
    """Orders that wait, by `(account, client id)`. A trigger above the price at which it was set waits for a rise, else for a fall."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], tuple[Place, bool]] = {}

    def add(self, place: Place, price: float) -> None:
        """Let `place` wait; `price` is the last one. Its `trigger` must be set."""
        assert place.trigger is not None
        self._waiting[place.account, place.client_id] = (place, float(place.trigger) >= price)

    def find(self, account: str, client_id: str) -> Place | None:
        found = self._waiting.get((account, client_id))
        return found[0] if found is not None else None

    def of(self, account: str, symbol: str = "") -> list[Place]:
        """Those of an account that wait, oldest first."""
        return [
            place
            for place, _ in self._waiting.values()
            if place.account == account and (not symbol or place.symbol == symbol)
        ]

    def remove(self, account: str, client_id: str) -> Place | None:
        found = self._waiting.pop((account, client_id), None)
        return found[0] if found is not None else None

    def reached(self, symbol: str, price: float) -> Sequence[Place]:
        """Take out and return the orders whose trigger this price reaches, oldest first."""
        if not self._waiting:
            return ()
        due = [
            place
            for place, rising in self._waiting.values()
            if place.symbol == symbol
            and place.trigger is not None
            and (price >= float(place.trigger) if rising else price <= float(place.trigger))
        ]
        for place in due:
            del self._waiting[place.account, place.client_id]
        return due

    def statistics(self) -> dict[str, Any]:
        return {"waiting": len(self._waiting)}
