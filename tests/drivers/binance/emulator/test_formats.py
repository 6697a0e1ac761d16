"""How numbers and ids are written."""

from decimal import Decimal as D
from random import Random

import pytest

from drivers.binance.emulator.formats import encode, fixed, levels, mint, money, places, plain


@pytest.mark.parametrize(
    ("step", "digits"), [("0.1", 1), ("0.010", 2), ("1", 0), ("100", 0), ("0.00000001", 8), ("1E+2", 0)]
)
def test_places_are_those_of_the_grid(step: str, digits: int) -> None:
    assert places(D(step)) == digits


def test_money_is_never_rounded_by_a_float() -> None:
    assert money(D("0.1") + D("0.2")) == "0.30000000"
    assert fixed(D("59995.6"), 8) == "59995.60000000"
    assert fixed(0.1 + 0.2, 4) == "0.3000"


def test_plain_digits_have_no_exponent() -> None:
    assert [plain(D(text)) for text in ("1E+3", "0.10", "0", "-1E-7", "0.000")] == [
        "1000",
        "0.1",
        "0",
        "-0.0000001",
        "0",
    ]


def test_an_id_is_one_that_both_products_take() -> None:
    made = {mint(Random(seed)) for seed in range(50)}
    assert len(made) == 50
    assert all(len(each) == 22 and each.isalnum() for each in made)


def test_levels_are_texts() -> None:
    assert levels([(59995.6, 0.25), (1.0, 0.0)], 1, 3) == [["59995.6", "0.250"], ["1.0", "0.000"]]
    assert encode({"a": levels([(1.0, 2.0)], 0, 0)}) == '{"a":[["1","2"]]}'
