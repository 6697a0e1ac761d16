"""The market of a recording is a recorded market: the archive reads it back event by event."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from ctosd.daemon import decoder
from ctosd.host.archive import open_feed
from ctosd.host.recorder.records import Told
from ctosd.host.replay.frames import MARKET, event_of
from ctosd.host.replay.market import DECODER, EventDecoder, extract
from ctosd.testing.rig import ListLog
from tests.host.replay.reel import listen
from tests.host.replay.test_frames import follow


def test_what_is_extracted_is_played_as_it_was_published(tmp_path: Path) -> None:
    tape = listen(tmp_path, "backpack", follow, seconds=10.0)
    out = tmp_path / "market.raw"
    count, symbols = extract(tape, out)
    published = [
        event for each in tape.records if isinstance(each, Told) and isinstance(event := event_of(each), MARKET)
    ]
    assert count == len(published) > 50
    assert "SOL/USDC:USDC" in symbols
    spec = {"path": out.name, "decoder": DECODER}
    feed = open_feed(spec, venue="paper", base=tmp_path, decoder=decoder(spec, "paper"), log=ListLog())
    played = list(feed)
    assert [event for _, event in played] == [replace(event, venue="paper") for event in published]
    times = [time_ns for time_ns, _ in played]
    assert times == sorted(times)


def test_a_line_that_is_no_event_is_counted() -> None:
    reader = EventDecoder("paper")
    for line in (b"{}", b'{"kind":"Order","event":{}}', b'{"kind":"Quote","event":{}}', b"x"):
        assert reader(line, 1) is None
    assert reader.undecodable == 4
    assert reader.reason
