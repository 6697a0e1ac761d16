"""Plain scalars: what is read, what is refused, and what is proposed instead."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.host.config.yamlscalar import Trap, read_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0", 0),
        ("+5", 5),
        ("10_000", 10_000),
        ("0.10", Decimal("0.10")),
        (".5", Decimal("0.5")),
        ("-1.", Decimal(-1)),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("grid", "grid"),
        ("y", "y"),
        ("1.2.3", "1.2.3"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("1m", "1m"),
        ("BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("notify", "notify"),
        ("...", "..."),
    ],
)
def test_a_plain_scalar_is_what_its_writer_meant(text, value):
    """Numbers stay exact, words stay words."""
    read = read_plain(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", 'no is not a truth value here: write false, or "no" in quotes for the text'),
        ("On", 'On is not a truth value here: write true, or "On" in quotes for the text'),
        ("12:30", '12:30 would be read in base 60: write "12:30" in quotes'),
        ("1:02:03.5", '1:02:03.5 would be read in base 60: write "1:02:03.5" in quotes'),
        ("0123", '0123 would be read as octal: write 123, or "0123" in quotes for the text'),
        ("-00.5", '-00.5 would be read as octal: write -0.5, or "-00.5" in quotes for the text'),
        ("1e-3", "1e-3 is text to some programs and a number to others: write 0.001"),
        ("1.5E4", "1.5E4 is text to some programs and a number to others: write 15000"),
        ("2024-01-01", '2024-01-01 would be read as a date: write "2024-01-01" in quotes'),
        ("0x1f", '0x1f would be read as a number: write "0x1f" in quotes for the text'),
        (".nan", '.nan is not a number that can be used: write a finite one, or ".nan" in quotes for the text'),
    ],
)
def test_a_trap_says_what_to_write(text, message):
    """Every trap of YAML 1.1 is refused with its remedy."""
    with pytest.raises(Trap) as caught:
        read_plain(text)
    assert str(caught.value) == message


def test_endless_numbers_are_refused():
    """Neither a thousand digits nor a thousand zeros are turned into a number."""
    for text in ("9" * 5000, "1e999999999", "1e" + "9" * 100):
        with pytest.raises(Trap):
            read_plain(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8))
def test_a_decimal_keeps_every_digit(number):
    """What was written is what is read, to the last digit."""
    text = f"{number:f}"
    assert str(read_plain(text)) == str(Decimal(text))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """No scalar raises anything but a trap, and a binary float never comes out."""
    try:
        value = read_plain(text)
    except Trap:
        return
    assert value is None or isinstance(value, str | int | bool | Decimal)
