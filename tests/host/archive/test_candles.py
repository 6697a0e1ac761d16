"""Recorded bars: what becomes of them, and of rows that cannot be true."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ctosd.abi import Bar, Feed, Misconfigured

Opened = Callable[..., Feed]
HEAD = "timestamp,open,high,low,close,volume\n"
MINUTE = 60_000_000_000
START = 1_704_067_200_000_000_000  # 2024-01-01


def rows(minutes: Iterable[int], price: str = "10,12,9,11", volume: str = "5") -> str:
    return HEAD + "".join(f"2024-01-01 {m // 60:02d}:{m % 60:02d}:00,{price},{volume}\n" for m in minutes)


def bars(feed: Feed) -> list[Bar]:
    return [event for _, event in feed if isinstance(event, Bar)]


def test_bar_arrives_at_its_close(opened: Opened) -> None:
    feed = opened(rows(range(3)))
    first = Bar("paper", "BTC/USDT", "1m", 10.0, 12.0, 9.0, 11.0, 5.0, START, START + MINUTE)
    assert next(iter(feed)) == (START + MINUTE, first)
    assert list(feed) == list(feed)
    wanted = {"rows": 3, "first_ns": START + MINUTE, "last_ns": START + 3 * MINUTE, "gaps": 0, "timeframe": "1m"}
    assert feed.statistics().items() >= wanted.items()


def test_timeframe_is_the_most_frequent_distance(opened: Opened) -> None:
    assert {b.timeframe for b in bars(opened(rows([0, 5, 10, 25, 30])))} == {"5m"}


def test_months_end_with_the_calendar(opened: Opened) -> None:
    text = HEAD + "".join(f"2024-{month:02d}-01,10,12,9,11,5\n" for month in (1, 2, 3, 4))
    feed = opened(text)
    assert [b.timeframe for b in bars(feed)] == ["1M"] * 4
    assert feed.statistics()["gaps"] == 0
    assert bars(feed)[1].time_ns == START + 60 * 1440 * MINUTE


def test_holes_are_counted_and_logged_once(opened: Opened, notes: Any) -> None:
    feed = opened(rows([0, 1, 2, 5, 6, 9]))
    assert (feed.statistics()["gaps"], feed.statistics()["missing"]) == (2, 4)
    [(event, fields)] = notes.events
    assert (event, fields["gaps"], fields["missing"]) == ("archive_gaps", 2, 4)
    assert fields["first"] == "2024-01-01T00:03:00Z to 2024-01-01T00:05:00Z, line 5"


def test_allowed_holes_are_only_counted(opened: Opened, notes: Any) -> None:
    assert opened(rows([0, 1, 3]), gaps="allow").statistics()["gaps"] == 1
    assert notes.events == []


def test_bar_that_opened_late_after_an_outage_stands_for_its_period(opened: Opened) -> None:
    text = rows([0, 1, 2]) + "2024-01-01 00:05:28,10,12,9,11,5\n2024-01-01 00:06:00,10,12,9,11,5\n"
    feed = opened(text)
    assert [(b.open_ns - START) // MINUTE for b in bars(feed)] == [0, 1, 2, 5, 6]
    assert (feed.statistics()["gaps"], feed.statistics()["missing"]) == (1, 2)


def test_doubles_are_dropped_when_told_so(opened: Opened) -> None:
    feed = opened(rows([0, 1, 1, 2]), duplicates="drop")
    assert (len(bars(feed)), feed.statistics()["dropped"]) == (3, 1)


def test_range_holds_whole_bars(opened: Opened) -> None:
    feed = opened(rows(range(10)), start="2024-01-01T00:02", end="2024-01-01T00:05")
    assert [(b.open_ns - START) // MINUTE for b in bars(feed)] == [2, 3, 4]


def test_volume_without_a_column_is_zero(opened: Opened) -> None:
    text = "\n".join(line.rpartition(",")[0] for line in rows(range(2)).splitlines())
    assert [b.volume for b in bars(opened(text))] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("price", "volume", "how", "expected"),
    [
        ("10,12,9,10", "5", "auto", 5.0),
        ("10,12,9,10", "5", "quote", 0.5),
        ("40000,40000,40000,40000", "2000000", "auto", 50.0),
        ("40000,40000,40000,40000", "2000000", "base", 2_000_000.0),
    ],
)
def test_volume_is_in_base_units(opened: Opened, price: str, volume: str, how: str, expected: float) -> None:
    """A turnover of 115 million million a day is no market's: that volume is quote money."""
    assert bars(opened(rows(range(3), price, volume), volume=how))[0].volume == expected


def test_quote_volume_column_serves_when_it_is_the_only_one(opened: Opened) -> None:
    text = rows(range(2)).replace("volume", "quote_volume")
    assert bars(opened(text))[0].volume == pytest.approx(5 / 11)


def test_float_noise_is_removed(opened: Opened) -> None:
    assert bars(opened(rows(range(2), "7.69,7.69,7.61,7.6560000000000015")))[0].close == 7.656
    assert bars(opened(rows(range(2), "7.69,7.69,7.61,7.66"), tick="0.05"))[0].close == 7.65


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rows([0, 1, 1, 2]), "line 4: a second bar of 2024-01-01T00:01:00Z; delete one, or write `duplicates: drop`"),
        (rows([0, 1, 2, 0]), "line 5: time goes back from 2024-01-01T00:02:00Z to 2024-01-01T00:00:00Z; sort the rows"),
        (rows([2, 1, 0]), "its bars|one bar"),
        (rows([0, 5, 10, 12, 15]), "line 5: the bar of 2024-01-01T00:12:00Z begins before that of .*00:10:00Z ends"),
        (rows([0, 7, 14]), "its bars lie 420 s apart, which is no timeframe"),
        (rows([0]), "one bar does not tell its timeframe; write `timeframe:`"),
        (rows(range(2), "10,9,8,9"), "line 2: open 10.0 and close 9.0 must lie between low 8.0 and high 9.0; correct"),
        (rows(range(2), "10,9,12,11"), "must lie between low 12.0 and high 9.0"),
        (rows(range(2), "10,12,-9,11"), "line 2: low is -9.0; correct or delete the row"),
        (rows(range(2), "10,12,0,11"), "line 2: low is 0.0"),
        (rows(range(2), "10,inf,9,11"), "line 2: high is inf, not a finite number"),
        (rows(range(2), "10,12,9,nan"), "line 2: close is nan, not a finite number"),
        (rows(range(2), volume="-1"), "line 2: volume is -1.0"),
        (rows([0, 1, 2]) + "soon,10,12,9,11,5\n", "line 5: 'soon' is not a time"),
    ],
)
def test_impossible_rows_are_told(opened: Opened, text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        opened(text)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gaps": "error"}, "line 4: 2 bars are missing between .*00:02:00Z and .*00:04:00Z; complete the file"),
        ({"timeframe": "5m"}, "its bars lie 1m apart, not 5m; correct `timeframe:`"),
    ],
)
def test_files_that_are_not_as_described_are_told(opened: Opened, spec: dict[str, str], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        opened(rows([0, 1, 4, 5, 6]), **spec)
