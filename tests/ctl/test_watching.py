"""`watch`: it goes on over a daemon that is away, and ends for a word that is wrong."""

import sys
from argparse import Namespace

import pytest

from ctosd.ctl.client import FAILED, NOT_FOUND, NOT_RUNNING, Failure
from ctosd.ctl.watching import watch


def times(count, interval=0.1):
    return Namespace(interval=interval, count=count)


def test_a_daemon_that_is_away_is_waited_for(capsys):
    """What it says in between is shown in place of the page."""
    looks = iter([None, Failure(NOT_RUNNING, "away"), None])

    def look():
        print("page")  # noqa: T201 - what a verb does
        problem = next(looks)
        if problem:
            raise problem
        return 0

    assert watch(look, "status", times(3)) == 0
    assert capsys.readouterr().out == "page\npage\naway\npage\n"


@pytest.mark.parametrize("code", [NOT_FOUND, FAILED])
def test_what_cannot_get_better_ends_it(code):
    """And the output is what it was before."""
    out = sys.stdout

    def look():
        raise Failure(code, "no such thing")

    with pytest.raises(Failure, match="no such thing"):
        watch(look, "x", times(0))
    assert sys.stdout is out


def test_ctrl_c_ends_it_as_done():
    """It is the normal way to end."""

    def look():
        raise KeyboardInterrupt

    assert watch(look, "x", times(0)) == 0


@pytest.mark.parametrize("interval", [0.0, 0.05, -1.0, float("nan"), float("inf")])
def test_an_interval_is_neither_nothing_nor_for_ever(interval):
    """A busy loop on the daemon's socket helps nobody."""
    with pytest.raises(Failure, match="--interval"):
        watch(lambda: 0, "x", times(1, interval))
