"""Figures as OKX writes and reads them."""

from decimal import Decimal as D

import pytest

from drivers.okx.emulator.figures import ms, number, plain, us, whole


@pytest.mark.parametrize(
    ("value", "text"),
    [(D("1E+2"), "100"), (D("0.10"), "0.1"), (D("-0.0"), "0"), (0.00001, "0.00001"), (None, ""), (60000.0, "60000")],
)
def test_numbers_are_plain_strings(value, text):
    assert plain(value) == text


def test_times():
    assert (ms(1_767_225_600_123_456_789), ms(0)) == ("1767225600123", "")
    assert us(1_767_225_600_123_456_789) == "1767225600123456"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("0.01", D("0.01")),
        ("5", D(5)),
        (5, D(5)),
        (0.1, D("0.1")),
        ("1e3", None),
        ("-1", None),
        ("", None),
        (True, None),
    ],
)
def test_numbers_are_read_as_clients_write_them(given, found):
    assert number(given) == found


@pytest.mark.parametrize(
    ("given", "found"), [("12", 12), (12, 12), ("-1", None), ("1.5", None), ("٣", None), (True, None)]
)
def test_whole_numbers(given, found):
    assert whole(given) == found
