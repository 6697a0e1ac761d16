"""The table of routes, and what a request's words may be."""

import pytest

from ctosd.abi import AuthFailed, CallerMistake, CtosError, Fenced, InvariantBroken, Misconfigured, NotReady
from ctosd.host.control.routes import ROUTES, Ask, at_least, check_words, checked_level, failure


def ask(**words):
    return Ask(None, None, words)


def test_only_reading_is_open_to_readers():
    """Whatever acts needs admin; only the sign of life needs nothing; every row is documented, none stands twice."""
    for row in ROUTES:
        assert (row.method == "POST") == (row.needs == "admin"), row
        assert row.doc
        assert ("wait" in row.takes) == (row.method == "POST"), row
    assert [row.path for row in ROUTES if row.needs == "open"] == ["/v1/healthz"]
    assert len({(row.method, row.path) for row in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("raw", ["-1", "11", "x", "1.5", None, [], ""])
def test_a_number_lies_in_its_range(raw):
    """Anything else is the caller's mistake, with the name of the parameter."""
    with pytest.raises(CallerMistake, match="limit must"):
        ask(limit=raw).number("limit", 5, 10)
    assert ask(limit="10").number("limit", 5, 10) == 10
    assert ask().number("limit", 5, 10) == 5


@pytest.mark.parametrize("raw", ["nan", "inf", "-1", "601", "soon", {}])
def test_a_wait_is_finite(raw):
    """Nobody waits for ever, or for less than nothing."""
    with pytest.raises(CallerMistake, match="wait must"):
        ask(wait=raw).seconds("wait", 30.0, 600.0)
    assert ask(wait="0.5").seconds("wait", 30.0, 600.0) == 0.5


def test_flags_are_yes_or_no():
    """A parameter without a value is a yes; none at all is a no."""
    assert [ask(all=raw).flag("all") for raw in ("1", "true", "YES", "", "0", "no", True, False)] == [True] * 4 + [
        False
    ] * 2 + [True, False]
    assert not ask().flag("all")


def test_levels_have_their_order_and_their_short_names():
    """A line is shown at its own level and below; what tells no level is always shown."""
    assert checked_level("WARN") == "warning"
    with pytest.raises(CallerMistake, match="did you mean 'error'"):
        checked_level("eror")
    assert at_least('{"level": "error"}', "warning")
    assert not at_least('{"level": "info"}', "warning")
    assert at_least("no json", "error")
    assert at_least("[]", "critical")


def test_unknown_words_are_refused():
    """With the nearest, or with all that there are."""
    row = next(row for row in ROUTES if row.path == "/v1/fills")
    check_words(row, {"limit": "1"})
    with pytest.raises(CallerMistake, match="it takes limit, strategy"):
        check_words(row, {"qqq": "1"})


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (LookupError("x"), (404, "not_found")),
        (CallerMistake("x"), (400, "bad_request")),
        (NotReady("x"), (503, "not_ready")),
        (Misconfigured("x"), (409, "misconfigured")),
        (AuthFailed("x"), (409, "auth")),
        (Fenced("x"), (409, "fenced")),
        (CtosError("x"), (409, "refused")),
        (InvariantBroken("x"), None),
        (KeyError("x"), None),
        (ValueError("x"), None),
    ],
)
def test_each_error_has_its_status(error, known):
    """What a mistake of our own raises is never passed off as somebody else's."""
    assert failure(error) == known
