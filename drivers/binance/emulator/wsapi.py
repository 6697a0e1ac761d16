"""The WebSocket API of both products: requests with ids, sessions, and user data of spot (sheet A2, B5, B6, C8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ctosd.abi.emulator import Peer
from drivers.binance.emulator.branch import Branch
from drivers.binance.emulator.connections import Connection, Connections
from drivers.binance.emulator.gate import Answer, Ask
from drivers.binance.emulator.keys import Key, check, socket_payload
from drivers.binance.emulator.operations import Call, Operation
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal, missing, unsupported
from drivers.binance.emulator.subscriptions import Subscriptions

LONGEST_ID = 36


class SocketApi(Connection):
    """One connection. `subscriptions` is there on spot."""

    def __init__(
        self,
        peer: Peer,
        branch: Branch,
        connections: Connections,
        remote: str,
        *,
        told: bool = True,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        super().__init__(peer, branch.product, connections, remote)
        self._branch = branch
        self._told = told  # whether answers tell the usage of limits
        self._subscriptions = subscriptions
        self._key: Key | None = None
        self._since_ms = 0
        self._table = {**branch.socket, **self._own()}

    def _own(self) -> Mapping[str, Operation]:
        """What concerns this connection."""
        found = {
            "session.logon": Operation(run=self._logon, security="signed", weight=2),
            "session.status": Operation(run=self._status, weight=2),
            "session.logout": Operation(run=self._logout, weight=2),
        }
        if self._subscriptions is None:
            return found
        return {
            **found,
            "session.subscriptions": Operation(run=self._subscribed, weight=2),
            "userDataStream.subscribe": Operation(run=self._subscribe, weight=2),
            "userDataStream.subscribe.signature": Operation(run=self._subscribe_signed, security="signed", weight=2),
            "userDataStream.unsubscribe": Operation(run=self._unsubscribe, weight=2),
        }

    # -- requests -----------------------------------------------------------------------------------------------------------

    def receive(self, message: str) -> None:
        number: Any = None
        try:
            request = _object(message)
            number = _number(request)
            method, params = request.get("method"), request.get("params", {})
            if not isinstance(params, dict):
                raise Refusal(-1135, "Invalid request: params must be an object.")
            operation = self._table.get(str(method))
            if operation is None:
                raise unsupported(f"method {method!r}")
        except Refusal as refusal:
            self._reply(number, Answer(refusal.status, refusal.body()), self._told)
            return
        texts = {str(name): _text(value) for name, value in params.items()}
        told = self._told and texts.get("returnRateLimits") != "false"
        answer = self._branch.gate.serve(operation, self._ask(texts))
        if answer.delay_s:
            self.connections.time.after(answer.delay_s, lambda: self._reply(number, answer, told))
        else:
            self._reply(number, answer, told)

    def _ask(self, texts: dict[str, str]) -> Ask:
        api_key = texts.get("apiKey", "")
        payload = socket_payload(texts)
        signature = texts.get("signature", "")

        def verify(key: Key) -> None:
            check(key, payload, signature)

        return Ask(Params(texts), self.remote, api_key, verify, None if api_key else self._key)

    def _reply(self, number: Any, answer: Answer, told: bool) -> None:
        if answer.mishap == "reset":
            self.abort()
            return
        if answer.mishap == "silence":
            return
        if answer.raw:
            self.send(answer.raw)
            return
        found: dict[str, Any] = {"id": number, "status": answer.status}
        found["result" if answer.good else "error"] = answer.value
        if told:
            found["rateLimits"] = self._branch.limits.usage(self.remote, answer.ordering or None)
        self.tell(found)

    # -- sessions -----------------------------------------------------------------------------------------------------------

    def _logon(self, call: Call) -> dict[str, Any]:
        key = call.key
        if key is None or key.public is None:
            raise Refusal(-1099, "Not found, authenticated, or authorized: only Ed25519 keys can log on.", status=401)
        self._key, self._since_ms = key, self.connections.time.now_ms()
        return self._status(call)

    def _logout(self, call: Call) -> dict[str, Any]:
        self._key, self._since_ms = None, 0
        return self._status(call)

    def _status(self, call: Call) -> dict[str, Any]:
        time = self.connections.time
        return {
            "apiKey": self._key.name if self._key is not None else None,
            "authorizedSince": self._since_ms or None,
            "connectedSince": time.ms(self.since_ns),
            "returnRateLimits": self._told,
            "serverTime": time.now_ms(),
            "userDataStream": self._subscriptions is not None and bool(self._subscriptions.of(self)),
        }

    # -- user data of spot --------------------------------------------------------------------------------------------------------

    @property
    def _feeds(self) -> Subscriptions:
        assert self._subscriptions is not None
        return self._subscriptions

    def _subscribe(self, call: Call) -> dict[str, Any]:
        if self._key is None:
            raise Refusal(-1002, "You are not authorized to execute this request.", status=401)
        return {"subscriptionId": self._feeds.subscribe(self, self._branch.traders[self._key.account])}

    def _subscribe_signed(self, call: Call) -> dict[str, Any]:
        return {"subscriptionId": self._feeds.subscribe(self, call.trader)}

    def _unsubscribe(self, call: Call) -> dict[str, Any]:
        number = call.params.integer("subscriptionId") if call.params.sent("subscriptionId") else None
        self._feeds.unsubscribe(self, number)
        return {}

    def _subscribed(self, call: Call) -> list[dict[str, Any]]:
        return [{"subscriptionId": number} for number in self._feeds.of(self)]

    def gone(self) -> None:
        if self._subscriptions is not None:
            self._subscriptions.forget(self)


def _object(message: str) -> dict[str, Any]:
    try:
        # Numbers keep the digits that were sent: they are part of what was signed.
        found = json.loads(message, parse_float=str)
    except ValueError:
        raise Refusal(-1135, "Invalid JSON Request.") from None
    if not isinstance(found, dict):
        raise Refusal(-1135, "Invalid JSON Request.")
    return found


def _number(request: Mapping[str, Any]) -> Any:
    if "id" not in request:
        raise missing("id")
    number = request["id"]
    if isinstance(number, bool) or not isinstance(number, int | str | None):
        raise Refusal(-1135, "Invalid request: id must be an integer, a string or null.")
    if isinstance(number, str) and len(number) > LONGEST_ID:
        raise Refusal(-1135, f"Invalid request: id must have at most {LONGEST_ID} characters.")
    return number


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)
