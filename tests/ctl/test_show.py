"""The other pages of ctosctl, from records as the daemon gives them."""

import json

from ctosd.ctl import show
from ctosd.ctl.words import Paper

PLAIN = Paper()


def test_a_log_line_reads_as_a_sentence():
    """Time, level, event, then the fields; texts with blanks are quoted, and what is no JSON is shown as it is."""
    line = json.dumps(
        {"timestamp": "T", "level": "info", "event": "fill", "price": 1.5, "why": "two words", "tags": ["a"]}
    )
    assert show.log_line(line, PLAIN) == 'T info    fill  price=1.5 why="two words" tags=["a"]'
    assert show.log_line("Traceback\x1b[31m", PLAIN) == "Traceback [31m"
    assert show.log_line("7", PLAIN) == "7"


def test_whatever_a_syscall_returns_is_shown():
    """Scalars, records, lists of records, levels of a book, and nothing at all."""
    assert show.anything("1.5", PLAIN) == "1.5"
    assert show.anything(None, PLAIN) == ""
    assert show.anything([], PLAIN) == "(none)"
    assert show.anything({}, PLAIN) == "(empty)"
    assert (
        show.anything({"a": True, "b": {"c": 1}, "d": [["1", "2"]], "e": []}, PLAIN)
        == "a: yes\nb:\n  c: 1\nd:\n  1  2\ne: (none)"
    )
    assert show.anything([{"x": 1}, {"y": [1, 2]}], PLAIN).splitlines() == ["X  Y", "1", "   1  2"]


def test_a_process_that_backs_off_says_when_it_starts_again():
    """How long it waits already, and how long still."""
    row = {
        "kind": "strategy",
        "name": "g",
        "state": "backoff",
        "since_s": 3,
        "backoff_s": 8.2,
        "last_error": "ValueError: x",
    }
    assert "3s (again in 8s)" in show.ps([row], PLAIN)
    assert "ValueError: x" in show.ps([row], PLAIN)


def test_why_counts_the_gates_that_refuse():
    """And says so when a strategy has no refusal, or is not as it should be."""
    gates = [
        {"check": "halted", "verdict": "refuse", "detail": "by hand"},
        {"check": "rate", "verdict": "pass", "detail": ""},
    ]
    text = show.why({"strategy": "g", "state": "parked", "wanted": "running", "reason": "r", "gates": gates}, PLAIN)
    assert text.startswith("g is parked, but wanted running\n  because: r\n")
    assert "1 of 2 gates would refuse it\n  refuse  halted  by hand\n  pass    rate\n" in text
    assert text.endswith("No order of it was refused.")


def test_flatten_with_nothing_to_do_says_so():
    """No table without rows."""
    assert show.flattened({"orders": [], "remaining": []}, PLAIN) == "nothing to close"
