"""Answers to writes as verdicts and outcomes, over REST and WebSocket alike. (Sheet sections 3 and 9.6.)"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ctosd.abi import Accepted, Command, Outcome, Rejected, Unknown
from drivers.okx.errors import Verdict, bodiless, number, reason_of, refusal
from drivers.okx.records import MS, Acknowledgement


class OrderReply(msgspec.Struct, rename={"in_time": "inTime", "out_time": "outTime"}):
    """The answer to an order operation; over REST without `id` and `op`."""

    code: str | int
    msg: str = ""
    data: list[Acknowledgement] = []
    id: str = ""
    op: str = ""
    in_time: str = ""
    out_time: str = ""


read_reply = msgspec.json.Decoder(OrderReply).decode
BROKEN = (msgspec.MsgspecError, ValueError, RecursionError)


def judge(status: int, body: bytes, count: int) -> list[Verdict]:
    """A verdict for each of the `count` commands that a REST request carried."""
    try:
        reply = read_reply(body)
    except BROKEN:
        return [bodiless(status, body[:200].decode("utf-8", "replace"))] * count
    return weigh(reply, count, status)


def weigh(reply: OrderReply, count: int, status: int = 200) -> list[Verdict]:
    """A verdict for each command of a reply. A row's own code is trusted, where it has one."""
    code, time_ms = number(reply.code), _time_ms(reply)
    rows = reply.data
    if len(rows) == count:
        return [_row(row, code, reply.msg, time_ms, status) for row in rows]
    if code not in {0, -1}:
        return [refusal(code, reply.msg, status)] * count
    found = f"{len(rows)} rows for {count} orders"
    return [Verdict("unknown", "exchange_error", f"code {reply.code}: {found}", code)] * count


def _row(row: Acknowledgement, code: int, message: str, time_ms: int, status: int) -> Verdict:
    own = number(row.s_code) if row.s_code else code
    if own == 0:
        moment = int(row.ts) if row.ts.isdigit() else time_ms
        return Verdict("ok", venue_id=row.ord_id or row.algo_id, time_ms=moment)
    if own == -1:
        return Verdict("unknown", "exchange_error", f"sCode {row.s_code!r}: {row.s_msg or message}", own)
    return refusal(own, row.s_msg or message, status)


def _time_ms(reply: OrderReply) -> int:
    return int(reply.out_time) // 1_000 if reply.out_time.isdigit() else 0


def outcome(command: Command, verdict: Verdict, now_ns: int) -> Outcome:
    """What the kernel is told."""
    if verdict.kind == "ok":
        venue_id = verdict.venue_id or getattr(command, "venue_id", "")
        moment = verdict.time_ms * MS or now_ns
        return Accepted(client_id=command.client_id, venue_id=venue_id, time_ns=moment)
    if verdict.kind == "unknown":
        return Unknown(client_id=command.client_id, message=verdict.message)
    return Rejected(client_id=command.client_id, reason=verdict.reason, message=verdict.message, time_ns=now_ns)


def in_order(commands: Sequence[Command], reply: OrderReply) -> OrderReply:
    """The same reply with its rows in the order of the commands, where they tell whose they are."""
    rows = {row.cl_ord_id or row.algo_cl_ord_id: row for row in reply.data}
    wanted = [rows.get(command.client_id) for command in commands]
    if len(rows) == len(commands) == len(reply.data) and None not in wanted:
        reply.data = [row for row in wanted if row is not None]
    return reply


def read_error(status: int, body: bytes) -> tuple[int, str, str]:
    """Code, message and unified word of a query that failed."""
    try:
        reply = msgspec.json.decode(body, type=_Failure)
    except BROKEN:
        verdict = bodiless(status, body[:200].decode("utf-8", "replace"))
        return 0, verdict.message, verdict.reason
    code = number(reply.code)
    return code, reply.msg, reason_of(code)


class _Failure(msgspec.Struct):
    code: str | int = 0
    msg: str = ""
