"""Reading times: every spelling of one instant gives the same ns."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.host.archive.instants import epoch_scale, iso, read_times

AT = 1_723_161_255_000_000_000  # 2024-08-08T23:54:15Z


@pytest.mark.parametrize(
    "cell",
    [
        "1723161255", "1723161255000", "1723161255000000", "1723161255000000000", "1723161255.0",
        "2024-08-08 23:54:15", "2024-08-08T23:54:15Z", "2024-08-08T23:54:15.000000", "2024-08-09T01:54:15+02:00",
        "2024-08-08 18:54:15.0-05:00", "2024-08-08 23:54:15 UTC", 1723161255, 1723161255000, 1723161255.0,
    ],
)  # fmt: skip
def test_spellings_of_one_instant(cell: object) -> None:
    assert read_times([cell]) == [AT]


def test_fractions_keep_every_nanosecond() -> None:
    assert read_times(["2024-08-08T23:54:15.123456789Z"]) == [AT + 123_456_789]
    assert read_times(["1723161255.123456", "1723161255"]) == [AT + 123_456_000, AT]


def test_date_and_time_apart() -> None:
    assert read_times(["2024-08-08"] * 2, ["23:54:15", "23:54"]) == [AT, AT - 15_000_000_000]


def test_date_alone_is_midnight() -> None:
    assert read_times(["2024-08-09"]) == [AT + 345_000_000_000]


@pytest.mark.parametrize("bad", ["", "08/08/2024", "2024-08-08 25:00", "2024-08-08 12:61", "soon", "2024-13-01"])
def test_what_is_no_time_is_told_by_its_index(bad: str) -> None:
    with pytest.raises(ValueError, match="not a time") as caught:
        read_times(["2024-08-08 23:54:15", "2024-08-08 23:55:15", bad])
    assert caught.value.args[1] == 2


EPOCH = datetime.fromisoformat("1970-01-01")


@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2100-01-01")),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_instant_in_any_zone(moment: datetime, minutes: int) -> None:
    """The standard library's own spelling is read back exactly."""
    zoned = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    ns = (moment - EPOCH) // timedelta(microseconds=1) * 1_000
    assert read_times([zoned.isoformat()]) == [ns]
    assert read_times([iso(ns)]) == [ns]


def test_epoch_scale_tells_the_unit() -> None:
    assert [epoch_scale(1.7e9 * 10**n) for n in (0, 3, 6, 9)] == [10**9, 10**6, 1000, 1]


def test_nothing_is_nothing() -> None:
    assert read_times([]) == []
