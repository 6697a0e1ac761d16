"""Everything that can be wrong is said in words, each with a command; when all is well, nothing is said."""

import pytest

from ctosd.ctl.troubles import troubles

WELL = {
    "ready": True, "mode": "active", "mode_reason": "", "orders": {"unknown": 0}, "loop": {"lag_p99_ms": 3.0},
    "journal": {"failed": "", "backlog": 4},
    "venues": [{"name": "paper", "state": "running"}],
    "strategies": [{"name": "a", "state": "running", "wanted": "running"}, {"name": "b", "state": "stopped", "wanted": "stopped"}],
}  # fmt: skip


def test_all_is_well():
    """A strategy that was stopped by a person is no trouble; nor is an empty status."""
    assert list(troubles(WELL)) == []
    assert list(troubles({})) == []


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        ({"mode": "halted", "mode_reason": "by hand"}, "halted: by hand", "ctosctl resume"),
        ({"mode": "reducing"}, "only orders that reduce", "ctosctl resume"),
        ({"journal": {"failed": "disk full"}}, "disk full", "make room"),
        ({"journal": {"backlog": 5000}}, "5000 rows behind", "ctosctl cat journal"),
        ({"orders": {"unknown": 1}}, "1 order has an unknown outcome", "ctosctl orders"),
        ({"orders": {"unknown": 2}}, "2 orders have an unknown outcome", "ctosctl orders"),
        ({"loop": {"lag_p99_ms": 80}}, "late by 80 ms", "ctosctl ps"),
        ({"ready": False}, "still starting", "ctosctl watch status"),
        (
            {"venues": [{"name": "okx", "state": "backoff", "reason": "timeout"}]},
            "okx is not connected: timeout",
            "by itself",
        ),
        ({"venues": [{"name": "okx", "state": "starting"}]}, "okx is still starting", "ctosctl cat drivers/okx/status"),
        (
            {"venues": [{"name": "okx", "state": "parked", "reason": "key refused"}]},
            "okx is parked: key refused",
            "start ctosd",
        ),
    ],
)
def test_the_daemon_in_trouble(change, what, mend):
    """What it is, and what mends it."""
    ((said, remedy),) = troubles(WELL | change)
    assert what in said
    assert mend in remedy


@pytest.mark.parametrize(
    ("state", "what", "mend"),
    [
        ("parked", "g is parked: too often; last error: ValueError: x", "ctosctl start g"),
        ("zombie", "ignored its cancellation", "start ctosd again"),
        ("backoff", "waits for its next start", "ctosctl why g"),
        ("stopped", "should run, but is stopped", "ctosctl start g"),
    ],
)
def test_a_strategy_in_trouble(state, what, mend):
    """Each state with its reason and the exact command."""
    unit = {"name": "g", "state": state, "wanted": "running", "reason": "too often", "last_error": "ValueError: x"}
    ((said, remedy),) = troubles(WELL | {"strategies": [unit]})
    assert what in said
    assert mend in remedy


def test_what_an_exit_left_behind():
    """Each order and position by name, and the command that tries again."""
    unit = {"name": "g", "state": "stopped", "wanted": "stopped", "remained": ["order c1", "0.5 BTC/USDT on okx/main"]}
    ((said, remedy),) = troubles(WELL | {"strategies": [unit]})
    assert said == "g has left the market, but for order c1, 0.5 BTC/USDT on okx/main"
    assert remedy == "ctosctl flatten g"


def test_the_gravest_comes_first():
    """The journal before the switch, the switch before a strategy."""
    bad = {"mode": "halted", "journal": {"failed": "x"}, "strategies": [{"name": "g", "state": "parked"}]}
    assert [said.split()[1] for said, _ in troubles(bad)] == ["journal", "is", "is"]
    assert next(iter(troubles(bad)))[0].startswith("the journal")
