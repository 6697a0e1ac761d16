"""Pages of rows that come newest first."""

import pytest

from drivers.okx.emulator.paging import edge, limit, page, within
from drivers.okx.emulator.refusals import Refusal

ROWS = list(range(10, 0, -1))


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({}, ROWS),
        ({"limit": "3"}, [10, 9, 8]),
        ({"after": "5"}, [4, 3, 2, 1]),
        ({"before": "5", "limit": "2"}, [10, 9]),
        ({"after": "8", "before": "5"}, [7, 6]),
        ({"limit": "10000"}, ROWS),
    ],
)
def test_after_is_older_and_before_is_newer(given, rows):
    assert page(ROWS, given, lambda each: each) == rows


def test_within_has_both_ends():
    assert within(ROWS, {"begin": "4", "end": "6"}, lambda each: each * 1_000_000) == [6, 5, 4]


@pytest.mark.parametrize("given", [{"limit": "0"}, {"limit": "x"}, {"limit": "-1"}])
def test_a_limit_must_be_a_number(given):
    with pytest.raises(Refusal, match="limit"):
        limit(given, 100, 100)


def test_an_edge_must_be_a_number():
    assert edge({"after": ""}, "after") is None
    assert edge({"after": "2510789768709121021"}, "after") == 2510789768709121021
    with pytest.raises(Refusal, match="after"):
        edge({"after": "first"}, "after")
