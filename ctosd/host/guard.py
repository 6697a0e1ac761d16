"""The loop's guard: a thread that sees a strategy hold the loop, and interrupts it.

One thread runs everything, so a strategy that computes or sleeps too long stops trading for all. The guard watches the
scheduler's turn counter; when one turn lasts longer than the limit it signals the main thread, whose handler raises
`Blocked` inside the strategy's own frame. A call into C that does not return (`time.sleep` does) is interrupted as
soon as it comes back to Python: signal(7), "Interruption of system calls".
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ctosd.kernel.scheduler import Blocked, Scheduler

SIGNAL = signal.SIGUSR2
DOORS = ("ctosd.kernel.scheduler", "ctosd.kernel.unit")


class Guard:
    """Watches one scheduler from outside its thread. Start it in the main thread, where signals arrive."""

    def __init__(self, scheduler: Scheduler, limit_s: float) -> None:
        self._scheduler = scheduler
        self._limit_s = limit_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ctos-guard", daemon=True)
        self._main = threading.main_thread().ident or 0
        self._suspect = -1
        self.interrupts = 0

    def start(self) -> None:
        signal.signal(SIGNAL, self._interrupt)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(1.0)
        signal.signal(SIGNAL, signal.SIG_DFL)

    def _watch(self) -> None:
        scheduler = self._scheduler
        while not self._stop.wait(self._limit_s / 4):
            turn, lane = scheduler.turns, scheduler.running
            if lane is None:
                continue
            if self._stop.wait(self._limit_s):
                return
            while scheduler.running is lane and scheduler.turns == turn and not self._stop.is_set():
                self._suspect = turn
                self.interrupts += 1
                signal.pthread_kill(self._main, SIGNAL)
                self._stop.wait(self._limit_s / 4)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        """In the main thread: raise inside the strategy, if it is still the turn that was seen."""
        scheduler = self._scheduler
        if scheduler.running is None or scheduler.turns != self._suspect or not _in_strategy(frame):
            return
        where = f"{frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}" if frame is not None else "?"
        raise Blocked(f"more than {self._limit_s:g} s in one turn, at {where}")


def _in_strategy(frame: FrameType | None) -> bool:
    """Whether the innermost frame of ours is the lane's door: then all code inside it is the strategy's.

    The kernel and the drivers must never be cut short: an order could be half-way out.
    """
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in DOORS:
            return True
        if module.startswith(("ctosd.", "drivers.")) and not module.startswith("ctosd.abi"):
            return False
        frame = frame.f_back
    return False
