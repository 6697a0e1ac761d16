"""Clients that others wrote, unmodified, against the emulator on loopback: ccxt, ccxt.pro and OKX's own python-okx.

They run in an environment of their own, `.venv/clients`, as processes; the scripts stand beside this file.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctosd.kernel.clock import WallClock
from drivers.okx.emulator import Emulator
from tests.drivers.okx.emulator.venue import MAIN
from tests.drivers.paper.clockwork import World

PYTHON = Path(__file__).parents[4] / ".venv" / "clients" / "bin" / "python"


async def run(script: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a client saw, and the truth of its account. No client may pass a limit."""
    if not PYTHON.exists():
        pytest.skip("the clients' environment .venv/clients is not there: make test sets it up")
    served_module = pytest.importorskip("ctosd.host.served", reason="nothing serves an emulator here")
    emulator = Emulator(None, replace(World().ports, venue="okx", clock=WallClock()))
    served = served_module.Served(emulator)
    await served.start("127.0.0.1", 0)
    try:
        keys, addresses = emulator.credentials()[0], served.addresses()
        arguments = (
            addresses["rest"].rstrip("/"), addresses["public"].removesuffix("/public"),
            keys["api_key"], keys["api_secret"], keys["passphrase"],
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            PYTHON, "-I", Path(__file__).with_name(script), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(process.communicate(), 50)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, err.decode()[-3000:]
        found = emulator.statistics()
        assert {name: each for name, each in found["limits"].items() if each["refused"]} == {}
        return json.loads(out.decode().splitlines()[-1]), found["accounts"][MAIN]
    finally:
        await served.stop()


async def test_ccxt() -> None:
    seen, truth = await run("client_ccxt.py")
    assert seen == {
        "status": "ok",
        "clock": True,
        "markets": [0.01, 0.01, 0.1],
        "book": [20, True],
        "ticker": True,
        "tickers": 2,
        "bars": [10, True],
        "since": 5,
        "trades": True,
        "funding": True,
        "mark": True,
        "mark of no type": "BadRequest",  # OKX documents instType as required; ccxt leaves it out
        "balance": {"free": 10_000.0, "used": 0.0, "total": 10_000.0},
        "fee": 0.0005,
        "leverage": 10,
        "placed": "ccxt1",
        "asked": ["open", 2.0, True],
        "open": ["ccxt1"],
        "edited": [3.0, True],
        "cancelled": True,
        "gone": "OrderNotFound",
        "unknown": "OrderNotFound",
        "closed": "canceled",
        "crossing": "canceled",
        "too far": "InvalidOrder",
        "too much": "InsufficientFunds",
        "off the grid": "InvalidOrder",
        "taken": ["closed", 2.0, True, True],
        "spent": "closed",
        "positions": [["BTC/USDT:USDT", "long", 2.0]],
        "several": ["ccxt3", "ccxt4"],
        "swept": 2,
        "trigger": True,
        "reduce": "ExchangeError",  # 51169: ccxt has no word for it
        "fills": 2.0,
        "history": ["ccxt2", True],
        "bills": [1, 1],
        "flat": True,
    }
    named = {name: count for name, count in truth["placed"].items() if name.startswith("ccxt")}
    assert named == {"ccxt1": 1, "ccxt2": 1, "ccxt3": 1, "ccxt4": 1}
    assert truth["positions"] == {}
    assert all(order["state"] in ("filled", "canceled") for order in truth["orders"])


async def test_ccxt_pro() -> None:
    seen, truth = await run("client_ccxt_pro.py")
    assert seen == {
        "book": [True, True],
        "small book": 5,
        "best": True,
        "ticker": True,
        "trades": "BTC/USDT:USDT",
        "bars": 6,
        "mark": True,
        "funding": True,
        "balance": 10_000.0,
        "placed": ["pro1", "open", 2.0],
        "edited": 3.0,
        "cancelled": "canceled",
        "gone": "ExchangeError",
        "taken": [True, "taker", True],  # the fee is negative: ccxt passes on the sign of `fillFee`
        "position": ["long", 1.0],
    }
    assert truth["placed"] == {"pro1": 1, "pro2": 1}
    assert truth["positions"] == {"BTC/USDT:USDT": "0.01"}


async def test_python_okx() -> None:
    seen, truth = await run("client_python_okx.py")
    assert seen == {
        "status": "0",
        "time": 13,
        "contract": "0.01",
        "touch": True,
        "book": 5,
        "candles": 7,
        "funding": "0",
        "balance": "10000",
        "mode": "net_mode",
        "leverage": "10",
        "placed": ["0", "sdk1"],
        "twice": "51016",
        "amended": ["0", "r1"],
        "order": ["live", "3"],
        "open": ["sdk1"],
        "cancelled": "0",
        "gone": "51400",
        "batch": ["2", ["0", "0", "51020"]],
        "swept": "0",
        "taken": "0",
        "position": "1",
        "fills": 1.0,
        "algo": "0",
        "waiting": True,
        "withdrawn": "0",
        "closed": "0",
        "flat": [],
        "history": True,
        "fees": "-0.0005",
    }
    assert truth["placed"] == {"sdk1": 1, "sdk2": 1, "sdk3": 1, "sdk4": 1}
    assert truth["received"]["sdk1"] == 2
    assert [algo["state"] for algo in truth["algos"]] == ["canceled"]
