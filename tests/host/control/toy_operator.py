"""A small but living operator and log for the control socket's tests: ``python toy_operator.py SOCKET`` serves it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from decimal import Decimal

from ctosd.abi import CallerMistake, CtosError, Misconfigured, NotReady
from ctosd.host.control.routes import nearest
from ctosd.host.control.server import ControlServer, Limits
from ctosd.kernel.ports import Status

NOW_NS = 1_764_000_000_000_000_000


class ToyLog:
    """The last lines, and those who listen."""

    def __init__(self):
        self.lines = []
        self.calls = []

    def recent(self, n, level):
        order = ["debug", "info", "warning", "error", "critical"]
        fit = [line for line in self.lines if order.index(json.loads(line)["level"]) >= order.index(level)]
        return fit[-n:] if n else []

    def subscribe(self, call):
        self.calls.append(call)

    def unsubscribe(self, call):
        self.calls.remove(call)

    def write(self, event, level="info", **fields):
        line = json.dumps({"timestamp": "2026-11-23T05:00:00Z", "level": level, "event": event, **fields})
        self.lines.append(line)
        for call in tuple(self.calls):
            call(line)


def strategy(name, use, symbol, **rest):
    own = {
        "kind": "strategy", "name": name, "use": use, "account": "paper/main", "state": "running", "wanted": "running",
        "since_s": 192.4, "restarts": 0, "last_error": "", "reason": "", "backoff_s": 0, "pnl": "12.345", "fees": "0.25",
        "open_orders": 2, "positions": [{"symbol": symbol, "size": "0.0100"}], "fills": 5,
    }  # fmt: skip
    return own | rest


class ToyOperator:
    """Two strategies on the paper venue; `slow` acts take `delay_s`."""

    def __init__(self, log):
        self.log = log
        self.delay_s = 0.0
        self.acts = []
        self.finished = []
        self.mode, self.mode_reason = "active", ""
        self.units = {
            "grid-btc": strategy("grid-btc", "grid", "BTC/USDT:USDT"),
            "mr-eth": strategy(
                "mr-eth", "mean_reversion", "ETH/USDT:USDT", state="parked", since_s=10, restarts=5, pnl="-0.004",
                positions=[], fills=0, open_orders=0, reason="5 failures within 300 s",
                last_error="ZeroDivisionError: division by zero (strategies/mean_reversion.py:41)",
            ),
            "slow": strategy("slow", "grid", "SOL/USDT:USDT", state="stopped", wanted="stopped", positions=[]),
        }  # fmt: skip

    def _unit(self, name):
        if name not in self.units:
            raise LookupError(f"no strategy {name!r}{nearest(name, list(self.units))}")
        return self.units[name]

    def status(self):
        return {
            "version": "0.1.0", "boot": 7, "pid": 4242, "uptime_s": 192.4, "ready": True, "clock": "wall",
            "mode": self.mode, "mode_reason": self.mode_reason,
            "venues": [{"name": "paper", "driver": "paper", "state": "running", "since_s": 190, "reason": "", "simulated": True}],
            "strategies": list(self.units.values()),
            "orders": {"open": 2, "unknown": 0, "denied": 3, "total": 40}, "fills": 5,
            "loop": {"lag_p50_ms": 0.1, "lag_p99_ms": 0.4},
            "journal": {"seq": 123, "durability": "process", "failed": "", "backlog": 0}, "rss_mb": 61.2,
        }  # fmt: skip

    def processes(self):
        driver = {
            "kind": "driver",
            "name": "paper",
            "use": "paper",
            "state": "running",
            "wanted": "running",
            "since_s": 190,
        }
        return [driver | {"restarts": 0, "last_error": "", "reason": "", "backoff_s": 0}, *self.units.values()]

    def orders(self, everything, strategy, limit):
        open_order = {
            "client_id": "ctos0000001000000001", "strategy": "grid-btc", "account": "paper/main", "symbol": "BTC/USDT:USDT",
            "side": "buy", "type": "limit", "size": "0.0100", "price": "59990.50", "filled": "0", "average": "0",
            "state": "open", "reason": "", "message": "", "created_ns": NOW_NS, "updated_ns": NOW_NS, "tag": "",
        }  # fmt: skip
        denied = open_order | {"client_id": "ctos0000001000000002", "state": "denied", "reason": "min_notional",
                               "message": "worth 1 USDT, 5 is the least"}  # fmt: skip
        found = [open_order, denied] if everything else [open_order]
        return [order for order in found if strategy in ("", order["strategy"])][:limit]

    def positions(self):
        row = {"account": "paper/main", "strategy": "grid-btc", "symbol": "BTC/USDT:USDT", "size": "0.0100", "entry": "60000",
               "mark": "60100", "notional": "601", "unrealised": "1.00", "realised": "11.345", "fees": "0.25", "funding": "-0.01",
               "pnl": "12.345"}  # fmt: skip
        return [row, row | {"strategy": ""}]

    def balances(self):
        return [{"account": "paper/main", "asset": "USDT", "total": "10012.3450", "available": "9000"}]

    def fills(self, limit, strategy):
        row = {"time_ns": NOW_NS, "strategy": "grid-btc", "account": "paper/main", "symbol": "BTC/USDT:USDT", "side": "buy",
               "price": "60000.0", "size": "0.01", "fee": "0.12", "fee_asset": "USDT", "liquidity": "maker",
               "client_id": "ctos0000001000000001", "trade_id": "1"}  # fmt: skip
        return [row][:limit] if strategy in ("", "grid-btc") else []

    def why(self, name):
        unit = self._unit(name)
        refusal = {"time_ns": NOW_NS, "reason": "min_notional", "message": "worth 1 USDT, 5 is the least", "symbol": "BTC/USDT:USDT",
                   "side": "buy", "size": "0.00001", "price": "60000", "count": 3}  # fmt: skip
        halted = self.mode == "halted"
        return {
            "strategy": name, "state": unit["state"], "wanted": unit["wanted"], "reason": unit["reason"],
            "last_error": unit["last_error"],
            "gates": [{"check": "halted", "verdict": "refuse" if halted else "pass", "detail": self.mode_reason},
                      {"check": "min_notional", "verdict": "pass", "detail": "5 USDT"}],
            "refusals": [refusal] if name == "grid-btc" else [],
        }  # fmt: skip

    def proc(self):
        def gone():
            raise NotReady("the venue is not connected")

        return {
            "version": "0.1.0",
            "uptime": lambda: 192.4,
            "risk": {"mode": self.mode, "armed": False, "reason": None},
            "strategies": lambda: {name: self._directory(unit) for name, unit in self.units.items()},
            "positions": {"grid-btc": {"BTC/USDT:USDT": Status(size=Decimal("0.0100"), entry=Decimal("1E+4"))}},
            "orders": {"unknown": ["a1", "b2"]},
            "drivers": {"paper": {"latency_us": gone, "state": "running"}},
        }

    def _directory(self, unit):
        status = Status(state=unit["state"], last_error=unit["last_error"], simulated=True, note="two\nlines\\")
        return {"state": unit["state"], "status": status, "restarts": unit["restarts"]}

    async def start(self, name, by):
        return await self._turn(name, "start", by, "running")

    async def stop(self, name, by, reason):
        return await self._turn(name, f"stop {reason}".strip(), by, "stopped")

    async def restart(self, name, by):
        return await self._turn(name, "restart", by, "running")

    async def _turn(self, name, act, by, state):
        unit = self._unit(name)
        self.acts.append((act, name, by))
        if name == "slow":
            await asyncio.sleep(self.delay_s)
        self.log.write("operator", act=act, target=name, by=by)
        unit.update(state="parked" if name == "mr-eth" and state == "running" else state, wanted=state)
        self.finished.append(act)
        return unit

    async def halt(self, by, reason):
        return self._switch("halted", by, reason)

    async def resume(self, by, reason):
        return self._switch("active", by, reason)

    def _switch(self, mode, by, reason):
        self.acts.append((mode, reason, by))
        self.mode, self.mode_reason = mode, reason
        self.log.write("mode", "warning", mode=mode, reason=reason, by=by)
        return {"mode": mode, "mode_reason": reason, "by": by}

    async def flatten(self, by, strategy, reason):
        self.acts.append(("flatten", strategy, by))
        left = [{"symbol": "ETH/USDT:USDT", "size": "1"}] if strategy == "mr-eth" else []
        return {"orders": self.orders(False, "", 1), "remaining": left}

    async def arm(self, by, account, max_loss, seconds):
        self.acts.append(("arm", account, max_loss, seconds, by))
        return {"account": account, "max_loss": max_loss}

    async def disarm(self, by, account):
        self.acts.append(("disarm", account, by))
        return {"account": account}

    async def adopt(self, by, strategy, account, what, size):
        self.acts.append(("adopt", strategy, account, what, size))
        return {"strategy": strategy}

    async def call(self, by, account, name, args):
        self.acts.append((name, args, by))
        if account != "paper/main":
            raise LookupError(f"no account {account!r}; did you mean 'paper/main'?")
        answers = {
            "get_orderbook": {"symbol": args.get("symbol"), "bids": [["60000", "1.5"], ["59999", "2"]], "asks": []},
            "get_price_now": Decimal("60000.10"),
            "symbols": [{"symbol": "BTC/USDT:USDT", "tick": "0.1"}, {"symbol": "ETH/USDT:USDT", "tick": "0.01"}],
            "place_order": {"client_id": "x", "state": "denied", "reason": "min_notional"},
        }
        problems = {
            "bad": CallerMistake("size must be positive"), "never": NotReady("the venue is not connected"),
            "refused": CtosError("not now"), "wrong": Misconfigured("no such thing in venues.paper"),
            "bug": KeyError("oops"),
        }  # fmt: skip
        if name in problems:
            raise problems[name]
        if name == "big":
            return ["x" * 1000] * 3000
        if name not in answers:
            raise LookupError(f"no syscall {name!r}{nearest(name, list(answers))}")
        return answers[name]


class Words:
    """A log that remembers."""

    def __init__(self):
        self.said = []

    def __getattr__(self, level):
        return lambda event, **fields: self.said.append((level, event, fields))


class House:
    """A server with its operator, its log and its words."""

    def __init__(self, path, **limits):
        self.path = path
        self.logs = ToyLog()
        self.operator = ToyOperator(self.logs)
        self.words = Words()
        self.server = ControlServer(path, self.operator, self.logs, limits=Limits(**limits), log=self.words)

    async def ask(self, method, target, body=b"", headers=""):
        """`(status, headers, body)` of one request on a connection of its own."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        writer.write(
            f"{method} {target} HTTP/1.1\r\nHost: ctos\r\nConnection: close\r\n{length}{headers}\r\n".encode() + body
        )
        raw = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        head, _, rest = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), rest

    async def get(self, target):
        status, _, body = await self.ask("GET", target)
        return status, json.loads(body)

    async def post(self, target, **body):
        status, _, raw = await self.ask("POST", target, json.dumps(body).encode())
        return status, json.loads(raw)


async def main(path):
    log = ToyLog()
    operator = ToyOperator(log)
    operator.delay_s = 1.0
    for i in range(30):
        log.write("started" if i < 29 else "spread wide", "warning" if i == 29 else "info", step=i, venue="paper")
    server = ControlServer(path, operator, log)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await server.start()
    print("ready", flush=True)  # noqa: T201 - the one who waits reads it
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
