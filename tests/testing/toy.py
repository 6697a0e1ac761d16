"""A toy venue: enough protocol to try what carries it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctosd.abi import CallerMistake, Emulator, Reply, Request
from ctosd.abi.emulator import Conversation, Peer


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """It takes no settings."""


class Talk:
    """Says every word back; knows a few orders."""

    def __init__(self, toy: Toy, peer: Peer) -> None:
        self.toy, self.peer = toy, peer
        self.pongs = 0
        self.gone = 0

    def receive(self, message: str) -> None:
        self.toy.heard.append(message)
        if message == "ping me":
            self.peer.ping()
        elif message == "close":
            self.peer.send("last words")
            self.peer.close(4004, "idle")
        elif message == "abort":
            self.peer.abort()
        elif message.startswith("push "):
            for number in range(int(message[5:])):
                self.peer.send(json.dumps({"n": number, "pad": "x" * 50}))
        else:
            self.peer.send(f"echo {message}")

    def pong(self) -> None:
        self.pongs += 1

    def closed(self) -> None:
        self.gone += 1


class Toy(Emulator):
    name = "toy"
    config = Nothing
    faults = {"slow": "seconds before an answer", "reset": "1: the answer is cut off"}

    def __init__(self, settings: Any, ports: Any) -> None:
        super().__init__(settings, ports)
        self.running = False
        self.heard: list[str] = []
        self.talks: list[Talk] = []
        self.seen: list[Request] = []
        self.fault: dict[str, float] = {}

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def endpoints(self) -> Mapping[str, str]:
        return {"rest": "http:", "public": "ws:/ws/public"}

    def credentials(self) -> Sequence[Mapping[str, str]]:
        return [{"api_key": "emulator", "api_secret": "emulator"}]

    def handle(self, request: Request) -> Reply:
        self.seen.append(request)
        mishap = "reset" if self.fault.get("reset") else request.headers.get("x-mishap", "")
        body = json.dumps({"target": request.target, "body": request.body.decode()}).encode()
        headers = (("content-type", "application/json"), ("x-used", "7"))
        return Reply(200, body, headers, self.fault.get("slow", 0.0), mishap)  # type: ignore[arg-type]

    def connect(self, request: Request, peer: Peer) -> Conversation | Reply:
        if request.path != "/ws/public":
            return Reply(404, b"no such stream")
        self.talks.append(Talk(self, peer))
        return self.talks[-1]

    def set_fault(self, name: str, value: float) -> None:
        if name not in self.faults:
            raise CallerMistake(f"there is no fault {name!r}: there are {', '.join(self.faults)}")
        self.fault[name] = value

    def statistics(self) -> Mapping[str, Any]:
        return {"requests": len(self.seen), "limits": {}}
