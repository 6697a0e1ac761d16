"""No secret in a line, by whatever door it comes."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest
from pydantic import SecretStr

from ctosd.host.logs import redaction
from ctosd.host.secrets import Secret

KEY = "hunter2"


@dataclass
class Account:
    api_secret: str
    note: Secret


class Request(msgspec.Struct):
    signature: str
    path: str


@pytest.mark.parametrize(
    "value",
    [
        Secret(KEY),
        SecretStr(KEY),
        {"passphrase": KEY},
        {"headers": {"X-MBX-APIKEY": KEY, "OK-ACCESS-SIGN": KEY}},
        [{"apiKey": KEY}],
        (Secret(KEY), {"deep": [Secret(KEY)]}),
        Account(KEY, Secret(KEY)),
        Request(KEY, "/order"),
    ],
)
def test_secrets_in_values_are_hidden_however_deep(value: object) -> None:
    """Types and names tell a secret at any depth, and what was handed in is not changed."""
    record = {"event": "request", "value": value}
    before = repr(value)
    redaction.fields(record)
    assert KEY not in repr(record)
    assert "***" in repr(record)
    assert repr(value) == before


@pytest.mark.parametrize("name", sorted(redaction.NAMES))
def test_secrets_are_hidden_by_their_name(name: str) -> None:
    """The name of a field is enough, whatever its value."""
    record = {name: KEY, "symbol": "BTC/USDT"}
    redaction.fields(record)
    assert record == {name: "***", "symbol": "BTC/USDT"}


@pytest.mark.parametrize(
    "text",
    [
        "GET https://venue/api?symbol=X&signature=hunter2&recvWindow=5000",
        "url='https://venue/api?SIGNATURE=hunter2'",
        r'{"message":"sent {\"apiKey\": \"hunter2\", \"side\": \"buy\"}"}',
        "headers {'OK-ACCESS-PASSPHRASE': 'hunter2', 'Accept': '*/*'}",
        "X-MBX-APIKEY: hunter2",
    ],
)
def test_secrets_inside_text_are_hidden(text: str) -> None:
    """What another library puts into its message is cleaned too, and the rest of it stays."""
    cleaned = redaction.text(text.encode()).decode()
    assert KEY not in cleaned
    assert "***" in cleaned


def test_everything_else_stays_as_it_is() -> None:
    """Plain values keep their identity; money keeps its type."""
    record = {"price": Decimal("60012.40"), "size": "0.010", "n": 1, "none": None, "tokens": 5, "nested": {"a": [1, 2]}}
    redaction.fields(record)
    assert record == {
        "price": Decimal("60012.40"),
        "size": "0.010",
        "n": 1,
        "none": None,
        "tokens": 5,
        "nested": {"a": [1, 2]},
    }
    line = b'{"event":"fill","message":"a = b, c: d"}'
    assert redaction.text(line) == line


def test_a_value_that_contains_itself_ends() -> None:
    """Endless nesting is cut, not followed."""
    loop: dict[str, object] = {}
    loop["self"] = loop
    record = {"loop": loop}
    redaction.fields(record)
    assert "…" in repr(record)
