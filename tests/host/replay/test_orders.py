"""Orders folded again from recorded rows end as the daemon had them."""

from __future__ import annotations

from pathlib import Path

from ctosd.host.recorder.records import Entry
from ctosd.host.replay.orders import fold_again
from ctosd.host.replay.tape import load
from tests.host.replay.reel import play, rewritten, texts, trade


def test_every_order_ends_in_the_same_state(tmp_path: Path) -> None:
    tape = load(play(tmp_path, trade))
    assert tape.footer is not None
    states = [each.state for each in tape.footer.orders]
    assert {"filled", "cancelled", "rejected", "open", "never_sent"} <= set(states)
    count, found = fold_again(tape)
    assert count == 5  # the denied one has no intent
    assert not found, texts(found)


def test_a_row_that_is_missing_is_found_by_its_order(tmp_path: Path) -> None:
    path = play(tmp_path, trade)
    gone = [each for each in load(path).records if isinstance(each, Entry) and each.kind == "fill"][-1]
    tape = load(rewritten(path, lambda each: None if each == gone else each))
    _, (found,) = fold_again(tape)
    assert "filled 1.0" in found.recorded
    assert "filled 0.4" in found.again
    assert "order ctos" in found.place


def test_rows_that_cannot_be_folded_are_a_difference_not_an_end(tmp_path: Path) -> None:
    """An instrument that the recording does not list: told as what it is."""
    path = play(tmp_path, trade)

    def strange(each: object) -> object:
        return (
            Entry(each.time_ns, each.seq, each.kind, each.key, each.body.replace(b"BTC/USDT", b"XXX/USDT"))
            if isinstance(each, Entry) and each.kind == "fill"
            else each
        )

    _, (found,) = fold_again(load(rewritten(path, strange)))  # type: ignore[arg-type]
    assert "XXX/USDT" in found.again
