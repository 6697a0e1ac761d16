"""How ctosctl writes ages, numbers and tables, and that nobody else writes on the terminal through it."""

import pytest

from ctosd.ctl.words import Column, Paper, age, clean, gain, money, number, table, when


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m00s"), (192.4, "3m12s"), (3600, "1h00m"), (86_399, "23h59m"), (100_000, "1d3h"),
     (None, ""), ("soon", ""), (-5, "0s")],
)  # fmt: skip
def test_ages_are_short(seconds, text):
    """Two units at most."""
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.0100", "0.01"), ("100", "100"), ("1.000", "1"), ("0", "0"), ("-0.0", "0"), (5, "5"), ("1E-7", "1E-7"), (None, ""), ("", "")],
)  # fmt: skip
def test_numbers_lose_only_idle_zeros(value, text):
    """A hundred stays a hundred."""
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "shown", "signed"),
    [("12.345", "12.35", "+12.35"), ("-3", "-3.00", "-3.00"), ("0", "0.00", "0.00"), ("-0.0", "0.00", "0.00"),
     ("0.00042", "0.00042", "+0.00042"), (None, "", ""), ("what", "what", "what")],
)  # fmt: skip
def test_money_shows_small_amounts_too(value, shown, signed):
    """Two places, or four digits of what is smaller; a gain has its plus."""
    assert money(value) == shown
    assert gain(value) == signed


def test_times_are_utc_to_the_second():
    """And nothing for what never was."""
    assert when(1_764_000_000_123_456_789) == "2025-11-24 16:00:00"
    assert [when(0), when(None)] == ["", ""]


def test_text_from_outside_cannot_play_with_the_terminal():
    """Escapes, line breaks and direction marks become blanks; letters of any alphabet stay."""
    assert clean("a\x1b[2Jb\nc\u202ed é 漢") == "a [2Jb c d é 漢"


def test_a_table_fits_its_paper_and_never_cuts_a_number():
    """Texts are shortened, the widest first; half a price would be a wrong price."""
    columns = (
        Column("NAME", "name"),
        Column("NOTE", "note"),
        Column("PRICE", lambda row: number(row["price"]), right=True),
    )
    rows = [{"name": "grid", "note": "a rather long story about nothing", "price": "123456789.5"}]
    lines = table(rows, columns, Paper(40), "none").splitlines()
    assert max(map(len, lines)) == 40
    assert lines[1].endswith("  123456789.5")
    assert "a rather long story…" in lines[1]
    assert "about nothing" in table(rows, columns, Paper(), "none")
    assert table([], columns, Paper(), "none") == "none"
    assert "123456789.5" in table(rows, columns, Paper(5), "none")


def test_colours_do_not_move_columns():
    """What is coloured is padded first."""
    columns = (Column("STATE", "state", paint=Paper.state), Column("NAME", "name"))
    rows = [{"state": "parked", "name": "a"}, {"state": "running", "name": "b"}]
    plain, painted = (table(rows, columns, Paper(80, colours), "") for colours in (False, True))
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"):
        assert code in painted
        painted = painted.replace(code, "")
    assert painted == plain
