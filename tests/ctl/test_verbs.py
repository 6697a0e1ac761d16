"""The table of verbs: complete, documented, and no two alike."""

import pytest

from ctosd.ctl.client import Failure
from ctosd.ctl.verbs import READS, VERBS, run


def test_the_promised_verbs_are_there():
    """Those of the design; a verb that is renamed breaks somebody's script."""
    promised = "status start stop restart ps orders positions balances fills logs ls cat watch halt resume flatten call why version"
    assert set(promised.split()) <= set(VERBS)
    assert set(READS) <= set(VERBS)


def test_each_verb_has_one_sentence_and_an_example_of_itself():
    """Which `--help` shows."""
    for name, verb in VERBS.items():
        assert verb.doc.endswith("."), name
        assert verb.example.startswith(f"ctosctl {name}"), name


def test_help_without_a_verb_lists_all_and_a_wrong_verb_has_a_hint(capsys):
    """No word at all is a mistake, asking for help is none."""
    assert run(["--help"]) == 0
    assert run([]) == 2
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in VERBS)
    with pytest.raises(Failure, match="did you mean 'flatten'"):
        run(["flaten"])


def test_watch_takes_only_what_reads():
    """`watch halt` is not the kill switch every two seconds: it is a path of /proc that does not exist."""
    assert not {"halt", "resume", "flatten", "start", "stop", "restart", "call"} & set(READS)
