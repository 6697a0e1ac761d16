"""No secret is left in what is written, in whatever spelling it comes; everything else is."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctosd.host.recorder.scrubber import Scrubber

SECRET = "s3cr/et+with=signs"


@pytest.mark.parametrize(
    ("frame", "hidden"),
    [
        (b'{"op":"login","args":[{"apiKey":"abc-123","passphrase":"p","timestamp":"1","sign":"YWJj=="}]}', [b"abc-123", b'"p"', b"YWJj"]),
        (b"symbol=BTCUSDT&timestamp=1&signature=0a1b2c", [b"0a1b2c"]),
        (b'{"params":{"apiKey":"abc","signature":"0a1b2c"}}', [b'"abc"', b"0a1b2c"]),
        (b'{"method":"SUBSCRIBE","params":["account.x"],"signature":["key=","sig==","1","5000"]}', [b"key=", b"sig==", b"5000"]),
        (b'{"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"}', [b"pqia91"]),
        (b"GET /ws?listenKey=pqia91ma19a5 HTTP", [b"pqia91"]),
        (b'the log said \\"apiKey\\":\\"abc-123\\" and went on', [b"abc-123"]),
    ],
)  # fmt: skip
def test_what_a_name_announces_goes_and_the_length_stays(frame: bytes, hidden: list[bytes]) -> None:
    clean = Scrubber().named(frame)
    assert len(clean) == len(frame)
    assert not [each for each in hidden if each in clean]
    assert b"*" in clean
    if frame.startswith(b"{"):
        assert json.loads(clean).keys() == json.loads(frame).keys()


@pytest.mark.parametrize(
    "frame",
    [
        b'{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT-SWAP"},"data":[{"asks":[["1","2","0","3"]]}]}',
        b'{"e":"ORDER_TRADE_UPDATE","o":{"s":"BTCUSDT","c":"ctos0","S":"BUY"}}',
        b'{"assigned":"yes","design":"x","keys":["a"]}',
        b"designature=1&monkey=2",
    ],
)
def test_what_is_no_secret_stays_to_the_byte(frame: bytes) -> None:
    assert Scrubber().named(frame) == frame


@given(before=st.binary(max_size=50), after=st.binary(max_size=50))
def test_a_known_secret_goes_wherever_it_stands(before: bytes, after: bytes) -> None:
    scrubber = Scrubber()
    scrubber.learn([SECRET])
    for form in (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.replace("/", "\\/")):
        text = before + form.encode() + after
        clean = scrubber.known(text)
        assert form.encode() not in clean
        assert len(clean) == len(text)


def test_each_line_of_a_key_is_known_and_its_frame_is_not() -> None:
    body = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v"
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    scrubber = Scrubber()
    scrubber.learn([pem, "p"])  # a passphrase of one letter is left to its name
    assert body.encode() not in scrubber.known(b"x" + body.encode())
    assert scrubber.known(b"-----BEGIN PRIVATE KEY----- p") == b"-----BEGIN PRIVATE KEY----- p"


def test_nothing_known_is_nothing_changed() -> None:
    scrubber = Scrubber()
    scrubber.learn([])
    assert scrubber.known(b"anything") == b"anything"
