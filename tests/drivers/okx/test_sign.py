"""OKX signatures: published vectors to the byte, times, headers, and that secrets do not print."""

import json

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.secrets import Secret
from drivers.okx.sign import Iso, Signer, signature
from tests.drivers.okx.scripted import fixture

DOCUMENTED = "22582BD0CFF14C41EDBF1AB98506286D"
NOW_NS = 1_795_341_600_000_000_000  # 2026-11-22T10:00:00Z
SHEET = [
    ("GET", "/api/v5/account/balance?ccy=BTC", "", "jqWrsb54AChE4IAnqSM8VJv6pRMC9YoaUvkagKriDYY="),
    (
        "POST",
        "/api/v5/trade/order",
        '{"instId":"BTC-USDT-SWAP","tdMode":"cross","side":"buy","ordType":"post_only","px":"60000","sz":"1","clOrdId":"a1b2c3"}',
        "m6fw4gPXh+k4on5GgFf37xSXD3HLQbEWu6wOCyCkMgE=",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), SHEET)
def test_the_sheets_rest_vectors(method: str, path: str, body: str, expected: str) -> None:
    """The headers carry the signature and the time that was signed."""
    headers = dict(Signer("k", DOCUMENTED, "p").headers(method, path, body.encode(), NOW_NS))
    assert headers["OK-ACCESS-SIGN"] == expected
    assert headers["OK-ACCESS-TIMESTAMP"] == "2026-11-22T10:00:00.000Z"
    assert (headers["OK-ACCESS-KEY"], headers["OK-ACCESS-PASSPHRASE"]) == ("k", "p")
    assert ("content-type" in headers) == bool(body)


def test_the_sheets_login_vector() -> None:
    frame = json.loads(Signer("k", DOCUMENTED, "p").login(NOW_NS))
    assert frame["op"] == "login"
    assert frame["args"] == [
        {
            "apiKey": "k",
            "passphrase": "p",
            "timestamp": "1795341600",
            "sign": "5QwCdOGGYebCfnUwFokFOK8kVdXoqeHcC4O49vLIryQ=",
        }
    ]


def test_every_published_vector() -> None:
    vectors = [each for each in fixture("signing_vectors.json")["vectors"] if each["exchange"] == "okx"]
    assert len(vectors) == 4
    for each in vectors:
        assert signature(each["secret"], each["payload"].encode()) == each["signature"], each["id"]
        assert Signer("k", each["secret"], "p").signature(each["payload"].encode()) == each["signature"], each["id"]


def test_a_signer_can_sign_again() -> None:
    """The kept key schedule is not used up."""
    signer = Signer("k", DOCUMENTED, "p")
    assert signer.signature(b"x") == signer.signature(b"x") == signature(DOCUMENTED, b"x") != signer.signature(b"y")


def test_times_have_exactly_milliseconds() -> None:
    iso = Iso()
    assert iso(NOW_NS + 7_999_999) == "2026-11-22T10:00:00.007Z"
    assert iso(NOW_NS + 1_000_000_000) == "2026-11-22T10:00:01.000Z"
    assert iso(NOW_NS - 1) == "2026-11-22T09:59:59.999Z"


def test_the_demo_header() -> None:
    signer = Signer("k", "s", "p", simulated=True)
    assert dict(signer.headers("GET", "/x", b"", NOW_NS))["x-simulated-trading"] == "1"
    assert "x-simulated-trading" not in dict(Signer("k", "s", "p").headers("GET", "/x", b"", NOW_NS))


def test_secrets_go_out_whole_and_never_print() -> None:
    signer = Signer.of(
        "okx/main", {"api_key": Secret("K1"), "api_secret": Secret(DOCUMENTED), "passphrase": Secret("P1")}
    )
    assert signer is not None
    headers = dict(signer.headers("GET", "/api/v5/account/balance?ccy=BTC", b"", NOW_NS))
    assert (headers["OK-ACCESS-KEY"], headers["OK-ACCESS-PASSPHRASE"]) == ("K1", "P1")
    assert headers["OK-ACCESS-SIGN"] == SHEET[0][3]
    assert b'"apiKey":"K1"' in signer.login(NOW_NS)
    assert DOCUMENTED not in repr(signer)


def test_credentials_are_whole_or_absent() -> None:
    assert Signer.of("okx/main", {}) is None
    with pytest.raises(Misconfigured, match="lacks passphrase"):
        Signer.of("okx/main", {"api_key": "k", "api_secret": "s"})
