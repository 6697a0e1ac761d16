"""Commands and their outcomes: what is sent, and what each reply proves."""

import json
from decimal import Decimal as D
from typing import Any

import pytest

from ctosd.abi import Accepted, Amend, Cancel, ClockReading, NoAnswer, NotReady, NotSent, Rejected, Unknown
from ctosd.testing.store import MemoryStore
from drivers.backpack.account import Account
from drivers.backpack.clientids import ClientIds
from drivers.backpack.config import AccountConfig
from drivers.backpack.rest import Rest
from drivers.backpack.sign import Signer, batch, instruction
from drivers.backpack.trading import Trading
from tests.drivers.backpack.exchange import (
    MAIN,
    MS,
    NOT_FOUND,
    PUBLIC_KEY,
    SECOND,
    SEED,
    SOL,
    SOL_SPOT,
    T0,
    Call,
    World,
    config,
    listing,
    order_row,
    place,
)

SIGNER = Signer.of({"api_key": PUBLIC_KEY, "api_secret": SEED})


class Desk:
    """Trading of one account over a scripted venue."""

    def __init__(self, store: MemoryStore | None = None, signer: Signer | None = SIGNER) -> None:
        self.world = World(store=store)
        self.ids = ClientIds(self.world.store, T0)
        self.rest = Rest("http://127.0.0.1:1", config(), self.world.ports)
        self.rest.skew.note(ClockReading(offset_ns=0, round_trip_ns=MS), T0)
        self.trading = Trading(self.rest, listing(), self.ids, self.world.clock, self.world.log)
        self.account = Account(MAIN, AccountConfig(), signer)

    def answer(self, route: str, answer: Any) -> None:
        self.world.web.answers[route] = answer

    async def submit(self, command: Any) -> Any:
        return await self.trading.submit(self.account, command)


def taken(call: Call) -> dict[str, Any]:
    """The venue takes the order, and says so with its number."""
    return order_row(clientId=call.body["clientId"])


async def test_a_place_is_signed_as_it_is_sent() -> None:
    desk = Desk()
    desk.answer("POST /api/v1/order", taken)
    outcome = await desk.submit(place(post_only=True, expires_ns=T0 + 3 * SECOND))
    assert outcome == Accepted(
        client_id="ctos0000001000000001", venue_id="59669287267", time_ns=1_795_341_600_094_000_000
    )
    (call,) = desk.world.web.calls
    assert call.body["postOnly"] is True
    line = f"{instruction('orderExecute', call.body)}&timestamp={T0 // MS}&window=3000"
    assert (call.headers["X-Signature"], call.headers["X-Window"]) == (SIGNER.sign(line), "3000")
    assert "null" not in json.dumps(call.body)


async def test_the_number_is_on_disk_before_the_order_leaves() -> None:
    """Even when the process dies in the middle of the request."""
    desk = Desk()
    known: list[str] = []

    def crash(call: Call) -> Any:
        known.append(ClientIds(desk.world.store, T0).text(call.body["clientId"]))
        raise NoAnswer("killed")

    desk.answer("POST /api/v1/order", crash)
    outcome = await desk.submit(place())
    assert isinstance(outcome, Unknown)
    assert known == ["ctos0000001000000001"]
    assert ClientIds(desk.world.store, T0).pair("ctos0000001000000001").end_ns == 0


async def test_what_cannot_be_kept_is_not_sent() -> None:
    class Full(MemoryStore):
        def write(self, changes: Any) -> None:
            raise NotReady("no space left")

    desk = Desk(Full())
    outcome = await desk.submit(place())
    assert (type(outcome), outcome.reason) == (Rejected, "journal")
    assert desk.world.web.calls == []


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (NotSent("no route"), Rejected, "venue_down"),
        (NoAnswer("reset"), Unknown, ""),
        ((500, {"code": "SERVER_ERROR", "message": "x"}), Unknown, ""),
        ((502, b"<html>bad gateway</html>"), Unknown, ""),
        ((504, {"code": "TIMEOUT", "message": "x"}), Unknown, ""),
        ((503, b""), Unknown, ""),
        ((202, b""), Unknown, ""),
        ((200, b"<html>"), Unknown, ""),
        ((200, b""), Unknown, ""),
        ((200, {"code": "INVALID_ORDER", "message": "x"}), Unknown, ""),
        ((200, order_row(clientId=1)), Unknown, ""),
        ((503, {"code": "MAINTENANCE", "message": "x"}), Rejected, "maintenance"),
        ((403, b"<html>blocked</html>"), Rejected, "banned"),
        ((429, {"code": "TOO_MANY_REQUESTS", "message": "x"}), Rejected, "rate_limited"),
        ((400, {"code": "INVALID_ORDER", "message": "Order would immediately match and take."}), Rejected, "post_only"),
        ((400, {"code": "INSUFFICIENT_MARGIN", "message": "x"}), Rejected, "insufficient_funds"),
        ((400, {"code": "INVALID_CLIENT_REQUEST", "message": "Price decimal too long"}), Rejected, "filter"),
    ],
)
async def test_outcomes_of_a_place(answer: Any, kind: type, reason: str) -> None:
    """Refused only on proof. A number whose order is proved to be nowhere may be forgotten; no other."""
    desk = Desk()
    desk.answer("POST /api/v1/order", answer)
    outcome = await desk.submit(place())
    assert isinstance(outcome, kind), outcome
    assert getattr(outcome, "reason", "") == reason
    assert len(desk.world.web.calls) == 1
    assert bool(desk.ids.pair(outcome.client_id).end_ns) == (kind is Rejected)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"symbol": "DOGE/USDC"}, "bad_symbol"),
        ({"price": None}, "bad_request"),
        ({"symbol": SOL_SPOT, "reduce_only": True}, "reduce_only"),
        ({"expires_ns": T0 - 1}, "deadline"),
    ],
)
async def test_what_is_refused_without_asking(facts: dict[str, Any], reason: str) -> None:
    desk = Desk()
    outcome = await desk.submit(place(**facts))
    assert (type(outcome), outcome.reason) == (Rejected, reason)
    assert desk.world.web.calls == []


async def test_no_entry_by_a_wrong_clock() -> None:
    """Exits go out all the same."""
    desk = Desk()
    desk.rest.skew.note(ClockReading(offset_ns=90 * SECOND, round_trip_ns=MS), T0)
    desk.answer("POST /api/v1/order", taken)
    outcome = await desk.submit(place())
    assert (outcome.reason, "timedatectl" in outcome.message) == ("timestamp", True)
    assert isinstance(await desk.submit(place("ctos2", side="sell", reduce_only=True)), Accepted)


async def test_without_credentials() -> None:
    outcome = await Desk(signer=None).submit(place())
    assert (type(outcome), outcome.reason) == (Rejected, "auth")


async def test_there_is_no_amend() -> None:
    desk = Desk()
    outcome = await desk.submit(Amend(account=MAIN, client_id="x", venue_id="1", symbol=SOL, price=D(1)))
    assert (outcome.reason, desk.world.web.calls) == ("unsupported", [])
    assert "cancel, then place" in outcome.message


async def test_lending_that_was_switched_on_meanwhile() -> None:
    """The refusal tells, and the next spot order asks for its coins back."""
    desk = Desk()
    desk.answer("POST /api/v1/order", (400, {"code": "BORROW_REQUIRES_LEND_REDEEM", "message": "x"}))
    assert (await desk.submit(place(symbol=SOL_SPOT))).reason == "insufficient_funds"
    desk.answer("POST /api/v1/order", taken)
    await desk.submit(place("ctos2", symbol=SOL_SPOT))
    assert desk.world.web.calls[-1].body["autoLendRedeem"] is True


# -- cancel ---------------------------------------------------------------------------------------------------------------


def cancel(client_id: str = "ctos1", venue_id: str = "") -> Cancel:
    return Cancel(account=MAIN, client_id=client_id, venue_id=venue_id, symbol=SOL)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (order_row(status="Cancelled"), Accepted, ""),
        ((202, b""), Accepted, ""),
        (NOT_FOUND, Rejected, "order_not_found"),
        ((200, b"<html>"), Unknown, ""),
        (NoAnswer("reset"), Unknown, ""),
        (NotSent("down"), Rejected, "venue_down"),
        ((500, b""), Unknown, ""),
    ],
)
async def test_outcomes_of_a_cancel(answer: Any, kind: type, reason: str) -> None:
    """202 is accepted, not done: the order's end is told by the stream."""
    desk = Desk()
    (number,) = desk.ids.allocate(MAIN, ["ctos1"], T0)
    desk.answer("DELETE /api/v1/order", answer)
    outcome = await desk.submit(cancel())
    assert isinstance(outcome, kind)
    assert getattr(outcome, "reason", "") == reason
    assert desk.world.web.calls[-1].body == {"clientId": number, "symbol": "SOL_USDC_PERP"}
    assert desk.ids.pair("ctos1").end_ns == 0


async def test_cancels_of_strangers_and_of_what_was_never_sent() -> None:
    desk = Desk()
    desk.answer("DELETE /api/v1/order", (202, b""))
    await desk.submit(cancel("bp-55555"))
    await desk.submit(cancel("bp-order-9", "9"))
    assert [call.body for call in desk.world.web.calls] == [
        {"clientId": 55555, "symbol": "SOL_USDC_PERP"},
        {"orderId": "9", "symbol": "SOL_USDC_PERP"},
    ]
    assert (await desk.submit(cancel("ctos-never"))).reason == "order_not_found"
    assert len(desk.world.web.calls) == 2


# -- batches --------------------------------------------------------------------------------------------------------------


def all_taken(call: Call) -> list[dict[str, Any]]:
    return [{"operation": "Ok", **order_row(clientId=body["clientId"], id=str(i))} for i, body in enumerate(call.body)]


async def test_a_batch_is_one_write() -> None:
    """Twenty at a time, signed over all; outcomes in the order of the commands."""
    desk = Desk()
    desk.answer("POST /api/v1/orders", all_taken)
    commands = [place(f"ctos{i}", expires_ns=T0 + (2 + i) * SECOND) for i in range(25)]
    outcomes = await desk.trading.submit_batch(desk.account, commands)
    assert [outcome.client_id for outcome in outcomes] == [f"ctos{i}" for i in range(25)]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    first, second = desk.world.web.calls
    assert (len(first.body), len(second.body)) == (20, 5)
    line = f"{batch('orderExecute', first.body)}&timestamp={T0 // MS}&window=2000"
    assert first.headers["X-Signature"] == SIGNER.sign(line)


async def test_items_of_a_batch_fail_alone() -> None:
    desk = Desk()

    def some(call: Call) -> list[dict[str, Any]]:
        rows = all_taken(call)
        rows[1] = {"operation": "Err", "code": "INSUFFICIENT_FUNDS", "message": "no"}
        rows[2] = {"operation": "Err", "code": "TIMEOUT", "message": "?"}
        rows[3] = {"operation": "Ok"}
        return rows

    desk.answer("POST /api/v1/orders", some)
    commands = [place(f"ctos{i}") for i in range(4)] + [place("ctosx", symbol="NO/PE"), place("ctos5")]
    outcomes = await desk.trading.submit_batch(desk.account, commands)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Unknown, Unknown, Rejected, Accepted]
    assert (outcomes[1].reason, outcomes[4].reason) == ("insufficient_funds", "bad_symbol")
    assert outcomes[5].venue_id == "4"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ([], Unknown),
        (b"<html>", Unknown),
        (NoAnswer("reset"), Unknown),
        ((500, b""), Unknown),
        (NotSent("down"), Rejected),
        ((400, {"code": "INVALID_CLIENT_REQUEST", "message": "Request has expired"}), Rejected),
    ],
)
async def test_a_batch_as_a_whole(answer: Any, kind: type) -> None:
    desk = Desk()
    desk.answer("POST /api/v1/orders", answer)
    outcomes = await desk.trading.submit_batch(desk.account, [place("ctos1"), place("ctos2")])
    assert [type(outcome) for outcome in outcomes] == [kind, kind]


async def test_batches_of_other_kinds_go_one_by_one() -> None:
    desk = Desk()
    desk.answer("DELETE /api/v1/order", (202, b""))
    desk.answer("POST /api/v1/order", taken)
    outcomes = await desk.trading.submit_batch(desk.account, [cancel("bp-1"), cancel("bp-2")])
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert isinstance((await desk.trading.submit_batch(desk.account, [place()]))[0], Accepted)
    assert [call.path for call in desk.world.web.calls] == ["/api/v1/order"] * 3
    late = await desk.trading.submit_batch(desk.account, [place("a", expires_ns=1), place("b", expires_ns=1)])
    assert [outcome.reason for outcome in late] == ["deadline", "deadline"]
