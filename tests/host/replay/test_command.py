"""`ctosctl replay` whole: a real daemon on an emulator that loses an answer leaves a recording, and it is proved."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ctosd.core.gate import Refusal
from ctosd.ctl import verbs
from ctosd.host.recorder.records import Decision, Record, Told
from ctosd.host.replay import command
from ctosd.host.replay.frames import event_of
from ctosd.host.replay.tape import load
from tests.host.probing import stand
from tests.host.replay.reel import SUBJECTS, bytes_of, listen, play, raw, rewritten, trade
from tests.host.replay.test_frames import follow

AGAIN = """
clock: virtual
strategies_dir: ""
log: {level: warning}
venues:
  paper:
    accounts: {main: {}}
    balances: {USDT: 10000}
    market: {kind: recorded, feeds: [{path: market.raw, decoder: flight}]}
strategies:
  - {name: grid-btc, use: grid, account: paper/main, params: {symbols: [BTC/USDT:USDT], base_notional: 500, max_inventory: 5000, buy_step: 0.9999, sell_step: 1.0001}}
"""
ROOT = Path(__file__).parents[3]
MARKETS = {"okx": "BTC/USDT:USDT", "binance": "BTC/USDT:USDT", "backpack": "BTC/USDC:USDC"}


def replay(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = command.main([str(word) for word in words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


async def ctosctl(*words: str) -> tuple[int, str]:
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ctosd.ctl", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT
    )
    out, _ = await asyncio.wait_for(done.communicate(), 30)
    assert done.returncode is not None
    return done.returncode, out.decode()


async def until(ready: Callable[[], Any], daemon: Any, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not ready():
        assert daemon.returncode is None, "the daemon has ended"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def lost_answer(folder: Path, name: str) -> list[Path]:
    """A real daemon trades on the emulator of a venue, loses one answer, and is stopped; the recordings it leaves."""
    served = await stand.serve(SUBJECTS[name].emulator)  # type: ignore[arg-type]
    addresses = {each: url for each, url in served.addresses().items() if "." not in each}
    path, var = stand.written(folder, {name: {"endpoints": addresses}}), str(folder / "var")
    log = folder / "var" / "log" / "ctosd.jsonl"
    with (folder / "out").open("wb") as out:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ctosd", "--config", str(path), "--var", var, stdout=out, stderr=out, cwd=ROOT
        )
    try:
        await until(lambda: log.exists() and '"event":"ready"' in log.read_text(), daemon)
        words = [
            "call",
            f"{name}/main",
            "place_order",
            f"symbol={MARKETS[name]}",
            "side=buy",
            "order_type=market",
            "size=0.01",
        ]
        code, text = await ctosctl(*words, "--var", var)
        assert code == 0, text
        await asyncio.sleep(0.5)
        served.emulator.set_fault("reset_after", 1)
        await ctosctl(*words, "--var", var)
        served.emulator.set_fault("reset_after", 0)
        await until(lambda: '"event":"flight_frozen"' in log.read_text(), daemon)
    finally:
        daemon.send_signal(signal.SIGTERM)
        await asyncio.wait_for(daemon.wait(), 20)
        await served.stop()
    assert daemon.returncode == 0, (folder / "out").read_text()
    code, text = await ctosctl("replay", "--journal", str(folder / "var" / "lib" / "journal.db"))
    assert code == 0, text
    assert "it adds up" in text
    return sorted((folder / "var" / "lib" / "flight").glob("*.flight"))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", MARKETS)
async def test_a_lost_answer_leaves_a_recording_that_comes_out_the_same(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = await lost_answer(tmp_path, name)
    code, text = await ctosctl("replay", str(path))
    assert code == 0, text
    assert ">>>" in text
    assert "nobody knows yet whether the venue took an order" in text
    assert "come out the same" in text
    code, out, _ = await asyncio.to_thread(replay, capsys, path, "--json")
    told = json.loads(out)
    proof = told["proof"]
    assert (code, proof["ok"], proof["differences"], proof["venues_without_reader"]) == (0, True, [], [])
    assert proof["decisions"] == proof["orders"] == 2
    assert proof["events"] > 10
    assert any(moment["fault"] for moment in told["timeline"])
    content = bytes_of(path)
    for secrets in SUBJECTS[name].driver.manifest.emulator_credentials.values():
        assert secrets.encode() not in content
    # One decision changed: found, and named.
    code, out, _ = await asyncio.to_thread(replay, capsys, rewritten(path, refuse), "--quiet")
    assert code == 1
    assert out.count("DIFFERS") == 2
    assert "decision on ctos" in out
    assert "recorded: refused, halted: tampered" in out
    # One fill at another price than its frame says: the same.
    code, out, _ = await asyncio.to_thread(replay, capsys, rewritten(path, cheaper), "--quiet")
    assert code == 1
    fills = [each for each in load(path).records if cheaper(each) is not each]
    assert out.count("DIFFERS") == len(fills) > 0
    assert f"frame of {name} " in out
    assert "recorded: Fill(" in out


@pytest.mark.timeout(60)
async def test_a_person_asks_for_a_recording_and_a_halt_makes_one(tmp_path: Path) -> None:
    """Without a venue beyond the process too: the paper venue's events, decisions and orders come out the same."""
    venue = {"driver": "paper", "accounts": {"main": {}}, "balances": {"USDT": 10000}}
    market = {"kind": "synthetic", "symbols": {"BTC/USDT:USDT": {}}}
    path, var = stand.written(tmp_path, {"paper": {**venue, "market": market}}), str(tmp_path / "var")
    folder, log = tmp_path / "var" / "lib" / "flight", tmp_path / "var" / "log" / "ctosd.jsonl"
    with (tmp_path / "out").open("wb") as out:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ctosd", "--config", str(path), "--var", var, stdout=out, stderr=out, cwd=ROOT
        )
    try:
        await until(lambda: log.exists() and '"event":"ready"' in log.read_text(), daemon)
        words = [
            "call",
            "paper/main",
            "place_order",
            "symbol=BTC/USDT:USDT",
            "side=buy",
            "order_type=market",
            "size=0.01",
        ]
        code, text = await ctosctl(*words, "--var", var)
        assert code == 0, text
        daemon.send_signal(signal.SIGQUIT)
        await until(lambda: list(folder.glob("*-asked.flight")), daemon)
        code, text = await ctosctl("halt", "--reason", "enough", "--var", var)
        assert code == 0, text
    finally:
        daemon.send_signal(signal.SIGTERM)
        await asyncio.wait_for(daemon.wait(), 20)
    assert daemon.returncode == 0, (tmp_path / "out").read_text()
    asked, halted = sorted(folder.glob("*.flight"))
    assert halted.name.endswith("-mode.flight")  # it waited for its minute, and was written at the end
    for each, said in ((asked, "frozen: asked"), (halted, "trading is halted")):
        code, text = await ctosctl("replay", str(each))
        assert code == 0, text
        assert said in next(line for line in text.splitlines() if line.startswith(">>>"))
        assert "1 decisions" in text


def refuse(record: Record) -> Record:
    return replace(record, refusal=Refusal("halted", "tampered")) if isinstance(record, Decision) else record


def cheaper(record: Record) -> Record:
    if isinstance(record, Told) and record.kind == "Fill" and record.heard:
        event: Any = event_of(record)
        return replace(record, event=raw(replace(event, price=event.price - 1)))
    return record


def test_a_torn_file_is_told_clearly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = play(tmp_path, trade)
    path.write_bytes(path.read_bytes()[:-40])
    code, out, err = replay(capsys, path)
    assert code == 1
    assert "TORN" in out
    assert "torn or damaged after" in out
    path.write_bytes(path.read_bytes()[:8])
    code, out, err = replay(capsys, path)
    assert (code, out) == (1, "")
    assert err.startswith("ctosctl replay: ")
    assert str(path) in err


def test_more_differences_than_a_page_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def many(scene: Any) -> None:
        for number in range(30):
            await scene.sys.place_order("BTC/USDT:USDT", "buy", "limit", "0.1", str(90 + number % 9))
            await scene.rig.clock.sleep(1)

    code, out, _ = replay(capsys, rewritten(play(tmp_path, many), refuse), "--quiet")
    assert code == 1
    assert out.count("DIFFERS") == command.MOST
    assert "and 10 more; --json has all" in out


def test_the_market_goes_out_as_a_recorded_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape = listen(tmp_path, "okx", follow, seconds=5.0)
    out_path = tmp_path / "market.raw"
    code, out, _ = replay(capsys, tape.path, "--quiet", "--extract", out_path)
    assert code == 0
    assert f"{out_path}: " in out
    assert "decoder: flight" in out
    assert out_path.read_bytes().count(b"\n") > 20
    # And a strategy lives through it again: the paper venue plays it on the virtual clock, the same way each time.
    config = tmp_path / "ctos.yaml"
    config.write_text(AGAIN)
    words = [sys.executable, "-m", "ctosd", "--config", str(config), "--var", str(tmp_path / "var")]
    runs = [subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stdout + runs[0].stderr
    digests = [re.findall(r"orders sha256 (\w{64})", run.stdout) for run in runs]
    assert digests[0] == digests[1] != []
    assert re.search(r"\n[1-9]\d* orders", runs[0].stdout), runs[0].stdout
    code, out, err = replay(capsys, tape.path, "--quiet", "--extract", tmp_path / "no" / "x")
    assert code == 1
    assert "No such file" in err


@pytest.mark.parametrize(
    "words", [(), ("a.flight", "--journal", "b.db"), ("a.flight", "--around", "x"), ("a.flight", "--nonsense")]
)
def test_wrong_words_are_usage(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 2
    assert "usage: ctosctl replay" in capsys.readouterr().err


def test_a_journal_that_is_none_or_does_not_add_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = replay(capsys, "--journal", tmp_path / "journal.db")
    assert code == 1
    assert "no such file" in err


def test_the_verb_is_one_of_ctosctl() -> None:
    assert verbs.ELSEWHERE["replay"] == "ctosd.host.replay.command"
    assert "replay" in verbs.VERBS
