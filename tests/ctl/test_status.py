"""The status page keeps to eighty columns whatever the daemon says."""

from hypothesis import given
from hypothesis import strategies as st

from ctosd.ctl.status import page
from ctosd.ctl.words import Paper

texts = st.text(max_size=120)
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=4).map(str)
units = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1, max_size=30),
        "state": st.sampled_from(["running", "parked", "zombie", "backoff", "stopped"]),
        "wanted": st.just("running"),
        "since_s": st.floats(0, 10**7),
        "reason": texts,
        "last_error": texts,
        "positions": st.lists(st.fixed_dictionaries({"symbol": texts, "size": numbers}), max_size=3),
        "open_orders": st.integers(0, 999),
        "fills": st.integers(0, 99_999),
        "pnl": numbers,
        "fees": numbers,
    }
)


@given(st.lists(units, max_size=5), st.sampled_from(["active", "halted"]), texts)
def test_no_line_is_longer_than_the_page(strategies, mode, reason):
    """Long names, errors and positions are shortened or wrapped at blanks; only a single endless word may stick out."""
    status = {
        "version": "0.1.0",
        "boot": 1,
        "pid": 1,
        "uptime_s": 5.0,
        "mode": mode,
        "mode_reason": reason,
        "venues": [],
    }
    text = page(status | {"strategies": strategies}, Paper())
    assert text.isprintable() or set(text) - {"\n"} == {letter for letter in text if letter.isprintable()}
    for line in text.splitlines():
        assert len(line) <= 80 or max(map(len, line.split())) > 40


def test_a_bare_status_is_still_a_page():
    """Nothing that the daemon leaves out makes it fail."""
    text = page({}, Paper())
    assert "no venue is configured" in text
    assert "no strategy is configured" in text
