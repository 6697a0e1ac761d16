"""Streamed books: the recorded sessions through the real driver, link by link, and every fault healed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ctosd.abi import BookDelta, NoAnswer, Quote, topic
from ctosd.core.book import Book, Rule
from drivers.binance import Binance
from tests.drivers.binance.scripted import SHARED, Session, Venue, settle

FUTURES = (
    "usdm",
    "binance_futures_2021-07-22",
    "BINANCE_FUTURES",
    ["SUSHI", "AKRO", "KEEP", "CTK"],
    "{}/USDT:USDT",
    "{}USDT",
)
SPOT = ("spot", "binance_spot_2021-10-12", "BINANCE", ["NKN/USDT", "BLZ/ETH", "LRC/BTC", "RUNE/EUR"], "{}", "{}")
Part = tuple[float, bytes, str]


def recording(folder: str, stem: str) -> list[Part]:
    """Frames and snapshots by their time; snapshots with the native symbol."""
    where = SHARED / "fixtures/cryptofeed" / folder
    if not where.is_dir():
        pytest.skip(f"the recorded session {folder} is not beside the tree")
    parts: list[Part] = []
    for line in (where / f"{stem}.ws.1.0").read_bytes().splitlines():
        head, _, frame = line.partition(b": ")
        if frame.startswith(b"{"):
            parts.append((float(head), frame, ""))
    for line in (where / f"{stem}.http.0.0").read_bytes().splitlines():
        url, _, rest = line.partition(b" -> ")
        head, _, body = rest.partition(b": ")
        if body:
            parts.append((float(head), body, url.partition(b"symbol=")[2].partition(b"&")[0].decode()))
    return sorted(parts, key=lambda part: part[0])


class Replay:
    """A recorded session against the real driver. A snapshot is answered with the newest that was recorded by then, or,
    after the recording's own, with the true book as a venue would give it."""

    def __init__(self, case: tuple[str, str, str, list[str], str, str]) -> None:
        product, folder, stem, names, unified, native = case
        self.parts = recording(folder, stem)
        self.venue = Venue(product)
        self.chain: Any = "previous" if product == "usdm" else "first"
        self.symbols = {native.format(name).replace("/", ""): unified.format(name) for name in names}
        self.ready: dict[str, bytes] = {}
        self.truth: dict[str, Book] = {}
        self.asked: list[str] = []
        self.refuse = 0
        self.driver: Binance = self.venue.driver(secrets={})

    async def start(self) -> None:
        await self.driver.start()
        self.driver.natives.update({unified: native for native, unified in self.symbols.items()})
        self.driver.symbols.update(self.symbols)
        self.driver._decoder.symbols.update(self.symbols)
        path = "/fapi/v1/depth" if self.venue.product == "usdm" else "/api/v3/depth"
        self.venue.route("GET", path, self._snapshot)
        for symbol in self.symbols.values():
            await self.driver.subscribe("book", symbol)
            await self.driver.subscribe("quotes", symbol)
        await settle()

    def _snapshot(self, params: dict[str, str]) -> Any:
        native = params["symbol"]
        assert params["limit"] == "1000"
        self.asked.append(native)
        if self.refuse:
            self.refuse -= 1
            raise NoAnswer("slow")
        book = self.truth.get(native)
        if book is None or not book.live:
            if native in self.ready:
                return self.ready[native]
            raise NoAnswer("not yet recorded")
        whole = book.snapshot(1_000)
        return {
            "lastUpdateId": whole.last_id,
            "E": 1,
            "T": whole.time_ns // 1_000_000,
            "bids": whole.bids,
            "asks": whole.asks,
        }

    @property
    def session(self) -> Session:
        return self.venue.session("public" if self.venue.product == "usdm" else "stream")

    async def run(self, parts: list[Part] | None = None) -> None:
        """Play what the client heard; the truth hears everything, as it was."""
        played = parts if parts is not None else self.parts
        heard = {id(part) for part in played}
        for part in played if parts is not None else self.parts:
            at, body, native = part
            now_ns = int(at * 1e9)
            if self.venue.clock.now_ns() < now_ns or self.venue.clock.now_ns() > now_ns + 10**15:
                self.venue.clock.time_ns = max(now_ns, min(self.venue.clock.time_ns, now_ns))
            self.venue.clock.run_until(max(now_ns, self.venue.clock.now_ns()))
            if native:
                self.ready[native] = body
            elif id(part) in heard:
                self.session.hear(body)
            await settle(4)

    def live(self) -> list[str]:
        return [symbol for symbol in self.symbols.values() if self.driver.books.live(symbol) is not None]


@pytest.fixture
async def replay(request: Any) -> AsyncIterator[Replay]:
    found = Replay(request.param)
    found.venue.clock.time_ns = int(found.parts[0][0] * 1e9) - 2_000_000_000
    await found.start()
    yield found
    await found.venue.end()


def follow(venue: Venue, symbol: str, rule: Rule) -> tuple[Book, dict[str, int]]:
    """A follower's book built from what was published, and its verdicts."""
    book, verdicts = Book("binance", symbol, rule), dict[str, int]()
    for event in venue.on(topic("book", "binance", symbol)):
        verdict = book.apply(event)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    return book, verdicts


@pytest.mark.parametrize(("replay", "links"), [(FUTURES, 760), (SPOT, 173)], indirect=["replay"], ids=["usdm", "spot"])
async def test_recorded_sessions_rebuild_their_books(replay: Replay, links: int) -> None:
    """Every link holds, what is older than the snapshot is dropped, and the top is that of the bookTicker."""
    await replay.run()
    counts = replay.driver.books.statistics()
    chained = sum(each["published"] for each in counts.values())
    deltas = sum(b"@depth" in body[:40] for _, body, native in replay.parts if not native)
    stale = sum(each["book"]["stale"] for each in counts.values())
    assert len(replay.live()) == len(replay.symbols)
    assert replay.driver.books.losses == 0
    assert deltas - len(replay.symbols) == links
    assert chained + stale + sum(each["snapshots"] for each in counts.values()) <= deltas + len(replay.symbols)
    compared = 0
    for symbol in replay.symbols.values():
        book, verdicts = follow(replay.venue, symbol, Rule(chain=replay.chain))
        assert set(verdicts) == {""}
        compared += tops_agree(replay, symbol, book)
    assert compared > 100


def tops_agree(replay: Replay, symbol: str, last: Book) -> int:
    """The top after each published delta against the newest bookTicker with no larger update id, where a later one proves it whole."""
    native = next(name for name, unified in replay.symbols.items() if unified == symbol)
    tickers: list[tuple[int, Any]] = []
    for _, body, is_snapshot in replay.parts:
        if not is_snapshot and b"@bookTicker" in body[:40]:
            row = json.loads(body)["data"]
            if row["s"] == native:
                tickers.append((row["u"], tuple(float(row[key]) for key in ("b", "B", "a", "A"))))
    book, count = Book("binance", symbol, Rule(chain=replay.chain)), 0
    for event in replay.venue.on(topic("book", "binance", symbol)):
        book.apply(event)
        before = [top for u, top in tickers if u <= event.last_id]
        if not before or not tickers or tickers[-1][0] <= event.last_id:
            continue
        quote = book.quote()
        assert isinstance(quote, Quote)
        assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == before[-1]
        count += 1
    assert book.snapshot(1_000) == last.snapshot(1_000)
    return count


# -- faults: a true book beside, a damaged stream, and at the end the same book ---------------------------------------------


def depth_places(parts: list[Part], native: str) -> list[int]:
    """Where the deltas of a symbol stand, some after its snapshot."""
    start = next(i for i, part in enumerate(parts) if part[2] == native)
    marker = f'"s":"{native}"'.encode()
    return [
        i
        for i, part in enumerate(parts)
        if i > start and not part[2] and b"@depth" in part[1][:40] and marker in part[1]
    ]


def damaged(name: str, parts: list[Part], places: list[int]) -> list[Part]:
    played, at, then = list(parts), places[4], places[5]
    time, body, _ = played[at]
    if name == "drop":
        del played[at]
    elif name == "swap":
        played[at], played[then] = (time, played[then][1], ""), (played[then][0], body, "")
    elif name == "repeat":
        played.insert(at + 1, (time, body, ""))
    elif name == "cut":
        played[at] = (time, body[:-30], "")
    elif name == "flip":
        place = body.index(b'"u":') + 12
        digit = b"8" if body[place : place + 1] == b"7" else b"7"
        played[at] = (time, body[:place] + digit + body[place + 1 :], "")
    return played


@pytest.mark.parametrize("replay", [FUTURES, SPOT], indirect=True, ids=["usdm", "spot"])
@pytest.mark.parametrize("fault", ["drop", "swap", "repeat", "cut", "flip"])
async def test_faults_are_noticed_and_healed(replay: Replay, fault: str) -> None:
    native = max(replay.symbols, key=lambda name: len(depth_places(replay.parts, name)))
    symbol = replay.symbols[native]
    truth = replay.truth[native] = Book("venue", symbol, Rule(chain=replay.chain))
    original = replay.parts
    played = damaged(fault, original, depth_places(original, native))
    decode = replay.driver._decoder
    position = 0
    for part in played:
        at = part[0]
        while position < len(original) and original[position][0] <= at:
            _, body, snapshot_of = original[position]
            if snapshot_of == native:
                event: Any = decode.snapshot(body, native, 1)
                truth.apply(event)
            elif not snapshot_of and b"@depth" in body[:40] and f'"s":"{native}"'.encode() in body:
                truth.apply(decode.decode(body, 1))  # type: ignore[arg-type]
            position += 1
        await replay.run([part])
    for _ in range(30):  # the stream is quiet at the end: what is being healed comes together by itself
        replay.venue.clock.run(1)
        await settle()
    assert replay.driver.books.losses == (0 if fault == "repeat" else 1)
    book = replay.driver.books.live(symbol)
    assert book is not None
    assert (book.levels("buy", 50), book.levels("sell", 50)) == (truth.levels("buy", 50), truth.levels("sell", 50))
    copy, verdicts = follow(replay.venue, symbol, Rule(chain=replay.chain))
    assert set(verdicts) <= {""}
    assert copy.levels("buy", 50) == truth.levels("buy", 50)
    assert len(replay.venue.log.named("book_lost")) == replay.driver.books.losses


@pytest.mark.parametrize("replay", [FUTURES], indirect=True, ids=["usdm"])
async def test_a_snapshot_that_is_late_or_refused_is_asked_for_again(replay: Replay) -> None:
    replay.refuse = 6
    await replay.run()
    for _ in range(40):
        replay.venue.clock.run(1)
        await settle()
    assert len(replay.asked) > len(replay.symbols) + 5
    assert replay.driver.books.losses == 0


async def test_lost_connections_forget_and_begin_again() -> None:
    venue = Venue()
    driver = venue.driver(secrets={})
    await driver.start()
    ids = iter(range(10, 1_000, 10))
    venue.route(
        "GET", "/fapi/v1/depth", lambda p: {"lastUpdateId": next(ids), "bids": [["1", "1"]], "asks": [["2", "1"]]}
    )
    symbol = "BTC/USDT:USDT"
    await driver.subscribe("book", symbol)
    await settle()
    session = venue.session("public")
    assert driver.books.live(symbol) is not None
    assert (await driver.fetch_orderbook(symbol, 1)).bids == [(1.0, 1.0)]
    session.cut()
    assert driver.books.live(symbol) is None
    await session.connect()
    venue.clock.run(2)
    await settle()
    assert driver.books.live(symbol) is not None
    snapshots = [event for event in venue.on(topic("book", "binance", symbol)) if isinstance(event, BookDelta)]
    assert [(event.snapshot, event.prev_id) for event in snapshots] == [(True, -1), (True, -1)]
    stray = {"e": "depthUpdate", "s": "ETHUSDT", "U": 1, "u": 2, "pu": 0, "b": [], "a": [], "E": 1}
    session.hear({"stream": "btcusdt@depth@100ms", "data": stray})  # another symbol on this stream is nobody's
    assert driver.books.losses == 0
    await venue.end()
