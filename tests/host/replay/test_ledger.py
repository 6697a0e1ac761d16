"""A whole journal, folded: as a start of the daemon folds it, from a file that is only read."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest

from ctosd.abi import Instrument
from ctosd.abi.errors import CallerMistake, Misconfigured, NotReady
from ctosd.host.replay.ledger import Rows, fold, named_instruments, read_journal
from ctosd.host.storage.journal import open_journal
from ctosd.kernel.ports import Row
from tests.host.replay.reel import SYMBOL, Scene, play, trade


def rows_of(folder: Path) -> list[Row]:
    rows: list[Row] = []

    async def act(scene: Scene) -> None:
        await trade(scene)
        rows.extend(scene.rig.journal.rows())

    play(folder, act)
    return rows


def test_orders_and_money_come_of_the_rows_alone(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    (instrument,) = named_instruments(rows)
    assert (instrument.venue, instrument.symbol, instrument.kind, instrument.settle) == ("test", SYMBOL, "perp", "USDT")
    folded = fold(rows, [instrument])
    states = sorted(order.state for order in folded.orders.values())
    assert states == ["cancelled", "filled", "never_sent", "open", "rejected"]
    (holding,) = folded.ledger.holdings("mine")
    assert (holding.size, holding.fills, holding.fees) == (D(1), 2, {"USDT": D("0.02")})
    assert folded.ledger.check() == []
    assert fold(rows, [instrument]).ledger.snapshot() == folded.ledger.snapshot()


def test_a_spot_symbol_is_spot() -> None:
    body = b'{"act":"place","order":{"account":"okx/main","symbol":"BTC/USDC"}}'
    (found,) = named_instruments([Row(1, 1, 1, "intent", "x", body), Row(2, 1, 1, "note", "x", b"[]")])
    assert isinstance(found, Instrument)
    assert (found.venue, found.kind, found.base, found.settle) == ("okx", "spot", "BTC", "USDC")


def test_no_rows_are_nothing() -> None:
    folded = fold([], [])
    assert (folded.orders, list(folded.ledger.holdings())) == ({}, [])


async def test_the_rows_take_nothing_more() -> None:
    rows = Rows([Row(1, 1, 1, "intent", "x", b""), Row(2, 1, 1, "fill", "x", b"")])
    assert [row.seq for row in rows.rows(("fill",))] == [2]
    assert [row.seq for row in rows.rows(after=1)] == [2]
    assert rows.statistics() == {"rows": 2}
    assert not rows.commit_now(1)
    with pytest.raises(CallerMistake):
        rows.append("fill", "x", b"", 1)
    with pytest.raises(NotReady):
        await rows.committed(1)
    rows.close()


def test_a_journal_file_is_read_once_nobody_holds_it(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    journal = open_journal(tmp_path / "journal.db")
    for row in rows:
        seq = journal.append(row.kind, row.key, row.body, row.time_ns)
    assert journal.commit_now(seq)
    with pytest.raises(Misconfigured, match="a daemon that runs holds it"):
        read_journal(tmp_path / "journal.db")
    journal.close()
    read = read_journal(tmp_path / "journal.db")
    assert [(row.kind, row.key, row.body) for row in read] == [(row.kind, row.key, row.body) for row in rows]


@pytest.mark.parametrize("content", [None, b"no database", b""])
def test_what_is_no_journal_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"journal\.db"):
        read_journal(path)
