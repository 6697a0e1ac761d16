"""Binance on loopback: USDⓈ-M futures and spot on one server, told apart by their paths.

REST under ``/fapi`` and ``/api``; streams of futures under ``/public``, ``/market`` and ``/private``, of spot under ``/ws`` and
``/stream``; the WebSocket APIs under ``/ws-fapi/v1`` and ``/ws-api/v3``. Each account has a wallet in each product. Written
from the protocol sheet alone, and from nothing that the driver knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import orjson

from ctosd.abi import Event, MarketEvent, Outcome, Place, Ports
from ctosd.abi.emulator import Conversation, Peer, Reply, Request
from ctosd.abi.emulator import Emulator as Contract
from drivers.binance.emulator import futures_tables, spot_tables
from drivers.binance.emulator.branch import Branch, World
from drivers.binance.emulator.broadcast import BEAT_S
from drivers.binance.emulator.connections import Connections
from drivers.binance.emulator.doors import Doors
from drivers.binance.emulator.faults import FAULTS, Faults
from drivers.binance.emulator.futures import Futures
from drivers.binance.emulator.gate import Answer, Ask
from drivers.binance.emulator.keys import Key, Keyring, check, private_key, private_pem, unsigned
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.products import FUTURES, SPOT
from drivers.binance.emulator.refusals import Refusal
from drivers.binance.emulator.spot import Spot
from drivers.binance.emulator.traders import Trader
from drivers.binance.emulator.venuetime import VenueTime
from drivers.paper.chance import chance
from drivers.paper.config import AccountConfig, MarketConfig, PaperConfig
from drivers.paper.stage import Stage

SEED = 7
ACCOUNTS = ("main", "second")
HOUSE = "house"
ED25519 = "emulator-ed25519"
ENDPOINTS = {  # futures by the driver's own names, spot with its product before them
    "rest": "http:",
    "wsapi": "ws:/ws-fapi/v1",
    "public": "ws:/public",
    "market": "ws:/market",
    "private": "ws:/private",
    "spot.rest": "http:",
    "spot.wsapi": "ws:/ws-api/v3",
    "spot.stream": "ws:",
}
FORM = "application/x-www-form-urlencoded"
JSON = ("content-type", "application/json;charset=UTF-8")
RICH = Decimal(10) ** 12


class Emulator(Contract):
    """See the module. Fills, books and prices are those of `drivers.paper`."""

    name: ClassVar[str] = "binance"
    config: ClassVar[type] = PaperConfig
    faults: ClassVar[Mapping[str, str]] = {name: fault.text for name, fault in FAULTS.items()}

    def __init__(self, settings: PaperConfig | None, ports: Ports) -> None:
        super().__init__(settings, ports)
        config = furnished(settings)
        seed = config.market.seed if config.market.seed is not None else SEED
        self._faults = Faults(seed)
        self._time = VenueTime(ports.clock)
        self._keys = Keyring(_keys())
        names = [f"{ports.venue}/{name}{tail}" for name in (*ACCOUNTS, HOUSE) for tail in ("", "-spot")]
        self.stage = Stage(config, names, ports)
        world = World(self.stage, self._time, self._faults, self._keys, chance(f"binance/{seed}"))
        band, most = config.price_band, config.max_open_orders

        def traders(tail: str) -> list[Trader]:
            return [Trader(name, f"{ports.venue}/{name}{tail}", i) for i, name in enumerate(ACCOUNTS)]

        self.futures = Futures(FUTURES, world, traders(""), f"{ports.venue}/{HOUSE}", band, most)
        self.spot = Spot(SPOT, world, traders("-spot"), f"{ports.venue}/{HOUSE}-spot", band, most)
        self.futures.furnish()
        self.futures.rest, self.futures.socket = futures_tables.rest(self.futures), futures_tables.socket(self.futures)
        self.spot.rest, self.spot.socket = spot_tables.rest(self.spot), spot_tables.socket(self.spot)
        self.connections = Connections(self._time, self._faults)
        self._doors = Doors(self.futures, self.spot, self.connections)
        self._branches: tuple[Branch, Branch] = (self.futures, self.spot)
        self._requests = 0
        self.stage.on_market, self.stage.on_private = self._on_market, self._on_private
        self.stage.on_triggered = self._on_triggered
        self._faults.actions = self._actions()

    # -- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.stage.start()
        self.stage.every(BEAT_S, self._beat)
        self.stage.every(1.0, self._tend)

    def stop(self) -> None:
        self._time.stop()
        for connection in self.connections.all():
            connection.close(1001, "Server shutdown")
        self.stage.stop()

    def _beat(self) -> None:
        for branch in self._branches:
            branch.broadcast.beat()

    def _tend(self) -> None:
        self.connections.tend()
        self.futures.listen_keys.tend()
        self.futures.candles.flush()

    # -- what the stage tells -----------------------------------------------------------------------------------------------

    def _on_market(self, event: MarketEvent) -> None:
        for branch in self._branches:
            branch.hear(event)

    def _on_private(self, event: Event) -> None:
        account = getattr(event, "account", "")
        for branch in self._branches:
            if branch.bookkeeper.knows(account):
                branch.bookkeeper.hear(event)

    def _on_triggered(self, place: Place, outcome: Outcome) -> None:
        if self.futures.bookkeeper.knows(place.account):
            self.futures.algos.on_triggered(self.futures.bookkeeper.trader(place.account), place, outcome)
        elif self.spot.bookkeeper.knows(place.account):
            self.spot.desk.on_triggered(self.spot.bookkeeper.trader(place.account), place, outcome)

    # -- what a client needs to know ------------------------------------------------------------------------------------------

    def endpoints(self) -> Mapping[str, str]:
        return ENDPOINTS

    def credentials(self) -> Sequence[Mapping[str, str]]:
        """Two accounts with HMAC keys; the third is an Ed25519 key of the first one."""
        return (
            {"api_key": "emulator", "api_secret": "emulator"},
            {"api_key": "emulator2", "api_secret": "emulator2"},
            {"api_key": ED25519, "private_key": private_pem()},
        )

    # -- the wire -------------------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Reply:
        self._requests += 1
        _, head, tail = [*request.path.split("/", 2), "", ""][:3]
        branch = {"fapi": self.futures, "api": self.spot}.get(head)
        if branch is None:
            return Reply(404, b"", (JSON,))
        operation = branch.rest.get((request.method, f"/{tail}"))
        if operation is None:
            message = f"Path {request.path}, Method {request.method} is invalid"
            return Reply(404, orjson.dumps({"code": -5000, "msg": message}), (JSON,))
        try:
            answer = branch.gate.serve(operation, _ask(request))
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body())
        usage = branch.limits.headers(request.remote, answer.ordering or None)
        body = answer.raw.encode() if answer.raw else orjson.dumps(answer.value)
        headers = (JSON, *usage, *answer.headers)
        return Reply(answer.status, body, headers, answer.delay_s, answer.mishap)

    def connect(self, request: Request, peer: Peer) -> Conversation | Reply:
        return self._doors.open(request, peer)

    # -- faults ---------------------------------------------------------------------------------------------------------------

    def set_fault(self, name: str, value: float) -> None:
        self._faults.set(name, value)

    def _actions(self) -> dict[str, Any]:
        def skew(value: float) -> None:
            self._time.skew_ns = int(value * 1e9)

        def expire(value: float) -> None:
            self._keys.expired = value > 0

        return {
            "clock_skew": skew,
            "key_expired": expire,
            "liquidation": lambda value: self._close_positions("liquidation", value),
            "adl": lambda value: self._close_positions("adl", value),
            "cut": lambda value: self.connections.cut() if value else None,
            "shutdown_notice": lambda value: self.connections.shut_down(value) if value else None,
            "listen_key_expired": lambda value: self.futures.listen_keys.expire() if value else None,
            "stream_terminated": lambda value: self.spot.subscriptions.terminate() if value else None,
        }

    def _close_positions(self, cause: str, share: float) -> None:
        """The venue closes a share of every position of futures."""
        if not share:
            return
        books = self.futures.bookkeeper
        books.cause = cause
        for trader in self.futures.traders.values():
            for symbol in self.futures.portfolio.held(trader):
                fill = self.stage.force_close(trader.account, symbol, cause, Decimal(repr(share)))
                books.flush()
                if fill is not None and cause == "liquidation":
                    self.futures.broadcast.forced(self.futures.markets.by_symbol[symbol], fill)
        books.cause = ""

    # -- the truth ------------------------------------------------------------------------------------------------------------

    def statistics(self) -> Mapping[str, Any]:
        return {
            "limits": {**self.futures.limits.statistics(), **self.spot.limits.statistics()},
            "requests": self._requests,
            "refusals": {branch.product.name: dict(branch.gate.refusals) for branch in self._branches},
            "connections": self.connections.statistics(),
            "faults": self._faults.statistics(),
            "dead_man": self.futures.dead_man.statistics(),
            "accounts": {
                name: {branch.product.name: branch.truth(branch.traders[name]) for branch in self._branches}
                for name in ACCOUNTS
            },
        }


def furnished(settings: PaperConfig | None) -> PaperConfig:
    """The settings with wallets for spot, and for the house. A spot wallet that nobody configured has a bitcoin too."""
    config = settings or PaperConfig(market=MarketConfig(seed=SEED), leverage=Decimal(20))
    accounts = dict(config.accounts)
    for name in ACCOUNTS:
        accounts.setdefault(f"{name}-spot", AccountConfig(balances={"BTC": Decimal(1), **config.balances}))
    coins = {"USDT", "USDC", "BTC", "ETH", *config.balances}
    coins |= {symbol.partition("/")[0] for symbol in (*config.market.symbols, *config.instruments)}
    for tail in ("", "-spot"):
        accounts[HOUSE + tail] = AccountConfig(balances=dict.fromkeys(sorted(coins), RICH))
    return replace(config, accounts=accounts)


def _keys() -> list[Key]:
    return [
        Key("emulator", "main", "emulator"),
        Key("emulator2", "second", "emulator2"),
        Key(ED25519, "main", public=private_key().public_key()),
    ]


def _ask(request: Request) -> Ask:
    """A REST request as the gate takes it. Raises `Refusal`."""
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM
    text = request.body.decode("utf-8", "replace")
    query, query_signature = unsigned(request.query)
    body, body_signature = unsigned(text)
    signature = query_signature if query_signature is not None else body_signature
    params = Params.of(query, body if is_form else "")
    if signature:
        params.values["signature"] = signature
    payload = (query + body).encode()

    def verify(key: Key) -> None:
        check(key, payload, signature or "")

    return Ask(params, request.remote, request.headers.get("x-mbx-apikey", ""), verify)
