"""What can be made to go wrong, by name, while the emulator runs. Chance is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ctosd.abi import CallerMistake
from drivers.paper.chance import chance


class Fault(msgspec.Struct, frozen=True):
    """One fault: what it does, and the values that it takes. 0 always switches it off."""

    text: str
    least: float = 0.0
    most: float = 1.0


ONCE = "; happens once, when it is switched"
CHANCE = "; a probability"
FAULTS: dict[str, Fault] = {
    "reset_after": Fault(f"an order command is carried out, then the connection is reset{CHANCE}"),
    "no_answer": Fault(f"an order command is carried out, and no answer ever comes{CHANCE}"),
    "error_after": Fault(f"an order command is carried out, then answered with an error 503, see error_text{CHANCE}"),
    "error_text": Fault(
        'the text of error_after: 0 or 1 "Unknown error, please check your request or try again later.", 2 "Service'
        ' Unavailable.", 3 "Internal error; unable to process your request. Please try again.", 4 a bare 502 in HTML;'
        " after a command that was carried out 2 and 3 are a venue's lie",
        most=4,
    ),
    "not_executed": Fault(f'an order command is answered with 503 "Service Unavailable." and not carried out{CHANCE}'),
    "garbage": Fault(f"an answer to a signed request is 200 with a body that cannot be read{CHANCE}"),
    "slow": Fault("seconds until an answer begins", most=600),
    "silent_socket": Fault("1: sockets stay open, and nothing comes on them"),
    "book_gap": Fault(f"an update of a book is lost{CHANCE}"),
    "book_duplicate": Fault(f"an update of a book comes twice{CHANCE}"),
    "book_reorder": Fault(f"an update of a book comes after the next one{CHANCE}"),
    "stale_snapshot": Fault(f"a book that is asked for is that of some seconds ago{CHANCE}"),
    "rate_limit": Fault("every request is refused: 1 or 429 as too many, 2 or 418 as banned", most=429),
    "maintenance": Fault("1: every request and handshake is refused with 503 and -1016"),
    "clock_skew": Fault("seconds that the venue's clock is ahead, negative when it is behind", -86_400, 86_400),
    "key_expired": Fault("1: every API key is refused with -2015"),
    "cancel_fill_race": Fault(f"an order fills whole just before its cancel arrives{CHANCE}"),
    "partial": Fault("the share of what a taking order could get at once that it gets; 0 is everything"),
    "liquidation": Fault(f"the venue closes this share of every futures position as a liquidation{ONCE}"),
    "adl": Fault(f"the venue closes this share of every futures position by auto-deleveraging{ONCE}"),
    "drop_private": Fault(f"a private event is lost{CHANCE}"),
    "cut": Fault(f"every socket is reset{ONCE}"),
    "shutdown_notice": Fault(f"serverShutdown is told, and sockets close after so many seconds{ONCE}", most=3_600),
    "listen_key_expired": Fault(f"every listen key of futures expires{ONCE}"),
    "stream_terminated": Fault(f"every user data subscription of spot ends with eventStreamTerminated{ONCE}"),
}
TEXTS = {
    1: (-1000, "Unknown error, please check your request or try again later."),
    2: (-1000, "Service Unavailable."),
    3: (-1001, "Internal error; unable to process your request. Please try again."),
}


class Faults:
    """Which faults are on. `actions` are called with the value when their fault is switched."""

    def __init__(self, seed: int) -> None:
        self._random = chance(f"binance/faults/{seed}")
        self.values: dict[str, float] = {}
        self.actions: dict[str, Callable[[float], None]] = {}
        self.happened: dict[str, int] = {}

    def set(self, name: str, value: float) -> None:
        """Raises `CallerMistake`."""
        fault = FAULTS.get(name)
        if fault is None:
            raise CallerMistake(f"{name!r} is not a fault of this emulator; there are {', '.join(FAULTS)}")
        if not fault.least <= value <= fault.most:
            raise CallerMistake(f"{name} takes {fault.least:g} to {fault.most:g}, not {value!r}")
        self.values[name] = value
        if name in self.actions:
            self.actions[name](value)

    def value(self, name: str) -> float:
        return self.values.get(name, 0.0)

    def strikes(self, name: str) -> bool:
        """Whether it happens this time; draws only where it might."""
        value = self.value(name)
        if value <= 0 or (value < 1 and self._random.random() >= value):
            return False
        self.happened[name] = self.happened.get(name, 0) + 1
        return True

    def statistics(self) -> Mapping[str, object]:
        return {"on": {name: value for name, value in self.values.items() if value}, "happened": dict(self.happened)}
