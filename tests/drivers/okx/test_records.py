"""Numbers, times and flags as texts."""

from decimal import Decimal as D

import pytest

from drivers.okx.records import decimal, is_true, time_ns
from tests.drivers.okx.scripted import fixture


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0), ("0", 0), ("-1.50", D("-1.50")), ("x", 0), ("NaN", 0), ("Infinity", 0), (10500.0, D(10500))],
)
def test_decimals(text: str | float, value: D) -> None:
    assert decimal(text) == value
    assert decimal("", D(3)) == 3


def test_times() -> None:
    assert time_ns("", "0", "5", "6") == 5_000_000
    assert time_ns("x", "") == 0


def test_flags_are_texts_or_not() -> None:
    assert [is_true(each) for each in ("true", True, "false", False, "")] == [True, True, False, False, False]


def test_a_published_case_of_optional_numbers() -> None:
    """nautilus: a number, an empty text, null."""
    values = [each["value"] for each in fixture("nautilus/okx/common_optional_string_to_u64.json")]
    assert [decimal(value or "") for value in values] == [12345, 0, 0]
