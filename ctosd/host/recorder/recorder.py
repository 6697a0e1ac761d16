"""The recorder: keeps the last minutes, and freezes them to disk when something goes wrong.

It hears of faults as everybody does, by the log: every line of level error, and the events in `FAULTS`. What follows a
fault is part of it, so the freeze comes a moment later; a second one within a minute waits for its time, and nothing of it
is lost meanwhile, because the ring reaches back further than that.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ctosd import __version__
from ctosd.abi.clock import Clock, Timer
from ctosd.abi.driver import Log
from ctosd.abi.instruments import Instrument
from ctosd.abi.orders import Order
from ctosd.abi.transport import Dial, Http
from ctosd.host.config.settings import RecorderSettings
from ctosd.host.recorder import flightfile
from ctosd.host.recorder.records import FORMAT, Footer, Header, Held, Line
from ctosd.host.recorder.ring import Ring
from ctosd.host.recorder.scrubber import Scrubber
from ctosd.host.recorder.taps import Publish, TappedDial, TappedHttp, TappedJournal, tap_decisions, tap_publish
from ctosd.kernel.desk import Desk
from ctosd.kernel.ports import Journal
from ctosd.kernel.system import System

SECOND = 1_000_000_000
TICK_NS = SECOND // 4
AFTER_NS = 2 * SECOND
"""How much of what follows a fault is kept with it."""
BETWEEN_NS = 60 * SECOND
PAUSE_S = 0.001
CLOSE_S = 10.0

FAULTS = frozenset(
    {
        *("order_unknown", "order_adopted", "repair_fill", "audit_repaired"),
        *("strategy_failed", "strategy_backoff", "strategy_parked", "strategy_zombie", "strategy_fenced"),
        *("venue_down", "venue_parked", "session_parked"),
    }
)
"""Lines below the level error that are faults all the same."""


class _Said(msgspec.Struct):
    level: str = ""
    event: str = ""
    mode: str = ""


_read_line = msgspec.json.Decoder(_Said).decode


class Recorder:
    """One daemon's flight recorder. `directory` is where the files go."""

    def __init__(self, clock: Clock, log: Log, directory: Path, settings: RecorderSettings) -> None:
        self._clock = clock
        self._log = log
        self._directory = directory
        self._keep = settings.keep
        self._ring = Ring(settings.minutes, settings.megabytes << 20)
        self._scrubber = Scrubber()
        self._timer: Timer | None = None
        self._writer: threading.Thread | None = None
        self._cause: tuple[str, str] | None = None  # of the fault that waits to be frozen: its event and its log line
        self._due_ns = 0
        self._frozen_ns = 0
        self._stopping = False
        self._closing = False
        self._lock = threading.Lock()
        self._boot = 0
        self._drivers: Mapping[str, str] = {}
        self._desk: Desk | None = None
        self.frozen = 0

    # -- taps ---------------------------------------------------------------------------------------------------------------

    def journal(self, journal: Journal) -> Journal:
        self._boot = journal.boot
        return TappedJournal(self._ring, journal)

    def publish(self, publish: Publish) -> Publish:
        return tap_publish(self._ring, self._clock, publish)

    def dial(self, name: str, dial: Dial) -> Dial:
        return TappedDial(self._ring, self._clock, name, dial, self.hide)

    def http(self, venue: str, http: Http) -> Http:
        return TappedHttp(self._ring, self._clock, venue, http, self.hide)

    def hide(self, *secrets: str) -> None:
        """Secrets that no file may show."""
        with self._lock:
            self._scrubber.learn(secrets)

    # -- faults -------------------------------------------------------------------------------------------------------------

    def attach(self, system: System, drivers: Mapping[str, str]) -> None:
        """Overhear the gate, and look after the ring from now on. `drivers`: venue -> its driver's module."""
        self._drivers, self._desk = drivers, system.desk
        system.desk.egress.on_decision = tap_decisions(self._ring)
        self._timer = self._clock.call_at(self._clock.now_ns() + TICK_NS, self._tick)

    def hear(self, line: str) -> None:
        """A line of the log, as `Logs.subscribe` gives it."""
        self._ring.put(Line(self._clock.now_ns(), line))
        try:
            said = _read_line(line)
        except msgspec.MsgspecError:
            return
        self._stopping = self._stopping or said.event == "stopping"
        halted = said.event == "mode" and said.mode == "halted"
        known = (said.event in FAULTS or halted) and not self._stopping
        if (said.level in ("error", "critical") or known) and not said.event.startswith("flight_"):
            self.freeze(said.event, line)

    def freeze(self, event: str, line: str = "") -> None:
        """Write a file soon. While one waits already, that one will tell of this too."""
        if self._cause is None:
            self._cause = event, line
            self._due_ns = max(self._clock.now_ns() + AFTER_NS, self._frozen_ns + BETWEEN_NS)

    def _tick(self) -> None:
        now_ns = self._clock.now_ns()
        self._ring.age(now_ns)
        idle = self._writer is None or not self._writer.is_alive()
        if self._cause is not None and idle and now_ns >= self._due_ns:
            self._write(now_ns)
        self._timer = self._clock.call_at(now_ns + TICK_NS, self._tick)

    def _write(self, now_ns: int) -> None:
        """Take a picture of everything here and now, and have a thread write it."""
        assert self._cause is not None
        (event, line), self._cause = self._cause, None
        self._frozen_ns = now_ns
        held = list(self._ring.records)
        since_ns = held[0].time_ns if held else now_ns
        orders: list[Order] = []
        listed: list[Instrument] = []
        if self._desk is not None:
            known = self._desk.blotter.orders.values()
            orders = [copy.copy(order) for order in known if order.is_open or order.updated_ns >= since_ns]
            listed = [each for venue in self._drivers for each in self._desk.market.instruments(venue)]
        header = Header(FORMAT, __version__, self._boot, now_ns, event, line, dict(self._drivers), listed)
        self._writer = threading.Thread(
            target=self._save, args=(header, held, orders), name="flight-recorder", daemon=True
        )
        self._writer.start()

    def _save(self, header: Header, held: Sequence[Held], orders: Sequence[Order]) -> None:
        stamp = datetime.fromtimestamp(header.time_ns // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
        name = "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in header.event)[:60]
        path = self._directory / f"{stamp}-{name}{flightfile.SUFFIX}"
        try:
            with self._lock:
                scrubber = copy.copy(self._scrubber)
            count = flightfile.write(path, header, held, Footer(0, orders), scrubber, self._pause)
            self._forget_old()
        except (OSError, msgspec.MsgspecError, TypeError, ValueError) as error:
            self._log.error("flight_failed", path=str(path), reason=getattr(error, "strerror", "") or repr(error))
            return
        self.frozen += 1
        seconds = round((header.time_ns - held[0].time_ns) / SECOND, 1) if held else 0.0
        self._log.warning("flight_frozen", path=str(path), cause=header.event, seconds=seconds, records=count)

    def _pause(self) -> None:
        """Let the trading thread have its turn, as long as there is one."""
        if not self._closing:
            time.sleep(PAUSE_S)

    def _forget_old(self) -> None:
        files = sorted(self._directory.glob(f"[0-9]*{flightfile.SUFFIX}"))
        for path in files[: max(0, len(files) - self._keep)]:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what waits to be written, and stop. The log must still be open."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is not None:
            self._writer.join(CLOSE_S)
        if self._cause is not None:
            self._write(self._clock.now_ns())
            assert self._writer is not None
            self._writer.join(CLOSE_S)

    def statistics(self) -> Mapping[str, Any]:
        ring = self._ring
        return {"records": len(ring.records), "bytes": ring.size, "shed": ring.shed, "frozen": self.frozen}
