"""What a check says: whether it matters, and never a secret."""

from __future__ import annotations

from ctosd.host.probing.check import Check, Report, scrubbed


def test_only_what_matters_makes_a_venue_wrong() -> None:
    note = Check(name="key binding", target="okx/main", ok=False, matters=False)
    wrong = Check(name="tcp", target="localhost:1", ok=False)
    right = Check(name="tcp", target="localhost:2", ok=True)
    assert [check.wrong for check in (note, wrong, right)] == [False, True, False]
    assert Report(venue="okx", money="", proxy="", checks=(note, right)).ok
    assert not Report(venue="okx", money="", proxy="", checks=(note, wrong)).ok


def test_a_quoted_secret_is_hidden_wherever_it_stands() -> None:
    check = Check(
        name="start",
        target="x",
        ok=False,
        message="GET /a?signature=abcdef refused: no such key 'key-of-mine-2'; key-of-mine",
        remedy="delete key-of-mine; ab is no secret",
    )
    found = scrubbed(check, ["key-of-mine", "key-of-mine-2", "ab"])
    assert found.message == "GET /a?signature=*** refused: no such key '***'; ***"
    assert found.remedy == "delete ***; ab is no secret"
