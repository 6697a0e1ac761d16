"""The verbs that change something: what is sent, and which exit code the answer means."""

import json
from argparse import Namespace

import pytest

from ctosd.ctl import acts
from ctosd.ctl.client import Failure
from ctosd.ctl.words import Paper


class Answers:
    """A daemon that gives the answers it was told, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def post(self, path, **body):
        self.asked.append((path, body))
        return self.answers.pop(0)


def args(**rest):
    return Namespace(json=False, paper=Paper(), yes=True, reason="", **rest)


def test_a_name_is_one_part_of_a_path():
    """A slash in it cannot reach another route."""
    assert acts.part("a/../halt b") == "a%2F..%2Fhalt%20b"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["running"], 0),
        (["stopped"], 0),
        (["starting"], 0),
        (["parked"], 1),
        (["zombie"], 1),
        (["running", "backoff"], 1),
    ],
)
def test_the_worst_state_is_the_exit_code(states, code, capsys):
    """One request a name, in the order given."""
    daemon = Answers(*({"name": f"n{i}", "state": state} for i, state in enumerate(states)))
    assert acts.each("stop")(daemon, args(name=[f"n{i}" for i in range(len(states))])) == code
    assert daemon.asked[-1] == (f"/v1/strategies/n{len(states) - 1}/stop", {"reason": ""})
    assert capsys.readouterr().out.splitlines() == [f"n{i} is {state}" for i, state in enumerate(states)]


def test_several_results_are_one_json_list(capsys):
    """A program reads one document."""
    daemon = Answers({"name": "a", "state": "running"}, {"name": "b", "state": "running"})
    both = args(name=["a", "b"])
    both.json = True
    assert acts.each("start")(daemon, both) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["a", "b"]


@pytest.mark.parametrize("word", ["symbol", "=BTC", ""])
def test_an_argument_without_its_name_is_refused_before_anything_is_sent(word):
    """`call` sends only what it understood."""
    daemon = Answers()
    with pytest.raises(Failure, match="KEY=VALUE"):
        acts.call(daemon, args(account="paper/main", syscall="x", args=["level=5", word]))
    assert daemon.asked == []


def test_a_value_may_hold_an_equals_sign(capsys):
    """Only the first one separates."""
    daemon = Answers({"state": "open"})
    assert acts.call(daemon, args(account="paper/main", syscall="x", args=["tag=a=b", "empty="])) == 0
    assert daemon.asked == [("/v1/call", {"account": "paper/main", "name": "x", "args": {"tag": "a=b", "empty": ""}})]
    assert capsys.readouterr().out == "state: open\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h", 28_800), ("90m", 5_400), ("2d", 172_800), ("45s", 45), ("30", 30)]
)
def test_a_time_may_have_a_unit(text, seconds):
    assert acts.span(text) == seconds


def test_arming_names_account_loss_and_time(capsys):
    daemon = Answers({"account": "okx/main"}, {"account": "okx/main"})
    assert acts.arm(daemon, args(account="okx/main", max_loss="100", time="8h")) == 0
    assert acts.disarm(daemon, args(account="okx/main")) == 0
    assert daemon.asked == [
        ("/v1/arm", {"account": "okx/main", "max_loss": "100", "seconds": 28_800}),
        ("/v1/disarm", {"account": "okx/main"}),
    ]
    assert "armed for 8h" in capsys.readouterr().out
    with pytest.raises(Failure, match="8h, 90m or 2d"):
        acts.arm(daemon, args(account="okx/main", max_loss="100", time="long"))


def test_adopting_says_what_for_whom(capsys):
    daemon = Answers({})
    assert acts.adopt(daemon, args(strategy="grid", account="okx/main", what="BTC/USDT:USDT", size="1")) == 0
    assert daemon.asked == [
        ("/v1/adopt", {"strategy": "grid", "account": "okx/main", "what": "BTC/USDT:USDT", "size": "1"})
    ]
    assert "grid has BTC/USDT:USDT" in capsys.readouterr().out
