"""Client order ids: 20 characters that tell our orders from all others, and never come twice.

``ctos`` + seven base-36 digits of the boot epoch + nine of a counter. The epoch is on disk before the first order of a
boot, so the counter starts at 0 each time and no id depends on a write that power loss could undo. Letters and digits
only, because some venues take no others.
"""

from __future__ import annotations

from ctosd.abi.errors import InvariantBroken

HEAD = "ctos"
EPOCH_DIGITS = 7
COUNTER_DIGITS = 9
LENGTH = len(HEAD) + EPOCH_DIGITS + COUNTER_DIGITS
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


class ClientIds:
    """Mints the ids of one boot. `epoch` must be unique to this start of the daemon."""

    __slots__ = ("_block", "_next", "epoch")

    def __init__(self, epoch: int) -> None:
        if not 0 <= epoch <= MAX_EPOCH:
            raise InvariantBroken(f"boot epoch {epoch} does not fit in a client id: it must be 0 to {MAX_EPOCH}")
        self.epoch = epoch
        self._next = 0
        self._block = ""

    def mint(self) -> str:
        """The next id. Raises `InvariantBroken` when the counter is used up, because going on would repeat ids."""
        high, low = divmod(self._next, len(_PAIRS))
        if not low:
            self._block = self._head(high)
        self._next += 1
        return self._block + _PAIRS[low]

    def statistics(self) -> dict[str, int]:
        return {"epoch": self.epoch, "minted": self._next}

    def _head(self, high: int) -> str:
        if self._next > MAX_COUNTER:
            raise InvariantBroken(f"client ids of boot {self.epoch} are used up: restart the daemon for a new epoch")
        return HEAD + _base36(self.epoch, EPOCH_DIGITS) + _base36(high, COUNTER_DIGITS - 2)


def is_ours(client_id: object) -> bool:
    """Whether this is an id of CTOS, of any boot. Whatever a venue may send can be asked."""
    return (
        isinstance(client_id, str)
        and len(client_id) == LENGTH
        and client_id.startswith(HEAD)
        and _ALPHABET.issuperset(client_id)
    )


def parse(client_id: object) -> tuple[int, int] | None:
    """`(epoch, counter)` of an id of ours; None for anything else."""
    if not (isinstance(client_id, str) and is_ours(client_id)):
        return None
    start = len(HEAD)
    return int(client_id[start : start + EPOCH_DIGITS], 36), int(client_id[start + EPOCH_DIGITS :], 36)
