"""A client of the emulator in a few lines, which signs by its own reading of the sheet, and a judge of replies."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ctosd.abi import Reply, Request
from drivers.backpack.emulator import Emulator
from drivers.backpack.emulator.markets import LEVERAGE
from drivers.paper.config import MarketConfig, PaperConfig
from tests.drivers.paper.clockwork import World

FIXTURES = Path(__file__).parents[4].parent / "shared" / "fixtures"
SOL, PERP, BTC = "SOL_USDC", "SOL_USDC_PERP", "BTC_USDC_PERP"
INSTRUCTIONS = {
    ("GET", "/api/v1/capital"): "balanceQuery",
    ("GET", "/api/v1/capital/collateral"): "collateralQuery",
    ("GET", "/api/v1/borrowLend/positions"): "borrowLendPositionQuery",
    ("GET", "/api/v1/account"): "accountQuery",
    ("PATCH", "/api/v1/account"): "accountUpdate",
    ("GET", "/api/v1/account/limits/order"): "maxOrderQuantity",
    ("GET", "/api/v1/position"): "positionQuery",
    ("GET", "/api/v1/order"): "orderQuery",
    ("POST", "/api/v1/order"): "orderExecute",
    ("DELETE", "/api/v1/order"): "orderCancel",
    ("GET", "/api/v1/orders"): "orderQueryAll",
    ("POST", "/api/v1/orders"): "orderExecute",
    ("DELETE", "/api/v1/orders"): "orderCancelAll",
    **{
        ("GET", f"/wapi/v1/history/{name}"): f"{word}HistoryQueryAll"
        for name, word in {
            "orders": "order",
            "fills": "fill",
            "funding": "funding",
            "settlement": "settlement",
            "position": "position",
            "interest": "interest",
            "borrowLend": "borrow",
            "dust": "dust",
        }.items()
    },
}


QUICK = PaperConfig(market=MarketConfig(seed=7, history=45), leverage=LEVERAGE)
"""The usual market with a short past: it is made up in a third of the time."""


class Wire:
    """The client's end of one WebSocket: what came, in order."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.pings = 0
        self.closes: list[tuple[int, str]] = []
        self.aborted = False

    def send(self, message: str) -> None:
        self.frames.append(json.loads(message))

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closes.append((code, reason))

    def abort(self) -> None:
        self.aborted = True

    def on(self, stream: str) -> list[dict[str, Any]]:
        return [each["data"] for each in self.frames if each.get("stream") == stream]

    def errors(self) -> list[dict[str, Any]]:
        return [each["error"] for each in self.frames if "error" in each]


class Counter:
    """An emulator on a heap clock, and requests to it. `account` is 0 for the first key and 1 for the second."""

    def __init__(self, settings: PaperConfig | None = None) -> None:
        self.world = World()
        self.emulator = Emulator(settings or QUICK, self.world.ports)
        self.emulator.start()
        self.run(1.0)

    def run(self, seconds: float) -> None:
        self.world.clock.run(seconds)

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ns() // 1_000_000

    def sign(self, text: str, account: int = 0) -> str:
        seed = base64.b64decode(self.emulator.credentials()[account]["api_secret"])
        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())).decode()

    def get(self, path: str, **query: Any) -> Any:
        """A public question; the decoded answer, checked against the schema."""
        return judged("GET", path, self.send("GET", path, query))

    def send(self, method: str, path: str, query: Mapping[str, Any] | None = None, **more: Any) -> Reply:
        text = "&".join(f"{key}={_text(value)}" for key, value in (query or {}).items())
        return self.emulator.handle(
            Request(method, f"{path}?{text}" if text else path, more.pop("headers", {}), **more)
        )

    def signed(
        self, method: str, path: str, fields: Any = None, account: int = 0, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A signed request: fields go into the query of a GET and into the body of everything else."""
        instruction, fields = INSTRUCTIONS[method, path], fields if fields is not None else {}
        items = fields if isinstance(fields, list) else [fields]
        head = "&".join("&".join([f"instruction={instruction}", *_pairs(item)]) for item in items)
        stamp = str(self.now_ms)
        found = {
            "x-api-key": self.emulator.credentials()[account]["api_key"],
            "x-timestamp": stamp,
            "x-window": "5000",
            "x-signature": self.sign(f"{head}&timestamp={stamp}&window=5000", account),
            "content-type": "application/json; charset=utf-8",
            **(headers or {}),
        }
        if method == "GET":
            return self.send(method, path, fields, headers=found)
        return self.send(method, path, headers=found, body=json.dumps(fields).encode())

    def ask(self, method: str, path: str, fields: Any = None, account: int = 0) -> Any:
        """A signed request that must be answered with 200 and what the schema says."""
        reply = self.signed(method, path, fields, account)
        assert reply.status == 200, reply
        return judged(method, path, reply)

    def place(self, account: int = 0, **fields: Any) -> dict[str, Any]:
        return self.ask("POST", "/api/v1/order", order(**fields), account)

    def refused(self, **fields: Any) -> tuple[int, str, str]:
        """A place that must be refused: status, code, message."""
        return refusal(self.signed("POST", "/api/v1/order", order(**fields)))

    def cancel(self, **fields: Any) -> Reply:
        return self.signed("DELETE", "/api/v1/order", fields)

    def history(self, what: str, **query: Any) -> list[dict[str, Any]]:
        return self.ask("GET", f"/wapi/v1/history/{what}", query)

    def truth(self, account: int = 0) -> Mapping[str, Any]:
        return list(self.emulator.statistics()["accounts"].values())[account]

    def touch(self, symbol: str = PERP) -> tuple[float, float]:
        book = self.get("/api/v1/depth", symbol=symbol, limit="5")
        return float(book["bids"][-1][0]), float(book["asks"][0][0])

    def listen(self, *streams: str, account: int | None = None) -> tuple[Wire, Any]:
        """A socket that has subscribed; with an account, signed for it."""
        wire = Wire()
        talk = self.emulator.connect(Request("GET", "/", {}), wire)
        self.subscribe(talk, *streams, account=account)
        return wire, talk

    def subscribe(self, talk: Any, *streams: str, account: int | None = None) -> None:
        message: dict[str, Any] = {"method": "SUBSCRIBE", "params": list(streams)}
        if account is not None:
            key, stamp = self.emulator.credentials()[account]["api_key"], str(self.now_ms)
            signature = self.sign(f"instruction=subscribe&timestamp={stamp}&window=5000", account)
            message["signature"] = [key, signature, stamp, "5000"]
        talk.receive(json.dumps(message))


def order(**fields: Any) -> dict[str, Any]:
    """A limit order to buy one SOL far below the market, but for what is said."""
    usual = {"symbol": PERP, "side": "Bid", "orderType": "Limit", "price": "140", "quantity": "1"}
    return {name: value for name, value in (usual | fields).items() if value is not None}


def market(**fields: Any) -> dict[str, Any]:
    return {"orderType": "Market", "price": None, **fields}


def refusal(reply: Reply) -> tuple[int, str, str]:
    body = json.loads(reply.body)
    if reply.status != 401:  # newer than the description that we have
        check(body, "ApiErrorResponse")
    return reply.status, body["code"], body["message"]


def _pairs(item: Mapping[str, Any]) -> list[str]:
    return [f"{key}={_text(item[key])}" for key in sorted(item)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- the judge -----------------------------------------------------------------------------------------------------------


@cache
def description() -> dict[str, Any]:
    """The venue's own description of its API."""
    path = FIXTURES / "backpack" / "openapi.json"
    if not path.exists():
        pytest.skip(f"the venue's API description is not there: {path.name}")
    return json.loads(path.read_text())


def judged(method: str, path: str, reply: Reply) -> Any:
    """The decoded body of a 200, which must be what the description promises for this path."""
    assert reply.status == 200, reply
    operation = description()["paths"].get(path, {}).get(method.lower())
    text = reply.body.decode()
    if operation is None:
        return json.loads(text)
    content = operation["responses"]["200"].get("content", {})
    for kind, promised in content.items():
        if kind.startswith("text/plain"):
            return text
        found = json.loads(text)
        problems = list(complaints(found, promised["schema"], path))
        assert problems == [], problems
        return found
    return json.loads(text) if text else None


def check(value: Any, schema: str) -> None:
    """Hold a value against a named schema."""
    problems = list(complaints(value, {"$ref": f"#/components/schemas/{schema}"}, schema))
    assert problems == [], problems


def complaints(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    """What is wrong with a value. A field that is not required may be null: recorded traffic has it so."""
    if "$ref" in schema:
        return complaints(value, description_schema(schema["$ref"]), at)
    if "allOf" in schema:
        return [each for part in schema["allOf"] for each in complaints(value, part, at)]
    for word in ("oneOf", "anyOf"):
        if word in schema:
            tries = [complaints(value, part, at) for part in schema[word]]
            return [] if any(not each for each in tries) else min(tries, key=len)
    found = _of_type(value, schema, at)
    if "enum" in schema and value not in schema["enum"] and "Asset" not in schema.get("title", ""):
        found = [*found, f"{at}: {value!r} is none of {schema['enum'][:8]}"]
    return found


def description_schema(reference: str) -> Mapping[str, Any]:
    return description()["components"]["schemas"][reference.rpartition("/")[2]]


FORMATS = {
    "decimal": re.compile(r"-?\d+(\.\d+)?"),
    "naive-date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"),
}


def _of_type(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    kind = schema.get("type")
    if kind == "object":
        return _of_object(value, schema, at)
    if kind == "array":
        if not isinstance(value, list):
            return [f"{at}: {value!r} is no list"]
        return [each for n, item in enumerate(value) for each in complaints(item, schema["items"], f"{at}[{n}]")]
    types = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
    if kind in types and (not isinstance(value, types[kind]) or (kind == "integer" and isinstance(value, bool))):
        return [f"{at}: {value!r} is no {kind}"]
    pattern = FORMATS.get(schema.get("format", ""))
    if pattern is not None and not pattern.fullmatch(value):
        return [f"{at}: {value!r} is no {schema['format']}"]
    return []


def _of_object(value: Any, schema: Mapping[str, Any], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no object"]
    required = schema.get("required", ())
    found = [f"{at}: {name} is missing" for name in required if value.get(name) is None]
    for name, part in schema.get("properties", {}).items():
        if value.get(name) is not None:
            found += complaints(value[name], part, f"{at}.{name}")
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        found += [each for name, item in value.items() for each in complaints(item, more, f"{at}.{name}")]
    return found
