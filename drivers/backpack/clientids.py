"""Client ids: our texts and Backpack's unsigned 32-bit numbers, paired on disk before an order is sent.

A number comes from a counter that never goes back: the store has it from the start on, and always a block ahead of use, so
that what a loss of power undid, the last moments' writes, repeats none. It starts at eight times the seconds since 2025, so
that a store that was lost repeats none either (orders would have to be placed eight a second, always). Whether Backpack
itself refuses a number twice is not documented.

A pair is forgotten only when its order ended long ago. Numbers of strangers are shown as ``bp-<number>``, orders without
one as ``bp-order-<order id>``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from ctosd.abi import CtosError, Store
from ctosd.abi.events import TERMINAL

NUMBERS = 1 << 32
BLOCK = 256
"""How far ahead of use the counter is on disk, at least."""

ORIGIN_S = 1_735_689_600  # 2025-01-01
PER_SECOND = 8
SECOND_NS = 1_000_000_000

KEEP_NS = 6 * 3_600 * SECOND_NS
"""How long after its order's end a pair is kept: news of an order come within minutes."""

ARRIVAL_NS = 120 * SECOND_NS
"""After so long a request cannot arrive any more: the widest window is 60 s."""

COUNTER = "clientid.next"
PAIR = "clientid."
STRANGER = "bp-"
NAMELESS = "bp-order-"
STRANGERS = 10_000


class Pair(msgspec.Struct):
    """One number of ours. `at_ns` is when it was given out, `end_ns` when its order was seen to have ended."""

    text: str
    account: str
    at_ns: int
    end_ns: int = 0


class ClientIds:
    """The pairs of all accounts of one venue."""

    def __init__(self, store: Store, now_ns: int) -> None:
        """Read what is known. Raises what the store raises."""
        self._store = store
        self._pairs: dict[int, Pair] = {}
        self._numbers: dict[str, int] = {}
        self._strangers: dict[int, None] = {}
        self._ended: set[int] = set()  # whose end is not on disk yet
        self._pruned = 0
        kept = 0
        for key, value in store.read().items():
            if key == COUNTER:
                kept = int(value)
            elif key.startswith(PAIR):
                self._remember(int(key[len(PAIR) :]), msgspec.json.decode(value, type=Pair))
        first = (now_ns // SECOND_NS - ORIGIN_S) * PER_SECOND
        self._next = self._reserved = max(kept, first, 1)
        try:
            store.write({COUNTER: str(self._next + 2 * BLOCK).encode()})
            self._reserved += 2 * BLOCK
        except CtosError:
            pass  # cancels need no new number; the first order will be told

    def _remember(self, number: int, pair: Pair) -> None:
        self._pairs[number] = pair
        self._numbers[pair.text] = number

    # -- giving out -----------------------------------------------------------------------------------------------------

    def allocate(self, account: str, texts: Sequence[str], now_ns: int) -> list[int]:
        """Numbers for these texts, the known ones again. The pairs are durable when this returns.

        Raises what the store raises: then nothing was given out, and nothing may be sent.
        """
        fresh: dict[int, Pair] = {}
        numbers: list[int] = []
        following = self._next
        for text in texts:
            number = self._numbers.get(text)
            if number is None:
                number, following = self._free(following)
                fresh[number] = Pair(text, account, now_ns)
            numbers.append(number)
        if fresh:
            self._commit(fresh, following)
        return numbers

    def _free(self, following: int) -> tuple[int, int]:
        """The next number that nobody uses, and what the counter is after it."""
        while True:
            number = following % NUMBERS
            following += 1
            if number and number not in self._pairs and number not in self._strangers:
                return number, following

    def _commit(self, fresh: Mapping[int, Pair], following: int) -> None:
        changes: dict[str, bytes | None] = {_key(number): msgspec.json.encode(pair) for number, pair in fresh.items()}
        reserved = self._reserved
        if following > reserved - BLOCK:
            reserved = following + 2 * BLOCK
            changes[COUNTER] = str(reserved).encode()
        self._store.write(changes)
        self._next, self._reserved = following, reserved
        for number, pair in fresh.items():
            self._remember(number, pair)

    # -- translating ----------------------------------------------------------------------------------------------------

    def number(self, text: str) -> int | None:
        """The number of a text: one of ours, or a stranger's ``bp-<number>``. None for any other."""
        number = self._numbers.get(text)
        if number is not None:
            return number
        digits = text[len(STRANGER) :] if text.startswith(STRANGER) else ""
        return int(digits) if digits.isdigit() and int(digits) < NUMBERS else None

    def text(self, number: int | str | None, order_id: str = "") -> str:
        """The text of a number as the venue tells it (which some replies write as text)."""
        if isinstance(number, str) and number.isdigit():
            number = int(number)
        if number is None or number == "":
            return f"{NAMELESS}{order_id}" if order_id else ""
        if isinstance(number, str):
            return number  # no number at all; the venue takes none, but whatever stands there is passed through
        pair = self._pairs.get(number)
        if pair is not None:
            return pair.text
        self._meet(number)
        return f"{STRANGER}{number}"

    def _meet(self, number: int) -> None:
        """A stranger's number must not become ours while it may be in use."""
        self._strangers[number] = None
        if len(self._strangers) > STRANGERS:
            del self._strangers[next(iter(self._strangers))]

    def pair(self, text: str) -> Pair | None:
        """What is known of a text of ours."""
        number = self._numbers.get(text)
        return None if number is None else self._pairs[number]

    # -- forgetting -----------------------------------------------------------------------------------------------------

    def note(self, text: str, state: str, now_ns: int) -> None:
        """The state of an order was told."""
        if state in TERMINAL:
            self.end(text, now_ns)

    def end(self, text: str, now_ns: int) -> None:
        """The order of this text has ended."""
        number = self._numbers.get(text)
        if number is None:
            return
        pair = self._pairs[number]
        if not pair.end_ns:
            pair.end_ns = now_ns
            self._ended.add(number)

    def note_open(self, account: str, open_texts: Collection[str], asked_ns: int) -> None:
        """All open orders of an account, as of `asked_ns`. Whatever is old enough and not among them has ended."""
        for pair in self._pairs.values():
            if (
                not pair.end_ns
                and pair.account == account
                and pair.at_ns < asked_ns - ARRIVAL_NS
                and pair.text not in open_texts
            ):
                self.end(pair.text, asked_ns)

    def prune(self, now_ns: int) -> int:
        """Write what ended, and forget what ended long ago. Returns how many pairs went. Raises what the store raises."""
        gone = [number for number, pair in self._pairs.items() if 0 < pair.end_ns < now_ns - KEEP_NS]
        changes: dict[str, bytes | None] = {_key(number): msgspec.json.encode(self._pairs[number])
                                            for number in self._ended}  # fmt: skip
        changes.update(dict.fromkeys(map(_key, gone)))
        if changes:
            self._store.write(changes)
        self._ended.clear()
        for number in gone:
            del self._numbers[self._pairs.pop(number).text]
        self._pruned += len(gone)
        return len(gone)

    def statistics(self) -> Mapping[str, Any]:
        return {
            "pairs": len(self._pairs),
            "strangers": len(self._strangers),
            "next": self._next,
            "pruned": self._pruned,
        }


def _key(number: int) -> str:
    return f"{PAIR}{number:010d}"
