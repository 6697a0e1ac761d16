"""The daemon as a user meets it: ready, memory at rest, and how long `ctosctl status` takes from start to exit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ROUNDS = 15


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ctos-"))
    try:
        measure(folder)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path) -> None:
    var = str(folder / "var")
    command = [str(BIN / "ctosd"), "--config", str(ROOT / "etc" / "ctos.yaml"), "--var", var]
    starts = []
    for _ in range(5):
        process, seconds, fill = start(command, folder)
        starts.append(seconds)
        if len(starts) < 5:
            end(process)
    rss = json.loads(ctl(var, "status", "--json"))
    record = rss.get("result", rss)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ctl(var, "status")
        times.append((time.perf_counter() - began) * 1e3)
    end(process)
    print(f"ready                        {median(starts):7.2f} s      (bar: 1.5)")
    print(f"first fill                   {fill:7.2f} s      (bar: 10)")
    print(f"memory at rest               {record['rss_mb']:7.1f} MiB    (bar: 90)")
    print(f"ctosctl status               {median(times):7.1f} ms     (bar: 80), worst {max(times):.1f}")


def start(command: list[str], folder: Path) -> tuple[subprocess.Popen[bytes], float, float]:
    """Start the daemon; seconds to its `ready` line and to its first fill."""
    out = folder / "out"
    out.write_text("")
    began = time.perf_counter()
    with out.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT)
    ready = wait(out, '"ready"', began)
    return process, ready, wait(out, '"fill"', began)


def wait(out: Path, word: str, began: float) -> float:
    while time.perf_counter() - began < 30:
        if word in out.read_text():
            return time.perf_counter() - began
        time.sleep(0.005)
    raise SystemExit(f"no {word} in {out.read_text()[-2000:]}")


def end(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGTERM)
    process.wait(15)


def ctl(var: str, *args: str) -> str:
    return subprocess.run(
        [str(BIN / "ctosctl"), "--var", var, *args], capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
