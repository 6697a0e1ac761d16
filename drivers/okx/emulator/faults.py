"""What can be made to go wrong, and the dice for it: seeded, so that a run can be repeated."""

from __future__ import annotations

from math import inf
from random import Random

from ctosd.abi import CallerMistake

PROBABILITY = "probability from 0 to 1"

FAULTS: dict[str, str] = {
    "reset_after": f"a write was carried out and the connection is reset before its answer; {PROBABILITY}",
    "error_after": f"a write was carried out and the answer is an error that proves nothing (5xx, 50004); {PROBABILITY}",
    "garbage": f"HTTP 200 with a body that is no JSON; {PROBABILITY}",
    "slow": "every REST answer takes so many seconds",
    "silent_socket": "WebSockets stay open and nothing comes, answers to pings neither; 1 is on",
    "book_gap": "so many of the next updates of `books` are lost",
    "book_duplicate": "so many of the next updates of `books` come twice",
    "book_reorder": "so many of the next pairs of updates of `books` come in the wrong order",
    "stale_snapshot": "so many of the next snapshots of a book are older than they say",
    "rate_limit": f"a REST request or a WebSocket order is refused with 50011; {PROBABILITY}",
    "maintenance": "everything but time and status is refused with 50001, the status channel says ongoing; 1 is on",
    "clock_skew": "seconds by which the venue's clock is ahead; may be negative",
    "key_expired": "keys exist no more: 50119, sockets that are logged in close with 4007; 1 is on",
    "cancel_fill_race": f"a cancel meets a fill that was faster; {PROBABILITY}",
    "partial": "the share from 0 to 1 that an order gets of what it could take at once",
    "liquidation": "now the venue closes this share of every position",
    "adl": "now this share of every position is closed by auto-deleveraging",
    "drop_private": f"a private push is lost; {PROBABILITY}",
    "cut": "now every WebSocket is cut; 1 does it",
    "ws_notice": "now every WebSocket hears 64008 and is closed so many seconds later",
    "live_keys": "the keys are live ones: the demo header is refused with 50101 instead of wanted; 1 is on",
}
SHARES = frozenset(
    {
        *("reset_after", "error_after", "garbage", "silent_socket", "rate_limit", "maintenance", "key_expired"),
        *("cancel_fill_race", "partial", "liquidation", "adl", "drop_private", "cut", "live_keys"),
    }
)
COUNTS = frozenset({"book_gap", "book_duplicate", "book_reorder", "stale_snapshot"})
MOMENTS = frozenset({"liquidation", "adl", "cut", "ws_notice"})
"""They happen once, when they are set."""


class Faults:
    """The switches as they stand, and how often each one struck."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - faults are to be repeatable, not secret
        self._values: dict[str, float] = {}
        self.struck: dict[str, int] = {}

    def set(self, name: str, value: float) -> None:
        """Raises `CallerMistake`."""
        if name not in FAULTS:
            raise CallerMistake(f"{name!r} is not a fault; known: {', '.join(FAULTS)}")
        low = -86_400.0 if name == "clock_skew" else 0.0
        most = 1.0 if name in SHARES else inf
        if not (low <= value <= most and value < 1e9) or (name in COUNTS and value != int(value)):
            raise CallerMistake(f"{name} cannot be {value}: {FAULTS[name]}")
        if name in MOMENTS:
            if value:
                self._count(name)
            return
        if value:
            self._values[name] = value
        else:
            self._values.pop(name, None)

    def value(self, name: str) -> float:
        """0 when it is off."""
        return self._values.get(name, 0.0)

    def strikes(self, name: str) -> bool:
        """Throw the dice of a probability."""
        share = self._values.get(name)
        if share is None or (share < 1.0 and self._random.random() >= share):
            return False
        self._count(name)
        return True

    def use(self, name: str) -> bool:
        """Take one of a count."""
        left = self._values.get(name)
        if left is None:
            return False
        self.set(name, left - 1)
        self._count(name)
        return True

    def choose(self, names: tuple[str, ...]) -> str:
        return self._random.choice(names)

    def _count(self, name: str) -> None:
        self.struck[name] = self.struck.get(name, 0) + 1

    def statistics(self) -> dict[str, dict[str, float]]:
        return {"on": dict(self._values), "struck": dict(self.struck)}
