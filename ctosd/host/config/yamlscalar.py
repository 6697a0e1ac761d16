"""Plain YAML scalars as a person means them: YAML 1.1 reads ``no`` as false and ``12:30`` as 750; here that is a mistake."""

from __future__ import annotations

import re
from decimal import Decimal

Scalar = str | int | bool | Decimal | None

_LONGEST_NUMBER = 40

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}

_INTEGER = re.compile(r"[-+]?(0|[1-9](_?[0-9])*)")
_DECIMAL = re.compile(r"[-+]?((0|[1-9](_?[0-9])*)\.[0-9]*|\.[0-9]+)")
_NUMBERLIKE = re.compile(r"[-+.]?[0-9.]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"([-+]?)0[0-9_]+(\.[0-9]*)?")
_RADIX = re.compile(r"[-+]?0[xXbBoO][0-9a-fA-F_]+")
_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")


class Trap(ValueError):
    """A scalar that programs read in different ways; the message says what to write instead."""


def read_plain(text: str) -> Scalar:
    """The value of an unquoted scalar. Integers stay int, decimals become Decimal, never a binary float.

    Raises:
        Trap: the text means one thing to its writer and another to YAML 1.1.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBERLIKE.match(text):
        return _number(text)
    if text in (text.lower(), text.title(), text.upper()) and text.lower() in _SWITCHES:
        raise Trap(
            f'{text} is not a truth value here: write {_SWITCHES[text.lower()]}, or "{text}" in quotes for the text'
        )
    return text


def _number(text: str) -> Scalar:
    integer, decimal = _INTEGER.fullmatch(text), _DECIMAL.fullmatch(text)
    if (integer or decimal) and len(text) > _LONGEST_NUMBER:
        raise Trap(f"a number of {len(text)} digits: at most {_LONGEST_NUMBER} are read; quote it if text is meant")
    if integer:
        return int(text)
    if decimal:
        return Decimal(text)
    _refuse_traps(text)
    return text


def _refuse_traps(text: str) -> None:
    if _DATE.fullmatch(text):
        raise Trap(f'{text} would be read as a date: write "{text}" in quotes')
    if _SEXAGESIMAL.fullmatch(text):
        raise Trap(f'{text} would be read in base 60: write "{text}" in quotes')
    if _LEADING_ZERO.fullmatch(text):
        raise Trap(f'{text} would be read as octal: write {_without_zeros(text)}, or "{text}" in quotes for the text')
    if _RADIX.fullmatch(text):
        raise Trap(f'{text} would be read as a number: write "{text}" in quotes for the text')
    if _EXPONENT.fullmatch(text):
        raise Trap(f"{text} is text to some programs and a number to others: write {_without_exponent(text)}")
    if _NOT_FINITE.fullmatch(text):
        raise Trap(f'{text} is not a number that can be used: write a finite one, or "{text}" in quotes for the text')


def _without_zeros(text: str) -> str:
    sign = text[0] if text[0] in "-+" else ""
    digits = text.lstrip("-+").replace("_", "").lstrip("0")
    return sign + (digits if digits and digits[0] != "." else f"0{digits}")


def _without_exponent(text: str) -> str:
    exponent = int(re.split("[eE]", text)[1][:_LONGEST_NUMBER])
    if abs(exponent) > _LONGEST_NUMBER:
        return f'it without the exponent, or "{text}" in quotes for the text'
    return f"{Decimal(text):f}"
