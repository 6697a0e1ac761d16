"""The books of one venue: which are followed, and their snapshots by REST (sheet, section 7.1).

Deltas chain by ``U = u before + 1``. A quiet market sends none, so a snapshot is asked for as soon as a book is subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ctosd.abi import BookDelta, Clock, Log, NotReady, Session, topic
from ctosd.core.book import Rule
from ctosd.core.booksync import BookSync, Step

RULE = Rule(chain="first")
SNAPSHOT = 1_000
TICK_S = 0.5

Publish = Callable[[str, BookDelta], None]
Fetch = Callable[[str, int], Coroutine[Any, Any, BookDelta]]


class _Followed:
    """One book, its topic, and whether a snapshot is under way."""

    __slots__ = ("asking", "sync", "topic")

    def __init__(self, venue: str, symbol: str) -> None:
        self.sync = BookSync(venue, symbol, RULE, source="rest")
        self.topic = topic("book", venue, symbol)
        self.asking = False


class Books:
    """All followed books, by their streams."""

    def __init__(
        self,
        venue: str,
        clock: Clock,
        log: Log,
        publish: Publish,
        fetch: Fetch,
        spawn: Callable[[str, Coroutine[Any, Any, None]], None],
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._log = log
        self._publish = publish
        self._fetch = fetch
        self._spawn = spawn
        self._books: dict[str, _Followed] = {}
        self._stopped = False
        self._ticking = False
        self.session: Session | None = None

    def follow(self, stream: str, symbol: str) -> None:
        if stream not in self._books:
            self._books[stream] = _Followed(self._venue, symbol)
        if not self._ticking:
            self._ticking = True
            self._spawn("backpack-books", self._tick())

    def begin(self, stream: str) -> None:
        """The stream is being subscribed, for the first time or again."""
        book = self._books.get(stream)
        if book is not None:
            self._do(stream, book, book.sync.begin(self._clock.now_ns()))

    def take(self, stream: str, delta: BookDelta) -> None:
        """What the stream brought."""
        book = self._books.get(stream)
        if book is None:
            return
        step = book.sync.take(delta, self._clock.now_ns())
        if step.action or step.reason:
            self._do(stream, book, step)
        elif step.publish is not None:
            self._publish(book.topic, step.publish)

    def lost(self) -> None:
        """The connection is gone."""
        for book in self._books.values():
            book.sync.lost()

    def stop(self) -> None:
        self._stopped = True

    async def refetch(self, stream: str) -> None:
        """Show those who follow the book as it is by REST."""
        book = self._books[stream]
        snapshot = await self._fetch(book.sync.book.symbol, SNAPSHOT)
        self._do(stream, book, book.sync.fetched(snapshot, self._clock.now_ns()))

    def _do(self, stream: str, book: _Followed, step: Step) -> None:
        if step.reason:
            self._log.warning("backpack_book_lost", venue=self._venue, symbol=book.sync.book.symbol, reason=step.reason)
        if step.publish is not None:
            self._publish(book.topic, step.publish)
        if step.action == "resubscribe" and self.session is not None:
            self.session.resubscribe(stream, step.reason or "its snapshots do not join on to its deltas")
        if step.action == "fetch" and not book.asking:
            book.asking = True
            self._spawn("backpack-book", self._snapshot(stream, book))

    async def _snapshot(self, stream: str, book: _Followed) -> None:
        try:
            try:
                snapshot = await self._fetch(book.sync.book.symbol, SNAPSHOT)
            finally:
                book.asking = False
        except NotReady as error:
            self._log.debug("backpack_book_unread", symbol=book.sync.book.symbol, reason=str(error))
            self._do(stream, book, book.sync.failed(self._clock.now_ns()))
        else:
            self._do(stream, book, book.sync.fetched(snapshot, self._clock.now_ns()))

    async def _tick(self) -> None:
        while not self._stopped:
            await self._clock.sleep(TICK_S)
            now_ns = self._clock.now_ns()
            for stream, book in list(self._books.items()):
                self._do(stream, book, book.sync.check(now_ns))

    def statistics(self) -> Mapping[str, Any]:
        return {stream: book.sync.statistics() for stream, book in self._books.items()}
