"""Raw recorded feeds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctosd.abi import Feed, Misconfigured, Trade
from ctosd.host.archive import open_feed

AT = 1_723_118_400_000_000_000


class Toy:
    """A decoder whose frames are ``{"p": price}``."""

    def __init__(self) -> None:
        self.undecodable = 0
        self.reason = ""

    def decode(self, frame: bytes, recv_ns: int) -> Trade | None:
        try:
            price = json.loads(frame).get("p")
        except ValueError as error:
            self.undecodable += 1
            self.reason = str(error)
            return None
        return Trade("paper", "X/Y", price, 1.0, "buy", recv_ns) if price else None

    __call__ = decode


def text(*frames: str, step: int = 1) -> str:
    return "".join(f"{AT + n * step} {frame}\n" for n, frame in enumerate(frames))


@pytest.fixture
def feed(write: Callable[..., Path], tmp_path: Path, notes: Any) -> Callable[..., Feed]:
    def put(content: str, **spec: Any) -> Feed:
        write("f.gz", content)
        return open_feed({"path": "f.gz", **spec}, venue="paper", base=tmp_path, decoder=Toy(), log=notes)

    return put


def test_events_arrive_at_the_time_of_receipt(feed: Callable[..., Feed]) -> None:
    got = feed(text('{"p": 1}', "{}", '{"p": 2}', step=5))
    assert [(ns, e.price) for ns, e in got if isinstance(e, Trade)] == [(AT, 1), (AT + 10, 2)]
    wanted = {"rows": 3, "events": 2, "first_ns": AT, "last_ns": AT + 10, "undecodable": 0}
    assert got.statistics().items() >= wanted.items()
    assert len(list(got)) == 2


def test_bound_method_serves_as_decoder(write: Callable[..., Path], tmp_path: Path, notes: Any) -> None:
    """Its object's counts are read all the same."""
    write("f", text('{"p": 1}', "garbage"))
    got = open_feed({"path": "f"}, venue="paper", base=tmp_path, decoder=Toy().decode, log=notes)
    assert len(list(got)) == 1
    assert got.statistics()["undecodable"] == 1


def test_milliseconds_are_understood(feed: Callable[..., Feed]) -> None:
    assert [ns for ns, _ in feed('1723118400000 {"p": 1}\n')] == [AT]


def test_undecodable_frames_are_counted_and_the_first_is_logged(feed: Callable[..., Feed], notes: Any) -> None:
    got = feed(text('{"p": 1}', '{"p": ', "garbage", '{"p": 2}'))
    assert len(list(got)) == 2
    assert (got.statistics()["undecodable"], got.statistics()["first_undecodable"]) == (2, "line 2")
    assert [(event, fields["line"]) for event, fields in notes.events] == [("archive_undecodable", 2)]
    list(got)
    assert len(notes.events) == 1


def test_range(feed: Callable[..., Feed]) -> None:
    got = feed(text(*['{"p": 1}'] * 9, step=1_000_000_000), start="2024-08-08T12:00:02", end="2024-08-08T12:00:05")
    assert [(ns - AT) // 1_000_000_000 for ns, _ in got] == [2, 3, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("price {}\n", r"f\.gz, line 1: 'price \{\}' does not begin with a time; write lines of `LOCAL_NS FRAME`"),
        (text("one", "two"), r"line 1: no frame of the first 2 is understood \(.*\); correct `decoder:`"),
    ],
)
def test_wrong_files_are_refused_at_once(feed: Callable[..., Feed], content: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        feed(content, kind="frames")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (text('{"p": 1}') + 'x {"p": 1}\n', "line 2: .* does not begin with a time; delete the line"),
        (text('{"p": 1}') + "\n" + text('{"p": 1}'), "line 2: the line is empty"),
        (
            text(*['{"p": 1}'] * 2) + text('{"p": 1}'),
            "line 3: time goes back from .*00.000000001Z to .*12:00:00Z; sort",
        ),
        (text("{}", "{}"), "none of its 2 lines gave an event; check `symbol:`, `decoder:`"),
    ],
)
def test_damage_is_told_when_it_is_reached(feed: Callable[..., Feed], content: str, message: str) -> None:
    got = feed(content)
    with pytest.raises(Misconfigured, match=message):
        list(got)


def test_feed_without_a_decoder_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    write("f", text("{}"))
    with pytest.raises(Misconfigured, match="a raw feed, and nothing says whose; write `decoder:`"):
        open_feed({"path": "f"}, venue="paper", base=tmp_path)
    with pytest.raises(Misconfigured, match="no decoder 'binanse'"):
        open_feed({"path": "f", "decoder": "binanse"}, venue="paper", base=tmp_path)
