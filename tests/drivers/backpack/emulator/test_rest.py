"""The door: routes, methods, instructions, and bodies where they belong."""

import json

import pytest

from ctosd.abi import Request
from tests.drivers.backpack.emulator.counter import INSTRUCTIONS, PERP, Counter, description, order, refusal


@pytest.fixture(scope="module")
def counter() -> Counter:
    return Counter()


@pytest.mark.parametrize(("method", "path"), [route for route in INSTRUCTIONS if route[0] == "GET"])
def test_signed_questions_need_their_own_instruction(counter: Counter, method: str, path: str) -> None:
    fields = {"symbol": PERP, "side": "Bid"} if path.endswith("limits/order") else {}
    if path == "/api/v1/order":
        placed = counter.place()
        fields = {"symbol": PERP, "orderId": placed["id"]}
    counter.ask(method, path, fields)
    stamp = str(counter.now_ms)
    other = {"x-signature": counter.sign(f"instruction=withdraw&timestamp={stamp}&window=5000")}
    assert refusal(counter.signed(method, path, fields, headers=other))[2] == "Invalid signature"


def test_what_the_venue_describes_is_known_here(counter: Counter) -> None:
    """Every described route is answered, but for those of what this emulator has no part in."""
    left_out = ("/rfq", "/strateg", "/borrowLend", "withdraw", "deposit", "convertDust", "limits/borrow", "/wallets")
    missing = []
    for path, operations in description()["paths"].items():
        for method in operations:
            if any(part in path for part in left_out):
                continue
            reply = counter.emulator.handle(Request(method.upper(), path, {"content-type": "application/json"}, b"{}"))
            if reply.status in (404, 405):
                missing.append((method, path))
    assert missing == []


def test_unknown_paths_and_methods(counter: Counter) -> None:
    assert refusal(counter.send("GET", "/api/v2/order"))[:2] == (404, "RESOURCE_NOT_FOUND")
    assert counter.send("PUT", "/api/v1/order").status == 405
    assert counter.send("POST", "/api/v1/depth").status == 405


def test_a_delete_has_its_fields_in_the_body() -> None:
    counter = Counter()
    placed = counter.place()
    stamp = str(counter.now_ms)
    text = f"instruction=orderCancel&orderId={placed['id']}&symbol={PERP}&timestamp={stamp}&window=5000"
    headers = {
        "x-api-key": counter.emulator.credentials()[0]["api_key"],
        "x-timestamp": stamp,
        "x-signature": counter.sign(text),
        "content-type": "application/json",
    }
    query = {"orderId": placed["id"], "symbol": PERP}
    assert counter.send("DELETE", "/api/v1/order", query, headers=headers).status == 400
    body = json.dumps(query).encode()
    assert counter.send("DELETE", "/api/v1/order", headers=headers, body=body).status == 200


def test_a_batch_is_signed_order_by_order() -> None:
    counter = Counter()
    items = [order(price="141", clientId=1), order(price="140", postOnly=True)]
    assert [each["operation"] for each in counter.ask("POST", "/api/v1/orders", items)] == ["Ok", "Ok"]
    swapped = counter.signed("POST", "/api/v1/orders", items)
    stamp = str(counter.now_ms)
    once = f"instruction=orderExecute&{'&'.join(f'{k}={items[0][k]}' for k in sorted(items[0]))}"
    headers = {"x-signature": counter.sign(f"{once}&timestamp={stamp}&window=5000")}
    assert swapped.status == 200
    assert refusal(counter.signed("POST", "/api/v1/orders", items, headers=headers))[2] == "Invalid signature"
    assert counter.signed("POST", "/api/v1/orders", {"a": 1}).status == 400


def test_a_refusal_is_counted(counter: Counter) -> None:
    before = counter.emulator.statistics()["refused"]
    counter.refused(price="140.001")
    assert counter.emulator.statistics()["refused"] == before + 1
