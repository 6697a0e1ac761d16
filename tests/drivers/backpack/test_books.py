"""Books: rebuilt from the recorded session, and every fault in it noticed and healed."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ctosd.abi import BookDelta, NotReady, Quote
from ctosd.core.book import Book, Rule
from drivers.backpack.books import Books
from drivers.backpack.wire import Decoder
from tests.drivers.backpack.exchange import FIXTURES, SECOND, SOL_SPOT, Clock, Log, listing, settle

STREAM = "depth.SOL_USDC"
TOPIC = "book/backpack/SOL-USDC"
Levels = dict[float, float]


def recorded() -> list[bytes]:
    path = FIXTURES / "backpack" / "ws_public_raw.jsonl"
    return [line for line in path.read_bytes().splitlines() if line.strip()] if path.exists() else []


pytestmark = pytest.mark.skipif(not recorded(), reason="the shared fixtures are not here")


class Session:
    """Remembers which streams were to be subscribed again."""

    def __init__(self) -> None:
        self.again: list[str] = []

    def resubscribe(self, stream: str, reason: str) -> None:
        self.again.append(stream)


class Venue:
    """The recorded market: its true book after each delta, and its REST snapshots as of now.

    The recording has no snapshot, so one is made: the touch that the first bookTicker tells, and the levels that are
    changed later. `lag` is how many ids the snapshots are behind the stream.
    """

    def __init__(self, lag: int = 0, fails: int = 0) -> None:
        listed = listing()
        self.decoder = Decoder("backpack", lambda: listed.by_native)
        events = [self.decoder.decode(line, 5)[1] for line in recorded()]
        self.deltas = [event for event in events if isinstance(event, BookDelta)]
        self.quotes = {}
        for line in recorded():
            data = json.loads(line)["data"]
            if data.get("e") == "bookTicker":
                self.quotes[int(data["u"])] = self.decoder.decode(line, 5)[1]
        self.bids: Levels = {98.96: 288.77, 98.95: 1.0}
        self.asks: Levels = {98.97: 41.0, 98.98: 1.0, 99.0: 1.0}
        self.last_id = self.deltas[0].first_id - 1
        self.past: list[BookDelta] = []
        self.lag, self.fails, self.asked = lag, fails, 0
        self.clock, self.log, self.session = Clock(), Log(), Session()
        self.heard: list[BookDelta] = []
        self.follower = Book("backpack", SOL_SPOT, Rule(chain="first"))
        self.tasks: list[asyncio.Task[None]] = []
        self.books = Books("backpack", self.clock, self.log, self._publish, self._fetch, self._spawn)
        self.books.session = self.session
        self._keep()

    def _spawn(self, name: str, coro: Any) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coro, name=name))

    def _publish(self, name: str, event: BookDelta) -> None:
        assert name == TOPIC
        self.heard.append(event)
        assert self.follower.apply(event) == "", "a follower was given what does not follow"

    def _keep(self) -> None:
        bids = sorted(self.bids.items(), reverse=True)
        asks = sorted(self.asks.items())
        self.past.append(
            BookDelta("backpack", SOL_SPOT, bids, asks, self.clock.now_ns(), last_id=self.last_id, snapshot=True)
        )

    async def _fetch(self, symbol: str, level: int) -> BookDelta:
        assert (symbol, level) == (SOL_SPOT, 1_000)
        self.asked += 1
        if self.asked <= self.fails:
            raise NotReady("503")
        return self.past[max(0, len(self.past) - 1 - self.lag)]

    def happen(self, delta: BookDelta) -> None:
        """The market changes, whatever becomes of the message about it."""
        for side, levels in ((self.bids, delta.bids), (self.asks, delta.asks)):
            for price, size in levels:
                side[price] = size
                if not size:
                    del side[price]
        self.last_id = delta.last_id
        self._keep()

    def start(self) -> None:
        self.books.follow(STREAM, SOL_SPOT)
        self.books.begin(STREAM)

    async def stop(self) -> None:
        self.books.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def truth(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    def seen(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return self.follower.levels("buy", 99), self.follower.levels("sell", 99)


async def play(venue: Venue, change: Callable[[Sequence[BookDelta]], list[list[BookDelta]]]) -> None:
    """Let the market happen, delta by delta; `change` says which messages come when each happens."""
    venue.start()
    await settle()
    for delta, messages in zip(venue.deltas, change(venue.deltas), strict=True):
        venue.happen(delta)
        for message in messages:
            venue.books.take(STREAM, message)
        await venue.clock.advance(0.1)
    await venue.clock.advance(40)


async def test_the_recorded_book_is_rebuilt() -> None:
    """The top equals bookTicker after every delta of the same id, though that one may come first."""
    venue = Venue()
    venue.start()
    await settle()
    compared = 0
    for delta in venue.deltas:
        venue.happen(delta)
        venue.books.take(STREAM, delta)
        quote = venue.quotes.get(delta.last_id)
        top = venue.follower.quote()
        if quote is not None:
            assert isinstance(quote, Quote)
            assert (top.bid, top.ask) == (quote.bid, quote.ask)
            if delta.bids and delta.bids[-1][0] == quote.bid:
                assert top.bid_size == quote.bid_size
            if delta.asks and delta.asks[-1][0] == quote.ask:
                assert top.ask_size == quote.ask_size
            compared += 1
        await venue.clock.advance(0.01)
    assert compared >= 10
    assert venue.seen() == venue.truth()
    assert venue.asked == 1
    await venue.stop()


FAULTS: dict[str, Callable[[Sequence[BookDelta]], list[list[BookDelta]]]] = {
    "dropped": lambda deltas: [[] if i == 10 else [delta] for i, delta in enumerate(deltas)],
    "two dropped": lambda deltas: [[] if i in (5, 20) else [delta] for i, delta in enumerate(deltas)],
    "repeated": lambda deltas: [[delta, delta] if i == 10 else [delta] for i, delta in enumerate(deltas)],
    "swapped": lambda deltas: [
        [] if i == 10 else [delta, deltas[10]] if i == 11 else [delta] for i, delta in enumerate(deltas)
    ],
    "late at once": lambda deltas: [[] if i < 8 else list(deltas[:9]) if i == 8 else [delta] for i, delta in enumerate(deltas)],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("lag", [0, 1])
async def test_faults_of_the_stream_are_noticed_and_healed(fault: str, lag: int) -> None:
    """In the end the followers have the true book; what is missing was noticed by its ids, a repetition changes nothing."""
    venue = Venue(lag=lag)
    await play(venue, FAULTS[fault])
    assert venue.seen() == venue.truth()
    losses = venue.log.named("backpack_book_lost")
    assert bool(losses) == (fault not in ("repeated", "late at once"))
    await venue.stop()


async def test_frames_that_are_cut_are_gaps() -> None:
    """What cannot be read is missing: the next delta tells, and a new snapshot heals it."""
    venue = Venue()
    lines = [line for line in recorded() if b'"e":"depth"' in line]
    venue.start()
    await settle()
    for index, (delta, line) in enumerate(zip(venue.deltas, lines, strict=True)):
        venue.happen(delta)
        _, event = venue.decoder.decode(line[: len(line) // 2] if index == 7 else line, 5)
        if isinstance(event, BookDelta):
            venue.books.take(STREAM, event)
        await venue.clock.advance(0.1)
    await venue.clock.advance(10)
    assert venue.decoder.undecodable + venue.decoder.ignored >= 1
    assert venue.seen() == venue.truth()
    assert len(venue.log.named("backpack_book_lost")) == 1
    await venue.stop()


async def test_a_flipped_price_crosses_the_book() -> None:
    """A bid above the ask cannot stand: within two seconds the book is fetched anew."""
    venue = Venue()
    venue.start()
    await settle()
    for index, delta in enumerate(venue.deltas):
        venue.happen(delta)
        broken = BookDelta(
            delta.venue, delta.symbol, [(998.96, 1.0)], delta.asks, delta.time_ns, delta.first_id, delta.last_id
        )
        venue.books.take(STREAM, broken if index == 4 else delta)
        await venue.clock.advance(0.2)
    await venue.clock.advance(10)
    assert [each["reason"] for each in venue.log.named("backpack_book_lost")] == ["crossed"]
    assert venue.seen() == venue.truth()
    await venue.stop()


async def test_flipped_digits_cannot_stay_in_the_ids() -> None:
    venue = Venue()
    await play(
        venue,
        lambda deltas: [
            [BookDelta(d.venue, d.symbol, d.bids, d.asks, d.time_ns, d.first_id + 700, d.last_id + 700)]
            if i == 9
            else [d]
            for i, d in enumerate(deltas)
        ],
    )
    assert venue.seen() == venue.truth()
    assert venue.log.named("backpack_book_lost")
    await venue.stop()


async def test_snapshots_that_fail_are_asked_for_again() -> None:
    """With growing patience; meanwhile nobody is told anything."""
    venue = Venue(fails=3)
    await play(venue, lambda deltas: [[delta] for delta in deltas])
    assert venue.asked >= 4
    assert venue.heard[0].snapshot
    assert venue.seen() == venue.truth()
    await venue.stop()


async def test_a_quiet_market_has_a_book_too() -> None:
    """No delta is waited for."""
    venue = Venue()
    venue.start()
    await settle()
    assert [event.snapshot for event in venue.heard] == [True]
    assert venue.seen() == venue.truth()
    await venue.stop()


async def test_a_lost_connection_begins_again() -> None:
    """Followers keep what they have until the new snapshot; deltas of before are not taken."""
    venue = Venue()
    venue.start()
    await settle()
    for delta in venue.deltas[:5]:
        venue.happen(delta)
        venue.books.take(STREAM, delta)
    venue.books.lost()
    for delta in venue.deltas[5:9]:
        venue.happen(delta)
    venue.books.begin(STREAM)
    await venue.clock.advance(2)
    assert venue.heard[-1].snapshot
    assert venue.seen() == venue.truth()
    await venue.books.refetch(STREAM)
    assert venue.books.statistics()[STREAM]["live"]
    await venue.stop()


async def test_a_book_that_never_joins_is_subscribed_again() -> None:
    """Snapshots that stay old are no help: after a few of them the stream itself is begun anew."""
    venue = Venue()
    stale = venue.past[0]

    async def old(symbol: str, level: int) -> BookDelta:
        return stale

    venue.books._fetch = old
    venue.start()
    await settle()
    for delta in venue.deltas[3:]:
        venue.books.take(STREAM, delta)
        await venue.clock.advance(1)
    await venue.clock.advance(60)
    assert venue.session.again
    assert venue.clock.now_ns() > 60 * SECOND
    await venue.stop()
