"""Parameters of one request: read by name and kind, refused in the venue's words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from urllib.parse import unquote_plus

from drivers.binance.emulator.refusals import Refusal, invalid, malformed, missing

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
_DECIMAL = re.compile(DECIMAL)
_INTEGER = re.compile(r"^-?[0-9]{1,20}$")
ENUMS = {
    "side": (-1117, "Invalid side."),
    "type": (-1116, "Invalid orderType."),
    "timeInForce": (-1115, "Invalid timeInForce."),
    "newOrderRespType": (-1118, "New client order ID response type was not valid."),
    "interval": (-1120, "Invalid interval."),
}
"""Parameters with a code of their own for a word that is none of theirs."""


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The pairs of a query or of a form, decoded."""
    found = []
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        found.append((unquote_plus(name), unquote_plus(value)))
    return found


class Params:
    """What was sent, by name. Numbers are read from the very text."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    @classmethod
    def of(cls, query: str, body: str) -> Params:
        """Of query and form; the query wins. A name that comes twice in the same place is refused."""
        found: dict[str, str] = {}
        for text in (body, query):
            pairs = pairs_of(text)
            if len({name for name, _ in pairs}) < len(pairs):
                raise Refusal(-1101, "Duplicate values for a parameter detected.")
            found.update(pairs)
        return cls(found)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def sent(self, *names: str) -> bool:
        return any(self.values.get(name, "") != "" for name in names)

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return default
        if value == "":
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        return value

    def need(self, name: str) -> str:
        if not self.values.get(name):
            raise missing(name)
        return self.values[name]

    def choice(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        value = self.need(name) if default is None else self.text(name, default)
        if value not in allowed and value != default:
            code, message = ENUMS.get(name, (0, ""))
            raise Refusal(code, message) if code else invalid(name)
        return value

    def integer(self, name: str, default: int | None = None, least: int | None = None) -> int:
        if default is not None and name not in self.values:
            return default
        value = self.need(name)
        if not _INTEGER.match(value):
            raise malformed(name, INTEGER)
        if least is not None and int(value) < least:
            raise invalid(name)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """The `limit` of a listing: more than `most` gives `most`."""
        return min(most, self.integer("limit", default, least=1))

    def decimal(self, name: str) -> Decimal | None:
        """None when it was not sent; refused when it is no plain number."""
        if name not in self.values:
            return None
        value = self.text(name)
        if not _DECIMAL.match(value.removeprefix("-")):
            raise malformed(name, DECIMAL)
        return Decimal(value)

    def boolean(self, name: str, default: bool = False) -> bool:
        value = self.text(name, "true" if default else "false").lower()
        if value not in ("true", "false"):
            raise invalid(name)
        return value == "true"

    def only(self, known: Iterable[str]) -> None:
        """Refuse what the endpoint does not read (spot: -1104)."""
        strange = self.values.keys() - set(known)
        if strange:
            read, sent = len(self.values) - len(strange), len(self.values)
            raise Refusal(
                -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            )
