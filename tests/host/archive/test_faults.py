"""Messages about unusable files."""

from pathlib import Path

from ctosd.host.archive.faults import fault, shown


def test_fault_names_file_place_wrong_and_remedy() -> None:
    assert str(fault(Path("a.csv"), "high is 1", "correct it", "line 7")) == "a.csv, line 7: high is 1; correct it"
    assert str(fault(Path("a.csv"), "is empty", "record it")) == "a.csv: is empty; record it"


def test_shown_is_short_and_printable() -> None:
    assert shown(b"\xffabc") == "'\ufffdabc'"
    assert len(shown("x" * 500)) < 70
