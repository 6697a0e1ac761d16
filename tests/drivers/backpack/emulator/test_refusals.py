"""Refusals become replies with the status that belongs to their code."""

import json

import pytest

from drivers.backpack.emulator.refusals import Refusal, bad_request, unparsed


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ORDER", 400),
        ("UNAUTHORIZED", 401),
        ("FORBIDDEN", 403),
        ("RESOURCE_NOT_FOUND", 404),
        ("TOO_MANY_REQUESTS", 429),
        ("SERVER_ERROR", 500),
        ("MAINTENANCE", 503),
    ],
)
def test_each_code_has_its_status(code: str, status: int) -> None:
    reply = Refusal(code, "why").reply()
    assert reply.status == status
    assert json.loads(reply.body) == {"code": code, "message": "why"}
    assert dict(reply.headers)["content-type"].startswith("application/json")


def test_what_does_not_fit_its_schema_says_so() -> None:
    assert bad_request("x").code == "INVALID_CLIENT_REQUEST"
    found = unparsed("MarketSymbol", "Invalid market symbol", "OrderExecutePayload").message
    assert found == (
        'parse request payload error: failed to parse "MarketSymbol": Invalid market symbol'
        '(occurred while parsing "OrderExecutePayload")'
    )
