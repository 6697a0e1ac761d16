"""The WebSocket API: greeting, replies by their ids, what a reply proves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drivers.binance.limits import Pools
from drivers.binance.sign import signer
from drivers.binance.wsapi import Api, ApiDialect, Problem, Reply, verdict_of
from tests.drivers.binance.scripted import Session, Venue, fixture


def dialect(product: Any = "spot") -> ApiDialect:
    keyed = signer({"api_key": "key", "api_secret": "secret"})
    assert keyed is not None
    return ApiDialect(product, "wss://x", keyed, Pools(product), lambda: 1_795_341_600_000)


def test_the_greeting_of_spot_is_the_subscription_of_its_user_data() -> None:
    venue, found = Venue("spot"), dialect()
    session = Session(found, venue)
    [hello] = found.hello()
    request = json.loads(hello)
    assert request["method"] == "userDataStream.subscribe.signature"
    assert request["params"]["apiKey"] == "key"
    assert request["params"]["timestamp"] == 1_795_341_600_000
    session.hear({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}})
    assert session.greetings == 1
    assert found.needs_greeting
    assert not dialect("usdm").needs_greeting
    assert dialect("usdm").hello() == []


def test_garbage_and_pings_change_nothing() -> None:
    venue, found = Venue("spot"), dialect()
    session = Session(found, venue)
    for frame in (
        b"<html>",
        b"",
        b'{"id":"ping","status":200,"result":{}}',
        b'{"id":"o99","status":200,"result":{"orderId":1}}',
    ):
        assert session.hear(frame) == ""
    assert found.unknown == 2
    assert session.greetings == 0


def test_pushes_go_to_the_user_data() -> None:
    venue, found = Venue("spot"), dialect()
    heard: list[bytes] = []
    found.hear_data = lambda session, frame, recv_ns: heard.append(frame)
    Session(found, venue).hear({"subscriptionId": 0, "event": {"e": "balanceUpdate"}})
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "reason"),
    [
        (Reply(status=200, result={"orderId": 1}), "ok", ""),
        (Reply(status=200), "unknown", "exchange_error"),
        (Reply(status=200, result="x"), "unknown", "exchange_error"),
        (
            Reply(status=400, error=Problem(-2010, "Account has insufficient balance for requested action.")),
            "rejected",
            "insufficient_funds",
        ),
        (Reply(status=418, error=Problem(-1003, "banned", {"retryAfter": 99})), "rejected", "banned"),
        (Reply(status=500, error=Problem(-1000, "?")), "unknown", "exchange_error"),
        (Reply(status=200, error=Problem(-1007, "Timeout")), "unknown", "exchange_error"),
        (Reply(), "unknown", "exchange_error"),
    ],
)
def test_verdicts(reply: Reply, kind: str, reason: str) -> None:
    found = verdict_of("spot", reply, 5)
    assert (found.kind, found.reason) == (kind, reason)
    if reply.status == 418:
        assert found.until_ns == 99_000_000


def test_a_ban_without_a_time_lasts_a_minute() -> None:
    assert verdict_of("usdm", Reply(status=429, error=Problem(-1003, "x")), 5).until_ns == 60_000_000_005


def test_documented_replies() -> None:
    """Every reply of the official connector's WebSocket API cases that concerns orders is a success with an id."""
    from drivers.binance.wsapi import read

    done = 0
    for product, file in (("usdm", "usds_futures"), ("spot", "spot")):
        for name, cases in fixture("binance-connector-python", f"{file}.json")["files"].items():
            for case in cases if name.startswith("websocket_api/test_trade") else ():
                body = case.get("expected_response")
                if not isinstance(body, dict) or "status" not in body:
                    continue
                verdict = verdict_of(product, read(json.dumps(body).encode()), 1)  # type: ignore[arg-type]
                assert verdict.kind == "ok", case["test"]
                done += 1
    assert done >= 10


def test_methods_of_each_product() -> None:
    venue = Venue()
    api = Api(dialect("usdm"), Session(dialect("usdm"), venue))
    assert api.takes("place_algo")
    assert not api.takes("place_batch")
    assert not Api(dialect("spot"), Session(dialect("spot"), venue)).takes("place_algo")
