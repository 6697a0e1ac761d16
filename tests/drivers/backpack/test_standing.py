"""Up and down as the kernel hears it."""

from ctosd.abi import VenueStatus
from drivers.backpack.standing import Standing
from tests.drivers.backpack.exchange import Clock


def made() -> tuple[Standing, list[VenueStatus]]:
    told: list[VenueStatus] = []
    standing = Standing("backpack", ["backpack/a", "backpack/b"], Clock(), lambda name, status: told.append(status))
    standing.link("backpack/a", True)
    standing.link("backpack/b", True)
    standing.begin()
    return standing, told


def test_a_start_needs_no_word() -> None:
    assert made()[1] == []


def test_all_accounts_must_be_there() -> None:
    """One lost is down, both must be back; the same twice is told once."""
    standing, told = made()
    standing.link("backpack/a", False, "reset")
    standing.link("backpack/b", False, "reset")
    standing.link("backpack/a", True)
    assert [each.up for each in told] == [False]
    assert told[0].reason == "backpack/a: reset"
    standing.link("backpack/b", True)
    assert [each.up for each in told] == [False, True]


def test_maintenance() -> None:
    """It comes and goes once, whatever the streams do meanwhile."""
    standing, told = made()
    standing.maintain("upgrade")
    standing.maintain("upgrade")
    standing.link("backpack/a", False, "closed")
    standing.link("backpack/a", True)
    standing.maintain("")
    assert [(each.up, each.reason) for each in told] == [(False, "maintenance: upgrade"), (True, "")]


def test_a_stop_is_not_told() -> None:
    standing, told = made()
    standing.end()
    standing.link("backpack/a", False, "stopped")
    assert told == []
