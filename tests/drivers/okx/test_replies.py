"""Answers to writes: whose word is trusted, and that doubt stays doubt."""

from ctosd.abi import Accepted, Rejected, Unknown
from drivers.okx.errors import Verdict
from drivers.okx.replies import in_order, judge, outcome, read_error, read_reply, weigh
from tests.drivers.okx.scripted import cancel, dump, place


def body(code: str, *rows: dict, msg: str = "") -> bytes:
    return dump(
        {"code": code, "msg": msg, "data": list(rows), "inTime": "1700000000000111", "outTime": "1700000000000999"}
    )


def row(code: str = "0", **more: str) -> dict:
    return {"ordId": "9", "clOrdId": "c1", "sCode": code, "sMsg": "why", **more}


def test_a_good_answer() -> None:
    (verdict,) = judge(200, body("0", row(ts="1700000000123")), 1)
    assert (verdict.kind, verdict.venue_id, verdict.time_ms) == ("ok", "9", 1700000000123)
    (verdict,) = judge(200, body("0", row()), 1)
    assert verdict.time_ms == 1700000000000, "else the gateway's time"


def test_the_rows_own_code_is_trusted() -> None:
    (verdict,) = judge(200, body("1", row("51008"), msg="All operations failed"), 1)
    assert (verdict.kind, verdict.reason, verdict.message) == ("rejected", "insufficient_funds", "why (code 51008)")
    (verdict,) = judge(200, body("1", row("0")), 1)
    assert verdict.kind == "ok"


def test_without_rows_the_outer_code_speaks() -> None:
    assert judge(200, body("50011"), 1)[0].reason == "rate_limited"
    assert judge(503, body("50001"), 1)[0].reason == "maintenance"
    assert judge(400, body("50004"), 1)[0].kind == "unknown"
    assert judge(500, body("51149"), 1)[0].kind == "unknown"
    assert judge(200, dump({"code": 50102, "msg": "late"}), 1)[0].reason == "timestamp"


def test_what_cannot_be_read_is_unknown() -> None:
    for status, answer in [
        (200, b"<html>"),
        (200, b""),
        (502, b"Bad Gateway"),
        (200, b'{"code":"0","data":[{"ordId":'),
        (200, b"[]"),
    ]:
        assert judge(status, answer, 2) == [judge(status, answer, 1)[0]] * 2
        assert judge(status, answer, 1)[0].kind == "unknown"
    assert judge(200, body("0"), 1)[0].kind == "unknown", "all well, but of which order?"
    assert judge(200, body("2", row(), row()), 3)[0].kind == "unknown", "three were sent, two are told of"
    assert judge(200, body("0", row("what")), 1)[0].kind == "unknown"


def test_a_batch_in_part() -> None:
    verdicts = judge(200, body("2", row(), row("51121")), 2)
    assert [verdict.kind for verdict in verdicts] == ["ok", "rejected"]


def test_rows_are_put_in_the_order_of_the_commands() -> None:
    reply = read_reply(body("2", row("51121", clOrdId="b2"), row(clOrdId="a1")))
    found = weigh(in_order([place(client_id="a1"), place(client_id="b2")], reply), 2)
    assert [verdict.kind for verdict in found] == ["ok", "rejected"]
    strangers = read_reply(body("0", row(clOrdId=""), row("51400", clOrdId="")))
    found = weigh(in_order([cancel("a1"), cancel("b2")], strangers), 2)
    assert [verdict.kind for verdict in found] == ["ok", "rejected"], "without ids the order of the rows holds"


def test_outcomes() -> None:
    command = place()
    assert outcome(command, Verdict("ok", venue_id="9", time_ms=2), 7) == Accepted(
        client_id=command.client_id, venue_id="9", time_ns=2_000_000
    )
    assert outcome(cancel(venue_id="4"), Verdict("ok"), 7) == Accepted(
        client_id=command.client_id, venue_id="4", time_ns=7
    )
    refused = outcome(command, Verdict("rejected", "filter", "no"), 7)
    assert refused == Rejected(client_id=command.client_id, reason="filter", message="no", time_ns=7)
    assert isinstance(outcome(command, Verdict("unknown", "exchange_error", "?"), 7), Unknown)


def test_errors_of_queries() -> None:
    assert read_error(200, dump({"code": "51603", "msg": "gone", "data": []})) == (51603, "gone", "order_not_found")
    assert read_error(429, b"slow down")[::2] == (0, "rate_limited")
    assert read_error(404, b"<html>")[::2] == (0, "exchange_error")
