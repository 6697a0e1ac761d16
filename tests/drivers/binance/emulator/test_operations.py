"""Operations and their weights."""

import pytest

from drivers.binance.emulator.operations import Call, Operation, by_limit, by_symbol
from drivers.binance.emulator.params import Params
from drivers.binance.emulator.refusals import Refusal


def test_weights_by_symbol_and_by_limit() -> None:
    weight = by_symbol(1, 40)
    assert (weight(Params({"symbol": "A"})), weight(Params({})), weight(Params({"symbol": ""}))) == (1, 40, 40)
    depth = by_limit(500, (50, 2), (100, 5), (500, 10), (1000, 20))
    costs = [depth(Params({"limit": limit} if limit else {})) for limit in ("5", "50", "51", "", "1000", "9999", "x")]
    assert costs == [2, 2, 5, 10, 20, 20, 10]


def test_a_cost_is_a_number_or_depends() -> None:
    plain = Operation(run=lambda call: None, weight=3, orders={"10S": 1})
    assert (plain.cost(Params({})), plain.counts(Params({}))) == (3, {"10S": 1})
    other = Operation(run=lambda call: None, weight=by_symbol(1, 2), orders=lambda params: {"10S": len(params.values)})
    assert (other.cost(Params({})), other.counts(Params({"a": "b"}))) == (2, {"10S": 1})


def test_a_call_without_a_key_is_nobodys() -> None:
    with pytest.raises(Refusal):
        _ = Call(Params({}), "127.0.0.1").trader
