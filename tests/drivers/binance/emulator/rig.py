"""An emulator on a clock of the test's own, signed requests to it, and sockets that remember what they heard."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ctosd.abi.emulator import Conversation, Reply, Request
from drivers.binance.emulator import Emulator
from tests.drivers.paper.clockwork import SECOND, HeapClock, World

T0 = 1_795_341_600 * SECOND
BTC, ETH = "BTCUSDT", "ETHUSDT"


class Answered(Exception):
    """An error of the venue."""

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        self.reply = reply
        self.body = json.loads(reply.body)
        self.code = self.body["code"]
        super().__init__(f"{reply.status} {reply.body.decode()}")


class Refused(Exception):
    """A handshake that was answered with an error."""

    def __init__(self, reply: Reply) -> None:
        self.status = reply.status
        super().__init__(f"{reply.status} {reply.body!r}")


class Socket:
    """A client's WebSocket: an `abi.Peer` that keeps what it hears and answers pings."""

    def __init__(self, rig: Rig, target: str) -> None:
        self.heard: list[Any] = []
        self.raw: list[str] = []
        self.pings = 0
        self.answers_pings = True
        self.ended = ""
        found = rig.emulator.connect(Request("GET", target, {}), self)
        if isinstance(found, Reply):
            raise Refused(found)
        self.conversation: Conversation = found

    def send(self, message: str) -> None:
        self.raw.append(message)
        try:
            self.heard.append(json.loads(message))
        except ValueError:
            self.heard.append(message)

    def ping(self) -> None:
        self.pings += 1
        if self.answers_pings:
            self.conversation.pong()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.ended = f"{code} {reason}"

    def abort(self) -> None:
        self.ended = "reset"

    def say(self, message: Any) -> Any:
        """Write, and give what is heard last then."""
        self.conversation.receive(message if isinstance(message, str) else json.dumps(message))
        return self.heard[-1] if self.heard else None

    def subscribe(self, *names: str) -> None:
        assert self.say({"method": "SUBSCRIBE", "params": list(names), "id": 1}) == {"result": None, "id": 1}

    def events(self, kind: str) -> list[Any]:
        found = [each.get("data", each.get("event", each)) for each in self.heard if isinstance(each, dict)]
        return [each for each in found if isinstance(each, dict) and each.get("e") == kind]

    def clear(self) -> None:
        self.heard.clear()
        self.raw.clear()


class Rig:
    """`key` and `secret` are those of the first account."""

    def __init__(self, settings: Any = None, key: str = "emulator", secret: str = "emulator") -> None:
        self.world = World(now_ns=T0)
        self.clock: HeapClock = self.world.clock
        self.emulator = Emulator(settings, self.world.ports)
        self.emulator.start()
        self.key, self.secret = key, secret
        self._count = 0

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    def run(self, seconds: float) -> None:
        self.clock.run(seconds)

    # -- REST -------------------------------------------------------------------------------------------------------------

    def sign(self, params: Mapping[str, Any]) -> str:
        text = urlencode({"timestamp": self.now_ms, **params})
        return f"{text}&signature={hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"

    def reply(self, method: str, path: str, query: str = "", body: str = "", keyed: bool = True) -> Reply:
        headers = {"x-mbx-apikey": self.key} if keyed else {}
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
        target = f"{path}?{query}" if query else path
        return self.emulator.handle(Request(method, target, headers, body.encode()))

    def ask(self, method: str, path: str, **params: Any) -> Any:
        """A signed request; its answer, or `Answered`."""
        return self._read(self.reply(method, path, self.sign(params)))

    def open(self, path: str, method: str = "GET", **params: Any) -> Any:
        """A request without a signature."""
        return self._read(self.reply(method, path, urlencode(params)))

    @staticmethod
    def _read(reply: Reply) -> Any:
        if reply.status != 200:
            raise Answered(reply)
        return json.loads(reply.body)

    def refused(self, method: str, path: str, **params: Any) -> int:
        """The code of the refusal that must come."""
        try:
            answer = self.ask(method, path, **params)
        except Answered as error:
            return int(error.code)
        raise AssertionError(f"it was accepted: {answer}")

    # -- orders -----------------------------------------------------------------------------------------------------------

    def price(self, away: float, symbol: str = BTC, product: str = "fapi/v1") -> str:
        """A price on the grid, so far from the middle; negative is below."""
        quote = self.open(f"/{product}/ticker/bookTicker", symbol=symbol)
        middle = (float(quote["bidPrice"]) + float(quote["askPrice"])) / 2
        return f"{middle * (1 + away):.1f}"

    def limit(self, away: float = -0.02, size: str = "0.01", side: str = "BUY", **more: Any) -> Any:
        """A limit order of futures."""
        params = {"symbol": BTC, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": size}
        return self.ask("POST", "/fapi/v1/order", **{**params, "price": self.price(away), **more})

    def market(self, size: str = "0.01", side: str = "BUY", **more: Any) -> Any:
        params = {"symbol": BTC, "side": side, "type": "MARKET", "quantity": size, "newOrderRespType": "RESULT"}
        return self.ask("POST", "/fapi/v1/order", **{**params, **more})

    def spot_limit(self, away: float = -0.02, size: str = "0.01", side: str = "BUY", **more: Any) -> Any:
        price = self.price(away, product="api/v3")
        params = {"symbol": BTC, "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": size, "price": price}
        return self.ask("POST", "/api/v3/order", **{**params, **more})

    def spot_market(self, size: str = "0.01", side: str = "BUY", **more: Any) -> Any:
        return self.ask(
            "POST", "/api/v3/order", **{"symbol": BTC, "side": side, "type": "MARKET", "quantity": size, **more}
        )

    # -- sockets ------------------------------------------------------------------------------------------------------------

    def socket(self, target: str) -> Socket:
        return Socket(self, target)

    def user_stream(self) -> Socket:
        """A user stream of futures."""
        listen_key = self.open("/fapi/v1/listenKey", "POST")["listenKey"]
        return self.socket(f"/private/ws?listenKey={listen_key}")

    def signed_params(self, **params: Any) -> dict[str, Any]:
        """Parameters of the WebSocket API with their signature."""
        found = {"apiKey": self.key, "timestamp": self.now_ms, **params}
        payload = "&".join(f"{name}={found[name]}" for name in sorted(found))
        found["signature"] = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return found

    def call(self, socket: Socket, method: str, signed: bool = True, **params: Any) -> Any:
        self._count += 1
        number = f"q{self._count}"
        sent = self.signed_params(**params) if signed else params
        socket.say({"id": number, "method": method, "params": sent})
        return next(each for each in reversed(socket.heard) if isinstance(each, dict) and each.get("id") == number)

    def truth(self, product: str = "futures", account: str = "main") -> dict[str, Any]:
        return self.emulator.statistics()["accounts"][account][product]  # type: ignore[no-any-return]
