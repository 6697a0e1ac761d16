"""Lifecycle, ledger and recovery before a venue that wishes us ill: nothing is lost, nothing comes twice.

`make adversary` lives 10,000 lives; without CTOS_EXAMPLES it is a short run, the same each time. That it can fail is shown by
kernels that are broken on purpose.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctosd.abi.commands import Rejected, Unknown
from ctosd.core import lifecycle
from ctosd.core.ledger import Ledger
from ctosd.kernel import recovery
from ctosd.kernel.auditor import Auditor
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.egress import Egress
from ctosd.kernel.recovery import Recovery
from ctosd.kernel.unit import Unit
from tests.kernel.adversary_world import Step, run

EXAMPLES = int(os.environ.get("CTOS_EXAMPLES", "150"))
MUTANT_LIVES = 900

VERBS = (
    *("place",) * 6,
    *("fill",) * 4,
    *("wait",) * 4,
    *("cancel",) * 3,
    *("amend",) * 3,
    *(
        "stream",
        "lose",
        "lag",
        "hide",
        "deaf",
        "kill",
        "power",
        "clock",
        "end",
        "pay",
        "person",
        "force",
        "give",
        "cancel_all",
    ),
    *("resume",),
)
NUMBERS = st.integers(0, 15)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(VERBS), NUMBERS, NUMBERS, NUMBERS), min_size=8, max_size=30
)


@pytest.mark.timeout(60 + EXAMPLES // 5)
@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None
)
@given(STEPS)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[Step]) -> None:
    run(steps)


# -- kernels that are broken on purpose: each is found out ----------------------------------------------------------------------


def _first_wrong(lives: int = MUTANT_LIVES) -> str:
    """What goes wrong first in so many lives drawn from seeds; empty when all is well."""
    for seed in range(lives):
        draw = Random(seed)
        steps = [(draw.choice(VERBS), *(draw.randrange(16) for _ in range(3))) for _ in range(draw.randint(8, 30))]
        try:
            run(steps)  # type: ignore[arg-type]
        except AssertionError as error:
            return str(error)
    return ""


def _books_twice(patch: pytest.MonkeyPatch) -> None:
    apply = Ledger.apply

    def forgetful(self: Ledger, fill: Any, strategy: str, instrument: Any) -> bool:
        whole = self._wholes.get((fill.account, fill.symbol))
        if whole is not None:
            whole.trades.pop(fill.trade_id, None)
        return apply(self, fill, strategy, instrument)

    patch.setattr(Ledger, "apply", forgetful)
    patch.setattr(Ledger, "knows", lambda self, account, symbol, trade_id: False)


def _revives(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lifecycle, "may", lambda state, new: True)


def _never_adopts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "adoptable", lambda self, client_id, boot: False)


def _believes_one_endpoint(patch: pytest.MonkeyPatch) -> None:
    def hasty(order: Any, age_ns: int, expiry_ns: int, grace_ns: int, found: Any, listed: bool) -> bool:
        return found is None and not order.venue_id

    patch.setattr(recovery, "is_proved_absent", hasty)


def _trusts_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    def age_ns(self: Recovery, order: Any) -> int:
        return int(self._desk.clock.now_ns() - order.created_ns)

    patch.setattr(Recovery, "_age_ns", age_ns)


def _sends_again(patch: pytest.MonkeyPatch) -> None:
    submit = Egress._submit

    async def stubborn(self: Egress, line: Any, command: Any, conclude: Callable[[Any], None]) -> None:
        def again(outcome: Any) -> None:
            if isinstance(outcome, Unknown):
                self._lift(command)
                self._tasks.spawn("again", submit(self, line, command, conclude))
            else:
                conclude(outcome)

        await submit(self, line, command, again)

    patch.setattr(Egress, "_submit", stubborn)


def _reads_unknown_as_rejected(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: Egress, order: Any, outcome: Any, seq: int) -> None:
        words = {"client_id": order.client_id, "reason": "exchange_error", "message": outcome.message}
        self._reject(order, Rejected(**words, time_ns=self._clock.now_ns()), seq)

    patch.setattr(Egress, "_mark_unknown", refuse)


def _sends_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    async def intend(self: Egress, seat: Any, line: Any, act: str, *bodies: Any) -> None:
        for body in bodies:
            self._blotter.record("intent", seat.name, {"act": act, "order": body})
        line.intents += len(bodies)

    patch.setattr(Egress, "_intend", intend)


def _counts_no_amendment_in_doubt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Blotter, "most", lambda self, order: order.size)


def _audits_nothing(patch: pytest.MonkeyPatch) -> None:
    async def look(self: Auditor) -> None:
        self.looks += 1

    patch.setattr(Auditor, "look", look)


def _forgets_its_place(patch: pytest.MonkeyPatch) -> None:
    hear = Unit._on_own

    def on_own(self: Unit, own: Any) -> Any:
        handled = hear(self, own)
        self._cursor = min(self._cursor, 1)
        return handled

    patch.setattr(Unit, "_on_own", on_own)


MUTANTS = (_books_twice, _revives, _never_adopts, _believes_one_endpoint, _trusts_the_wall_clock, _sends_again,
           _reads_unknown_as_rejected, _sends_before_it_is_durable, _counts_no_amendment_in_doubt, _audits_nothing,
           _forgets_its_place)  # fmt: skip


def test_the_kernel_as_it_is_lives_the_same_lives() -> None:
    assert not _first_wrong()


@pytest.mark.parametrize("breaks", MUTANTS, ids=lambda breaks: breaks.__name__.strip("_"))
def test_a_kernel_that_is_broken_is_found_out(breaks: Callable[[pytest.MonkeyPatch], None], monkeypatch: Any) -> None:
    breaks(monkeypatch)
    assert _first_wrong()
