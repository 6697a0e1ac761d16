"""OKX signatures: base64 of HMAC-SHA256 over ``timestamp + METHOD + path + body``. (Sheet section 2.)

A REST timestamp is ISO-8601 with milliseconds, a WebSocket login's is unix seconds; both are the venue's time.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from ctosd.abi import Headers, Misconfigured

SECOND_NS = 1_000_000_000
VERIFY = "/users/self/verify"
FIELDS = ("api_key", "api_secret", "passphrase")
SIMULATED = ("x-simulated-trading", "1")
JSON = ("content-type", "application/json")


class Iso:
    """ISO-8601 times with milliseconds, ``2026-11-22T10:00:00.000Z``. The text of the last second is kept."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, now_ns: int) -> str:
        second, rest = divmod(now_ns, SECOND_NS)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._text}.{rest // 1_000_000:03d}Z"


class Signer:
    """Signs for one account. The key schedule is made once and copied for each signature."""

    __slots__ = ("_iso", "_key", "_keyed", "_passphrase", "_plain", "_post")

    def __init__(self, api_key: str, api_secret: str, passphrase: str, *, simulated: bool = False) -> None:
        self._keyed = hmac.new(api_secret.encode(), digestmod=hashlib.sha256)
        self._key = str.__str__(api_key)  # a secret formats itself as nothing; headers need its text
        self._passphrase = str.__str__(passphrase)
        self._iso = Iso()
        same = [("OK-ACCESS-KEY", self._key), ("OK-ACCESS-PASSPHRASE", self._passphrase)]
        if simulated:
            same.append(SIMULATED)
        self._plain = tuple(same)
        self._post = (*same, JSON)

    @classmethod
    def of(cls, account: str, secrets: Mapping[str, str], *, simulated: bool = False) -> Signer | None:
        """The signer of an account; None when it has no credentials.

        Raises:
            Misconfigured: some of the three fields are there and some are not.
        """
        missing = [name for name in FIELDS if not secrets.get(name)]
        if len(missing) == len(FIELDS):
            return None
        if missing:
            raise Misconfigured(f"{account}: accounts.yaml lacks {', '.join(missing)}; OKX needs {', '.join(FIELDS)}")
        return cls(*(secrets[name] for name in FIELDS), simulated=simulated)

    def signature(self, payload: bytes) -> str:
        """The signature of exactly these bytes."""
        keyed = self._keyed.copy()
        keyed.update(payload)
        return b2a_base64(keyed.digest(), newline=False).decode()

    def headers(self, method: str, path: str, body: bytes, now_ns: int) -> Headers:
        """The headers of a REST request. `path` with its query as it is sent; `now_ns` by the venue's clock."""
        timestamp = self._iso(now_ns)
        sign = self.signature(f"{timestamp}{method}{path}".encode() + body)
        tail = self._post if body else self._plain
        return (("OK-ACCESS-SIGN", sign), ("OK-ACCESS-TIMESTAMP", timestamp), *tail)

    def login(self, now_ns: int) -> bytes:
        """The login frame of a WebSocket."""
        timestamp = str(now_ns // SECOND_NS)
        arguments = {
            "apiKey": self._key,
            "passphrase": self._passphrase,
            "timestamp": timestamp,
            "sign": self.signature(f"{timestamp}GET{VERIFY}".encode()),
        }
        return orjson.dumps({"op": "login", "args": [arguments]})

    def __repr__(self) -> str:
        return "<signer>"


def signature(secret: str, payload: bytes) -> str:
    """One signature with a key that is not kept."""
    return b64encode(hmac.digest(secret.encode(), payload, "sha256")).decode()
