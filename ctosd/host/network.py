"""What a driver of a venue beyond this process is handed: one HTTP client, and sessions on WebSockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from ctosd.abi.clock import Clock
from ctosd.abi.driver import Budget, Log
from ctosd.abi.transport import Dialect, Session
from ctosd.host.http import HttpClient
from ctosd.host.proxy import Proxy
from ctosd.host.recorder.recorder import Recorder
from ctosd.host.ws import make_dial
from ctosd.kernel.session import KeptSession


class Network:
    """The way to one venue, through `proxy` when one is named, overheard by the flight recorder if there is one.

    Raises `Misconfigured` for an address that is no proxy's.
    """

    def __init__(
        self,
        venue: str,
        proxy: str,
        *,
        clock: Clock,
        spawn: Any,
        budget: Budget,
        log: Log,
        jitter: Callable[[], float],
        recorder: Recorder | None = None,
    ) -> None:
        way = Proxy(proxy) if proxy else None
        self.http = HttpClient(clock, proxy=way)
        self.dial = make_dial(clock, proxy=way)
        self.budget = budget
        self._venue = venue
        self._clock = clock
        self._spawn = spawn
        self._log = log
        self._jitter = jitter
        self._recorder = recorder
        if recorder is not None and (password := urlsplit(proxy).password):
            recorder.hide(password, unquote(password))

    def open_session(self, dialect: Dialect) -> Session:
        dial = self.dial
        if self._recorder is not None:
            dial = self._recorder.dial(f"{self._venue} {dialect.name}", dial)
        return KeptSession(dialect, dial, self._clock, self._spawn, self.budget, self._log, self._jitter, self._venue)

    def ports(self) -> dict[str, Any]:
        """The fields of `Ports` that this fills."""
        http = self.http if self._recorder is None else self._recorder.http(self._venue, self.http)
        return {"http": http, "open_session": self.open_session, "budget": self.budget}

    async def close(self) -> None:
        await self.http.close()
