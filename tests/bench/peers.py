"""Other projects, measured beside us in the same run: installed apart under .venv/peers, never into our environment.

`python tests/bench/peers.py` installs them; a benchmark that finds none says so and prints our figure alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2] / ".venv" / "peers"
PYTHON = HOME / "bin" / "python"
PEERS = ("nautilus_trader==1.221.0", "pandas<3")  # the newest wheel for Python 3.11; pandas 3 breaks its wrangler


def install() -> None:
    if not PYTHON.exists():
        venv.create(HOME, with_pip=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--only-binary", ":all:", *PEERS], check=True)


def run(code: str, *args: str) -> dict[str, Any] | None:
    """Run `code` with the peers' Python; its last line of output is JSON. None when they are not installed."""
    if not PYTHON.exists():
        return None
    done = subprocess.run([PYTHON, "-c", code, *args], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  peer failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    install()
