"""Taps pass everything on as it is, errors too, and keep what went by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ctosd.abi import NoAnswer, NotReady, NotSent, Response
from ctosd.abi.events import BookDelta, Quote
from ctosd.host.recorder.records import HEARD, LEVEL, Answered, Asked, Entry, Frame, Heard, Link, Published, cost
from ctosd.host.recorder.ring import Ring
from ctosd.host.recorder.taps import TappedDial, TappedHttp, TappedJournal, tap_frames, tap_publish
from ctosd.kernel.clock import VirtualClock
from ctosd.testing.journal import MemoryJournal

CLOCK = VirtualClock(1_000)
QUOTE = Quote("okx", "X", 1.0, 2.0, 3.0, 4.0, 5)


class Wire:
    """A socket, and what opens it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent: list[bytes] = []
        self.closed: list[str] = []
        self.on_frame: Any = None
        self.on_close: Any = None
        self.headers: Any = None

    async def __call__(
        self, url: str, on_frame: Any, on_close: Any, *, headers: Any = (), timeout_s: float = 1.0
    ) -> Any:
        if self.error is not None:
            raise self.error
        self.on_frame, self.on_close, self.headers = on_frame, on_close, headers
        return self

    def send(self, message: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    def close(self, reason: str = "") -> None:
        self.closed.append(reason)


async def test_frames_of_both_ways_and_the_life_of_the_connection_are_kept() -> None:
    ring, wire, learned, heard = Ring(5, 1 << 20), Wire(), list[str](), list[Any]()
    dial = TappedDial(ring, CLOCK, "okx public", wire, learned.append)
    ended: list[str] = []
    socket = await dial(
        "wss://x/ws/" + "k" * 64, lambda f, t: heard.append((f, t)), ended.append, headers=(("a", "b"),)
    )
    wire.on_frame(b"in", 2_000)
    socket.send(b"out")
    socket.close("enough")
    wire.on_close("gone")
    assert (heard, wire.sent, wire.closed, ended) == ([(b"in", 2_000)], [b"out"], ["enough"], ["gone"])
    assert wire.headers == (("a", "b"),)
    assert learned == ["k" * 64]
    lane = "okx public #1"
    assert list(ring.records) == [
        Link(1_000, lane, True), Heard(2_000, lane, b"in", HEARD + 2), Frame(1_000, lane, True, b"out"),
        Link(1_000, lane, False, "gone"),
    ]  # fmt: skip
    await dial("wss://x", lambda f, t: None, ended.append)
    assert ring.records[-1] == Link(1_000, "okx public #2", True)


async def test_what_was_refused_has_not_left_and_is_not_kept() -> None:
    ring, wire = Ring(5, 1 << 20), Wire()
    socket = await TappedDial(ring, CLOCK, "okx", wire, lambda key: None)("ws://x", lambda f, t: None, lambda r: None)
    wire.error = NotSent("closed")
    with pytest.raises(NotSent):
        socket.send(b"out")
    with pytest.raises(NotSent):
        await TappedDial(ring, CLOCK, "okx", wire, lambda key: None)("ws://x", lambda f, t: None, lambda r: None)
    assert [type(each) for each in ring.records] == [Link, Link]
    assert ring.records[-1] == Link(1_000, "okx #1", False, "closed")


def test_an_event_is_heard_while_its_frame_is_and_not_after() -> None:
    ring, out = Ring(5, 1 << 20), list[Any]()
    publish = tap_publish(ring, CLOCK, lambda topic, event: out.append((topic, event)))
    hear = tap_frames(ring, "okx #1", lambda frame, recv_ns: publish("quotes/okx/X", QUOTE))
    hear(b"frame", 2_000)
    publish("quotes/okx/X", QUOTE)
    assert out == [("quotes/okx/X", QUOTE)] * 2
    frame, after = ring.records
    assert isinstance(frame, Heard)
    assert (frame.time_ns, frame.lane, frame.data, frame.events) == (2_000, "okx #1", b"frame", [QUOTE])
    assert after == Published(1_000, "quotes/okx/X", QUOTE)


def test_many_events_of_one_frame_are_kept_in_their_order_and_counted() -> None:
    ring = Ring(5, 1 << 20)
    publish = tap_publish(ring, CLOCK, lambda topic, event: None)
    book = BookDelta("okx", "X", [(1.0, 2.0)] * 100, [], 5)
    told = [QUOTE, book, replace(QUOTE, bid=0.5)]
    tap_frames(ring, "okx #1", lambda frame, recv_ns: [publish("x", each) for each in told] and None)(b"frame", 2_000)
    (frame,) = ring.records
    assert isinstance(frame, Heard)
    assert frame.events == told
    assert ring.size == cost(frame) > 100 * LEVEL


def test_a_frame_that_cannot_be_taken_in_is_kept_and_its_error_goes_on() -> None:
    ring = Ring(5, 1 << 20)

    def broken(frame: bytes, recv_ns: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tap_frames(ring, "okx #1", broken)(b"frame", 2_000)
    assert list(ring.records) == [Heard(2_000, "okx #1", b"frame", HEARD + 5)]
    assert ring.hearing is None


def test_the_taps_keep_to_the_bound() -> None:
    ring = Ring(5, 20_000)
    hear = tap_frames(ring, "okx #1", lambda frame, recv_ns: None)
    publish = tap_publish(ring, CLOCK, lambda topic, event: None)
    for number in range(2_000):
        hear(b"x" * 100, number + 1)
        publish("quotes/okx/X", QUOTE)
        assert ring.size <= 20_000
    ring.age(10**15)
    assert (len(ring.records), ring.size) == (0, 0)


class Answering:
    """An HTTP client with one answer."""

    def __init__(self, answer: Response | BaseException) -> None:
        self.answer = answer

    async def request(
        self, method: str, url: str, *, headers: Any = (), body: bytes = b"", timeout_s: float = 1.0
    ) -> Response:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def test_requests_are_kept_without_their_headers_and_keys_are_learned() -> None:
    ring, learned = Ring(5, 1 << 20), list[str]()
    body = b'{"listenKey":"pqia91ma19a5"}'
    answer = Response(status=200, headers={}, body=body, time_ns=5)
    http = TappedHttp(ring, CLOCK, "binance", Answering(answer), learned.append)
    given = await http.request("POST", "http://x/y", headers=(("X-KEY", "secret"),), body=b"b")
    assert given is answer
    assert list(ring.records) == [
        Asked(1_000, "binance", 1, "POST", "http://x/y", b"b"), Answered(1_000, "binance", 1, 200, body),
    ]  # fmt: skip
    assert learned == ["pqia91ma19a5"]


@pytest.mark.parametrize("error", [NoAnswer("lost"), NotReady("no"), asyncio.CancelledError()])
async def test_a_request_that_fails_fails_as_it_did(error: BaseException) -> None:
    ring = Ring(5, 1 << 20)
    http = TappedHttp(ring, CLOCK, "okx", Answering(error), lambda key: None)
    with pytest.raises(type(error)):
        await http.request("GET", "http://x")
    last = ring.records[-1]
    assert isinstance(last, Answered)
    assert (last.status, last.error.partition(":")[0]) == (0, type(error).__name__)


async def test_the_journal_is_the_journal() -> None:
    ring, inner = Ring(5, 1 << 20), MemoryJournal(boot=7)
    journal = TappedJournal(ring, inner)
    assert journal.append("intent", "mine", b"{}", 3) == 1
    assert journal.commit_now(1)
    inner.failed = "the disk is full"
    assert (journal.boot, journal.failed, inner.commits) == (7, "the disk is full", 1)
    assert not journal.commit_now(1)
    with pytest.raises(NotReady):
        await journal.committed(1)
    journal.failed = ""
    await journal.committed(1)
    assert inner.failed == ""
    assert list(journal.rows()) == inner.kept
    assert journal.statistics() == inner.statistics()
    assert list(ring.records) == [Entry(3, 1, "intent", "mine", b"{}")]
