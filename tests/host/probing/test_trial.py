"""The real driver on trial against its venue's emulator: clock, start, market, accounts, and whose fault it is."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import AuthFailed, ClockReading, Finding, Misconfigured, NotReady
from ctosd.host.probing.check import Check
from ctosd.host.probing.pace import Pace
from ctosd.host.probing.trial import Trial, judged, try_out
from ctosd.host.served import Served
from ctosd.kernel.clock import WallClock
from drivers.backpack.emulator import Emulator
from tests.host.probing import stand


async def tried(folder: Path, served: Served, keys: Mapping[str, Mapping[str, str]], **more: Any) -> list[Check]:
    found = stand.venue(folder, "backpack", accounts={key: {} for key in keys}, endpoints=served.addresses())
    secrets = {f"backpack/{name}": fields for name, fields in keys.items()}
    checks = await try_out(found, secrets, **{"clock": WallClock(), "pace": Pace(), "timeout_s": 2.0, **more})
    left = [task.get_name() for task in asyncio.all_tasks() if "backpack" in task.get_name()]
    assert left == []
    return checks


async def test_a_venue_that_is_well(tmp_path: Path) -> None:
    served = await stand.serve(Emulator)
    checks = await tried(tmp_path, served, {"main": served.emulator.credentials()[0]})
    assert [check.name for check in checks[:4]] == ["clock", "start", "market data", "credentials"]
    assert all(check.ok for check in checks)
    assert checks[1].target == "backpack/main"
    assert checks[1].message == "5 instruments"
    assert re.fullmatch(r"bid (59|60)\d{3}\.\d, ask (59|60)\d{3}\.\d", checks[2].message)
    assert "0 ms" in checks[0].message or "1 ms" in checks[0].message
    assert stand.named(checks, "key rights").target == "backpack/main"
    await stand.until(lambda: served.sockets == 0)
    await served.stop()


async def test_without_keys_the_market_is_looked_at(tmp_path: Path) -> None:
    served = await stand.serve(Emulator)
    checks = await tried(tmp_path, served, {"main": {}})
    assert stand.spelled(checks) == ["clock ok", "start ok", "market data ok"]
    await served.stop()


async def test_of_two_accounts_the_wrong_one_is_found(tmp_path: Path) -> None:
    served = await stand.serve(Emulator)
    good = served.emulator.credentials()[0]
    wrong = {**good, "api_secret": "f" * 43 + "="}
    checks = await tried(tmp_path, served, {"main": good, "second": wrong})
    assert stand.spelled(checks)[:3] == ["clock ok", "start ok", "market data ok"]
    assert checks[1].target == "without keys"
    starts = {check.target: check.ok for check in checks if check.name == "start"}
    assert starts == {"without keys": True, "backpack/main": True, "backpack/second": False}
    refused = stand.named(checks, "start", "second")
    assert "accounts.yaml" in refused.remedy
    assert wrong["api_secret"] not in repr(checks)
    await served.stop()


async def test_a_wrong_clock_is_told_with_its_remedy(tmp_path: Path) -> None:
    served = await stand.serve(Emulator, clock_skew=90.0)
    checks = await tried(tmp_path, served, {"main": served.emulator.credentials()[0]})
    clock = stand.named(checks, "clock")
    assert not clock.ok
    assert clock.message.startswith(("this machine is 90000 ms behind", "this machine is 89999 ms behind"))
    assert "set-ntp" in clock.remedy
    await served.stop()


async def test_a_venue_in_maintenance_is_told_in_its_words(tmp_path: Path) -> None:
    served = await stand.serve(Emulator, maintenance=1.0)
    checks = await tried(tmp_path, served, {"main": served.emulator.credentials()[0]})
    started = stand.named(checks, "start")
    assert not started.ok
    assert "maintenance" in started.message
    await served.stop()


async def test_a_start_that_hangs_is_bounded(tmp_path: Path) -> None:
    """Each trial may take three time-outs; there are two, with keys and without."""
    server = stand.Deaf()
    port = await server.start()
    endpoints = {"rest": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}"}
    venue = stand.venue(tmp_path, "backpack", endpoints=endpoints)
    secrets = {"backpack/main": venue.manifest.emulator_credentials}
    began = time.monotonic()
    checks = await try_out(venue, secrets, clock=WallClock(), pace=Pace(), timeout_s=0.1)
    assert time.monotonic() - began < 3
    assert stand.spelled(checks) == ["clock wrong", "start wrong"]
    assert checks[1].message == "not done within 0.3 s"
    await server.stop()


class Faulty(Trial):
    """A trial whose driver raises what it is told."""

    def __init__(self, *arguments: Any, error: Exception, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.error = error
        self.driver.start = self.fail  # type: ignore[method-assign]
        self.driver.stop = self.fail  # type: ignore[method-assign]
        self.driver.preflight = self.look  # type: ignore[method-assign,assignment]

    async def fail(self) -> None:
        raise self.error

    async def look(self, account: str) -> list[Finding]:
        return [
            Finding(subject="key rights", ok=False, message="may withdraw", remedy="make another", blocks=True),
            Finding(subject="key binding", ok=False, message="bound to nothing", remedy="bind it"),
        ]


@pytest.mark.parametrize(
    ("error", "refused", "message", "remedy"),
    [
        (AuthFailed("no such key"), True, "no such key", "correct the credentials"),
        (Misconfigured("set net_mode at OKX"), True, "set net_mode at OKX", ""),
        (NotReady("HTTP 502"), False, "HTTP 502", "status page"),
        (KeyError("instType"), False, "'instType'", "status page"),
        (ValueError(), False, "ValueError()", "status page"),
    ],
)
async def test_whatever_a_driver_raises_is_a_finding(
    tmp_path: Path, error: Exception, refused: bool, message: str, remedy: str
) -> None:
    venue = stand.venue(tmp_path, "backpack", endpoints={"rest": "http://127.0.0.1:1", "ws": "ws://127.0.0.1:1"})
    async with Faulty(
        venue, {"backpack/main": {}}, clock=WallClock(), pace=Pace(), timeout_s=1.0, error=error
    ) as trial:
        check = await trial.start("backpack/main")
        assert (check.ok, check.message, trial.refused) == (False, message, refused)
        assert remedy in check.remedy
        rights, binding = await trial.preflight("backpack/main")
        assert (rights.wrong, binding.wrong, binding.ok) == (True, False, False)
        assert (rights.target, rights.remedy) == ("backpack/main", "make another")


def test_half_a_round_trip_is_not_held_against_the_clock() -> None:
    ahead = judged(ClockReading(offset_ns=-1_200_000_000, round_trip_ns=500_000_000), "okx")
    assert ahead.ok
    assert (ahead.target, ahead.ms) == ("okx", 500.0)
    assert ahead.message == "this machine is 1200 ms ahead of the venue, known to 250 ms"
    assert not judged(ClockReading(offset_ns=-1_200_000_000, round_trip_ns=300_000_000), "okx").ok
