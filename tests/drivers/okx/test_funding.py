"""Two channels become one event."""

import pytest

from drivers.okx.funding import EIGHT_HOURS_NS, Fundings, Mark, Rate

MS = 1_000_000


def make() -> Fundings:
    return Fundings("okx", {"X-SWAP": "X/USDT:USDT"}.get)


def test_a_rate_without_a_mark_waits() -> None:
    fundings = make()
    assert fundings.rate(Rate("X-SWAP", 0.0001, 1_000), 5) is None
    event = fundings.mark(Mark("X-SWAP", 10.0, 2_000), 5)
    assert event is not None
    assert (event.rate, event.mark, event.next_ns, event.time_ns, event.interval_ns) == (
        0.0001,
        10.0,
        10**9,
        2 * 10**9,
        EIGHT_HOURS_NS,
    )


def test_the_interval_is_the_venues() -> None:
    fundings = make()
    fundings.mark(Mark("X-SWAP", 10.0, 1), 5)
    event = fundings.rate(Rate("X-SWAP", -0.01, 3_600_000, "7200000", "1"), 5)
    assert event is not None
    assert (event.rate, event.interval_ns) == (-0.01, 3_600_000 * MS)


def test_marks_alone_are_told_once_a_second() -> None:
    fundings = make()
    fundings.rate(Rate("X-SWAP", 0.0001, 1_000), 5)
    told = [fundings.mark(Mark("X-SWAP", 10.0 + n, 2_000 + n * 200), 5) for n in range(12)]
    assert [event.mark for event in told if event is not None] == [10.0, 15.0, 20.0]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="mark price"):
        make().mark(Mark("X-SWAP", 0.0, 1), 5)
    with pytest.raises(ValueError, match="funding rate"):
        make().rate(Rate("X-SWAP", float("inf"), 1_000), 5)


def test_unlisted_instruments_tell_nothing() -> None:
    fundings = make()
    fundings.rate(Rate("Y-SWAP", 0.0001, 1_000), 5)
    assert fundings.mark(Mark("Y-SWAP", 1.0, 1), 5) is None
