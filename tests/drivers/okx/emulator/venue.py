"""The emulator on a clock that a test moves, and short words for its requests and sockets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from ctosd.abi import Reply, Request
from drivers.okx.emulator import Emulator
from drivers.okx.emulator.keys import LOGIN_PATH, signature
from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.paper.clockwork import World

SWAP, SPOT, ETH = "BTC-USDT-SWAP", "BTC-USDT", "ETH-USDT-SWAP"
MAIN, SECOND = "okx/main", "okx/second"


class Client:
    """A `Peer` that remembers; `say` is what a client writes."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.ended: tuple[Any, ...] = ()
        self.conversation: Any = None

    def send(self, message: str) -> None:
        assert not self.ended
        self.got.append(message)

    def ping(self) -> None:
        self.conversation.pong()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.ended = ("closed", code, reason)

    def abort(self) -> None:
        self.ended = ("aborted",)

    def say(self, **message: Any) -> list[dict[str, Any]]:
        """Write one message; what came because of it."""
        before = len(self.got)
        self.conversation.receive(json.dumps(message))
        return [json.loads(each) for each in self.got[before:]]

    def told(self, channel: str = "") -> list[dict[str, Any]]:
        """Pushes, all or of one channel."""
        found = [json.loads(each) for each in self.got if each != "pong"]
        return [each for each in found if "data" in each and channel in ("", each.get("arg", {}).get("channel"))]

    def rows(self, channel: str) -> list[Any]:
        return [row for push in self.told(channel) for row in push["data"]]

    def subscribe(self, *args: dict[str, Any]) -> list[dict[str, Any]]:
        return self.say(op="subscribe", args=list(args))


class Venue:
    """One emulator."""

    def __init__(self, settings: PaperConfig | None = None, world: World | None = None) -> None:
        self.world = world or World()
        self.clock = self.world.clock
        self.emulator = Emulator(settings, replace(self.world.ports, venue="okx"))
        self.emulator.start()

    def jump(self, seconds: float) -> None:
        """Let time pass in which nothing ticks."""
        self.clock.time_ns += int(seconds * 1e9)
        self.clock.run(0.5)

    # -- REST -------------------------------------------------------------------------------------------------------------

    def stamp(self) -> str:
        now = self.clock.now_ns() // 1_000_000
        return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{now % 1000:03d}Z"

    def headers(self, method: str, target: str, body: bytes = b"", key: str = "emulator") -> dict[str, str]:
        stamp = self.stamp()
        return {
            "ok-access-key": key,
            "ok-access-passphrase": key,
            "ok-access-timestamp": stamp,
            "ok-access-sign": signature(key, f"{stamp}{method}{target}".encode() + body),
            "x-simulated-trading": "1",
            "content-type": "application/json",
        }

    def send(self, method: str, path: str, body: Any = None, key: str = "emulator", **changes: str) -> Reply:
        target = f"/api/v5/{path}"
        content = json.dumps(body).encode() if body is not None else b""
        headers = self.headers(method, target, content, key) | changes
        return self.emulator.handle(Request(method, target, headers, content))

    def ask(self, path: str, key: str = "emulator", **params: Any) -> dict[str, Any]:
        query = f"?{urlencode(params)}" if params else ""
        return json.loads(self.send("GET", path + query, key=key).body)

    def get(self, path: str, key: str = "emulator", **params: Any) -> list[Any]:
        """The rows of an answer that must be a good one."""
        told = self.ask(path, key, **params)
        assert told["code"] == "0", told
        return told["data"]

    def post(self, path: str, body: Any, key: str = "emulator", **headers: str) -> dict[str, Any]:
        return json.loads(self.send("POST", path, body, key, **headers).body)

    def row(self, path: str, body: Any, key: str = "emulator") -> dict[str, Any]:
        """The one row of an order request's answer."""
        (row,) = self.post(path, body, key)["data"]
        return row

    # -- orders -----------------------------------------------------------------------------------------------------------

    def order(self, side: str = "buy", size: str = "1", price: Any = None, **more: Any) -> dict[str, Any]:
        """The row of a placed order: at the market, or a limit order at `price`."""
        instrument = more.pop("instId", SWAP)
        key = more.pop("key", "emulator")
        terms = {"instId": instrument, "tdMode": "cross" if instrument.endswith("SWAP") else "cash", "side": side}
        terms |= {"ordType": "market" if price is None else "limit", "sz": size}
        if price is not None:
            terms["px"] = str(price)
        return self.row("trade/order", terms | more, key)

    def state(self, order_id: str, instrument: str = SWAP) -> dict[str, Any]:
        return self.get("trade/order", instId=instrument, ordId=order_id)[0]

    def touch(self, instrument: str = SWAP) -> tuple[float, float]:
        """`(bid, ask)`."""
        row = self.get("market/ticker", instId=instrument)[0]
        return float(row["bidPx"]), float(row["askPx"])

    def below(self, distance: float = 500, instrument: str = SWAP) -> str:
        """A price under the market, on the grid."""
        return f"{self.touch(instrument)[0] - distance:.1f}"

    def above(self, distance: float = 500, instrument: str = SWAP) -> str:
        return f"{self.touch(instrument)[1] + distance:.1f}"

    # -- sockets ----------------------------------------------------------------------------------------------------------

    def connect(self, url: str = "public") -> Client:
        client = Client()
        found = self.emulator.connect(Request("GET", f"/ws/v5/{url}", {}), client)
        assert not isinstance(found, Reply), found
        client.conversation = found
        return client

    def login(self, url: str = "private", key: str = "emulator") -> Client:
        client = self.connect(url)
        told = client.say(op="login", args=[self.proof(key)])
        assert told[0]["event"] == "login", told
        return client

    def proof(self, key: str = "emulator") -> dict[str, str]:
        stamp = str(self.clock.now_ns() // 1_000_000_000)
        sign = signature(key, f"{stamp}GET{LOGIN_PATH}".encode())
        return {"apiKey": key, "passphrase": key, "timestamp": stamp, "sign": sign}

    def code(self, instrument: str = SWAP) -> int:
        kind = "SWAP" if instrument.endswith("SWAP") else "SPOT"
        return self.get("public/instruments", instType=kind, instId=instrument)[0]["instIdCode"]

    def truth(self, account: str = MAIN) -> dict[str, Any]:
        return self.emulator.statistics()["accounts"][account]


def config(**more: Any) -> PaperConfig:
    return PaperConfig(market=MarketConfig(seed=7, rate=10.0), **more)
