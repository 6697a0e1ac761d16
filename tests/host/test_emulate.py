"""`ctosctl emulate`: a venue on loopback from the command line, met by the real daemon with the shipped configuration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PORTS = {"okx": "9001", "binance": "9002", "backpack": "9003"}


class Emulated:
    """One emulator as a process of its own."""

    def __init__(self, venue: str, *words: str) -> None:
        command = [sys.executable, "-m", "ctosd.host.emulate", venue, "--json", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        self.told: dict[str, Any] = json.loads(line)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code


def emulate(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ctosd.host.emulate", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False)


@pytest.fixture(params=sorted(PORTS))
def emulated(request: pytest.FixtureRequest) -> Iterator[tuple[str, Emulated]]:
    made = Emulated(request.param)
    yield request.param, made
    assert made.end() == 0


def test_the_real_daemon_trades_the_shipped_grid_over_the_wire(emulated: tuple[str, Emulated], tmp_path: Path) -> None:
    """The shipped configuration, with the port that was free here: orders leave by the venue's own protocol, and fill."""
    venue, server = emulated
    text = (ROOT / "etc" / f"{venue}-emulated.yaml").read_text()
    port = server.told["endpoints"]["rest"].rpartition(":")[2]
    assert PORTS[venue] in text
    # Steps of a hundredth of a percent: the market need not move far for a fill.
    text = text.replace(f":{PORTS[venue]}", f":{port}").replace("0.9997", "0.9999").replace("1.0003", "1.0001")
    (tmp_path / "ctos.yaml").write_text(text)
    command = [sys.executable, "-m", "ctosd", "--config", str(tmp_path / "ctos.yaml"), "--var", str(tmp_path / "var")]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    log = tmp_path / "var" / "log" / "ctosd.jsonl"
    try:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and not (log.exists() and '"event":"fill"' in log.read_text()):
            assert daemon.poll() is None, daemon.stdout and daemon.stdout.read()
            time.sleep(0.2)
    finally:
        daemon.send_signal(signal.SIGTERM)
        output, _ = daemon.communicate(timeout=20)
    assert daemon.returncode == 0, output
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line["event"] == "fill" for line in lines), output[-3000:]
    assert not [line for line in lines if line["level"] == "error"], output[-3000:]


def test_faults_are_listed_switched_and_refused_in_words() -> None:
    faults = json.loads(emulate("okx", "--faults", "--json").stdout)
    assert "reset_after" in faults
    server = Emulated("okx", "--fault", "slow=0")
    try:
        at = server.told["endpoints"]["rest"]
        shown = emulate("--at", at, "--fault", "book_gap=2")
        assert shown.returncode == 0, shown.stderr
        assert "limits" in json.loads(shown.stdout)["statistics"]
        wrong = emulate("--at", at, "--fault", "nonsense=1")
        assert wrong.returncode == 2
        assert "nonsense" in wrong.stderr
    finally:
        assert server.end() == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "which venue"),
        (("nowhere",), 4, "nowhere"),
        (("okx", "--fault", "slow=much"), 2, "NAME=VALUE"),
        (("okx", "--host", "192.0.2.1"), 4, "loopback"),
        (("--at", "http://127.0.0.1:9"), 1, "no emulator answers"),
        (("okx", "--settings", os.devnull + "x"), 4, "devnull" if os.devnull == "devnull" else "/dev/nullx"),
    ],
)
def test_mistakes_are_sentences(words: tuple[str, ...], code: int, said: str) -> None:
    done = emulate(*words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
