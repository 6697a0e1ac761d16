"""Parameters: read by name, refused in the venue's words."""

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from drivers.binance.emulator.params import Params, pairs_of
from drivers.binance.emulator.refusals import Refusal


def code(act: Callable[[], Any]) -> int:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.code


def test_pairs_are_decoded() -> None:
    assert pairs_of("a=x%2Fy&b=1+2&c") == [("a", "x/y"), ("b", "1 2"), ("c", "")]
    assert pairs_of("") == []


def test_the_query_wins_over_the_form() -> None:
    assert Params.of("a=1", "a=2&b=3").values == {"a": "1", "b": "3"}
    assert code(lambda: Params.of("a=1&a=1", "")) == -1101


def test_numbers_are_read_from_the_text() -> None:
    params = Params({"q": "0.10", "n": "12", "bad": "1e-3", "word": "x", "minus": "-1"})
    assert str(params.decimal("q")) == "0.10"
    assert params.decimal("minus") == D(-1)
    assert params.decimal("nothing") is None
    assert params.integer("n") == 12
    assert params.integer("missing", 7) == 7
    assert code(lambda: params.decimal("bad")) == -1100
    assert code(lambda: params.integer("word")) == -1100
    assert code(lambda: params.integer("n", least=13)) == -1130


def test_what_is_missing_empty_or_unknown_has_its_code() -> None:
    params = Params({"empty": "", "side": "HOLD", "type": "X", "timeInForce": "GTX", "flag": "maybe", "mode": "z"})
    assert code(lambda: params.need("symbol")) == -1102
    assert code(lambda: params.need("empty")) == -1102
    assert code(lambda: params.text("empty")) == -1105
    assert code(lambda: params.choice("side", ("BUY", "SELL"))) == -1117
    assert code(lambda: params.choice("type", ("LIMIT",))) == -1116
    assert code(lambda: params.choice("timeInForce", ("GTC",))) == -1115
    assert code(lambda: params.choice("mode", ("a",))) == -1130
    assert code(lambda: params.boolean("flag")) == -1130
    assert params.choice("absent", ("A", "B"), "A") == "A"
    assert not params.sent("empty", "absent")


def test_spot_refuses_what_it_does_not_read() -> None:
    params = Params({"symbol": "BTCUSDT", "reduceOnly": "true"})
    with pytest.raises(Refusal, match=r"read '1' parameter\(s\) but was sent '2'") as caught:
        params.only({"symbol"})
    assert caught.value.code == -1104
    params.only({"symbol", "reduceOnly"})


def test_a_page_is_no_larger_than_the_largest() -> None:
    assert Params({"limit": "5000"}).limit(500, 1000) == 1000
    assert Params({}).limit(500, 1000) == 500
    assert code(lambda: Params({"limit": "0"}).limit(500, 1000)) == -1130
