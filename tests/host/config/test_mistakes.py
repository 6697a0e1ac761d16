"""Collecting and wording mistakes."""

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.config.mistakes import ConfigMistakes, Place, Report, counted, did_you_mean, nearest


def test_the_report_is_sorted_by_file_and_line():
    """Files keep the order in which they were read; inside a file the lines ascend."""
    report = Report()
    report.reading("main")
    report.wrong(Place("unit", 2), "c")
    report.wrong(Place("main", 9), "b")
    report.wrong(Place("main", 1), "a")
    report.wrong(Place("main", 1), "a")
    report.doubt(Place("main"), "d")
    with pytest.raises(ConfigMistakes) as caught:
        report.close()
    assert str(caught.value) == "main:1: a\nmain:9: b\nunit:2: c\nmain: warning: d\n3 mistakes"
    assert isinstance(caught.value, Misconfigured)


def test_warnings_alone_raise_nothing():
    """A doubt is handed back."""
    report = Report()
    report.doubt(Place("main", 3), "odd")
    assert [str(warning) for warning in report.close()] == ["main:3: odd"]


def test_the_nearest_word():
    """Case and hyphens are no difference; a far word is not proposed."""
    assert nearest("Max-Los", ["max_loss", "seed"]) == "max_loss"
    assert nearest("zzz", ["max_loss", "seed"]) == ""
    assert did_you_mean("sed", ["seed"]) == ' (did you mean "seed"?)'
    assert did_you_mean("zzz", ["b", "a"]) == " (known: a, b)"
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", [f"w{n:02}" for n in range(20)]).endswith("w11, …)")


def test_counted():
    """One is singular."""
    assert (counted(1, "venue"), counted(0, "venue"), counted(2, "strategy", "strategies")) == (
        "1 venue",
        "0 venues",
        "2 strategies",
    )
