"""Clients of others, unmodified, against the emulator on loopback: what they take for Binance is taken for Binance.

They live in an environment of their own (`.venv/clients`, locked in `.ci/requirements-clients.txt`).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctosd.host.served import Served
from ctosd.kernel.clock import WallClock
from drivers.binance.emulator import Emulator
from tests.drivers.paper.clockwork import World

HERE = Path(__file__).parent
PYTHON = Path(__file__).parents[4] / ".venv/clients/bin/python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the environment of other people's clients is not installed"
)


async def run(script: str) -> tuple[Any, Emulator]:
    """What a client printed, and the emulator that it spoke with."""
    ports = replace(World().ports, clock=WallClock(), venue="binance")
    emulator = Emulator(None, ports)
    served = Served(emulator)
    await served.start()
    try:
        base = served.control().removesuffix("/_emulator")
        process = await asyncio.create_subprocess_exec(
            str(PYTHON),
            str(HERE / script),
            base,
            emulator.credentials()[2]["private_key"],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"NO_PROXY": "*", "HOME": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()[-3_000:]
        return json.loads(out.decode().splitlines()[-1]), emulator
    finally:
        await served.stop()


SCRIPTS = ("client_ccxt.py", "client_ccxtpro.py", "client_sdk_futures.py", "client_sdk_spot.py")


@pytest.fixture(scope="module")
def told_by() -> dict[str, Any]:
    """All of them at once, each with an emulator of its own: they mostly wait."""

    async def everybody() -> list[Any]:
        return await asyncio.gather(*map(run, SCRIPTS), return_exceptions=True)

    return dict(zip(SCRIPTS, asyncio.run(everybody()), strict=True))


def result(told_by: dict[str, Any], script: str) -> tuple[Any, Emulator]:
    found = told_by[script]
    if isinstance(found, BaseException):
        raise found
    return found  # type: ignore[no-any-return]


def within_limits(emulator: Emulator) -> bool:
    limits = emulator.statistics()["limits"]
    return all(each["peak"] <= each["allowed"] and not each["refused"] for each in limits.values())


def once(emulator: Emulator, product: str) -> bool:
    """Whether no client id was carried out twice."""
    ids = emulator.statistics()["accounts"]["main"][product]["client_ids"]
    return bool(ids) and all(each["processed"] <= 1 for each in ids.values())


def test_ccxt(told_by: dict[str, Any]) -> None:
    told, emulator = result(told_by, "client_ccxt.py")
    assert told["futures"]["states"] == ["canceled", "closed"], "an edit of futures keeps the order"
    assert told["spot"]["states"] == ["canceled", "canceled", "closed"], "an edit of spot replaces it"
    assert told["perpetual"]["contracts"] == 0.01
    assert (told["perpetual"]["batch"], told["perpetual"]["leverage"], told["perpetual"]["left"]) == (2, 7, [])
    assert told["spot"]["refused"] == "OrderImmediatelyFillable"
    assert told["futures"]["refused"] != "accepted"
    assert within_limits(emulator)
    assert once(emulator, "futures")
    assert once(emulator, "spot")


def test_ccxt_pro(told_by: dict[str, Any]) -> None:
    told, emulator = result(told_by, "client_ccxtpro.py")
    for product in ("futures", "spot"):
        assert told[product]["states"] == ["open", "canceled", "open", "closed"]
        assert told[product]["levels"] > 900
    assert within_limits(emulator)


def test_the_venues_own_client_of_futures(told_by: dict[str, Any]) -> None:
    told, emulator = result(told_by, "client_sdk_futures.py")
    for way in ("rest", "ed25519"):
        assert (told[way]["state"], told[way]["batch"], told[way]["limits"]) == ("CANCELED", [None, -1111], 3)
    assert told["sockets"]["state"] == "CANCELED"
    assert told["sockets"]["user"] == ["OrderTradeUpdate", "OrderTradeUpdate"]
    assert within_limits(emulator)
    assert emulator.statistics()["refusals"]["futures"] == {}


def test_the_venues_own_client_of_spot(told_by: dict[str, Any]) -> None:
    told, emulator = result(told_by, "client_sdk_spot.py")
    assert told["rest"]["renamed"], "an amend without an id gets a new one"
    assert told["rest"]["replaced"] == ["SUCCESS", "SUCCESS"]
    assert told["sockets"]["session"] == "emulator-ed25519"
    assert told["sockets"]["user"] == ["ExecutionReport", "OutboundAccountPosition"] * 2
    assert within_limits(emulator)
