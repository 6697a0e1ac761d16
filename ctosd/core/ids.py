"""Client order ids: 20 characters that tell our orders from all others, and never come twice.

``ctos`` + seven base-36 digits of the boot epoch + three of the strategy's tag + six of a counter. The epoch is on disk
before the first order of a boot, so the counter starts at 0 each time and no id depends on a write that power loss could
undo; the tag tells whose an order was when the journal's last rows were lost. Letters and digits only, because some venues
take no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from ctosd.abi.errors import InvariantBroken

HEAD = "ctos"
EPOCH_DIGITS = 7
TAG_DIGITS = 3
COUNTER_DIGITS = 6
LENGTH = len(HEAD) + EPOCH_DIGITS + TAG_DIGITS + COUNTER_DIGITS
NOBODY = "0" * TAG_DIGITS
MAX_EPOCH: int = 36**EPOCH_DIGITS - 1
MAX_COUNTER: int = 36**COUNTER_DIGITS - 1

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ALPHABET = frozenset(_DIGITS)
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)


def _base36(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


def tag_of(strategy: str) -> str:
    """Three digits that stand for a strategy's name in its orders' ids. Two names may share one: see `owner_of`."""
    return _base36(1 + crc32(strategy.encode()) % (36**TAG_DIGITS - 1), TAG_DIGITS) if strategy else NOBODY


class ClientIds:
    """Mints the ids of one boot. `epoch` must be unique to this start of the daemon."""

    __slots__ = ("_blocks", "_next", "epoch")

    def __init__(self, epoch: int) -> None:
        if not 0 <= epoch <= MAX_EPOCH:
            raise InvariantBroken(f"boot epoch {epoch} does not fit in a client id: it must be 0 to {MAX_EPOCH}")
        self.epoch = epoch
        self._next = 0
        self._blocks: dict[str, tuple[int, str]] = {}  # tag -> the counter's high digits, and everything up to them

    def mint(self, tag: str = NOBODY) -> str:
        """The next id of whoever has `tag`. Raises `InvariantBroken` when the counter is used up: going on would repeat ids."""
        high, low = divmod(self._next, len(_PAIRS))
        known = self._blocks.get(tag)
        if known is None or known[0] != high:
            known = self._blocks[tag] = high, self._head(tag, high)
        self._next += 1
        return known[1] + _PAIRS[low]

    def statistics(self) -> dict[str, int]:
        return {"epoch": self.epoch, "minted": self._next}

    def _head(self, tag: str, high: int) -> str:
        if self._next > MAX_COUNTER:
            raise InvariantBroken(f"client ids of boot {self.epoch} are used up: restart the daemon for a new epoch")
        return HEAD + _base36(self.epoch, EPOCH_DIGITS) + tag + _base36(high, COUNTER_DIGITS - 2)


def is_ours(client_id: object) -> bool:
    """Whether this is an id of CTOS, of any boot. Whatever a venue may send can be asked."""
    return (
        isinstance(client_id, str)
        and len(client_id) == LENGTH
        and client_id.startswith(HEAD)
        and _ALPHABET.issuperset(client_id)
    )


def parse(client_id: object) -> tuple[int, str, int] | None:
    """`(epoch, tag, counter)` of an id of ours; None for anything else."""
    if not (isinstance(client_id, str) and is_ours(client_id)):
        return None
    epoch, tag = len(HEAD) + EPOCH_DIGITS, len(HEAD) + EPOCH_DIGITS + TAG_DIGITS
    return int(client_id[len(HEAD) : epoch], 36), client_id[epoch:tag], int(client_id[tag:], 36)


def owner_of(client_id: object, strategies: Iterable[str]) -> str:
    """Which of `strategies` sent the order with this id; empty when that is none of them, or not one alone."""
    read = parse(client_id)
    fitting = [name for name in strategies if tag_of(name) == read[1]] if read is not None else []
    return fitting[0] if len(fitting) == 1 else ""
