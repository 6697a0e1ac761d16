"""End to end: the real `ctosd` in its own process, spoken to with the real `ctosctl`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

LIVELY = """
clock: wall
log: {level: info, console: json}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    market: {kind: synthetic, seed: 7, speed: 5}
"""

GRID = """
use: grid
account: paper/main
params:
  symbols: [BTC/USDT:USDT]
  base_notional: 200
  buy_step: 0.9998
  sell_step: 1.0002
  buy_move: 0.9998
  sell_move: 1.0002
  max_inventory: 4000
  max_loss: 500
"""


class Running:
    """One daemon process with its own directory."""

    def __init__(self, folder: Path, config: str = LIVELY, units: dict[str, str] | None = None) -> None:
        self.folder = folder
        (folder / "strategies.d").mkdir(exist_ok=True)
        (folder / "ctos.yaml").write_text(config)
        for name, unit in (units if units is not None else {"grid": GRID}).items():
            (folder / "strategies.d" / f"{name}.yaml").write_text(unit)
        self.process: subprocess.Popen[str] | None = None
        self.out = folder / "out"

    def start(self, **environ: str) -> Running:
        command = [str(BIN / "ctosd"), "--config", str(self.folder / "ctos.yaml"), "--var", str(self.folder / "var")]
        with self.out.open("a") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environ}
            )
        return self

    def wait_for(self, event: str, seconds: float = 20) -> dict[str, object]:
        """The first log line of an event."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.lines():
                if line.get("event") == event:
                    return line
            assert self.process is not None
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {event!r} in:\n{self.out.read_text()[-3000:]}")

    def lines(self) -> list[dict[str, object]]:
        out = []
        for line in self.out.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                out.append(json.loads(line))
        return [line for line in out if isinstance(line, dict)]

    def ctl(self, *args: str, code: int | None = 0) -> str:
        command = [str(BIN / "ctosctl"), "--var", str(self.folder / "var"), *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert code is None or done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + (done.stderr if code else "")

    def json(self, *args: str) -> object:
        return json.loads(self.ctl(*args, "--json"))

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A short path: a Unix socket's name may have 107 bytes."""
    place = Path("/tmp") / f"ctos-{os.getpid()}-{abs(hash(tmp_path)) % 10**6}"  # noqa: S108 - short on purpose
    place.mkdir()
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def daemon(folder: Path) -> Iterator[Running]:
    running = Running(folder).start()
    running.wait_for("ready")
    yield running
    running.stop(signal.SIGKILL)


def run(folder: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "ctosd"), "--config", str(folder / "ctos.yaml"), "--var", str(folder / "var"), *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environ}
    )


def test_a_newcomer_sees_a_fill_and_every_verb_answers(daemon: Running) -> None:
    """Ready, a first fill within ten seconds, all reading verbs, the kill switch, stop and start, a graceful end."""
    daemon.wait_for("fill", 10)
    status = daemon.ctl("status")
    assert "grid" in status
    assert "running" in status
    for verb in ("ps", "orders", "positions", "balances", "fills"):
        assert daemon.ctl(verb)
        assert isinstance(daemon.json(verb), list | dict)
    assert "bus/" in daemon.ctl("ls")
    assert daemon.ctl("cat", "version").strip() == __import__("ctosd").__version__
    assert "State" in daemon.ctl("cat", "strategies/grid/status")
    book = json.loads(daemon.ctl("call", "paper/main", "get_orderbook", "symbol=BTC/USDT:USDT", "level=5", "--json"))
    assert book
    daemon.ctl("halt", "--reason", "test")
    assert "halted" in daemon.ctl("status")
    assert "halted" in daemon.ctl("why", "grid")
    daemon.ctl("resume")
    daemon.ctl("stop", "grid")
    assert "stopped" in daemon.ctl("ps")
    daemon.ctl("start", "grid")
    assert daemon.stop(signal.SIGINT) == 0
    text = daemon.out.read_text()
    assert "Traceback" not in text
    assert not (daemon.folder / "var" / "run" / "ctosd.sock").exists()
    daemon.ctl("status", code=3)


def test_flatten_leaves_nothing(daemon: Running) -> None:
    daemon.wait_for("fill", 15)
    daemon.ctl("flatten", "-y")
    positions = json.loads(daemon.ctl("positions", "--json"))
    rows = positions if isinstance(positions, list) else positions["result"]
    assert all(float(row["size"]) == 0 for row in rows)
    orders = json.loads(daemon.ctl("orders", "--json"))
    assert (orders if isinstance(orders, list) else orders["result"]) == []
    assert daemon.stop() == 0


def test_it_goes_on_where_it_was(folder: Path) -> None:
    first = Running(folder).start()
    first.wait_for("fill", 15)
    assert first.stop() == 0
    report = first.wait_for("report")
    first.out.write_text("")
    first.start()
    first.wait_for("ready")
    rows = first.json("fills")
    assert len(rows) >= report["fills"]  # type: ignore[arg-type, operator]
    status = first.json("status")
    assert status["boot"] > 1  # type: ignore[index, call-overload]
    assert first.stop() == 0


def test_curl_works(daemon: Running) -> None:
    """The socket speaks plain HTTP/1.1."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.folder / "var" / "run" / "ctosd.sock"))
        client.sendall(b"GET /proc/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_second_instance_is_refused_and_the_first_goes_on(daemon: Running) -> None:
    second = run(daemon.folder)
    assert second.returncode == 75
    assert "another ctosd" in second.stderr
    assert "Traceback" not in second.stderr
    daemon.ctl("status")


def test_a_stale_socket_is_no_obstacle(folder: Path) -> None:
    running = Running(folder).start()
    running.wait_for("ready")
    running.stop(signal.SIGKILL)
    assert (folder / "var" / "run" / "ctosd.sock").exists()
    running.out.write_text("")
    running.start()
    running.wait_for("ready")
    assert running.stop() == 0


def test_a_wrong_configuration_names_every_mistake(folder: Path) -> None:
    Running(folder, config=LIVELY + "clok: wall\nseed: -1\n", units={"grid": GRID + "exti: cancel\n"})
    done = run(folder)
    assert done.returncode == 78
    assert re.search(r'ctos\.yaml:\d+: .*clok.*"clock"', done.stderr)
    assert "seed" in done.stderr
    assert "grid.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(folder, "--check").returncode == 78


def test_check_says_that_a_good_one_is_good(folder: Path) -> None:
    Running(folder)
    done = run(folder, "--check")
    assert done.returncode == 0
    assert "1 strategy" in done.stdout


BAD = """
from ctosd.abi import Quote, Strategy
import asyncio, time

class {name}(Strategy):
    async def on_start(self):
        {start}
        await self.sys.subscribe_ticks("BTC/USDT:USDT", "quotes")

    async def on_quote(self, quote: Quote):
        {quote}

    async def run(self):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                {cancel}
"""


def test_misbehaving_strategies_are_fenced_named_and_explained_while_others_fill(folder: Path) -> None:
    """One raises at every start, one blocks, one floods, one swallows its cancellation; the grid goes on."""
    flood = (
        "await self._flood()\n    async def _flood(self):\n        while True:\n"
        "            await self.sys.place_order('BTC/USDT:USDT', 'buy', 'limit', '5000', '1')"
    )
    kinds = {
        "raiser": ("raise RuntimeError('no luck')", "pass", "raise"),
        "blocker": ("pass", "time.sleep(60)", "raise"),
        "flooder": ("pass", flood, "raise"),
        "stubborn": ("pass", "pass", "pass"),
    }
    units = {"grid": GRID}
    running = Running(folder)
    for name, (start, quote, cancel) in kinds.items():
        code = BAD.format(name=name.capitalize(), start=start, quote=quote, cancel=cancel)
        (folder / "strategies.d" / f"{name}.py").write_text(code)
        units[name] = f"use: ./{name}.py\naccount: paper/main\nrestart: {{max_restarts: 2, backoff_s: 0.1}}\n"
    running = Running(folder, units=units).start()
    try:
        running.wait_for("ready")
        end = time.monotonic() + 15
        states: dict[str, str] = {}
        while time.monotonic() < end and not all(states.get(n) == "parked" for n in ("raiser", "blocker", "flooder")):
            rows = running.json("ps")
            states = {row["name"]: row["state"] for row in rows}  # type: ignore[attr-defined]
            time.sleep(0.2)
        assert states["raiser"] == states["blocker"] == states["flooder"] == "parked", states
        assert states["grid"] == "running"
        running.ctl("stop", "stubborn", code=None)
        status = " ".join(running.ctl("status").split())
        assert "no luck" in status
        assert "blocked the loop" in status
        assert "flooded" in status
        assert "zombie" in status
        before = len(running.json("fills"))  # type: ignore[arg-type]
        end = time.monotonic() + 15
        while time.monotonic() < end and len(running.json("fills")) <= before:  # type: ignore[arg-type]
            time.sleep(0.3)
        assert len(running.json("fills")) > before  # type: ignore[arg-type]
        assert running.stop() == 0
    finally:
        running.stop(signal.SIGKILL)


REPLAY = """
clock: virtual
seed: 3
log: {level: warning, console: json}
venues:
  paper:
    driver: paper
    accounts: {main: {}}
    balances: {USDT: 100000}
    market:
      kind: recorded
      feeds:
        - {path: bars.csv, symbol: "BTC/USDT:USDT"}
"""


def bars(path: Path, count: int = 3000) -> None:
    """A small random walk with a fixed seed, one-minute bars."""
    from random import Random

    random, price = Random(5), 40_000.0
    lines = ["timestamp,open,high,low,close,volume"]
    for minute in range(count):
        close = price * (1 + random.gauss(0, 0.0008))
        high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1_640_995_200 + 60 * minute))
        lines.append(f"{stamp},{price:.1f},{high:.1f},{low:.1f},{close:.1f},12.5")
        price = round(close, 1)
    path.write_text("\n".join(lines) + "\n")


TIGHT = (
    GRID.replace("0.9998", "0.998").replace("1.0002", "1.002").replace("max_inventory: 4000", "max_inventory: 20000")
)


def report_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr + done.stdout
    found = re.search(r"orders sha256 ([0-9a-f]{64})", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_a_recorded_market_is_traded_to_its_end_and_repeats_to_the_byte(folder: Path) -> None:
    """Two processes with different hash seeds, as fast as they can: the same orders; a summary of what happened."""
    Running(folder, config=REPLAY, units={"grid": TIGHT})
    bars(folder / "bars.csv")
    first, second = run(folder, PYTHONHASHSEED="1"), run(folder, PYTHONHASHSEED="2")
    assert report_of(first) == report_of(second)
    assert re.search(r"[1-9]\d* orders", first.stdout)
    assert re.search(r"[1-9]\d* fills", first.stdout)
    assert "3,000 market events" in first.stdout
    assert "DOES NOT ADD UP" not in first.stdout


def test_an_unreadable_recording_is_named_with_its_line(folder: Path) -> None:
    Running(folder, config=REPLAY, units={"grid": TIGHT})
    bars(folder / "bars.csv", 50)
    lines = (folder / "bars.csv").read_text().splitlines()
    lines[20] = lines[20].replace(",", ";", 3)
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")
    done = run(folder)
    assert done.returncode == 78
    assert "bars.csv" in done.stderr + done.stdout
    assert "21" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
