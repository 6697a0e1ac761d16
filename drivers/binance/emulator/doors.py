"""The WebSocket doors of the one server: which address leads where (sheet A1, B4, B6, C6, C7)."""

from __future__ import annotations

import re
from urllib.parse import unquote

import orjson

from ctosd.abi.emulator import Conversation, Peer, Reply, Request
from drivers.binance.emulator.branch import Branch
from drivers.binance.emulator.connections import Connections
from drivers.binance.emulator.futures import Futures
from drivers.binance.emulator.params import pairs_of
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.spot import Spot
from drivers.binance.emulator.streams import Hub, StreamConnection
from drivers.binance.emulator.wsapi import SocketApi

_STREAM = re.compile(r"^(?:/(public|market|private|fstream))?/(ws|stream)(?:/(.*))?$")
UNROUTED = "fstream"
"""The old addresses of futures have no route. On this server they would be those of spot: here they begin with /fstream."""


class Doors:
    """Opens connections."""

    def __init__(self, futures: Futures, spot: Spot, connections: Connections) -> None:
        self._futures = futures
        self._spot = spot
        self._connections = connections

    def open(self, request: Request, peer: Peer) -> Conversation | Reply:
        branch: Branch = self._futures
        try:
            if request.path == "/ws-fapi/v1":
                return self._api(branch, request, peer)
            if request.path == "/ws-api/v3":
                branch = self._spot
                return self._api(branch, request, peer)
            found = _STREAM.match(request.path)
            if found is None:
                return Reply(404, b"")
            branch = self._futures if found[1] else self._spot
            return self._stream(branch, request, peer, found)
        except Refusal as refusal:
            return refused(refusal)

    def _admit(self, branch: Branch, remote: str) -> None:
        branch.gate.open()
        if not branch.limits.connect(remote):
            raise Refusal(
                -1034, "Too many connections; current limit is 300 per attempt per 5 minutes per IP.", status=429
            )

    def _api(self, branch: Branch, request: Request, peer: Peer) -> Conversation:
        self._admit(branch, request.remote)
        branch.limits.admit(request.remote, branch.product.handshake)
        told = dict(pairs_of(request.query)).get("returnRateLimits") != "false"
        feeds = self._spot.subscriptions if branch is self._spot else None
        return SocketApi(peer, branch, self._connections, request.remote, told=told, subscriptions=feeds)

    def _stream(self, branch: Branch, request: Request, peer: Peer, found: re.Match[str]) -> Conversation | Reply:
        self._admit(branch, request.remote)
        route = "unrouted" if found[1] == UNROUTED else found[1] or ""
        query = dict(pairs_of(request.query))
        hub: Hub = self._futures.user_hub if route == "private" else branch.hub
        combined = found[2] == "stream"
        names = [name for name in unquote(found[3] or "").split("/") if name]
        names += [name for name in query.get("streams", "").split("/") if name]
        if route == "private" and query.get("listenKey"):
            names.append(query["listenKey"])
        connection = StreamConnection(peer, hub, self._connections, request.remote, route=route, combined=combined)
        if query.get("events"):
            connection.events = frozenset(query["events"].split("/"))
        if names and not connection.subscribe(names):
            connection.closed()
            return Reply(400, b"")
        return connection


def refused(refusal: Refusal) -> Reply:
    headers = (("content-type", "application/json;charset=UTF-8"), *refusal.headers)
    return Reply(refusal.status, orjson.dumps(refusal.body()), headers)
