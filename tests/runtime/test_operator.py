"""The operator: acts that a person asks for, each journaled; questions answered in words."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ctosd.abi import CallerMistake, Strategy
from ctosd.runtime.operator import Operator
from ctosd.testing.rig import Rig, run_virtual

SYMBOL = "BTC/USDT:USDT"


class Two(Strategy):
    """Rests a buy, holds what it gets."""

    async def on_start(self) -> None:
        await self.sys.place_order(SYMBOL, "buy", "limit", "1", "99")


async def rigged() -> tuple[Rig, Operator]:
    rig = Rig()
    rig.unit(Two, name="two")
    await rig.start()
    return rig, Operator(rig.system)


def test_status_tells_all_in_json() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        rig.venue.fill(next(iter(rig.venue.book)))
        status = msgspec.json.decode(msgspec.json.encode(operator.status()))
        assert status["mode"] == "active"
        assert status["venues"][0]["state"] == "running"
        (row,) = status["strategies"]
        assert (row["name"], row["state"], row["fills"], row["open_orders"]) == ("two", "running", 1, 0)
        assert row["positions"] == [{"symbol": SYMBOL, "size": "1"}]
        assert D(row["pnl"]) == D("100.0") - D(99) - D("0.01")

    run_virtual(main())


def test_positions_of_strategies_and_account_add_up() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        rig.venue.fill(next(iter(rig.venue.book)))
        rows = operator.positions()
        parts = [row for row in rows if row["strategy"]]
        (whole,) = [row for row in rows if not row["strategy"]]
        assert sum(D(row["size"]) for row in parts) == D(whole["size"])
        assert sum(D(row["pnl"]) for row in parts) == D(whole["pnl"])

    run_virtual(main())


def test_halt_and_resume_are_journaled_and_take_effect() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        await operator.halt("uid=0", "storm")
        order = await operator.call("uid=0", "test/main", "place_order",
                                    {"symbol": SYMBOL, "side": "buy", "order_type": "limit", "size": "1", "price": "98"})  # fmt: skip
        assert (order["state"], order["reason"]) == ("denied", "halted")
        await operator.resume("uid=0", "over")
        assert operator.status()["mode"] == "active"
        modes = [msgspec.json.decode(row.body) for row in rig.journal.kept if row.kind == "mode"]
        assert [(m["mode"], m["by"]) for m in modes] == [("halted", "uid=0"), ("active", "uid=0")]

    run_virtual(main())


def test_flatten_everything_halts_cancels_and_closes() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        rig.venue.fill(next(iter(rig.venue.book)), D("0.5"))
        rig.venue.replies.append(rig.venue.accept)  # the cancel of the rest
        rig.venue.replies.append(lambda c: (rig.venue.accept(c), rig.venue.fill(c.client_id, price=D(100)))[0])
        result = await operator.flatten("uid=0", "", "enough")
        assert result["remaining"] == []
        assert rig.desk.switch.mode == "halted"
        assert rig.desk.blotter.ledger.position("test/main", "two", SYMBOL).size == 0
        assert rig.venue.received[-1].reduce_only  # type: ignore[union-attr]

    run_virtual(main())


def test_flatten_one_stops_it() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        await operator.flatten("uid=0", "two")
        assert rig.system.supervisor.units["two"].state == "stopped"
        assert rig.desk.switch.mode == "active"
        assert rig.desk.blotter.open_orders() == []

    run_virtual(main())


def test_start_stop_restart() -> None:
    async def main() -> None:
        _, operator = await rigged()
        assert (await operator.stop("two", "me"))["state"] == "stopped"
        assert (await operator.start("two", "me"))["state"] == "running"
        assert (await operator.restart("two", "me"))["state"] == "running"
        with pytest.raises(LookupError, match="did you mean 'two'"):
            await operator.stop("tow", "me")

    run_virtual(main())


def test_why_names_every_gate_and_the_last_refusals() -> None:
    async def main() -> None:
        rig, operator = await rigged()
        unit = rig.system.supervisor.units["two"]
        assert unit.strategy is not None
        await unit.strategy.sys.place_order(SYMBOL, "buy", "limit", "1", "150")
        why = operator.why("two")
        assert why["refusals"][-1]["reason"] == "price_band"
        assert {gate["check"] for gate in why["gates"]} >= {"running", "seat", "journal"}
        assert all(gate["verdict"] == "pass" for gate in why["gates"])
        msgspec.json.encode(why)

    run_virtual(main())


def test_call_reaches_any_syscall_and_names_mistakes() -> None:
    async def main() -> None:
        _, operator = await rigged()
        book = await operator.call("me", "test/main", "get_orderbook", {"symbol": "btc-usdt:usdt", "level": "5"})
        assert book["symbol"] == SYMBOL
        assert (await operator.call("me", "test", "fetch_balance", {}))[0]["asset"] == "USDT"
        with pytest.raises(LookupError, match="get_orderbook"):
            await operator.call("me", "test/main", "get_orderbok", {})
        with pytest.raises(CallerMistake, match="level must be a whole number"):
            await operator.call("me", "test/main", "get_orderbook", {"symbol": SYMBOL, "level": "x"})
        with pytest.raises(CallerMistake, match="also needs symbol"):
            await operator.call("me", "test/main", "get_orderbook", {})
        with pytest.raises(CallerMistake, match="takes no 'leval'"):
            await operator.call("me", "test/main", "get_orderbook", {"symbol": SYMBOL, "leval": "5"})

    run_virtual(main())


def test_proc_is_rendered_from_statistics() -> None:
    async def main() -> None:
        rig, operator = await rigged()

        def walk(node: Any, path: str = "") -> int:
            node = node() if callable(node) else node
            if isinstance(node, dict) and type(node) is dict:
                return sum(walk(child, f"{path}/{name}") for name, child in node.items())
            return 1

        tree = operator.proc()
        for name in (
            "version",
            "uptime",
            "boot_id",
            "bus",
            "drivers",
            "strategies",
            "orders",
            "positions",
            "risk",
            "journal",
            "buckets",
            "log",
        ):
            assert name in tree
        assert walk(tree) > 20
        rig.venue.fill(next(iter(rig.venue.book)))
        assert "two" in tree["positions"]()

    run_virtual(main())


def test_arming_is_a_persons_act() -> None:
    """Journaled with who asked; what is no account, amount or time is refused with what there is."""

    async def main() -> None:
        rig, operator = await rigged()
        armed = await operator.arm("me", "test/main", "100", 3600)
        assert (armed["max_loss"], armed["by"], armed["ended"]) == ("100", "me", "")
        tree = operator.proc()["risk"]()
        assert tree["armed"]["test/main"]["MaxLoss"] == "100"
        ended = await operator.disarm("you", "test/main")
        assert ended["ended"] == "disarmed by you"
        with pytest.raises(LookupError, match="test/main"):
            await operator.arm("me", "okx/main", "100", 3600)
        with pytest.raises(CallerMistake, match="amount of quote money"):
            await operator.arm("me", "test/main", "much", 3600)
        acts = [row.key for row in rig.journal.rows(("operator",))]
        assert acts[:2] == ["arm", "disarm"]

    run_virtual(main())


def test_adopting_gives_a_strategy_what_is_nobodys() -> None:
    async def main() -> None:
        rig = Rig()
        rig.venue.foreign[SYMBOL] = D(4)
        rig.unit(Two, name="two")
        await rig.start()
        operator = Operator(rig.system)
        row = await operator.adopt("me", "two", "test/main", "BTC-USDT:USDT", "1.5")
        assert (row["strategy"], row["size"]) == ("two", "1.5")
        row = await operator.adopt("me", "two", "test/main", SYMBOL)
        assert row["size"] == "4.0"
        with pytest.raises(CallerMistake, match="cannot be moved"):
            await operator.adopt("me", "two", "test/main", SYMBOL)
        with pytest.raises(CallerMistake, match="a number"):
            await operator.adopt("me", "two", "test/main", SYMBOL, "some")
        with pytest.raises(LookupError, match="two"):
            await operator.adopt("me", "too", "test/main", SYMBOL)
        stranger = rig.venue.book[next(iter(rig.venue.book))]
        rig.venue.push(msgspec.structs.replace(stranger, client_id="web-1", venue_id="x9"))
        order = await operator.adopt("me", "two", "test/main", "x9")
        assert (order["strategy"], order["client_id"], order["state"]) == ("two", "web-1", "open")
        assert len(rig.desk.blotter.open_orders("two")) == 2
        rig.venue.push(msgspec.structs.replace(stranger, client_id="", venue_id="x10"))
        with pytest.raises(CallerMistake, match="cancel it at the venue"):
            await operator.adopt("me", "two", "test/main", "x10")

    run_virtual(main())
