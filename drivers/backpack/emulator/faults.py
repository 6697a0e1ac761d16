"""The faults that a test can switch on while the emulator runs, and the seeded chance behind them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ctosd.abi import CallerMistake
from drivers.paper.chance import chance

CHANCES = {
    "reset_after": "probability that a write is carried out and its connection is reset before the answer",
    "silence_after": "probability that a write is carried out and nothing is ever answered",
    "error_after": "probability that a write is carried out and answered with 500 SERVER_ERROR or TIMEOUT",
    "error_before": "probability that a request is not carried out and answered with 500 SERVER_ERROR",
    "garbage": "probability that a request is carried out and answered with 200 and a body that is no JSON",
    "waf": "probability that a request is not carried out and answered with 403 and a page of HTML",
    "rate_limit": "probability that a request is refused with 429 TOO_MANY_REQUESTS",
    "stale_snapshot": "probability that GET /depth gives an older book than the streams",
    "cancel_fill_race": "probability that an order fills at the moment its cancel arrives",
    "accepted_cancel": "probability that a cancel is answered with 202 and done half a second later",
    "lost_cancel": "probability that a cancel is answered with 202 and never done",
    "partial": "probability that an order that takes liquidity gets only a part of it at once",
    "drop_private": "probability that a frame of a private stream is not sent",
    "book_gap": "probability that a depth frame is not sent",
    "book_duplicate": "probability that a depth frame is sent twice",
    "book_reorder": "probability that a depth frame is sent after the one that follows",
}
STATES = {
    "slow": "seconds before the first byte of every answer, whose body then trickles in",
    "silent_socket": "1: WebSockets stay open and tell nothing, pings included",
    "maintenance": "1: status Maintenance, and every other request is answered with 503 MAINTENANCE",
    "clock_skew": "seconds that the venue's clock is ahead; negative when it is behind",
    "key_expired": "1: no key is known any more",
    "history_delay": "seconds after which an order and its fills turn up in the history",
}
ACTS = {
    "liquidation": "now: the venue liquidates this share (0 to 1) of every position of every account",
    "adl": "now: the venue deleverages this share (0 to 1) of every position of every account",
    "cut": "now: every WebSocket is cut without a close frame",
    "close_notice": "now: every WebSocket gets a Close frame, and is cut 30 s later if it is still there",
}
FAULTS = {**CHANCES, **STATES, **ACTS}
SWITCHES = ("silent_socket", "maintenance", "key_expired")
LARGEST = dict.fromkeys((*CHANCES, *SWITCHES, *ACTS), 1.0)


class Faults:
    """The present values; every draw comes from one seeded generator."""

    def __init__(self, seed: str) -> None:
        self._values: dict[str, float] = {}
        self._random = chance(seed)
        self.injected: Counter[str] = Counter()

    def set(self, name: str, value: float) -> None:
        """Raises `CallerMistake`."""
        if name not in FAULTS:
            raise CallerMistake(f"{name!r} is not a fault: write one of {' '.join(sorted(FAULTS))}")
        least = -86_400.0 if name == "clock_skew" else 0.0
        largest = LARGEST.get(name, 86_400.0)
        if not least <= value <= largest:
            raise CallerMistake(f"{name} must lie between {least:g} and {largest:g}, not {value:g}")
        self._values[name] = value

    def value(self, name: str) -> float:
        return self._values.get(name, 0.0)

    def strikes(self, name: str) -> bool:
        """Whether this one happens now. A chance of 0 draws nothing."""
        odds = self._values.get(name, 0.0)
        if not odds or self._random.random() >= odds:
            return False
        self.injected[name] += 1
        return True

    def share(self) -> float:
        """The part of what an order could take at once that it gets; 1 without the fault."""
        return 0.1 + 0.8 * self._random.random() if self.strikes("partial") else 1.0

    def pick(self, *choices: str) -> str:
        return self._random.choice(choices)

    def statistics(self) -> dict[str, Any]:
        return {"set": {name: value for name, value in self._values.items() if value}, "injected": dict(self.injected)}
