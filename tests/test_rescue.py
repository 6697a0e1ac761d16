"""Rescue: the daemon is killed, and its orders do not stay behind in the market."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.autopsy import look, told
from tests.host.test_emulate import PORTS, ROOT, Emulated
from tests.test_boot import GRID, Running, folder

__all__ = ["folder"]

KEEPING = GRID + "exit: {stop: keep, fault: keep, park: keep, shutdown: keep}\n"


def rescue(daemon: Running, *words: str, code: int = 0) -> dict[str, object]:
    config = str(daemon.folder / "ctos.yaml")
    shown = daemon.ctl("rescue", "--config", config, "--json", *words, code=code)
    told, _ = json.JSONDecoder().raw_decode(shown)
    assert isinstance(told, dict)
    return told


@pytest.fixture
def killed(folder: Path) -> Iterator[Running]:
    """A daemon with open orders of two strategies that died by SIGKILL; one of them wants its orders kept."""
    running = Running(folder, units={"grid": GRID, "keeping": KEEPING}).start()
    running.wait_for("ready")
    end = time.monotonic() + 15
    owners: set[object] = set()
    while owners != {"grid", "keeping"}:
        assert time.monotonic() < end, owners
        orders = running.json("orders")
        assert isinstance(orders, list)
        owners = {order["strategy"] for order in orders if order["state"] == "open"}
    running.stop(signal.SIGKILL)
    yield running
    running.stop(signal.SIGKILL)


def test_orders_of_a_daemon_that_died_are_cancelled(killed: Running) -> None:
    """By policy first, then all; a second rescue finds nothing, and the daemon itself starts on what is left."""
    first = rescue(killed)
    assert first["ok"], first
    assert first["cancelled"]
    assert first["kept"]
    assert first["remaining"] == []
    everything = rescue(killed, "--all")
    assert set(first["kept"]) <= set(everything["cancelled"])  # type: ignore[call-overload]
    again = rescue(killed, "--all")
    assert (again["cancelled"], again["kept"]) == ([], [])
    off = {"enabled": "enabled: false\n"}
    for name, unit in {"grid": GRID, "keeping": KEEPING}.items():
        (killed.folder / "strategies.d" / f"{name}.yaml").write_text(unit + off["enabled"])
    killed.out.write_text("")
    killed.start()
    killed.wait_for("ready")
    assert killed.json("orders") == []
    assert killed.json("status")["orders"]["unknown"] == 0  # type: ignore[index,call-overload]


def test_a_daemon_that_lives_or_ended_well_is_left_alone(folder: Path) -> None:
    running = Running(folder)
    assert "nothing was ever sent" in str(rescue(running)["message"])
    running.start()
    running.wait_for("ready")
    try:
        refused = rescue(running, code=1)
        assert "nothing was done" in str(refused["message"])
        os.environ["SERVICE_RESULT"] = "success"
        assert "ended well" in str(rescue(running)["message"])
    finally:
        os.environ.pop("SERVICE_RESULT", None)
        running.stop(signal.SIGKILL)


def test_a_wrong_configuration_is_told(folder: Path) -> None:
    running = Running(folder, "venues: {paper: {driverr: paper}}\n", {})
    assert "driverr" in str(rescue(running, code=4)["message"])


@pytest.fixture(params=sorted(PORTS))
def wired(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[str, Emulated, Running]]:
    """A venue's emulator, and a daemon on it with the shipped configuration whose orders rest."""
    server = Emulated(request.param)
    port = server.told["endpoints"]["rest"].rpartition(":")[2]
    text = (ROOT / "etc" / f"{request.param}-emulated.yaml").read_text().replace(f":{PORTS[request.param]}", f":{port}")
    running = Running(folder, text.replace("0.9997", "0.99").replace("1.0003", "1.01"), {})
    yield request.param, server, running
    running.stop(signal.SIGKILL)
    assert server.end() == 0


def test_over_a_venues_own_wire_too(wired: tuple[str, Emulated, Running]) -> None:
    """The emulator outlives the daemon, as a venue does: its own record says what rests there before and after."""
    venue, server, running = wired
    control = server.told["endpoints"]["rest"] + "/_emulator"

    def resting() -> set[str]:
        return {seen.client_id for seen in look(venue, asyncio.run(told(control))).orders.values() if seen.is_open}

    running.start()
    running.wait_for("ready")
    end, before = time.monotonic() + 15, set[str]()
    while not before or resting() != before:  # until nothing is on its way any more
        assert time.monotonic() < end, running.out.read_text()[-3000:]
        before = resting()
        time.sleep(0.6)
    running.stop(signal.SIGKILL)
    left = resting()
    assert left
    assert [line for line in running.lines() if line["event"] == "dead_man_not_renewed"] == []
    found = rescue(running)
    assert found["ok"], found
    assert (found["remaining"], found["kept"], found["venues"]) == ([], [], {})
    cancelled = found["cancelled"]
    assert isinstance(cancelled, list)
    assert len(cancelled) == len(left)
    if venue != "backpack":  # there a number stands for the id
        assert set(cancelled) == left
    assert resting() == set()
    assert rescue(running)["cancelled"] == []
