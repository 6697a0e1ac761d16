"""The keys that the emulator takes, and the proof of knowing one: OKX's signatures, byte by byte (sheet section 2)."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from ctosd.abi import Request
from drivers.okx.emulator.refusals import Refusal

WINDOW_NS = 30_000_000_000
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LOGIN_PATH = "/users/self/verify"
NAMES = ("emulator", "emulator2")


class Key(msgspec.Struct, frozen=True):
    """One key with the account that it opens."""

    api_key: str
    secret: str
    passphrase: str
    account: str


def signature(secret: str, text: bytes) -> str:
    """base64 of HMAC-SHA256."""
    return b64encode(hmac.digest(secret.encode(), text, sha256)).decode()


class Keys:
    """Checks requests and logins. `expired`: the keys are known no more. `live`: they belong to no demo account."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self.all = [Key(name, name, name, account) for name, account in zip(NAMES, accounts, strict=True)]
        self._keys = {key.api_key: key for key in self.all}
        self.expired = False
        self.live = False

    def check(self, request: Request, now_ns: int) -> str:
        """The account that signed a REST request. Raises `Refusal`."""
        headers = request.headers
        for header, code in (
            ("ok-access-key", "50103"),
            ("ok-access-passphrase", "50104"),
            ("ok-access-sign", "50106"),
            ("ok-access-timestamp", "50107"),
        ):
            if not headers.get(header):
                raise Refusal(code)
        stamp = headers["ok-access-timestamp"]
        if abs(_instant(stamp) - now_ns) > WINDOW_NS:
            raise Refusal("50102")
        key = self._keys.get(headers["ok-access-key"])
        if key is None or self.expired:
            raise Refusal("50119")
        if (headers.get("x-simulated-trading") == "1") == self.live:
            raise Refusal("50101")
        if headers["ok-access-passphrase"] != key.passphrase:
            raise Refusal("50105")
        text = f"{stamp}{request.method.upper()}{request.target}".encode() + request.body
        if not hmac.compare_digest(signature(key.secret, text).encode(), headers["ok-access-sign"].encode()):
            raise Refusal("50113")
        return key.account

    def login(self, args: object, now_ns: int) -> str:
        """The account of a WebSocket login's arguments. Raises `Refusal`."""
        if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], Mapping):
            raise Refusal("60013")
        given: Mapping[str, Any] = args[0]
        for name in ("apiKey", "passphrase", "timestamp", "sign"):
            if not given.get(name):
                raise Refusal("60027", name)
        stamp = str(given["timestamp"])
        seconds = stamp.partition(".")
        if not (seconds[0].isascii() and seconds[0].isdigit() and len(seconds[0]) == 10):
            raise Refusal("60004")  # milliseconds are the usual mistake
        if abs(int(seconds[0]) * 1_000_000_000 - now_ns) > WINDOW_NS:
            raise Refusal("60006")
        key = self._keys.get(str(given["apiKey"]))
        if key is None or self.expired:
            raise Refusal("60032" if self.expired else "60005")
        if given["passphrase"] != key.passphrase:
            raise Refusal("60024")
        expected = signature(key.secret, f"{stamp}GET{LOGIN_PATH}".encode())
        if not hmac.compare_digest(expected.encode(), str(given["sign"]).encode()):
            raise Refusal("60007")
        return key.account


def _instant(stamp: str) -> int:
    """Nanoseconds of ``2026-11-22T10:00:00.000Z``. Raises `Refusal`."""
    if not STAMP.fullmatch(stamp):
        raise Refusal("50112")
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("50112") from None
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
