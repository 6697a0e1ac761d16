"""`ctosctl backup` as a person uses it, beside the real daemon: make, verify, restore, and go on with new ids."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ctosd.host.backup.command import main
from ctosd.host.storage.journal import open_journal

BIN = Path(sys.executable).parent
KEY = "sekrit-value-of-a-key-0123456789"
CONFIG = f"""
clock: wall
log: {{level: info, console: json}}
venues:
  paper:
    driver: paper
    accounts: {{main: {{}}}}
    market: {{kind: synthetic, seed: 7, speed: 60}}
# {KEY}
"""
GRID = """
use: grid
account: paper/main
params: {symbols: [BTC/USDT:USDT], base_notional: 200, buy_step: 0.9998, sell_step: 1.0002, buy_move: 0.9998,
         sell_move: 1.0002, max_inventory: 4000, max_loss: 500}
"""


def backup(*words: str, code: int = 0) -> dict:
    command = [str(BIN / "ctosctl"), "backup", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if code == 0 else {"said": done.stderr}


def wait(out: Path, event: str, times: int) -> None:
    end = time.monotonic() + 40
    while out.read_text().count(f'"event":"{event}"') < times:
        assert time.monotonic() < end, out.read_text()[-2000:]
        time.sleep(0.05)


def start(place: Path) -> subprocess.Popen:
    command = [str(BIN / "ctosd"), "--config", str(place / "ctos.yaml"), "--var", str(place / "var")]
    with (place / "out").open("a") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)


def test_a_store_is_copied_from_a_daemon_that_trades_and_put_back(tmp_path):
    place = Path("/tmp") / f"ctos-y{os.getpid()}"
    (place / "strategies.d").mkdir(parents=True)
    (place / "ctos.yaml").write_text(CONFIG)
    (place / "strategies.d" / "grid.yaml").write_text(GRID)
    var, safe = str(place / "var"), str(tmp_path / "safe")
    daemon = start(place)
    try:
        wait(place / "out", "fill", 3)
        made = backup(safe, "--var", var, "--config", str(place / "ctos.yaml"))
        assert {each["name"] for each in made["files"]} == {"journal.db", "venue-paper.db"}
        assert sorted(made["config"]) == ["ctos.yaml", "grid.yaml"]
        assert all(KEY.encode() not in path.read_bytes() for path in Path(made["backup"]).iterdir())
        assert backup("--verify", made["backup"])["ok"]
        wait(place / "out", "fill", 5)
        assert "another ctosd runs" in backup("--restore", made["backup"], "--var", var, "--force", code=1)["said"]
        daemon.terminate()
        assert daemon.wait(20) == 0
        assert "journal_failed" not in (place / "out").read_text()
        assert "is newer than the backup" in backup("--restore", made["backup"], "--var", var, code=1)["said"]
        put = backup("--restore", made["backup"], "--var", var, "--force")
        assert Path(put["aside"], "journal.db").is_file()
        fills = (place / "out").read_text().count('"event":"fill"')
        daemon = start(place)
        wait(place / "out", "ready", 2)
        wait(place / "out", "fill", fills + 1)
        daemon.terminate()
        assert daemon.wait(20) == 0
        _no_id_twice(place, Path(put["aside"]), put["epoch"])
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait(10)
        shutil.rmtree(place)


def _no_id_twice(place: Path, aside: Path, epoch: int) -> None:
    placed = []
    for path in (aside / "journal.db", place / "var" / "lib" / "journal.db"):
        journal = open_journal(path, now_ns=0)
        intents = [(row.boot, json.loads(row.body)) for row in journal.rows(("intent",))]
        journal.close()
        placed.append({(boot, each["order"]["client_id"]) for boot, each in intents if each["act"] == "place"})
    old, new = placed
    after = {client_id for boot, client_id in new if boot > epoch}
    assert after
    assert not after & {client_id for _, client_id in old}


def test_what_is_wrong_has_its_exit_code(tmp_path, capsys):
    assert main([str(tmp_path / "safe"), "--var", str(tmp_path / "none")]) == 1
    assert "journal.db: no such file" in capsys.readouterr().err
    assert main(["--verify", str(tmp_path)]) == 1
    assert "is no backup" in capsys.readouterr().err
    (tmp_path / "ctos.yaml").write_text("clock: sometimes\n")
    assert main(["--var", str(tmp_path), "--config", str(tmp_path / "ctos.yaml")]) == 4
    assert "ctos.yaml:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--keep", "0"], ["--force"], ["--verify", "a", "--restore", "b"], ["x", "--verify", "a"]]
)
def test_what_cannot_be_meant_is_usage(words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def test_a_small_store_is_made_kept_and_verified_in_words(tmp_path, capsys):
    (tmp_path / "lib").mkdir()
    open_journal(tmp_path / "lib" / "journal.db", now_ns=time.time_ns()).close()
    for _ in range(3):
        assert main(["--var", str(tmp_path), "--keep", "2"]) == 0
    assert "removed 1 older" in capsys.readouterr().out
    folders = sorted((tmp_path / "lib" / "backup").iterdir())
    assert len(folders) == 2
    assert main(["--verify", str(folders[0])]) == 0
    assert "it is whole" in capsys.readouterr().out
    (folders[0] / "journal.db").write_bytes(b"")
    assert main(["--verify", str(folders[0])]) == 1
    assert "it must not be used" in capsys.readouterr().out
    assert main(["--restore", str(folders[1]), "--var", str(tmp_path)]) == 0
    assert "client ids go on above epoch" in capsys.readouterr().out
