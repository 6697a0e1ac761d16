"""What the flight recorder costs: a frame and the event it tells, with it and without; and a freeze, as the loop feels it.

Usage: ``python tests/bench/bench_recorder.py``. Frames are Binance's commonest, decoded by the real wire, on a ring that is
full, so that each new record puts an old one out. Prints the best and the median of several rounds, µs a frame; the time for
which a freeze stops the loop, and the longest that a turn of the loop waits while the file is written.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ctosd.abi.events import Event
from ctosd.host.config.settings import RecorderSettings
from ctosd.host.recorder.recorder import Recorder
from ctosd.host.recorder.ring import Ring
from ctosd.host.recorder.taps import tap_frames, tap_publish
from ctosd.kernel.clock import WallClock
from ctosd.testing.rig import ListLog
from drivers.binance.wire import Decoder

ROUNDS, COUNT, LIMIT = 9, 100_000, 32 << 20
FRAMES = [
    b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":%d,"s":"BTCUSDT","b":"60000.10","B":"2.5","a":"60000.20",'
    b'"A":"3.1","T":1700000000000,"E":1700000000001}}' % number
    for number in range(1_000)
]

Hear = Callable[[bytes, int], None]


def driver(publish: Callable[[str, Event], None]) -> Hear:
    """What a driver does of a frame."""
    decode = Decoder("binance", {"BTCUSDT": "BTC/USDT:USDT"}).decode

    def hear(frame: bytes, recv_ns: int) -> None:
        event = decode(frame, recv_ns)
        if event is not None:
            publish("quotes/binance/BTC-USDT:USDT", event)

    return hear


def drop(topic: str, event: Event) -> None:
    """Nobody listens: what is measured is the way there."""


def measure(name: str, hear: Hear) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(COUNT // len(FRAMES)):
            for frame in FRAMES:
                hear(frame, 1_700_000_000_000_000_000)
        taken.append((time.perf_counter() - start) / COUNT * 1e6)
    print(f"{name:<40} best {min(taken):6.3f} us  median {statistics.median(taken):6.3f} us a frame")
    return min(taken)


async def freeze(folder: Path) -> None:
    """A full ring, frozen while the loop turns."""
    recorder = Recorder(WallClock(), ListLog(), folder, RecorderSettings(minutes=1e6))
    ring = recorder._ring
    hear = tap_frames(ring, "binance public #1", driver(tap_publish(ring, WallClock(), drop)))
    while not ring.shed:
        for frame in FRAMES:
            hear(frame, 1_700_000_000_000_000_000)
    recorder.freeze("asked")
    start = time.perf_counter()
    recorder._write(0)
    stopped_ms = (time.perf_counter() - start) * 1e3
    turns: list[float] = []
    writer = recorder._writer
    while writer is not None and writer.is_alive():
        before = time.perf_counter()
        await asyncio.sleep(0.0005)
        turns.append(time.perf_counter() - before - 0.0005)
    seconds = time.perf_counter() - start
    (path,) = folder.glob("*.flight")
    turns.sort()
    print(
        f"freeze of {len(ring.records)} records: the loop stood {stopped_ms:.1f} ms; written in {seconds:.1f} s,"
        f" {path.stat().st_size / 1e6:.1f} MB; a turn waited {turns[len(turns) // 2] * 1e3:.2f} ms (median),"
        f" {turns[int(len(turns) * 0.99)] * 1e3:.2f} ms (p99), {turns[-1] * 1e3:.2f} ms (worst)"
    )


def main() -> None:
    ring = Ring(1e6, LIMIT)
    bare = measure("decode and publish, no recorder", driver(drop))
    taped = measure("the same, recorded", tap_frames(ring, "lane", driver(tap_publish(ring, WallClock(), drop))))
    print(
        f"{'the recorder costs':<40} {taped - bare:11.3f} us a frame with its event; ring of {len(ring.records)} records"
    )
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(freeze(Path(folder)))


if __name__ == "__main__":
    main()
