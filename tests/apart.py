"""A module of the tests in a process of its own, with all that it starts: what forks and kills must not do it in pytest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def apart(module: str, place: Path, *words: str, within_s: float) -> None:
    """Run `python -m MODULE PLACE WORDS`; what it says goes to `place / "said"`. Raises `TimeoutExpired`; nothing of it lives on."""
    command = [sys.executable, "-m", module, str(place), *words]
    with (place / "said").open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        process.wait(within_s)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
