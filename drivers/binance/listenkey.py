"""USDⓈ-M user data: a connection that is addressed by a listen key, and the key kept alive. (Sheet C7.)

The key lives for an hour unless it is renewed; when it is gone a new connection is made with a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ctosd.abi import AuthFailed, Clock, Dialect, Misconfigured, NotReady, Session
from drivers.binance.errors import Refused
from drivers.binance.limits import Pools
from drivers.binance.rest import Rest
from drivers.binance.streams import PING, ROTATE_S

RENEW_S = 25 * 60.0
RETRY_S = 60.0
GONE = -1125


class PrivateDialect(Dialect):
    """One account's user data. `hear_data(session, frame, recv_ns)` takes every frame but answers to our pings."""

    ping = PING
    ping_s = 30.0
    silent_s = 90.0
    rotate_s = ROTATE_S
    replays = True

    def __init__(self, address: str, account: str, rest: Rest, pools: Pools) -> None:
        self.name = "private"
        self.connects = tuple(pools.connect(0))
        self.hear_data: Callable[[Session, bytes, int], None] = lambda session, frame, recv_ns: None
        self.when_up: Callable[[bool], None] = lambda resumed: None
        self.when_down: Callable[[str], None] = lambda reason: None
        self._address = address
        self._account = account
        self._rest = rest
        self.key = ""

    async def address(self) -> str:
        """A key that is alive is given again and its life begins anew. Raises `NotReady` or `AuthFailed`."""
        try:
            answer = await self._rest.read("listen_key", account=self._account)
        except Refused as error:
            if error.reason in ("auth", "permission"):
                raise AuthFailed(f"{self._account}: {error}") from None
            raise
        self.key = _key(answer)
        return f"{self._address}/ws?listenKey={self.key}"

    def subscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        raise Misconfigured("user data has no streams to choose")

    def unsubscribe(self, streams: Sequence[str]) -> Sequence[bytes]:
        raise Misconfigured("user data has no streams to choose")

    def hear(self, session: Session, frame: bytes, recv_ns: int) -> str:
        if not frame.startswith((b'{"result"', b'{"id"')):
            self.hear_data(session, frame, recv_ns)
        return ""

    def on_up(self, resumed: bool) -> None:
        self.when_up(resumed)

    def on_down(self, reason: str) -> None:
        self.when_down(reason)

    async def renew(self, session: Session, clock: Clock, ended: Callable[[], bool]) -> None:
        """Keep the key alive until it is over; runs in the background."""
        wait_s = RENEW_S
        while not ended():
            await clock.sleep(wait_s)
            wait_s = RENEW_S
            if ended():
                return
            try:
                await self._rest.read("renew_key", account=self._account)
            except Refused as error:
                if error.code == GONE:
                    session.reconnect("the listen key is gone")
                else:
                    wait_s = RETRY_S
            except (NotReady, AuthFailed):
                wait_s = RETRY_S


def _key(answer: Any) -> str:
    key = answer.get("listenKey") if isinstance(answer, dict) else None
    if not isinstance(key, str) or not key.isalnum():
        raise NotReady("no listen key in the answer")
    return key
