"""What holds for every test: no test leaves this machine, none sees the developer's own daemon, all examples are the same."""

import itertools
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings

# The same examples in every run: a red test is red for the next person too. HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("ci", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=True)
settings.register_profile(
    "search", deadline=None, database=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

MANAGERS = (
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "INVOCATION_ID"),
    *("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "CACHE_DIRECTORY"),
)
_numbers = itertools.count()
HERE = Path(__file__).parent
DAEMONS = ("test_emulate", "test_clients")
"""Files below this folder that start daemons, as those beside this one do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts daemons runs one after the other, in one worker: their clocks are real, and a machine has few cores."""
    for item in items:
        if item.path.parent == HERE or item.path.stem in DAEMONS:
            item.add_marker(pytest.mark.xdist_group("daemons"))


def is_loopback(host: object) -> bool:
    """Whether `host`, a name or an address, is this machine. None and the empty name bind or resolve to it."""
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "localhost")
    if text in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return True
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _refuse_unless_loopback(host: object) -> None:
    if not is_loopback(host):
        pytest.fail(f"a test tried to reach {host!r}: tests speak to loopback and Unix sockets only", pytrace=False)


def _guarded(method: Callable[..., Any], place: int) -> Callable[..., Any]:
    """`method` of a socket, whose argument number `place` from the end or the front is an address."""

    def call(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_loopback(arguments[place][0])
        return method(self, *arguments)

    return call


def _guard_sockets(patch: pytest.MonkeyPatch) -> None:
    for name, place in (("connect", 0), ("connect_ex", 0), ("sendto", -1)):
        patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), place))
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_unless_loopback(host)
        return resolve(host, *arguments, **options)

    patch.setattr(socket, "getaddrinfo", getaddrinfo)


def _guard_uvloop(patch: pytest.MonkeyPatch) -> None:
    """uvloop connects and resolves in C, past the socket module."""
    connect, resolve = uvloop.Loop.create_connection, uvloop.Loop.getaddrinfo

    async def create_connection(self: Any, factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        _refuse_unless_loopback(host)
        return await connect(self, factory, host, port, **options)

    async def getaddrinfo(self: Any, host: Any, port: Any, **options: Any) -> Any:
        _refuse_unless_loopback(host)
        return await resolve(self, host, port, **options)

    patch.setattr(uvloop.Loop, "create_connection", create_connection)
    patch.setattr(uvloop.Loop, "getaddrinfo", getaddrinfo)


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        _guard_sockets(patch)
        _guard_uvloop(patch)
        yield


@pytest.fixture(scope="session")
def _somewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(autouse=True)
def _own_var(monkeypatch: pytest.MonkeyPatch, _somewhere: Path) -> None:
    """Each test has a `var/` of its own (made when used), and no settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("CTOS_") or name in MANAGERS]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CTOS_VAR", str(_somewhere / str(next(_numbers))))
