"""What OKX's codes mean, and the verdict on the answer to a write. (Sheet section 10.)

A write is refused only on proof: an ``sCode``, or a code that says so. Timeouts, the venue's own "status unknown", 5xx
without such a code and bodies that cannot be read are `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ctosd.abi import NotReady

Kind = Literal["ok", "rejected", "unknown"]


def _table(rows: Mapping[str, Iterable[int]]) -> dict[int, str]:
    return {code: reason for reason, codes in rows.items() for code in codes}


REASON: Mapping[int, str] = _table(
    {
        "maintenance": (50001,),
        "rate_limited": (50011, 50013, 50040, 50061, 51113, 60014, 60023),
        "timestamp": (50036, 50037, 50102, 50112, 60004, 60006),
        "auth": (
            50101,
            *range(50103, 50108),
            50110,
            50111,
            50113,
            50119,
            50121,
            60005,
            60007,
            60009,
            60011,
            60024,
            60032,
        ),
        "permission": (
            50007,
            50009,
            *(50010, 50027, 50028, 50029, 50030, 50032, 50033, 50041, 50100, 50114, 50120, 51010, 51024, 51155, 64003),
            *(59000, 59002, *range(59101, 59103), *range(59104, 59108), *range(59110, 59113)),
        ),
        "overload": range(50017, 50024),  # frozen while the venue liquidates or settles: later
        "bad_request": (
            *(50000, 50002, 50003, 50005, 50006, 50008, 50012, 50014, 50015, 50016, 50024, 50025, 50035),
            *(
                50038,
                50044,
                51000,
                51003,
                51011,
                51015,
                51175,
                54004,
                60012,
                60013,
                60018,
                60019,
                60027,
                60028,
                60031,
                60033,
                64001,
                64002,
            ),
        ),
        "duplicate_client_id": (50042, 51016, 51065),
        "bad_symbol": (51001, 51002, 51014, 51026, 51087),
        "market_closed": (51021, 51022, 51027, 51028, 51029, 51030, 54072),
        "position_limit": (51004, *range(51104, 51108), 51187, 54030, 54031),
        "filter": (50122, 51005, 51020, 51101, 51108, 51120, 51121, 51122, 51150, 51185, 51201, 51202, 51203),
        "price_band": (51006, 51031, 51116, *range(51135, 51139), 51250, 54084, 54085),
        "insufficient_funds": (51008, 51127, 51131, 51502, 59103, 59108, 59109, 59200),
        "order_count_limit": (51025, 51102, 51103, 51165, 51174),
        "reduce_only": (51112, 51115, 51117, 51139, 51148, 51169, 51170, 51205, 51206),
        "order_not_found": (51063, 51400, 51401, 51402, 51405, 51410, 51503, 51509, 51510, 51603),
        "post_only": (51511,),
        "amend_reject": (51500, 51501, *range(51504, 51509), 51512, 51513, 51514),
        "exchange_error": (50026, 63999, 64007),
    }
)
"""Code -> word of `ctosd.abi.REASONS`."""

STATUS_UNKNOWN = frozenset({50004, 50026, 51054, 51149, 63999, 64007})
"""The venue itself does not know whether it acted: ask, never send again."""

PROVED = ((51000, 52000), (54000, 55000), (59000, 60000), (60000, 60100))
"""Codes of these ranges are about one order or one setting, so even an unlisted one is a refusal."""

PERMANENT = frozenset({"auth", "permission"})


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What an answer says of one command. `code` is the venue's, 0 where there is none."""

    kind: Kind
    reason: str = ""
    message: str = ""
    code: int = 0
    venue_id: str = ""
    time_ms: int = 0


class Refused(NotReady):
    """The venue answered a query with an error."""

    def __init__(self, what: str, code: int, message: str, reason: str = "exchange_error") -> None:
        super().__init__(f"{what}: {message or reason} (code {code})")
        self.code = code
        self.reason = reason


def reason_of(code: int) -> str:
    """The unified word of a code."""
    return REASON.get(code, "exchange_error")


def number(code: str | int) -> int:
    """A code as a number; -1 for what is none."""
    try:
        return int(code)
    except ValueError:
        return -1


def refusal(code: int, message: str, status: int = 200) -> Verdict:
    """The verdict on a write that was answered with this code, which is not 0."""
    reason = reason_of(code)
    text = f"{message} (code {code})" if message else f"code {code}"
    listed = code in REASON or any(low <= code < high for low, high in PROVED)
    if code in STATUS_UNKNOWN or not listed:
        return Verdict("unknown", reason, f"HTTP {status}: {text}" if status != 200 else text, code)
    return Verdict("rejected", reason, text, code)


def bodiless(status: int, text: str) -> Verdict:
    """The verdict on a write whose answer has no body of the venue's: what stands before the venue may have answered."""
    shown = f"HTTP {status}: {text[:120]}"
    if status == 429:
        return Verdict("rejected", "rate_limited", shown)
    if status == 403:
        return Verdict("rejected", "banned", shown)
    if status == 401:
        return Verdict("rejected", "auth", shown)
    return Verdict("unknown", "exchange_error", shown)
