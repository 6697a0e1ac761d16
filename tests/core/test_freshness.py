"""The ladder of a silent stream: which act is due when, and what takes it off again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctosd.core.freshness import Freshness, Ladder

SECOND = 1_000_000_000
T0 = 1_767_225_600 * SECOND


def acts(freshness: Freshness, seconds: float, begin: float = 0, step: float = 1.0) -> list[tuple[float, str]]:
    """The acts of the time from `begin` on, looked for once a second."""
    found = []
    for count in range(int((seconds - begin) / step) + 1):
        at = begin + count * step
        found += [(at, step.act) for step in freshness.check(T0 + int(at * SECOND))]
    return found


def watched(quiet_s: float = 5, first_s: float = 10, heard: bool = True) -> Freshness:
    freshness = Freshness(Ladder(resubscribe_s=8, reconnect_s=15, bridge_s=5, bridge_cap_s=20))
    freshness.want("a", quiet_s, first_s)
    freshness.subscribed(["a"], T0)
    if heard:
        freshness.ages["a"] = T0
    return freshness


def test_silent_stream_climbs_the_whole_ladder() -> None:
    assert acts(watched(), 120) == [
        (5, "stale"),
        (5, "resubscribe"),
        (13, "reconnect"),
        (28, "bridge"),
        (33, "alarm"),
        (38, "bridge"),
        (48, "bridge"),
        (68, "bridge"),
        (88, "bridge"),
        (108, "bridge"),
    ]


def test_message_takes_it_off_from_any_rung() -> None:
    freshness = watched()
    assert not freshness.fresh("a")
    acts(freshness, 30)
    assert freshness.stale == {"a"}
    freshness.ages["a"] = T0 + 30 * SECOND
    assert freshness.fresh("a")
    assert freshness.stale == set()
    assert acts(freshness, 50, 31)[:2] == [(35, "stale"), (35, "resubscribe")]


def test_quiet_is_allowed_to_those_who_may() -> None:
    assert acts(watched(quiet_s=0), 1000) == []


def test_first_message_must_come() -> None:
    freshness = watched(quiet_s=0, heard=False)
    (stale, resubscribe, *_) = [step for at in range(12) for step in freshness.check(T0 + at * SECOND)]
    assert (stale.act, resubscribe.act) == ("stale", "resubscribe")
    assert "stays silent" in stale.reason
    assert "wrong route" in stale.reason


def test_first_message_must_come_again_after_each_subscription() -> None:
    freshness = watched(quiet_s=0)
    assert acts(freshness, 50) == []
    freshness.subscribed(["a"], T0 + 50 * SECOND)
    assert acts(freshness, 61, 51) == [(60, "stale"), (60, "resubscribe")]


def test_without_a_first_message_nor_a_watch_for_it_the_quiet_counts_from_the_subscription() -> None:
    assert acts(watched(first_s=0, heard=False), 6) == [(5, "stale"), (5, "resubscribe")]
    assert acts(watched(quiet_s=5, first_s=20, heard=False), 19) == []


def test_stream_that_waits_for_a_connection_is_not_mended_but_told_and_bridged() -> None:
    freshness = watched()
    freshness.unsubscribed(["a"])
    assert [act for _, act in acts(freshness, 40)] == ["stale", "bridge", "alarm", "bridge"]


def test_stream_that_never_flowed_is_no_news_while_there_is_no_connection() -> None:
    freshness = watched(heard=False)
    freshness.unsubscribed(["a"])
    assert acts(freshness, 100) == []


def test_stream_that_is_not_wanted_any_more_is_forgotten() -> None:
    freshness = watched()
    acts(freshness, 6)
    freshness.forget("a")
    assert acts(freshness, 100, 7) == []
    assert (freshness.stale, freshness.ages) == (set(), {})
    assert not freshness.fresh("a")
    freshness.subscribed(["a"], T0)
    freshness.unsubscribed(["a"])


def test_sleep_of_the_machine_counts_for_nobody() -> None:
    """Hours pass between two looks: what came meanwhile could not be heard, and is given its time."""
    freshness = watched()
    freshness.check(T0 + 2 * SECOND)
    assert acts(freshness, 3602, 3602) == []
    assert acts(freshness, 3610, 3603) == [(3605, "stale"), (3605, "resubscribe")]
    assert acts(freshness, 7210, 7210) == []
    assert acts(freshness, 7220, 7211) == [(7213, "reconnect")]


def test_clock_that_is_set_back_makes_nothing_stale_nor_young_for_ever() -> None:
    freshness = watched()
    freshness.check(T0)
    assert acts(freshness, -3600, -3600) == []
    assert acts(freshness, -3590, -3599) == [(-3595, "stale"), (-3595, "resubscribe")]


def test_statistics_tell_ages_and_reasons() -> None:
    freshness = watched()
    freshness.want("b", 0, 0)
    acts(freshness, 6)
    told = freshness.statistics(T0 + 6 * SECOND)
    assert told["streams"] == {"a": 6000.0, "b": None}
    assert told["stale"] == {"a": "nothing for 5.0 s"}


@given(
    gaps=st.lists(st.floats(0.5, 40), max_size=30),
    quiet_s=st.sampled_from([3.0, 10.0]),
)
def test_stream_is_stale_exactly_while_it_is_silent_for_too_long(gaps: list[float], quiet_s: float) -> None:
    """Whatever the rhythm of its messages: never early, at most one look late, off the ladder with the next message."""
    freshness = watched(quiet_s=quiet_s)
    heard = now = 0.0
    for gap in gaps:
        message = heard + gap
        while now + 1 <= message:
            now += 1
            freshness.check(T0 + int(now * SECOND))
            silent = now - heard
            if silent < quiet_s:
                assert "a" not in freshness.stale
            elif silent >= quiet_s + 1:
                assert "a" in freshness.stale
        heard = message
        freshness.ages["a"] = T0 + int(heard * SECOND)
        freshness.fresh("a")
        assert "a" not in freshness.stale
