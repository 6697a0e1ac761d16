"""Arming, as a person does it: the real daemon, the real `ctosctl`, a driver that says real money moves, and OKX's wire."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.test_emulate import Emulated
from tests.test_boot import Running, folder

__all__ = ["folder"]

ACCOUNT, SYMBOL = "okx/main", "BTC/USDT:USDT"

DRIVER = '''
from drivers.okx import Okx


class Driver(Okx):
    """OKX on the emulator, taken for the live venue."""

    @property
    def live(self):
        return True
'''

CONFIG = """
log: {{level: info, console: json}}
strategies_dir: ""
risk: {{duplicate_window_ms: 0}}
venues:
  okx:
    driver: ./real.py:Driver
    environment: demo
    accounts: {{main: {{}}}}
    endpoints: {{{endpoints}}}
"""


@pytest.fixture
def daemon(folder: Path) -> Iterator[Running]:
    emulator = Emulated("okx")
    (folder / "real.py").write_text(DRIVER)
    endpoints = ", ".join(f"{name}: {url}" for name, url in emulator.told["endpoints"].items())
    running = Running(folder, CONFIG.format(endpoints=endpoints), {}).start()
    running.wait_for("ready")
    yield running
    running.stop(signal.SIGKILL)
    emulator.end()


def call(daemon: Running, syscall: str, *args: str) -> dict[str, object]:
    """`ctosctl call`, which fails when the order is refused, and shows it all the same."""
    told = json.loads(daemon.ctl("call", ACCOUNT, syscall, *args, "--json", code=None))
    assert isinstance(told, dict)
    return told


def place(daemon: Running) -> dict[str, object]:
    """A buy far from the market; what became of it."""
    price = float(str(daemon.json("call", ACCOUNT, "get_price_now", f"symbol={SYMBOL}"))) * 0.98
    terms = (f"symbol={SYMBOL}", "side=buy", "order_type=limit", "size=0.01", f"price={price:.1f}")
    return call(daemon, "place_order", *terms)


def armed(daemon: Running) -> str:
    return daemon.ctl("cat", f"risk/armed/{ACCOUNT.replace('/', '-')}")


def test_a_live_account_takes_no_risk_until_a_person_arms_it(daemon: Running) -> None:
    """A configuration alone does nothing; the grant outlives a crash; disarming leaves cancels."""
    refused = place(daemon)
    assert (refused["state"], refused["reason"]) == ("denied", "unarmed")
    assert f"`ctosctl arm {ACCOUNT}`" in str(refused["message"])
    daemon.ctl("arm", ACCOUNT, "--max-loss", "100", "--for", "8h")
    orders = [place(daemon)]
    granted = armed(daemon)

    daemon.stop(signal.SIGKILL)
    daemon.out.write_text("")
    daemon.start().wait_for("ready")
    assert armed(daemon) == granted
    orders.append(place(daemon))
    assert [order["state"] for order in orders] == ["open", "open"], orders

    daemon.ctl("disarm", ACCOUNT)
    assert place(daemon)["reason"] == "unarmed"
    for order in orders:
        call(daemon, "revoke_order", f"order_id={order['client_id']}")
    end = time.monotonic() + 5
    while daemon.json("orders") != []:
        assert time.monotonic() < end, daemon.ctl("orders")
    assert daemon.stop() == 0


def test_a_grant_ends_by_its_time(daemon: Running) -> None:
    daemon.ctl("arm", ACCOUNT, "--max-loss", "100", "--for", "2s")
    assert place(daemon)["state"] == "open"
    time.sleep(2.0)
    refused = place(daemon)
    assert refused["reason"] == "unarmed"
    assert "its time is over" in str(refused["message"])
