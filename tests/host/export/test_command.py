"""The real daemon on the paper venue, exported while it runs and afterwards: complete, appended to, equal to its ledger."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from decimal import Decimal as D
from pathlib import Path
from random import Random

import pytest

from ctosd.host.backup.copying import copy_database
from ctosd.host.export.command import main, options
from ctosd.host.replay.ledger import fold, named_instruments, read_journal

BIN = Path(sys.executable).parent
CONFIG = """
clock: wall
log: {level: info, console: json}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    market: {kind: synthetic, seed: 7, speed: 60}
"""
GRID = """
use: grid
account: paper/main
params: {symbols: [BTC/USDT:USDT], base_notional: 200, buy_step: 0.9998, sell_step: 1.0002, buy_move: 0.9998,
         sell_move: 1.0002, max_inventory: 4000, max_loss: 500}
"""


class Running:
    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        (folder / "strategies.d").mkdir(exist_ok=True)
        (folder / "ctos.yaml").write_text(CONFIG)
        (folder / "strategies.d" / "grid.yaml").write_text(GRID)
        with (folder / "out").open("a") as out:
            command = [str(BIN / "ctosd"), "--config", str(folder / "ctos.yaml"), "--var", str(self.var)]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ))
        self.out = folder / "out"

    def wait(self, event: str, times: int, seconds: float = 40) -> None:
        end = time.monotonic() + seconds
        while (
            self.out.read_text().count(f'"event":"{event}"') + self.out.read_text().count(f'"event": "{event}"') < times
        ):
            assert self.process.poll() is None, self.out.read_text()[-2000:]
            assert time.monotonic() < end, self.out.read_text()[-2000:]
            time.sleep(0.1)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


def export(var: Path, *words: str, code: int = 0) -> dict:
    command = [str(BIN / "ctosctl"), "export", *words, "--var", str(var), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else {"said": done.stderr}


def total(rows, amount, asset):
    sums: dict[str, D] = {}
    for row in rows:
        sums[row[asset]] = sums.get(row[asset], D(0)) + D(row[amount])
    return {name: value for name, value in sums.items() if value}


def test_three_exports_of_a_daemon_that_trades_hold_every_fill_once_and_equal_the_ledger(tmp_path):
    place = Path("/tmp") / f"ctos-x{os.getpid()}"
    place.mkdir()
    running = Running(place)
    try:
        out = {name: tmp_path / f"{name}.csv" for name in ("fills", "fees", "funding", "orders")}
        running.wait("fill", 3)
        first = {name: export(running.var, name, "--out", str(path)) for name, path in out.items()}
        old = {name: path.read_bytes() for name, path in out.items()}
        running.wait("fill", 6)
        second = {name: export(running.var, name, "--out", str(path)) for name, path in out.items()}
        assert all(path.read_bytes().startswith(old[name]) for name, path in out.items())
        running.stop()
        running = Running(place)
        running.wait("ready", 2)
        running.wait("fill", 8)
        running.stop()
        third = {name: export(running.var, name, "--out", str(path)) for name, path in out.items()}
        _compare(running.var / "lib" / "journal.db", out, tmp_path)
        for name in out:
            added = [told[name]["appended"] for told in (first, second, third)]
            assert sum(added) == third[name]["rows"]
        assert first["fills"]["appended"] > 0 < second["fills"]["appended"]
        assert export(running.var, "fills", "--out", str(out["fills"]))["appended"] == 0
        _filters(running.var, out["fills"])
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait(10)
        shutil.rmtree(place)


def _compare(journal: Path, out: dict[str, Path], tmp_path: Path) -> None:
    sheets = {}
    for name, path in out.items():
        with path.open(newline="") as reader:
            sheets[name] = list(csv.DictReader(reader))
    copy_database(journal, tmp_path / "copy.db")
    connection = sqlite3.connect(tmp_path / "copy.db")
    seqs = [row[0] for row in connection.execute("SELECT seq FROM rows WHERE kind = 'fill' ORDER BY seq")]
    connection.close()
    assert [int(row["seq"]) for row in sheets["fills"]] == seqs
    rows = read_journal(tmp_path / "copy.db")
    folded = fold(rows, named_instruments(rows))
    holdings = list(folded.ledger.holdings())
    assert sum((D(row["realised"]) for row in sheets["fills"]), D(0)) == sum(each.realised for each in holdings)
    paid = sum((each.fees.get("USDT", D(0)) for each in holdings), D(0))
    assert total(sheets["fees"], "amount", "asset") == {"USDT": paid}
    assert total(sheets["fills"], "fee", "fee_asset") == {"USDT": paid}
    received = sum((each.fundings.get("USDT", D(0)) for each in holdings), D(0))
    assert sum((D(row["amount"]) for row in sheets["funding"]), D(0)) == received
    shares = [share.partition("=")[2] for row in sheets["funding"] for share in row["shares"].split(";") if share]
    assert sum(map(D, shares), D(0)) == received
    ended = {row["client_id"]: row for row in sheets["orders"]}
    assert set(ended) == {name for name, order in folded.orders.items() if not order.is_open}
    for name, row in ended.items():
        order = folded.orders[name]
        assert (row["state"], D(row["filled"]), D(row["notional"])) == (order.state, order.filled, order.notional)


REPLAY = """
clock: virtual
seed: 3
log: {level: warning, console: json}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    balances: {USDT: 100000}
    funding: {interval_h: 1, rate: 0.0005}
    market: {kind: recorded, feeds: [{path: bars.csv, symbol: "BTC/USDT:USDT"}]}
"""


def test_a_simulated_run_with_funding_equals_its_ledger(tmp_path):
    """A thousand minutes of a seeded walk, funding every hour, two strategies that share the payments."""
    random, price = Random(5), 40_000.0
    lines = ["timestamp,open,high,low,close,volume"]
    for minute in range(1000):
        close = price * (1 + random.gauss(0, 0.0008))
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_640_995_200 + 60 * minute))
        lines.append(
            f"{stamp},{price:.1f},{max(price, close) * 1.0003:.1f},{min(price, close) * 0.9997:.1f},{close:.1f},12.5"
        )
        price = round(close, 1)
    (tmp_path / "bars.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "strategies.d").mkdir()
    (tmp_path / "ctos.yaml").write_text(REPLAY)
    tight = GRID.replace("0.9998", "0.998").replace("1.0002", "1.002")
    (tmp_path / "strategies.d" / "one.yaml").write_text(tight)
    (tmp_path / "strategies.d" / "two.yaml").write_text(tight.replace("0.998", "0.997"))
    command = [str(BIN / "ctosd"), "--config", str(tmp_path / "ctos.yaml"), "--var", str(tmp_path / "var")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    journal = tmp_path / "var" / "lib" / "virtual.db"
    out = {name: tmp_path / f"{name}.csv" for name in ("fills", "fees", "funding", "orders")}
    for name, path in out.items():
        export(tmp_path / "var", name, "--journal", str(journal), "--out", str(path))
    _compare(journal, out, tmp_path)
    text = out["funding"].read_text()
    assert text.count("\n") > 5
    assert "one=" in text
    assert "two=" in text


def _filters(var: Path, sheet: Path) -> None:
    every = export(var, "fills")["lines"]
    assert export(var, "fills", "--strategy", "grid")["rows"] == len(every)
    assert export(var, "fills", "--account", "okx/main")["rows"] == 0
    assert export(var, "fills", "--until", "2020-01-01")["rows"] == 0
    day = every[0]["time"][:10]
    assert 0 < export(var, "fills", "--since", day, "--until", every[-1]["time"][:10])["rows"] == len(every)
    said = export(var, "fills", "--account", "okx/main", "--out", str(sheet), code=2)["said"]
    assert "Export to a new file" in said
    parquet = sheet.with_suffix(".parquet")
    assert export(var, "fills", "--parquet", "--out", str(parquet))["appended"] == len(every)
    assert export(var, "fills", "--parquet", "--out", str(parquet))["appended"] == 0


def test_dates_are_whole_days_and_instants_are_instants():
    args = options(["fills", "--since", "2026-01-01", "--until", "2026-01-01"])
    assert args.until - args.since == 86_400 * 10**9
    assert options(["fills", "--until", "2026-01-01T00:00Z"]).until == args.since
    assert options(["fills", "--since", "2026-01-01T01:00+01:00"]).since == args.since


@pytest.mark.parametrize(
    "words", [["fills", "--since", "soon"], ["nothing"], ["fills", "--parquet"], ["fills", "--csv", "--parquet"]]
)
def test_what_cannot_be_meant_is_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err


def test_no_journal_is_said_with_its_place(tmp_path, capsys):
    assert main(["fills", "--var", str(tmp_path)]) == 1
    assert f"{tmp_path}/lib/journal.db: no such file" in capsys.readouterr().err
