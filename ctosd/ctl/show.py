"""The tables and texts of the verbs that read, all but `status`."""

from __future__ import annotations

import json

from ctosd.ctl.words import Column, Paper, age, clean, gain, money, number, table, when

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Row = Mapping[str, Any]

_LOG_HEAD = ("timestamp", "time", "ts", "level", "event")


def _num(key: str) -> Callable[[Row], str]:
    return lambda row: number(row.get(key))


def _cash(key: str) -> Callable[[Row], str]:
    return lambda row: money(row.get(key))


def _gain(key: str) -> Callable[[Row], str]:
    return lambda row: gain(row.get(key))


def _time(key: str) -> Callable[[Row], str]:
    return lambda row: when(row.get(key))


def _note(row: Row) -> str:
    """Why: the machine's word, then what was said."""
    reason, message = clean(row.get("reason")), clean(row.get("message") or row.get("last_error"))
    return f"{reason}: {message}" if reason and message and message != reason else reason or message


def _for(row: Row) -> str:
    """How long; while backing off, also how long until the next start."""
    left = row.get("backoff_s")
    return f"{age(row.get('since_s'))}" + (f" (again in {age(left)})" if left and row.get("state") == "backoff" else "")


def ps(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("KIND", "kind"), Column("NAME", "name"), Column("USE", "use"),
        Column("STATE", "state", paint=Paper.state), Column("WANTED", "wanted"), Column("FOR", _for),
        Column("RESTARTS", _num("restarts"), right=True), Column("WHY", _note),
    )  # fmt: skip
    return table(rows, columns, paper, "no processes")


def orders(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("ID", "client_id"), Column("CREATED", _time("created_ns")), Column("STRATEGY", "strategy"),
        Column("ACCOUNT", "account"), Column("SYMBOL", "symbol"), Column("SIDE", "side"), Column("TYPE", "type"),
        Column("SIZE", _num("size"), right=True), Column("PRICE", _num("price"), right=True),
        Column("FILLED", _num("filled"), right=True), Column("STATE", "state", paint=Paper.state), Column("WHY", _note),
    )  # fmt: skip
    return table(rows, columns, paper, "no open orders (ctosctl orders --all shows the ended ones too)")


def positions(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("ACCOUNT", "account"), Column("STRATEGY", lambda row: clean(row.get("strategy")) or "(all)"),
        Column("SYMBOL", "symbol"), Column("SIZE", _num("size"), right=True), Column("ENTRY", _num("entry"), right=True),
        Column("MARK", _num("mark"), right=True), Column("NOTIONAL", _cash("notional"), right=True),
        Column("UNREALISED", _gain("unrealised"), right=True), Column("REALISED", _gain("realised"), right=True),
        Column("FEES", _cash("fees"), right=True), Column("FUNDING", _gain("funding"), right=True),
        Column("PNL", _gain("pnl"), right=True),
    )  # fmt: skip
    return table(rows, columns, paper, "no positions")


def balances(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("ACCOUNT", "account"), Column("ASSET", "asset"),
        Column("TOTAL", _num("total"), right=True), Column("AVAILABLE", _num("available"), right=True),
    )  # fmt: skip
    return table(rows, columns, paper, "no balances")


def fills(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("TIME", _time("time_ns")), Column("STRATEGY", "strategy"), Column("ACCOUNT", "account"),
        Column("SYMBOL", "symbol"), Column("SIDE", "side"), Column("PRICE", _num("price"), right=True),
        Column("SIZE", _num("size"), right=True), Column("FEE", _num("fee"), right=True),
        Column("ASSET", "fee_asset"), Column("LIQUIDITY", "liquidity"), Column("ORDER", "client_id"),
    )  # fmt: skip
    return table(rows, columns, paper, "no fills yet")


def process(row: Row, paper: Paper) -> str:
    """One line for what start, stop and restart did."""
    note = _note(row)
    return f"{clean(row.get('name'))} is {paper.state(clean(row.get('state')))}" + (f" ({note})" if note else "")


def mode(result: Row, paper: Paper) -> str:
    reason = clean(result.get("mode_reason") or result.get("reason"))
    return f"trading is {paper.state(clean(result.get('mode')))}" + (f" ({reason})" if reason else "")


def flattened(result: Row, paper: Paper) -> str:
    sent, left = result.get("orders") or (), result.get("remaining") or ()
    text = orders(sent, paper) if sent else "nothing to close"
    if not left:
        return f"{text}\nflat" if sent else text
    return f"{text}\n\n{paper.paint('NOT FLAT YET:', 'red')}\n{anything(left, paper)}"


def why(result: Row, paper: Paper) -> str:
    """Why a strategy does, or does not, trade: its state, each gate, the last refusals."""
    name = clean(result.get("strategy"))
    state, wanted = clean(result.get("state")), clean(result.get("wanted"))
    lines = [f"{name} is {paper.state(state)}" + (f", but wanted {wanted}" if wanted not in ("", state) else "")]
    for title, key in (("because", "reason"), ("last error", "last_error")):
        if result.get(key):
            lines.append(paper.wrap(f"{title}: {result[key]}", "  "))
    gates = result.get("gates") or ()
    refusing = sum(each.get("verdict") == "refuse" for each in gates)
    verdict = f"{refusing} of {len(gates)} gates would refuse it" if refusing else "every gate would let it pass"
    lines += [
        "",
        f"An order sent now: {verdict}" if gates else "No gate stands before its orders",
        *_gates(gates, paper),
    ]
    return "\n".join([*lines, "", _refusals(result.get("refusals") or (), paper)])


def _gates(gates: Sequence[Row], paper: Paper) -> list[str]:
    widest = max((len(clean(each.get("check"))) for each in gates), default=0)
    return [
        f"  {paper.state(clean(each.get('verdict')).ljust(6))}  {clean(each.get('check')).ljust(widest)}  "
        f"{clean(each.get('detail'))}".rstrip()
        for each in gates
    ]


def _refusals(rows: Sequence[Row], paper: Paper) -> str:
    columns = (
        Column("LAST", _time("time_ns")), Column("TIMES", _num("count"), right=True), Column("REASON", "reason"),
        Column("SIDE", "side"), Column("SIZE", _num("size"), right=True), Column("PRICE", _num("price"), right=True),
        Column("SYMBOL", "symbol"), Column("MESSAGE", "message"),
    )  # fmt: skip
    return table(rows, columns, paper, "No order of it was refused.")


def log_line(line: str, paper: Paper) -> str:
    """A JSON log line as a person reads it: time, level, event, then ``key=value``."""
    try:
        entry = json.loads(line)
    except ValueError:
        return clean(line)
    return log_entry(entry, paper) if isinstance(entry, dict) else clean(line)


def log_entry(entry: Row, paper: Paper) -> str:
    stamp = clean(next((entry[key] for key in ("timestamp", "time", "ts") if key in entry), ""))
    level = clean(entry.get("level") or "info")
    rest = " ".join(f"{clean(key)}={_field(value)}" for key, value in entry.items() if key not in _LOG_HEAD)
    head = (
        f"{paper.paint(stamp, 'grey')} {paper.state(level.ljust(7))} {paper.paint(clean(entry.get('event')), 'bold')}"
    )
    return f"{head}  {rest}".strip()


def _field(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) and (" " in text or not text) else clean(text)


def anything(value: Any, paper: Paper, indent: str = "") -> str:
    """Whatever a syscall returned: records as a table, a record as lines, levels of a book as pairs."""
    if isinstance(value, dict):
        return "\n".join(_entry(key, each, paper, indent) for key, each in value.items()) or f"{indent}(empty)"
    if isinstance(value, list):
        return _list(value, paper, indent)
    return indent + _scalar(value)


def _entry(key: str, value: Any, paper: Paper, indent: str) -> str:
    name = f"{indent}{clean(key)}:"
    if isinstance(value, dict | list) and value:
        return f"{name}\n{anything(value, paper, indent + '  ')}"
    return f"{name} {_scalar(value)}".rstrip()


def _list(values: list[Any], paper: Paper, indent: str) -> str:
    if values and all(isinstance(each, dict) for each in values):
        keys = list(dict.fromkeys(key for each in values for key in each))
        columns = [Column(clean(key).upper(), lambda row, key=key: _scalar(row.get(key))) for key in keys]  # type: ignore[misc]
        return table(values, columns, paper, "", indent)
    if not values:
        return f"{indent}(none)"
    return "\n".join(indent + _scalar(each) for each in values)


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return "  ".join(_scalar(each) for each in value) or "(none)"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else clean(value)
