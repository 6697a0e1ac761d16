"""The notify protocol, against a real datagram socket in the service manager's place."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctosd.host.notify import Notifier


class Manager:
    """The socket that systemd would listen on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.settimeout(2)

    def heard(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "path" else f"@ctos-test-{uuid.uuid4()}")
    yield manager
    manager.socket.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "15000000"})
    yield notifier
    notifier.close()


def test_a_whole_life_as_the_manager_hears_it(manager: Manager, notifier: Notifier) -> None:
    """Every message is one datagram with the words of sd_notify(3)."""
    calls = [
        (lambda: notifier.status("replaying the journal"), ["STATUS=replaying the journal"]),
        (lambda: notifier.extend(30), ["EXTEND_TIMEOUT_USEC=30000000"]),
        (lambda: notifier.ready("2 strategies run"), ["READY=1", "STATUS=2 strategies run"]),
        (notifier.watchdog, ["WATCHDOG=1"]),
        (lambda: notifier.reloading(123_456), ["RELOADING=1", "MONOTONIC_USEC=123456"]),
        (notifier.ready, ["READY=1"]),
        (notifier.trigger, ["WATCHDOG=trigger"]),
        (notifier.stopping, ["STOPPING=1"]),
    ]
    for call, words in calls:
        assert call()
        assert manager.heard() == words
    assert notifier.statistics() == {"enabled": True, "sent": len(calls), "failed": "", "interval_s": 7.5}


def test_a_status_cannot_smuggle_in_another_message(manager: Manager, notifier: Notifier) -> None:
    """A newline in a status, such as from a venue's error, does not become a second assignment."""
    notifier.status("bad\nSTOPPING=1")
    assert manager.heard() == ["STATUS=bad STOPPING=1"]


def test_without_a_manager_every_call_does_nothing() -> None:
    """From a checkout there is no socket to speak to."""
    notifier = Notifier.from_environ({})
    assert not notifier.enabled
    assert not notifier.ready()
    assert not notifier.watchdog()
    assert notifier.interval_s == 0
    notifier.close()


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "15000000"}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 7.5),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_watchdog_is_ours_only_when_the_manager_says_so(environ: dict[str, str], interval_s: float) -> None:
    """The interval is half of what the manager allows, and nothing when it watches another process or none."""
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": "/nowhere", **environ})
    assert notifier.interval_s == interval_s
    notifier.close()


@pytest.mark.parametrize("address", ["/nowhere/at/all", "x" * 200, "a\0b", "@" + "y" * 200])
def test_a_manager_that_is_not_there_is_no_error(address: str) -> None:
    """A wrong address is told in the statistics and raises nothing."""
    notifier = Notifier(address)
    assert not notifier.ready()
    assert notifier.statistics()["failed"]
    notifier.close()


def test_a_manager_that_does_not_read_never_blocks_us(tmp_path: Path) -> None:
    """A full socket buffer loses messages, and each loss returns at once."""
    manager = Manager(str(tmp_path / "deaf"))
    notifier = Notifier(manager.address)
    results = [notifier.watchdog() for _ in range(20_000)]
    assert results[0]
    assert not results[-1]
    notifier.close()
    manager.socket.close()
