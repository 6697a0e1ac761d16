"""The queue between who logs and what writes."""

import threading
import time

from ctosd.host.logs.drain import Drain

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40


class Sink:
    """Collects what is written; `gate` holds it up as a full pipe does."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def write(self, batch: list[tuple[int, bytes]]) -> None:
        self.entered.set()
        self.gate.wait(5)
        self.lines += [line for _, line in batch]


def test_all_lines_come_out_in_order() -> None:
    """Closing writes what is queued, and nothing is lost or turned round."""
    sink = Sink()
    sink.gate.set()
    drain = Drain("test", sink.write)
    for number in range(5_000):
        drain.put(INFO, b"%d" % number)
    assert drain.close()
    assert sink.lines == [b"%d" % number for number in range(5_000)]
    assert drain.statistics() == {"queued": 0, "written": 5_000, "dropped": {"debug": 0, "info": 0, "warning": 0}}


def test_a_blocked_writer_drops_debug_first_and_counts() -> None:
    """With the writer stuck, debug goes from half full, info from three quarters, and errors have the last quarter."""
    sink = Sink()
    drain = Drain("test", sink.write, capacity=100)
    drain.put(ERROR, b"first")
    assert sink.entered.wait(5)
    for level in (DEBUG, INFO, ERROR):
        for _ in range(100):
            drain.put(level, b"%d" % level)
    assert drain.statistics()["dropped"] == {"debug": 50, "info": 75, "warning": 75}
    sink.gate.set()
    assert drain.close()
    assert sink.lines == [b"first"] + [b"10"] * 50 + [b"20"] * 25 + [b"40"] * 25


def test_a_writer_that_never_returns_does_not_hold_up_the_end() -> None:
    """`close` gives up after its time and says so; `put` never waits."""
    sink = Sink()
    drain = Drain("test", sink.write, capacity=10)
    began = time.monotonic()
    for _ in range(1_000):
        drain.put(INFO, b"x")
    assert not drain.close(within_s=0.1)
    assert time.monotonic() - began < 2
    sink.gate.set()
    assert drain.close()


def test_flush_waits_for_what_is_queued_and_no_longer_than_told() -> None:
    """After a flush everything is written; a stuck writer makes it say no."""
    sink = Sink()
    drain = Drain("test", sink.write)
    drain.put(INFO, b"a")
    assert not drain.flush(within_s=0.05)
    sink.gate.set()
    assert drain.flush()
    assert sink.lines == [b"a"]
    assert drain.close()
