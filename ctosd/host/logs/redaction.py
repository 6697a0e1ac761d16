"""Redaction: no secret ever reaches a log line, whatever is handed to the logger.

Three nets, from cheap to last: fields whose name says that they hold a secret, values whose type says so, and secrets inside
text that some other library wrote (a signed address in an exception).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

HIDDEN = "***"
NAMES = frozenset(
    {
        *("secret", "secrets", "secret_key", "private_key", "passphrase", "password", "passwd", "signature"),
        *("api_key", "apikey", "apiKey", "api_secret", "apisecret", "apiSecret", "authorization", "credentials"),
        *("ok-access-key", "ok-access-sign", "ok-access-passphrase", "x-mbx-apikey", "x-api-key", "x-signature"),
    }
)
_IN_TEXT = re.compile(
    rb"(?i)((?:signature|passphrase|api_?key|api_?secret|secret_?key|ok-access-\w+|x-mbx-apikey|x-api-key|x-signature)"
    rb"(?:\\?[\"'])?\s*[=:]\s*(?:\\?[\"'])?)[^&\s\"'\\,})]+"
)
_PLAIN = frozenset({str, int, float, bool, type(None)})


def fields(record: MutableMapping[str, Any]) -> None:
    """Hide, in place, what the top level of a record must not show. Nested values are copied, never changed."""
    for name, value in record.items():
        if name in NAMES:
            record[name] = HIDDEN
        elif type(value) not in _PLAIN:
            record[name] = _value(value)


def text(line: bytes) -> bytes:
    """`line` without the secrets that stand in it as ``name=value`` or ``"name": "value"``."""
    # Such text has one of these; the line of a fill has none, and pays for three scans only.
    if b" " in line or b"=" in line or b"\\" in line:
        return _IN_TEXT.sub(rb"\1***", line)
    return line


def is_secret(value: object) -> bool:
    """Whether the type of `value` says that it is one, such as `Secret`, pydantic's `SecretStr` or a subclass of them."""
    return any("Secret" in kind.__name__ for kind in type(value).__mro__)


def _value(value: Any, depth: int = 0) -> Any:
    if type(value) in _PLAIN:
        return value
    if is_secret(value):
        return HIDDEN
    if depth > 8:
        return "…"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            str(name): HIDDEN if str(name).lower() in NAMES else _value(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_value(inner, depth + 1) for inner in value]
    return value
