"""Documents and sections: places survive changes, consequences stay silent."""

from decimal import Decimal

import pytest

from ctosd.host.config.document import Document, Section, show
from ctosd.host.config.mistakes import Place, Report
from ctosd.host.config.yamlfile import read_text


@pytest.fixture
def document():
    document = Document("f", Report())
    read_text("a:\n  b: no\n  c: [1, 2]\n", document)
    document.report.mistakes.clear()
    return document


def test_set_replaces_value_place_and_spoiling(document):
    """A value that was laid over has the place of what was laid over it, and its old mistake is no excuse any more."""
    here = Place("$X")
    document.set(("a", "b"), True, here)
    document.set(("new", "deep"), 1, here)
    document.set(("a", "c", 1), 5, here)
    assert document.data == {"a": {"b": True, "c": [1, 5]}, "new": {"deep": 1}}
    assert document.place(("a", "b")) == document.place(("new", "deep")) == here
    assert not document.is_spoiled(("a", "b"))


def test_consequences_stay_silent(document):
    """Only what was not reported before is reported."""
    section = Section(document, ("a",))
    section.wrong("never told", "b")
    section.wrong("told", "c", 0)
    assert [str(mistake) for mistake in document.report.mistakes] == ["f:3: told"]


def test_data_of_nothing_is_nothing(document):
    """Asking for what is not there is no error."""
    assert Section(document, ("a", "x", 3)).data is None
    assert Section(document, ("a", "c", 1)).data == 2
    assert Section(document, ("a", "c", 9)).data is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        ("x", '"x"'),
        ("x" * 50, '"' + "x" * 40 + '…"'),
        ({}, "a mapping"),
        ([1], "a list"),
        (Decimal("0.10"), "0.10"),
    ],
)
def test_values_are_shown_as_written(value, shown):
    """Messages speak YAML, not Python."""
    assert show(value) == shown
