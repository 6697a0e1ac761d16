"""Clients that others wrote, unmodified, against the emulator on loopback: ccxt, ccxt.pro and bpx-py.

They run in an environment of their own, `.venv/clients`, as processes; the scripts stand beside this file.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctosd.kernel.clock import WallClock
from drivers.backpack.emulator import Emulator
from tests.drivers.backpack.emulator.counter import QUICK
from tests.drivers.paper.clockwork import World

PYTHON = Path(__file__).parents[4] / ".venv" / "clients" / "bin" / "python"
SYMBOLS = ["BTC_USDC", "BTC_USDC_PERP", "ETH_USDC_PERP", "SOL_USDC", "SOL_USDC_PERP"]


async def run(script: str) -> tuple[dict[str, Any], Any]:
    """What a client saw, and the truth of its account."""
    if not PYTHON.exists():
        pytest.skip("the clients' environment .venv/clients is not there: make test sets it up")
    served_module = pytest.importorskip("ctosd.host.served", reason="nothing serves an emulator yet")
    emulator = Emulator(QUICK, replace(World().ports, clock=WallClock()))
    served = served_module.Served(emulator)
    await served.start("127.0.0.1", 0)
    try:
        keys, addresses = emulator.credentials()[0], served.addresses()
        arguments = (addresses["rest"].rstrip("/"), addresses["ws"], keys["api_key"], keys["api_secret"])
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
        assert process.returncode == 0, err.decode()[-2000:]
        statistics = emulator.statistics()
        assert all(limit["refused"] == 0 for limit in statistics["limits"].values())
        return json.loads(out.decode().splitlines()[-1]), statistics["accounts"]["paper/main"]
    finally:
        await served.stop()


async def test_ccxt() -> None:
    seen, truth = await run("client_ccxt.py")
    bid, ask = seen.pop("touch")
    assert bid < ask
    assert bid * 0.99 < seen.pop("ticker") < ask * 1.01
    assert seen.pop("clock") == 1  # the first digit: ccxt takes the text of GET /time for a list
    assert seen.pop("interest") >= 10_000
    assert seen.pop("bars") in (10, 11)
    assert seen.pop("trades") <= 5
    assert -0.01 < seen.pop("funding") < 0.01
    assert seen == {
        "status": "ok",
        "markets": ["BTC/USDC", "BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC", "SOL/USDC:USDC"],
        "precision": [0.01, 0.01],
        "currencies": ["BTC", "ETH", "SOL", "USDC"],
        "depth": 1000,  # ccxt sends no limit
        "tickers": 5,
        "rates": 7,
        "balance": {"free": 10_000.0, "used": 0.0, "total": 10_000.0},
        "placed": ["open", "7", 0.0],
        "open": True,
        "asked": "open",
        "cancelled": "canceled",
        "cancelled again": "ExchangeNotAvailable",  # RESOURCE_NOT_FOUND: ccxt's own mistake, see the sheet, section 8
        "taken": ["closed", 2.0, True],
        "spent": ["closed", True],
        "crossing": "InvalidOrder",
        "too much": "InsufficientFunds",
        "trigger": ["open", "TriggerPending"],
        "several": ["21", "22"],
        "gone": 3,
        "history": {"7": "canceled", "8": "closed", "21": "canceled", "22": "canceled"},
        "fills": 2.0,
        "positions": [["SOL/USDC:USDC", "long", "2"]],
        "paid": 0,
    }
    assert truth["processed"] == {7: 1, 8: 1, 21: 1, 22: 1}
    assert truth["positions"] == {"SOL/USDC:USDC": "2"}


async def test_ccxt_pro() -> None:
    seen, truth = await run("client_ccxt_pro.py")
    bid, ask = seen.pop("touch")
    assert bid < ask
    assert bid * 0.99 < seen.pop("ticker") < ask * 1.01
    book = seen.pop("book")
    assert book[0] < book[1]
    assert book[2] > 100
    assert seen.pop("trades") >= 1
    assert seen.pop("bars") >= 1
    assert seen == {
        "crossed": False,
        "orders": [[True, "31"]],
        "positions": ["SOL/USDC:USDC"],
        "resting": "open",
        "cancelled": "canceled",
    }
    assert [each["state"] for each in truth["orders"]] == ["Filled", "Cancelled"]


async def test_bpx() -> None:
    seen, truth = await run("client_bpx.py")
    bid, ask = seen.pop("touch")
    assert bid < ask
    assert bid * 0.99 < seen.pop("ticker") < ask * 1.01
    assert seen.pop("clock") < 5_000
    assert seen.pop("bars") in (10, 11)
    assert seen.pop("trades") <= 3
    assert seen.pop("most") > 100
    assert seen.pop("equity") > 12_000
    assert seen.pop("capital flag")["code"] == "INVALID_CLIENT_REQUEST"  # it sends reduceOnly=True and signs true
    assert seen == {
        "status": "Ok",
        "ping": "pong",
        "markets": SYMBOLS,
        "interest": 3,
        "rates": 5,
        "balances": {
            "USDC": {"available": "10000", "locked": "0", "staked": "0"},
            "SOL": {"available": "20", "locked": "0", "staked": "0"},
        },
        "leverage": "10",
        "leverage then": "5",
        "placed": ["New", 41],
        "open": True,
        "asked": "New",
        "asked by ours": "New",
        "cancelled": "Cancelled",
        "cancelled again": "RESOURCE_NOT_FOUND",
        "taken": ["Filled", "2"],
        "gone": 1,
        "positions": [["SOL_USDC_PERP", "2"]],
        "fills": 2.0,
        "history": ["Cancelled", "Filled", "Cancelled"],
        "paid": [],
    }
    assert truth["processed"] == {41: 1, 42: 1}
