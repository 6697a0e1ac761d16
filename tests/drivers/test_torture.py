"""Every fault of every emulator x place, amend, cancel, fill, stream: none lost, none twice, every unknown resolved.

Five seeds a cell; `make torture` gives each a hundred. And what breaks a promise on purpose is found.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ctosd.abi import Accepted, Cancel, Command, Fill, Order, Outcome, Quote, Rejected, Unknown
from ctosd.core.book import Book
from ctosd.kernel import recovery as recovery_module
from ctosd.kernel import system as system_module
from ctosd.kernel.auditor import Auditor
from ctosd.kernel.blotter import Blotter
from ctosd.kernel.bus import Bus
from ctosd.kernel.egress import Egress
from ctosd.kernel.recovery import Recovery
from ctosd.testing.rig import START_NS
from drivers.backpack import Backpack
from drivers.binance import Binance
from drivers.okx import Okx
from tests.drivers import torture_life
from tests.drivers.torture import Cell, torture
from tests.drivers.torture_table import OPERATIONS, VENUES, every_cell, every_omission, faults_of

SEEDS = range(5)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cell", list(every_cell()), ids=" ".join)
def test_a_cell(cell: Cell) -> None:
    tally = torture(cell, SEEDS)
    assert tally.wrong == [], "python -m tests.drivers.torture " + tally.wrong[0]
    assert tally.orders > 0, "nothing was sent: nothing was proved"


def test_the_matrix_is_whole() -> None:
    """What is not lived through has a reason."""
    lived = set(every_cell())
    left_out = {(venue, fault, operation) for venue, fault, operation, reason in every_omission() if reason}
    whole = {(venue, fault, operation) for venue in VENUES for fault in faults_of(venue) for operation in OPERATIONS}
    assert lived | left_out == whole
    assert not lived & left_out


def test_a_cell_is_the_same_again() -> None:
    assert torture_life.live("okx", "reset_after", "place", 3) == torture_life.live("okx", "reset_after", "place", 3)


# -- it can fail --------------------------------------------------------------------------------------------------------------


def found(*cells: str, seeds: range = SEEDS) -> str:
    """Everything that the matrix says of a broken system, over some cells."""
    lines = []
    for cell in cells:
        venue, fault, operation = cell.split()
        for seed in seeds:
            lines += torture_life.live(venue, fault, operation, seed).wrong
    return "\n".join(lines)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never resolved need not be waited for."""
    monkeypatch.setattr(torture_life, "PATIENCE_S", 60.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("venue", VENUES)
def test_a_kernel_that_takes_doubt_for_refusal(monkeypatch: pytest.MonkeyPatch, venue: str) -> None:
    def wishful(self: Egress, order: Order, outcome: Unknown, seq: int) -> None:
        refusal = Rejected(client_id=order.client_id, reason="exchange_error", message=outcome.message, time_ns=1)
        self._reject(order, refusal, seq)

    monkeypatch.setattr(Egress, "_mark_unknown", wishful)
    said = found(f"{venue} reset_after place", f"{venue} reset_after fill")
    assert "is rejected with" in said or "there 1, here 0" in said


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("driver", "venue"), [(Okx, "okx"), (Binance, "binance-usdm"), (Backpack, "backpack")])
def test_a_driver_that_sends_a_place_again(monkeypatch: pytest.MonkeyPatch, driver: Any, venue: str) -> None:
    submit = driver.submit

    async def eager(self: Any, command: Command) -> Outcome:
        outcome: Outcome = await submit(self, command)
        return await submit(self, command) if isinstance(outcome, Unknown) else outcome

    monkeypatch.setattr(driver, "submit", eager)
    assert "reached the venue 2 times" in found(f"{venue} reset_after place")


@pytest.mark.usefixtures("impatient")
def test_a_driver_that_sends_an_amend_again(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = Okx.submit

    async def eager(self: Okx, command: Command) -> Outcome:
        outcome = await submit(self, command)
        return await submit(self, command) if isinstance(outcome, Unknown) else outcome

    monkeypatch.setattr(Okx, "submit", eager)
    assert "was carried out 2 times" in found("okx error_after amend", seeds=range(4))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("venue", VENUES)
def test_a_kernel_without_an_auditor(monkeypatch: pytest.MonkeyPatch, venue: str) -> None:
    """A fill of which the private stream says nothing is missed."""

    async def nothing(self: Auditor) -> None:
        return None

    monkeypatch.setattr(Auditor, "run", nothing)
    assert "here 0" in found(f"{venue} drop_private fill")


@pytest.mark.usefixtures("impatient")
def test_a_kernel_that_never_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when an answer is lost nor when the auditor misses an order."""

    async def ask(self: Recovery, order: Order, patient: bool = True) -> bool:
        return False

    monkeypatch.setattr(Recovery, "ask", ask)
    assert "is unknown with" in found("binance-usdm no_answer place", "backpack silence_after fill")


@pytest.mark.usefixtures("impatient")
def test_a_kernel_that_gives_an_order_up_too_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that the history does not tell of yet is not one that never was."""
    monkeypatch.setattr(recovery_module, "is_proved_absent", lambda *_: True)
    assert "never_sent" in found("backpack history_delay place", "backpack history_delay fill", seeds=range(12))


@pytest.mark.usefixtures("impatient")
def test_a_driver_whose_cancels_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = Okx.submit

    async def lazy(self: Okx, command: Command) -> Outcome:
        if isinstance(command, Cancel):
            return Accepted(client_id=command.client_id, venue_id="1", time_ns=0)
        return await submit(self, command)

    monkeypatch.setattr(Okx, "submit", lazy)
    assert "a cancelled order was open" in found("okx rate_limit cancel", seeds=range(1))


@pytest.mark.usefixtures("impatient")
def test_a_kernel_that_lets_trade_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_module, "freeze", lambda desk, fill: None)
    assert "nothing was frozen" in found("okx liquidation fill", "backpack adl fill", seeds=range(2))


@pytest.mark.usefixtures("impatient")
def test_a_kernel_that_books_a_fill_at_another_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes and ids are right, and the cash is not."""
    on_fill = Blotter.on_fill

    def dear(self: Blotter, fill: Fill) -> bool:
        return on_fill(self, msgspec.structs.replace(fill, price=fill.price + 1))

    monkeypatch.setattr(Blotter, "on_fill", dear)
    assert "USDT: there" in found("okx partial fill", seeds=range(2))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("venue", VENUES)
def test_a_book_that_goes_on_over_a_gap(monkeypatch: pytest.MonkeyPatch, venue: str) -> None:
    monkeypatch.setattr(Book, "_follow", Book._merge)
    assert "a wrong book went on" in found(f"{venue} book_gap stream")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("venue", VENUES)
def test_quotes_that_stop(monkeypatch: pytest.MonkeyPatch, venue: str) -> None:
    publish = Bus.publish

    def deaf(self: Bus, name: str, event: Any) -> None:
        if not isinstance(event, Quote) or event.time_ns < START_NS + 10_000_000_000:
            publish(self, name, event)

    monkeypatch.setattr(Bus, "publish", deaf)
    assert "quotes: " in found(f"{venue} book_gap stream", seeds=range(2))
