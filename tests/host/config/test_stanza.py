"""Names: what a strategy may be called, and what belongs to the ledger itself."""

import pytest

from ctosd.host.config.document import Document, Section
from ctosd.host.config.mistakes import Report
from ctosd.host.config.stanza import check_name
from ctosd.host.config.yamlfile import read_text


def mistakes(name, what):
    document = Document("f", Report())
    read_text(f"name: {name}\n", document)
    check_name(name, what, Section(document), "name")
    return [str(mistake) for mistake in document.report.mistakes]


@pytest.mark.parametrize("name", ["external", "dust", "operator"])
def test_a_strategy_may_not_be_called_what_the_ledger_calls_others(name):
    """Else its position and what is nobody's would be one."""
    assert mistakes(name, "strategy") == [
        f'f:1: the strategy name "{name}" is what CTOS books other things under: choose another'
    ]
    assert mistakes(name, "account") == []


def test_names_are_plain():
    """Small letters, digits and hyphens, and what it should be."""
    assert mistakes("grid-btc", "strategy") == []
    assert mistakes("Grid_BTC", "strategy")[0].endswith('write "grid-btc"')
