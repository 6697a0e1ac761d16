"""Whatever is asked and ordered, and whenever: no venue's own count ever passes its limits, and cancels do not stand in line.

The kernel, the real driver and its emulator on the virtual clock: see `schedule.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ctosd.abi import Costs
from ctosd.kernel.budget import SharedBudget
from ctosd.testing.rig import run_virtual
from drivers.backpack.rest import Rest as BackpackRest
from drivers.binance.limits import Pools
from drivers.okx.orders import Orders
from tests.drivers.schedule import ORDERS, READS, Station, Step, drive, start_ns
from tests.drivers.test_conformance import SUBJECTS

SYMBOLS = {
    "okx": ("BTC/USDT:USDT", "BTC/USDT", "ETH/USDT:USDT"),
    "binance-usdm": ("BTC/USDT:USDT", "ETH/USDT:USDT"),
    "binance-spot": ("BTC/USDT", "ETH/USDT"),
    "backpack": ("SOL/USDC:USDC", "SOL/USDC"),
}
ALL, FIRST_FAILURE = tuple(Phase), (Phase.generate,)

STEPS = st.lists(
    st.builds(
        Step,
        pause_s=st.sampled_from([0.0, 0.0, 0.05, 0.4, 1.0, 2.0, 5.0, 20.0, 60.0]),
        kind=st.one_of(st.sampled_from(ORDERS), st.sampled_from(("place", "cancel")), st.sampled_from(READS)),
        count=st.sampled_from([1, 5, 30, 60, 120]),
        account=st.integers(0, 1),
        symbol=st.integers(0, 2),
    ),
    min_size=2,
    max_size=10,
)
LATENCIES = st.sampled_from([0.0, 0.01, 0.25])
OFFSETS = st.sampled_from([0.0, 3.0, 31.0, 57.0, 59.9])
"""Where in the venue's minute a schedule begins: fixed windows are passed around their edges."""

EVERYTHING = [
    Step(1.0, kind, 4)
    for kind in ("place", "stop", "place", "amend", "cancel", "batch_place", "place", "batch_cancel", *READS)
]
BATCHES = [Step(0.0, "batch_place", 60, number % 2, number % 3) for number in range(10)]
STOPS = [Step(0.0, "stop", 30), Step(8.0, "cancel", 30), Step(8.0, "stop", 30), Step(8.0, "batch_cancel", 30)]


def any_schedule(name: str, phases: Sequence[Phase] = ALL) -> None:
    """No schedule passes a limit of this venue. Raises for the first one that does."""
    worked: set[str] = set()

    @settings(max_examples=20, phases=phases, report_multiple_bugs=False)
    @given(steps=STEPS, latency_s=LATENCIES, offset_s=OFFSETS)
    @example(steps=EVERYTHING, latency_s=0.01, offset_s=0.0)
    @example(steps=BATCHES, latency_s=0.0, offset_s=0.0)
    @example(steps=STOPS, latency_s=0.0, offset_s=0.0)
    def judge(steps: list[Step], latency_s: float, offset_s: float) -> None:
        station = drive(SUBJECTS[name], SYMBOLS[name], steps, latency_s, offset_s)
        assert station.passed() == {}
        worked.update(station.done)

    judge()
    wanted = {*ORDERS, *READS} - UNKNOWN_TO[name]
    assert wanted <= worked, f"never done: {sorted(wanted - worked)}"


UNKNOWN_TO = {
    "okx": set[str](),
    "binance-usdm": set[str](),
    "binance-spot": {"leverage", "dead_man"},
    "backpack": {"amend", "leverage", "dead_man"},
}
"""What the venue has no means for, or (Backpack's one leverage) is not allowed here."""


@pytest.mark.timeout(100)
@pytest.mark.parametrize("name", SYMBOLS)
def test_no_schedule_passes_a_limit(name: str) -> None:
    any_schedule(name)


# -- the property can fail --------------------------------------------------------------------------------------------------


def _cheap(costs: Costs) -> Costs:
    return tuple((name, tokens / 4) for name, tokens in costs)


def _okx(patch: pytest.MonkeyPatch) -> None:
    """A quarter for a place, an amend, a cancel."""
    price = Orders._price
    patch.setattr(Orders, "_price", staticmethod(lambda *given: _cheap(price(*given))))


def _binance(patch: pytest.MonkeyPatch) -> None:
    """A quarter of the weight."""
    weight = Pools.weight
    patch.setattr(Pools, "weight", lambda self, tokens: weight(self, tokens / 4))


def _backpack(patch: pytest.MonkeyPatch) -> None:
    """Klines and histories cost what everything else does."""
    take = BackpackRest.take

    async def plain(self: BackpackRest, scope: str, *, history: bool = False, urgent: bool = False) -> None:
        await take(self, scope, urgent=urgent)

    patch.setattr(BackpackRest, "take", plain)


@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    ("name", "spoil"),
    [("okx", _okx), ("binance-usdm", _binance), ("binance-spot", _binance), ("backpack", _backpack)],
)
def test_a_cost_table_that_is_too_small_is_caught(
    name: str, spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the same examples, by the count of the emulator."""
    spoil(monkeypatch)
    with pytest.raises(AssertionError, match="refused"):
        any_schedule(name, FIRST_FAILURE)


# -- cancels first ------------------------------------------------------------------------------------------------------------

CROWD = {"okx": 40, "binance-usdm": 160, "binance-spot": 60, "backpack": 360}
"""Orders at one moment of which some must wait at the venue."""

ROUNDS = st.lists(
    st.tuples(st.sampled_from([0.05, 0.4, 1.0]), st.integers(0, 40), st.sampled_from([0.3, 1.0, 3.0, 12.0])),
    min_size=2,
    max_size=4,
)
"""The part of a crowd that is placed, questions asked at the same moment, and the pause until the next round."""


async def _rounds(name: str, rounds: Sequence[tuple[float, int, float]]) -> list[tuple[list[float], list[float]]]:
    """At each round's moment as many cancels as places at most; the waits of both."""
    station = Station(SUBJECTS[name], SYMBOLS[name], 0.0)
    await station.start()
    told = []
    for part, questions, pause_s in rounds:
        told.append(await station.contest(int(CROWD[name] * part), questions))
        await station.clock.sleep(pause_s)
    await station.end()
    return told


def cancels_first(name: str, phases: Sequence[Phase] = ALL) -> None:
    """Counted from the last, no cancel of a moment leaves later than its place. Raises for the first moment where one does."""
    contested: list[float] = []

    @settings(max_examples=6, phases=phases, report_multiple_bugs=False)
    @given(rounds=ROUNDS)
    @example(rounds=[(0.4, 0, 12.0), (1.0, 40, 12.0), (1.0, 40, 1.0)])
    def judge(rounds: list[tuple[float, int, float]]) -> None:
        for cancels, places in run_virtual(_rounds(name, rounds), start_ns(0.0)):
            late = [pair for pair in zip(reversed(cancels), reversed(places), strict=False) if pair[0] > pair[1]]
            assert late == [], "cancels that waited longer than the places beside them"
            contested.extend(wait for wait in places if wait < inf)

    judge()
    assert max(contested) > 0.1, "no place ever had to wait: nothing was proved"


@pytest.mark.timeout(100)
@pytest.mark.parametrize("name", SYMBOLS)
def test_cancels_wait_no_longer_than_places(name: str) -> None:
    cancels_first(name)


def test_a_budget_that_knows_no_urgency_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where cancels and orders take from one limit: a budget that serves first come, first served."""
    now, queue = SharedBudget.take_now, SharedBudget.queue
    monkeypatch.setattr(SharedBudget, "take_now", lambda self, costs, **_: now(self, costs))
    monkeypatch.setattr(
        SharedBudget,
        "queue",
        lambda self, costs, *, urgent=False, patience_s=30.0: queue(self, costs, patience_s=patience_s),
    )
    with pytest.raises(AssertionError, match="waited longer"):
        cancels_first("backpack", FIRST_FAILURE)
