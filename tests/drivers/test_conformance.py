"""The numbered suite on every driver of ours, each joined to its emulator in memory; and the door for a stranger's."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from msgspec import structs

from ctosd.testing.conformance import CHECKS, Check, Subject
from ctosd.testing.conformance.suite import examine
from ctosd.testing.conformance.world import titles
from drivers.backpack import Backpack
from drivers.backpack.emulator import Emulator as BackpackEmulator
from drivers.binance import Binance
from drivers.binance.emulator import Emulator as BinanceEmulator
from drivers.okx import Okx
from drivers.okx.emulator import Emulator as OkxEmulator
from drivers.paper import Paper
from drivers.paper.config import FundingConfig, PaperConfig

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"

SUBJECTS = {
    "okx": Subject(driver=Okx, emulator=OkxEmulator, perp=PERP, spot=SPOT, venue="okx"),
    "okx-rest": Subject(driver=Okx, emulator=OkxEmulator, perp=PERP, settings={"orders": "rest"}, venue="okx"),
    "binance-usdm": Subject(driver=Binance, emulator=BinanceEmulator, perp=PERP, venue="binance"),
    "binance-spot": Subject(
        driver=Binance, emulator=BinanceEmulator, spot=SPOT, settings={"product": "spot"}, venue="binance"
    ),
    "backpack": Subject(
        driver=Backpack, emulator=BackpackEmulator, perp="SOL/USDC:USDC", spot="SOL/USDC", venue="backpack"
    ),
}
OFTEN = PaperConfig(funding=FundingConfig(interval_h=1 / 6))
"""An emulator that pays funding every ten minutes, and not every eight hours."""
WRITES = range(16, 46)
"""What the way of an order changes: the only checks that the second way through OKX repeats."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("check", CHECKS, ids=[check.id for check in CHECKS])
@pytest.mark.parametrize("name", SUBJECTS)
def test_our_drivers_conform(check: Check, name: str) -> None:
    if name == "okx-rest" and check.number not in WRITES:
        pytest.skip("the same as over WebSocket")
    examine(check, SUBJECTS[name])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["okx", "binance-usdm", "backpack"])
def test_our_drivers_list_funding(name: str) -> None:
    """Where it is paid often: the check does not wait for eight hours."""
    CHECKS[57](replace(SUBJECTS[name], emulated=OFTEN))


def test_the_paper_venue_lists_funding() -> None:
    """Of its own memory, also what was due while it was down."""
    settings = {"funding": OFTEN.funding}
    CHECKS[57](Subject(driver=Paper, perp=PERP, settings=settings, venue="paper"))


def test_the_checks_are_numbered_without_a_hole() -> None:
    assert [check.number for check in CHECKS] == list(range(1, len(CHECKS) + 1))
    assert titles(CHECKS).count("\n") == len(CHECKS) - 1


def test_a_stranger_examines_a_driver_from_the_command_line() -> None:
    """The plug-in is installed with CTOS; what does not exist is a sentence."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "C01 or C18"]
    stranger = [
        "--ctos-driver",
        "drivers.okx:Okx",
        "--ctos-emulator",
        "drivers.okx.emulator:Emulator",
        "--ctos-perp",
        PERP,
    ]
    done = subprocess.run([*command, *stranger], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout or done.stdout.count(".") >= 2
    wrong = subprocess.run(
        [*command, "--ctos-driver", "drivers.okx:Nothing"], capture_output=True, text=True, timeout=60, check=False
    )
    assert wrong.returncode != 0
    assert "drivers.okx:Nothing" in wrong.stdout + wrong.stderr


def test_a_driver_that_breaks_a_promise_is_caught() -> None:
    """The suite can fail: a driver whose cancels do nothing, and one that calls a lost answer a refusal."""

    class Lazy(Okx):
        async def submit(self, command):  # type: ignore[no-untyped-def]
            from ctosd.abi import Accepted, Cancel, Rejected, Unknown

            if isinstance(command, Cancel):
                return Accepted(client_id=command.client_id, venue_id="1", time_ns=0)
            outcome = await super().submit(command)
            if isinstance(outcome, Unknown):
                return Rejected(client_id=command.client_id, reason="exchange_error", message="lost", time_ns=0)
            return outcome

    lazy = Subject(driver=Lazy, emulator=OkxEmulator, perp=PERP, venue="okx")
    for number in (17, 18, 41):
        with pytest.raises(AssertionError):
            CHECKS[number - 1](lazy)


def test_a_driver_that_forgets_or_renames_funding_is_caught() -> None:
    """And one that knows only what it was connected for."""

    class Forgetful(Binance):
        async def fetch_funding_payments(self, account, since_ns):  # type: ignore[no-untyped-def]
            found = await super().fetch_funding_payments(account, since_ns)
            return found[-1:] if since_ns else found

    class Renaming(Binance):
        async def fetch_funding_payments(self, account, since_ns):  # type: ignore[no-untyped-def]
            found = await super().fetch_funding_payments(account, since_ns)
            return [structs.replace(each, payment_id=f"x{each.payment_id}") for each in found]

    for driver in (Forgetful, Renaming):
        with pytest.raises(AssertionError):
            CHECKS[57](replace(SUBJECTS["binance-usdm"], driver=driver, emulated=OFTEN))


def test_the_paper_venue_conforms_without_an_emulator() -> None:
    """What needs a store or a network apart, a simulated venue passes the same checks."""
    paper = Subject(driver=Paper, perp=PERP, spot=SPOT, venue="paper")
    for number in (1, 2, 4, 6, 11, 13, 16, 17, 18, 19, 20, 22, 23, 25, 26, 31, 33):
        CHECKS[number - 1](paper)
