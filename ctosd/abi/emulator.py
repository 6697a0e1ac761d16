"""What an emulator is: a venue's own protocol over a paper market, without a socket of its own.

An emulator is plain functions on the clock that it is given. The host serves it on loopback (`ctosctl emulate`), and tests
join it to a real driver in memory, on the virtual clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from ctosd.abi.driver import Ports
from ctosd.abi.transport import Headers

Mishap = Literal["", "reset", "slow", "silence"]
"""What happens to a reply on its way: the connection is reset, the body trickles in, or nothing ever comes."""


class Request(msgspec.Struct, frozen=True):
    """An HTTP request as it came. `target` is the request line's path with its query, unchanged; header names lower-case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    remote: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


class Reply(msgspec.Struct, frozen=True):
    """An HTTP reply, and what becomes of it. `delay_s` passes before its first byte."""

    status: int
    body: bytes = b""
    headers: Headers = (("content-type", "application/json"),)
    delay_s: float = 0.0
    mishap: Mishap = ""


class Peer(Protocol):
    """One WebSocket client, as the emulator sees it."""

    def send(self, message: str) -> None: ...

    def ping(self) -> None:
        """A protocol ping; the pong comes back through `Conversation.pong`."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None: ...

    def abort(self) -> None:
        """Cut it without a close frame."""
        ...


class Conversation(Protocol):
    """The emulator's side of one WebSocket."""

    def receive(self, message: str) -> None: ...

    def pong(self) -> None: ...

    def closed(self) -> None: ...


class Emulator(ABC):
    """One venue on loopback. `settings` is an instance of `config`, or None for its defaults."""

    name: ClassVar[str]
    config: ClassVar[type]
    """The dataclass of its settings."""
    faults: ClassVar[Mapping[str, str]] = {}
    """Every fault that `set_fault` takes, with what it does and what its value means."""

    def __init__(self, settings: Any, ports: Ports) -> None:
        self.settings = settings
        self.ports = ports

    @abstractmethod
    def start(self) -> None:
        """Let the market run."""

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def endpoints(self) -> Mapping[str, str]:
        """The addresses that the driver of this venue takes under `endpoints:`, as scheme and path:
        ``{"rest": "http:", "public": "ws:/ws/v5/public"}``; whoever serves it puts host and port between."""

    @abstractmethod
    def credentials(self) -> Sequence[Mapping[str, str]]:
        """The keys that it takes, as the fields of an accounts.yaml; the first is the default account's."""

    @abstractmethod
    def handle(self, request: Request) -> Reply:
        """Answer one HTTP request. Whatever it does to the market and the accounts has happened when this returns."""

    @abstractmethod
    def connect(self, request: Request, peer: Peer) -> Conversation | Reply:
        """A WebSocket handshake; a `Reply` refuses it."""

    @abstractmethod
    def set_fault(self, name: str, value: float) -> None:
        """Switch a fault: a probability, a duration in seconds or a count, as `faults` says. 0 switches it off.

        Raises:
            CallerMistake: no such fault, or a value out of range.
        """

    def statistics(self) -> Mapping[str, Any]:
        """Counters of its limits (used and allowed), refusals, connections; what is true inside for tests to compare."""
        return {}
