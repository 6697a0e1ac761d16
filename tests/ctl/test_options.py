"""The words of the command line: options before or after the verb mean the same."""

import pytest

from ctosd.ctl.client import Failure
from ctosd.ctl.options import parse, split
from ctosd.ctl.verbs import VERBS


@pytest.mark.parametrize(
    ("words", "verb", "rest"),
    [
        (["status"], "status", []),
        (["--json", "status"], "status", ["--json"]),
        (["--socket", "status", "ps"], "ps", ["--socket", "status"]),
        (["--socket=/s", "ps", "--json"], "ps", ["--socket=/s", "--json"]),
        (["stop", "a", "--reason", "b"], "stop", ["a", "--reason", "b"]),
        (["--help"], "", ["--help"]),
        ([], "", []),
    ],
)
def test_the_verb_is_found_wherever_it_stands(words, verb, rest):
    """The value of a common option is not mistaken for it."""
    assert split(words) == (verb, rest)


def test_common_options_are_everywhere():
    """The same four for every verb, with the same defaults."""
    args = parse(VERBS["status"], ["--timeout", "5", "--json", "--var", "/v"])
    assert (args.timeout, args.json, args.var, args.socket) == (5.0, True, "/v", "")
    assert parse(VERBS["ps"], []).timeout == 30.0


@pytest.mark.parametrize("words", [["--tim", "5"], ["extra"], ["--timeout", "inf"], ["--timeout", "nan"]])
def test_what_is_not_understood_is_refused(words):
    """No guessing of abbreviations: `--al` must never come to mean `--all`."""
    with pytest.raises(Failure, match="ctosctl status --help") as refused:
        parse(VERBS["status"], words)
    assert refused.value.code == 2
