"""Binance's WebSocket API: order entry of one account, and on spot its user data too. (Sheet A2, B5, B6 and C8.)

With an Ed25519 key the connection is logged on once and requests are not signed one by one. Spot has no listen keys any
more: its user data is subscribed here with a signature, and that subscription is the greeting of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ctosd.abi import AuthFailed, Dialect, NoAnswer, NotReady, Session
from drivers.binance.calls import METHODS
from drivers.binance.config import ProductName
from drivers.binance.errors import Verdict, refusal
from drivers.binance.limits import Pools
from drivers.binance.requests import Pairs, frame
from drivers.binance.sign import Signer
from drivers.binance.streams import ROTATE_S

ANSWER_S = 10.0
LOGON, LISTEN, AGAIN, PING = "logon", "listen", "listen-again", "ping"


class Problem(msgspec.Struct):
    code: int = 0
    msg: str = ""
    data: Any = None


class Reply(msgspec.Struct):
    """A reply, or with `event` a push of the user data."""

    id: str | int | None = None
    status: int = 0
    result: Any = None
    error: Problem | None = None
    rateLimits: list[Any] = []  # noqa: N815 - the venue's spelling
    event: msgspec.Raw = msgspec.Raw(b"")
    subscriptionId: int | None = None  # noqa: N815


read = msgspec.json.Decoder(Reply).decode


class ApiDialect(Dialect):
    """One account's connection. `hear_data(frame, recv_ns)` takes what is pushed on it."""

    needs_greeting = False
    ping_s = 60.0
    silent_s = 150.0
    rotate_s = ROTATE_S
    replays = True
    ping = frame(PING, "ping", {})

    def __init__(
        self, product: ProductName, address: str, signer: Signer, pools: Pools, venue_ms: Callable[[], int]
    ) -> None:
        self.name = "orders"
        self.product = product
        self.signer = signer
        self.logged_on = False
        self.listens = product == "spot"
        self.needs_greeting = self.listens or signer.kind == "ed25519"
        self.messages_per_s = 40.0  # orders have pools of their own
        self.connects = tuple(pools.connect(5 if product == "usdm" else 4))
        self.hear_data: Callable[[Session, bytes, int], None] = lambda session, frame, recv_ns: None
        self.when_up: Callable[[bool], None] = lambda resumed: None
        self.when_down: Callable[[str], None] = lambda reason: None
        self.when_refused: Callable[[Verdict], None] = lambda verdict: None
        self.unknown = 0
        self._address = address
        self._venue_ms = venue_ms
        self._waiting: set[str] = set()

    async def address(self) -> str:
        return self._address

    def hello(self) -> Sequence[bytes]:
        self.logged_on = False
        frames = []
        if self.signer.kind == "ed25519":
            self._waiting.add(LOGON)
            frames.append(frame(LOGON, "session.logon", self._signed()))
        if self.listens:
            self._waiting.add(LISTEN)
            frames.append(self._listen(LISTEN))
        return frames

    def listen_again(self) -> bytes:
        """Ask for the user data on a connection that has lost it."""
        return self._listen(AGAIN)

    def _listen(self, identity: str) -> bytes:
        """Any kind of key can ask so."""
        return frame(identity, "userDataStream.subscribe.signature", self._signed())

    def _signed(self) -> dict[str, Any]:
        return self.signer.socket([("timestamp", f"{self._venue_ms()}")])

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        try:
            reply = read(frame)
        except (msgspec.MsgspecError, ValueError):
            self.unknown += 1
            return ""
        if reply.event or reply.id is None:
            self.hear_data(session, frame, recv_ns)
        elif reply.id in (LOGON, LISTEN, AGAIN):
            self._greet(session, str(reply.id), reply, recv_ns)
        elif reply.id != PING:
            session.answer(str(reply.id), reply)
        return ""

    def _greet(self, session: Session, step: str, reply: Reply, recv_ns: int) -> None:
        if reply.status != 200:
            verdict = verdict_of(self.product, reply, recv_ns)
            self.when_refused(verdict)
            error = AuthFailed if verdict.reason in ("auth", "permission") else NotReady
            session.refused(error(f"{step}: {verdict.message} ({verdict.code})"))
            return
        if step == LOGON:
            self.logged_on = True
        if step == AGAIN:
            self.when_up(True)
            return
        self._waiting.discard(step)
        if not self._waiting:
            session.greeted()

    def on_up(self, resumed: bool) -> None:
        self.when_up(resumed)

    def on_down(self, reason: str) -> None:
        self.logged_on = False
        self._waiting.clear()
        self.when_down(reason)


class Api:
    """Order entry over one account's connection."""

    def __init__(self, dialect: ApiDialect, session: Session) -> None:
        self.dialect = dialect
        self.session = session
        self._methods = METHODS[dialect.product]
        self._count = 0

    def takes(self, name: str) -> bool:
        return name in self._methods

    async def write(self, name: str, pairs: Pairs, now_ns: Callable[[], int]) -> tuple[Verdict, Sequence[Any]]:
        """Send one write; its verdict, and the venue's counters. Raises `NotSent` when nothing left."""
        self._count += 1
        key = f"o{self._count}"
        params = dict(pairs) if self.dialect.logged_on else self.dialect.signer.socket(pairs)
        try:
            reply = await self.session.ask(key, frame(key, self._methods[name], params), ANSWER_S)
        except NoAnswer as error:
            return Verdict(kind="unknown", reason="exchange_error", message=str(error)), ()
        if not isinstance(reply, Reply):
            return Verdict(kind="unknown", reason="exchange_error", message="a reply of another shape"), ()
        return verdict_of(self.dialect.product, reply, now_ns()), reply.rateLimits


def verdict_of(product: ProductName, reply: Reply, now_ns: int) -> Verdict:
    """What a reply means; one that is neither a result nor an error proves nothing."""
    problem = reply.error
    if problem is not None:
        data = problem.data if isinstance(problem.data, dict) else {}
        retry = data.get("retryAfter")
        until_ns = int(retry) * 1_000_000 if isinstance(retry, (int, float)) else now_ns + 60_000_000_000
        held = until_ns if reply.status in (418, 429) else 0
        return refusal(product, reply.status, problem.code, problem.msg, held, now_ns)
    if reply.status == 200 and isinstance(reply.result, (dict, list)):
        return Verdict(kind="ok", data=reply.result)
    return Verdict(
        kind="unknown", reason="exchange_error", message=f"a reply with status {reply.status} and nothing in it"
    )
