"""What the control socket offers: one table of routes, and the plain functions behind its rows.

Nothing here knows HTTP: a row gets an `Ask` and returns a JSON-ready result, a `Node` of /proc, or a `Follow` (the server
then streams the log). What goes wrong is an exception: `FAILURES` says which status and which word it becomes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, Protocol

import msgspec

from ctosd import __version__
from ctosd.abi import AuthFailed, CallerMistake, CtosError, Fenced, InvariantBroken, Misconfigured, NotReady
from ctosd.host.control import proc

LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_LINES = 10_000
MOST_ROWS = 10_000
MOST_WAIT_S = 600.0

Json = Any
Needs = Literal["open", "read", "admin"]


class Operator(Protocol):
    """What a person may ask of the daemon. Results are JSON-ready; names that do not exist raise `LookupError`."""

    def status(self) -> Mapping[str, Any]: ...
    def processes(self) -> Sequence[Mapping[str, Any]]: ...
    def orders(self, everything: bool, strategy: str, limit: int, /) -> Sequence[Mapping[str, Any]]: ...
    def positions(self) -> Sequence[Mapping[str, Any]]: ...
    def balances(self) -> Sequence[Mapping[str, Any]]: ...
    def fills(self, limit: int, strategy: str, /) -> Sequence[Mapping[str, Any]]: ...
    def why(self, name: str, /) -> Mapping[str, Any]: ...
    def proc(self) -> Mapping[str, Any]: ...
    async def start(self, name: str, by: str, /) -> Mapping[str, Any]: ...
    async def stop(self, name: str, by: str, reason: str, /) -> Mapping[str, Any]: ...
    async def restart(self, name: str, by: str, /) -> Mapping[str, Any]: ...
    async def halt(self, by: str, reason: str, /) -> Mapping[str, Any]: ...
    async def resume(self, by: str, reason: str, /) -> Mapping[str, Any]: ...
    async def flatten(self, by: str, strategy: str, reason: str, /) -> Mapping[str, Any]: ...
    async def arm(self, by: str, account: str, max_loss: str, seconds: float, /) -> Mapping[str, Any]: ...
    async def disarm(self, by: str, account: str, /) -> Mapping[str, Any]: ...
    async def adopt(self, by: str, strategy: str, account: str, what: str, size: str, /) -> Mapping[str, Any]: ...
    async def call(self, by: str, account: str, name: str, args: dict[str, str], /) -> Json: ...


class LogTap(Protocol):
    """The daemon's own log: the last lines from memory, and every new one as it is written (JSON, no newline)."""

    def recent(self, n: int, level: str, /) -> list[str]: ...
    def subscribe(self, call: Callable[[str], None], /) -> Any: ...
    def unsubscribe(self, call: Callable[[str], None], /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `words` are the parts of the path and the parameters; `by` names the one who asks."""

    operator: Operator
    logs: LogTap
    words: Mapping[str, Any] = field(default_factory=dict)
    by: str = ""

    def text(self, name: str, default: str = "") -> str:
        value = self.words.get(name, default)
        if not isinstance(value, str):
            raise CallerMistake(f"{name} must be a text, not {type(value).__name__}")
        return value

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 to `most`. Raises `CallerMistake` for anything else."""
        raw = self.words.get(name, default)
        try:
            value = int(raw)
        except (TypeError, ValueError):
            raise CallerMistake(f"{name} must be a whole number, not {raw!r}") from None
        if not 0 <= value <= most:
            raise CallerMistake(f"{name} must lie between 0 and {most}, not {value}")
        return value

    def flag(self, name: str) -> bool:
        raw = str(self.words.get(name, "no")).lower()
        if raw not in ("1", "true", "yes", "", "0", "false", "no"):
            raise CallerMistake(f"{name} is yes or no, not {raw!r}")
        return raw in ("1", "true", "yes", "")

    def seconds(self, name: str, default: float, most: float) -> float:
        raw = self.words.get(name, default)
        try:
            value = float(raw)
        except (TypeError, ValueError):
            raise CallerMistake(f"{name} must be a number of seconds, not {raw!r}") from None
        if not 0 <= value <= most:
            raise CallerMistake(f"{name} must lie between 0 and {most:g} seconds, not {raw}")
        return value


@dataclass(frozen=True, slots=True)
class Node:
    """Something of /proc, to be rendered as the client prefers."""

    value: Any


@dataclass(frozen=True, slots=True)
class Follow:
    """The log from now on, after its last `n` lines, from `level` up."""

    n: int
    level: str


Handler = Callable[[Ask], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One route. A POST acts: its handler is async and goes on to its end even when the client has gone."""

    method: Literal["GET", "POST"]
    path: str
    needs: Needs
    handler: Handler
    takes: tuple[str, ...]
    doc: str


# -- reading ------------------------------------------------------------------------------------------------------------------


def _table(ask: Ask) -> Json:
    return [
        {"method": row.method, "path": row.path, "access": row.needs, "takes": list(row.takes), "doc": row.doc}
        for row in ROUTES
    ]


def _healthz(ask: Ask) -> Json:
    return {"alive": True, "version": __version__}


def _orders(ask: Ask) -> Json:
    return ask.operator.orders(ask.flag("all"), ask.text("strategy"), ask.number("limit", 100, MOST_ROWS))


def _fills(ask: Ask) -> Json:
    return ask.operator.fills(ask.number("limit", 50, MOST_ROWS), ask.text("strategy"))


def _logs(ask: Ask) -> Json:
    n, level = ask.number("n", 50, MOST_LINES), checked_level(ask.text("level", "debug"))
    if ask.flag("follow"):
        return Follow(n, level)
    return [_parsed(line) for line in ask.logs.recent(n, level)]


def checked_level(word: str) -> str:
    """`word` as a level of the log. Raises `CallerMistake` with the nearest right one."""
    level = {"warn": "warning", "fatal": "critical"}.get(word.lower(), word.lower())
    if level not in LEVELS:
        raise CallerMistake(f"no log level {word!r}{nearest(level, LEVELS)}")
    return level


def at_least(line: str, level: str) -> bool:
    """Whether a log line is at `level` or above; a line that does not say is always shown."""
    if level == LEVELS[0]:
        return True
    entry = _parsed(line)
    own = entry.get("level", "critical") if isinstance(entry, dict) else "critical"
    return own not in LEVELS or LEVELS.index(own) >= LEVELS.index(level)


def _parsed(line: str) -> Json:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {"event": line.rstrip("\n")}


# -- acting -------------------------------------------------------------------------------------------------------------------


def _start(ask: Ask) -> Awaitable[Json]:
    return ask.operator.start(ask.text("name"), ask.by)


def _stop(ask: Ask) -> Awaitable[Json]:
    return ask.operator.stop(ask.text("name"), ask.by, ask.text("reason"))


def _restart(ask: Ask) -> Awaitable[Json]:
    return ask.operator.restart(ask.text("name"), ask.by)


def _halt(ask: Ask) -> Awaitable[Json]:
    return ask.operator.halt(ask.by, ask.text("reason"))


def _resume(ask: Ask) -> Awaitable[Json]:
    return ask.operator.resume(ask.by, ask.text("reason"))


def _flatten(ask: Ask) -> Awaitable[Json]:
    return ask.operator.flatten(ask.by, ask.text("strategy"), ask.text("reason"))


def _arm(ask: Ask) -> Awaitable[Json]:
    if "max_loss" not in ask.words or "seconds" not in ask.words:
        raise CallerMistake("arm needs an account, max_loss in quote money, and seconds")
    seconds = ask.seconds("seconds", 0.0, 31 * 86_400.0)
    return ask.operator.arm(ask.by, ask.text("account"), str(ask.words["max_loss"]), seconds)


def _disarm(ask: Ask) -> Awaitable[Json]:
    return ask.operator.disarm(ask.by, ask.text("account"))


def _adopt(ask: Ask) -> Awaitable[Json]:
    words = [ask.text(name) for name in ("strategy", "account", "what")]
    if not all(words):
        raise CallerMistake("adopt needs a strategy, an account, and the id of an order or a symbol")
    return ask.operator.adopt(ask.by, words[0], words[1], words[2], ask.text("size"))


def _call(ask: Ask) -> Awaitable[Json]:
    account, name, args = ask.text("account"), ask.text("name"), ask.words.get("args", {})
    if not account or not name:
        raise CallerMistake(
            'call needs an account and a name: {"account": "paper/main", "name": "get_price_now", "args": {}}'
        )
    if not isinstance(args, dict):
        raise CallerMistake(f"args must be an object, not {type(args).__name__}")
    return ask.operator.call(ask.by, account, name, {str(key): _argument(key, value) for key, value in args.items()})


def _argument(key: str, value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, dict | list):
        raise CallerMistake(f"the argument {key} must be a text or a number")
    return str(value)


ROUTES: tuple[Row, ...] = (
    Row("GET", "/v1", "read", _table, (), "this table"),
    Row("GET", "/v1/healthz", "open", _healthz, (), "whether the event loop answers"),
    Row("GET", "/v1/status", "read", lambda ask: ask.operator.status(), (), "everything at a glance"),
    Row("GET", "/v1/ps", "read", lambda ask: ask.operator.processes(), (), "drivers and strategies as processes"),
    Row("GET", "/v1/orders", "read", _orders, ("all", "strategy", "limit"), "open orders; all=1 for the ended ones too"),
    Row("GET", "/v1/positions", "read", lambda ask: ask.operator.positions(), (), "positions of accounts and strategies"),
    Row("GET", "/v1/balances", "read", lambda ask: ask.operator.balances(), (), "assets of each account"),
    Row("GET", "/v1/fills", "read", _fills, ("limit", "strategy"), "the last executions"),
    Row("GET", "/v1/why/{name}", "read", lambda ask: ask.operator.why(ask.text("name")), (), "why a strategy does not trade"),
    Row("GET", "/v1/logs", "read", _logs, ("n", "level", "follow"), "log lines; follow=1 streams JSON lines"),
    Row("GET", "/proc", "read", lambda ask: Node(ask.operator.proc()), (), "the root of /proc"),
    Row(
        "GET", "/proc/{path:.*}", "read", lambda ask: Node(proc.lookup(ask.operator.proc(), ask.text("path"))), (),
        "one file or directory; JSON by Accept",
    ),
    Row("POST", "/v1/strategies/{name}/start", "admin", _start, ("wait",), "start a strategy, parked ones too"),
    Row("POST", "/v1/strategies/{name}/stop", "admin", _stop, ("wait", "reason"), "stop a strategy by its exit policy"),
    Row("POST", "/v1/strategies/{name}/restart", "admin", _restart, ("wait",), "stop and start a strategy"),
    Row("POST", "/v1/halt", "admin", _halt, ("wait", "reason"), "the kill switch: no new orders from anybody"),
    Row("POST", "/v1/resume", "admin", _resume, ("wait", "reason"), "let orders out again"),
    Row("POST", "/v1/flatten", "admin", _flatten, ("wait", "strategy", "reason"), "cancel and close; strategy= for one only"),
    Row("POST", "/v1/arm", "admin", _arm, ("wait", "account", "max_loss", "seconds"), "let a live account take risk for a time"),
    Row("POST", "/v1/disarm", "admin", _disarm, ("wait", "account"), "end that at once"),
    Row(
        "POST", "/v1/adopt", "admin", _adopt, ("wait", "strategy", "account", "what", "size"),
        "give a strategy an order or a position that is nobody's",
    ),
    Row("POST", "/v1/call", "admin", _call, ("wait", "account", "name", "args"), "any syscall on an account"),
)  # fmt: skip


def check_words(row: Row, given: Mapping[str, Any]) -> None:
    """Refuse a parameter that `row` does not take. Raises `CallerMistake`."""
    for name in given:
        if name not in row.takes:
            known = f"; it takes {', '.join(row.takes)}" if row.takes else "; it takes no parameters"
            raise CallerMistake(f"{row.path} has no parameter {name!r}{nearest(name, row.takes) or known}")


def nearest(word: str, words: Sequence[str]) -> str:
    """``; did you mean 'x'?`` when something near exists, else nothing."""
    near = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


FAILURES: tuple[tuple[type[Exception], int, str], ...] = (
    # The first that fits counts.
    (CallerMistake, 400, "bad_request"),
    (NotReady, 503, "not_ready"),
    (Misconfigured, 409, "misconfigured"),
    (AuthFailed, 409, "auth"),
    (Fenced, 409, "fenced"),
    (CtosError, 409, "refused"),
)


def failure(error: Exception) -> tuple[int, str] | None:
    """The status and the word for `error`; None when it is nobody's doing but ours."""
    # KeyError and IndexError are LookupErrors too, but they are what a mistake in our own code raises.
    if type(error) in (LookupError, proc.NotADirectory):
        return 404, "not_found"
    if isinstance(error, InvariantBroken):
        return None
    for kind, status, word in FAILURES:
        if isinstance(error, kind):
            return status, word
    return None
