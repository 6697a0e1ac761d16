"""The environment over the files."""

import pytest

from ctosd.host.config import overrides
from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Report
from ctosd.host.config.yamlfile import read_text
from ctosd.host.config.yamlscalar import Trap

KNOWN = ("clock", "log", "venues", "strategies")


@pytest.fixture
def main():
    document = Document("f", Report())
    text = "log: {level: info}\nvenues:\n  My-Sim:\n    symbols: {BTC/USDT:USDT: {price: 1}}\nstrategies:\n- {name: grid-btc}\n"
    read_text(text, document)
    return document


def apply(main, **environ):
    overrides.apply(environ, main, {"grid-btc": Section(main, ("strategies", 0))}, KNOWN)
    return [str(mistake) for mistake in main.report.mistakes]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("<${A}-${A}>", "<x-x>"),
        ("${B:-y}", "y"),
        ("${EMPTY:-y}", "y"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("$${A}", "${A}"),
        ("$A $", "$A $"),
    ],
)
def test_references(text, value):
    """The shell's two forms, and a way to write a plain one."""
    assert overrides.expander({"A": "x", "EMPTY": ""})(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${B}", "the environment variable B is not set: set it, or write ${B:-default}"),
        ("${A", "${A is no reference"),
        ("${}", "${} is no reference"),
        ("${1x}", "${1x} is no reference"),
        ("${A:=x}", "${A:=x} is no reference"),
    ],
)
def test_bad_references(text, message):
    """A reference that leads nowhere is a mistake, not an empty text."""
    with pytest.raises(Trap) as caught:
        overrides.expander({"A": "x"})(text)
    assert str(caught.value).startswith(message)


def test_an_expanded_value_is_read_as_if_it_stood_there():
    """Without quotes it becomes a number, with quotes it stays a text, and a trap is a trap."""
    document = Document("f", Report())
    read_text("a: ${N}\nb: '${N}'\nc: ${T}\n", document, overrides.expander({"N": "5", "T": "no"}))
    assert document.data == {"a": 5, "b": "5", "c": None}
    assert [str(mistake) for mistake in document.report.mistakes] == [
        'f:3: no is not a truth value here: write false, or "no" in quotes for the text'
    ]


def test_overrides_find_their_way(main):
    """Case, hyphens and slashes are matched; what is not there yet is made; other variables are left alone."""
    found = apply(
        main,
        CTOS__LOG__LEVEL="debug",
        CTOS__CLOCK="virtual",
        CTOS__VENUES__MY_SIM__SYMBOLS__BTC_USDT_USDT__PRICE="2.50",
        CTOS__STRATEGIES__GRID_BTC__PARAMS__STEPS="[1, a]",
        CTOS_VAR="x",
    )
    assert found == []
    assert main.data["log"]["level"] == "debug"
    assert main.data["clock"] == "virtual"
    assert str(main.data["venues"]["My-Sim"]["symbols"]["BTC/USDT:USDT"]["price"]) == "2.50"
    assert main.data["strategies"][0]["params"] == {"steps": [1, "a"]}
    assert str(main.place(("log", "level"))) == "$CTOS__LOG__LEVEL"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CTOS__LOGG__LEVEL", "x", '$CTOS__LOGG__LEVEL: there is no section "logg" (did you mean "log"?)'),
        ("CTOS__LOG__", "x", "$CTOS__LOG__: write CTOS__SECTION__KEY, such as CTOS__LOG__LEVEL"),
        ("CTOS__LOG__LEVEL__X", "x", "$CTOS__LOG__LEVEL__X: log.level is not a mapping, and holds no x"),
        (
            "CTOS__STRATEGIES__GRID__ENABLED",
            "x",
            '$CTOS__STRATEGIES__GRID__ENABLED: names no strategy (did you mean "grid-btc"?)',
        ),
        ("CTOS__STRATEGIES__GRID_BTC", "x", "$CTOS__STRATEGIES__GRID_BTC: names no key of grid-btc"),
        ("CTOS__LOG__LEVEL", "off", "$CTOS__LOG__LEVEL: off is not a truth value here"),
        ("CTOS__LOG__LEVEL", "[1", "$CTOS__LOG__LEVEL: this bracket is not closed"),
    ],
)
def test_overrides_that_name_nothing(main, variable, value, message):
    """The variable is named, and the nearest right word."""
    found = apply(main, **{variable: value})
    assert len(found) == 1
    assert found[0].startswith(message)


def test_nothing_is_laid_over_what_could_not_be_read():
    """A broken file is told once; its overrides do not stumble over it."""
    document = Document("f", Report())
    read_text("a: [", document)
    assert len(apply(document, CTOS__LOG__LEVEL="debug")) == 1
