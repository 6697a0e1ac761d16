"""The faults of the emulators and what an order can be doing meanwhile: how hard each one strikes, and which pairs say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.drivers.test_conformance import SUBJECTS

OPERATIONS = ("place", "amend", "cancel", "fill", "stream")
VENUES = ("okx", "binance-usdm", "binance-spot", "backpack")

NOW = frozenset(
    {
        "cut",
        "listen_key_expired",
        "stream_terminated",
        "close_notice",
        "ws_notice",
        "shutdown_notice",
        "liquidation",
        "adl",
    }
)
"""They happen at the moment when they are set: a life sets them several times."""
FORCED = ("liquidation", "adl")
SWITCHES = ("silent_socket", "maintenance", "key_expired", "live_keys")
SECONDS = {
    "slow": (0.2, 12.0),
    "clock_skew": (-0.9, 0.9),
    "ws_notice": (1.0, 10.0),
    "shutdown_notice": (1.0, 10.0),
    "history_delay": (0.5, 6.0),
}
BOOK = ("book_gap", "book_duplicate", "book_reorder", "stale_snapshot")
SHARES = (0.1, 0.3, 0.7, 1.0)
"""Values of a fault that is a probability or a share."""
TEXTS = (1, 4)
"""Values of Binance's `error_text` after a command that was carried out; the other two are refusals that would be lies."""

USUAL_REFUSALS = frozenset({"venue_down", "unresolved", "post_only", "stale_price", "deadline"})
"""Reasons that any trouble can have: the venue is away, something is not known yet, the market has moved."""
REFUSALS = {
    "rate_limit": frozenset({"rate_limited", "banned"}),
    "waf": frozenset({"banned"}),
    "maintenance": frozenset({"maintenance"}),
    "not_executed": frozenset({"overload"}),
    "clock_skew": frozenset({"timestamp"}),
    "key_expired": frozenset({"auth"}),
    "live_keys": frozenset({"auth"}),
    "liquidation": frozenset({"frozen"}),
    "adl": frozenset({"frozen"}),
}
"""What an order may be refused for besides, while this fault is on: each says what it is about."""

BOOK_ONLY = "it spoils the book's stream and nothing else: no order, fill or price of the kernel passes there"
CANCEL_ONLY = "it strikes cancels only: an order that is not cancelled never meets it"
NOT_OFFERED = (
    "Backpack cannot change an order in place: the kernel refuses the amend as unsupported, and nothing leaves"
)
SPOT_HOLDS = "a spot account owns coins and has no position that the venue could close"


def omitted(venue: str, fault: str, operation: str) -> str:
    """Why a cell would prove nothing; empty when it is lived through."""
    if operation == "amend" and venue == "backpack":
        return NOT_OFFERED
    if fault in BOOK and operation != "stream":
        return BOOK_ONLY
    if fault in ("cancel_fill_race", "accepted_cancel", "lost_cancel") and operation != "cancel":
        return CANCEL_ONLY
    if fault == "partial" and operation == "cancel":
        return "it strikes orders that take what stands in the book: a cancel takes nothing"
    if venue == "binance-spot" and fault in FORCED:
        return SPOT_HOLDS
    if venue == "binance-spot" and fault == "listen_key_expired":
        return "listen keys are those of futures: spot has none"
    if venue == "binance-usdm" and fault == "stream_terminated":
        return "only spot's user data subscriptions can end so"
    return ""


def faults_of(venue: str) -> tuple[str, ...]:
    emulator = SUBJECTS[venue].emulator
    assert emulator is not None
    return tuple(emulator.faults)


def every_cell(venue: str = "") -> Iterator[tuple[str, str, str]]:
    """All that are lived through: (venue, fault, operation)."""
    for name in VENUES if not venue else (venue,):
        for fault in faults_of(name):
            for operation in OPERATIONS:
                if not omitted(name, fault, operation):
                    yield name, fault, operation


def every_omission(venue: str = "") -> Iterator[tuple[str, str, str, str]]:
    """All that are not, each with its reason."""
    for name in VENUES if not venue else (venue,):
        for fault in faults_of(name):
            for operation in OPERATIONS:
                if reason := omitted(name, fault, operation):
                    yield name, fault, operation, reason


def counted(venue: str, fault: str) -> bool:
    """Whether the emulator counts how often it strikes."""
    if fault in ("slow", "silent_socket", "maintenance", "clock_skew", "key_expired", "live_keys", "history_delay"):
        return False
    if venue.startswith("binance") and fault == "rate_limit":
        return False
    if fault == "partial" or fault in NOW:
        return venue == ("backpack" if fault == "partial" else "okx")
    return True


COMPANIONS = {
    "live_keys": (("cut", 1.0),),  # met by whoever asks or logs in: sockets that are logged in never would
    "stale_snapshot": (("cut", 1.0),),  # met by whoever asks for a snapshot: a book that goes on never would
    "history_delay": (("reset_after", 0.5), ("drop_private", 0.5)),  # met by whoever has to look an order up
}
"""What is switched beside a fault, because nobody would meet it otherwise."""


LOSES_ANSWERS = ("reset_after", "error_after", "error_text", "no_answer", "silence_after", "garbage", "slow")
"""In half of their lives news are lost too: else the private stream often tells first what the answer was to tell."""


def doses(venue: str, fault: str, random: Random) -> list[tuple[str, float]]:
    """What is switched, with its value, when the fault sets in. Companions come after it."""
    found = [(fault, _value(venue, fault, random)), *COMPANIONS.get(fault, ())]
    if fault == "error_text":  # says how `error_after` speaks, and nothing by itself
        found = [("error_text", float(random.choice(TEXTS))), ("error_after", random.choice(SHARES))]
    if fault in LOSES_ANSWERS and random.random() < 0.5:
        found.append(("drop_private", random.choice((0.5, 1.0))))
    return found


def _value(venue: str, fault: str, random: Random) -> float:
    if fault == "clock_skew" and random.random() < 0.3:  # so far away that the venue takes no stamp of ours
        return float(random.choice((-1, 1)) * random.randint(5, 90))
    if fault in SECONDS:
        return round(random.uniform(*SECONDS[fault]), 3)
    if fault == "rate_limit" and venue.startswith("binance"):
        return float(random.choice((1, 429, 2, 418)))
    if venue == "okx" and fault in BOOK:
        return float(random.randint(1, 4))
    if fault in SWITCHES or (fault in NOW and fault not in FORCED):
        return 1.0
    return random.choice(SHARES)
