"""Records from sections: every mistake placed, worded, and with the field's meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, MinLen

from ctosd.abi import Misconfigured
from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Report
from ctosd.host.config.validate import validate
from ctosd.host.config.yamlfile import read_text


@dataclass(frozen=True, kw_only=True)
class Inner:
    price: Annotated[Decimal | None, Gt(0), "quote money"] = None


@dataclass(frozen=True, kw_only=True)
class Record:
    symbol: Annotated[str, "what to trade"]
    size: Annotated[Decimal, Gt(0), Le(10), "base units"] = Decimal(1)
    count: Annotated[int, Ge(0)] = 1
    ratio: float = 0.5
    live: bool = False
    mode: Literal["fast", "slow"] = "fast"
    names: Annotated[tuple[str, ...], MinLen(1)] = ("a",)
    inner: Inner = field(default_factory=Inner)
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    either: Annotated[int | Literal["all"], "how many"] = 1

    def __post_init__(self):
        if self.count > 5 and self.mode == "slow":
            raise ValueError("count may not be above 5 when mode is slow")
        if self.count == 4:
            raise Misconfigured("four is unlucky")
        if self.count == 3:
            raise KeyError("a bug of its author")


def check(text, kind=Record, label="params"):
    document = Document("f", Report())
    read_text(text, document)
    record = validate(kind, Section(document), label)
    return record, [str(mistake) for mistake in document.report.mistakes]


def test_a_right_section_becomes_its_record():
    """Exact decimals, tuples, nested records."""
    record, found = check(
        "symbol: X\nsize: 0.10\nratio: 0.25\nnames: [a, b]\ninner: {price: 5}\nby_name: {x: {price: '1.50'}}\neither: all\n"
    )
    assert found == []
    assert record == Record(
        symbol="X",
        size=Decimal("0.10"),
        ratio=0.25,
        names=("a", "b"),
        inner=Inner(price=Decimal(5)),
        by_name={"x": Inner(price=Decimal("1.50"))},
        either="all",
    )
    assert str(record.size) == "0.10"
    assert type(record.ratio) is float


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("size: -1", "f:2: params.size must be greater than 0, not -1 (base units)"),
        ("size: 11", "f:2: params.size must be at most 10, not 11 (base units)"),
        ("size: true", "f:2: params.size must be a number, not true (base units)"),
        ("size: big", 'f:2: params.size must be a number, not "big" (base units)'),
        ("size:", "f:2: params.size must be a number, not nothing (base units)"),
        ("count: 1.5", "f:2: params.count must be a whole number, not 1.5"),
        ("count: true", "f:2: params.count must be a whole number, not true"),
        ("ratio: true", "f:2: params.ratio must be a number, not true"),
        ("live: 1", "f:2: params.live must be true or false, not 1"),
        ('live: "no"', 'f:2: params.live must be true or false, not "no"'),
        ("mode: fsat", 'f:2: params.mode must be one of fast, slow, not "fsat" (did you mean "fast"?)'),
        ("mode: xyz", 'f:2: params.mode must be one of fast, slow, not "xyz"'),
        ("names: a", 'f:2: params.names must be a list, not "a"'),
        ("names: []", "f:2: params.names must be of length at least 1, not a list"),
        ("names: [a, 5]", "f:2: params.names.1 must be text, not 5: write it in quotes"),
        ("inner: 5", "f:2: params.inner must be a mapping, not 5"),
        ("inner: {price: 0}", "f:2: params.inner.price must be greater than 0, not 0 (quote money)"),
        ("inner: {prise: 1}", 'f:2: params.inner has no key "prise" (did you mean "price"?)'),
        ("by_name:\n  x:\n    zz: 1", 'f:4: params.by_name.x has no key "zz" (known: price)'),
        ("either: some", 'f:2: params.either must be a whole number or one of all, not "some" (how many)'),
        ("sise: 1", 'f:2: params has no key "sise" (did you mean "size"?)'),
        ("mode: slow\ncount: 6", "f:3: params: count may not be above 5 when mode is slow"),
        ("count: 4", "f:1: Record refuses this: Misconfigured: four is unlucky"),
        ("count: 3", "f:1: Record refuses this: KeyError: 'a bug of its author'"),
    ],
)
def test_each_mistake_has_its_words(line, message):
    """Place, what was meant, what was found, and the meaning of the field."""
    record, found = check(f"symbol: X\n{line}\n")
    assert found == [message]
    assert record is None


def test_all_mistakes_at_once():
    """One pass tells every one of them."""
    _, found = check("size: -1\ncount: x\nlive: 2\nmode: q\nnames: 1\nsymbl: X\n")
    assert 'f:1: "symbol" is missing: what to trade' in found
    assert 'f:6: params has no key "symbl" (did you mean "symbol"?)' in found
    assert len(found) == 7


def test_a_record_that_cannot_be_checked_is_a_mistake_too():
    """An annotation that pydantic does not know ends in a message."""

    class Odd:
        pass

    @dataclass(frozen=True)
    class Strange:
        odd: Odd

    _, found = check("odd: 1\n", Strange)
    assert len(found) == 1
    assert "Strange cannot be checked" in found[0]
