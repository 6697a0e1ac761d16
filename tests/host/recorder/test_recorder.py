"""The recorder freezes on faults and on nothing else, at its pace, with what follows the fault, and keeps so many."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ctosd import kernel
from ctosd.host.config.settings import RecorderSettings
from ctosd.host.network import Network
from ctosd.host.recorder.recorder import AFTER_NS, BETWEEN_NS, FAULTS, Recorder
from ctosd.host.recorder.records import Entry, Line
from ctosd.host.replay.tape import load
from ctosd.kernel.clock import VirtualClock
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import ListLog, run_virtual
from tests.host.replay.reel import SYMBOL, Scene, bytes_of, play, trade

SECOND = 1_000_000_000


def line(event: str, level: str = "warning", **fields: str) -> str:
    return json.dumps({"time": "", "level": level, "event": event, **fields})


class Stand:
    """A recorder on a clock that the test turns."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.folder = folder
        self.clock = VirtualClock(1_700_000_000 * SECOND)
        self.log = ListLog()
        self.recorder = Recorder(self.clock, self.log, folder, RecorderSettings(**settings))  # type: ignore[arg-type]
        self.journal = self.recorder.journal(MemoryJournal())

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.flight"))


async def passed(scene: Scene, seconds: float) -> None:
    """Virtual seconds, and the real moment that the writing thread needs."""
    await scene.rig.clock.sleep(seconds)
    end = time.monotonic() + 5
    while scene.recorder._writer is not None and scene.recorder._writer.is_alive():
        assert time.monotonic() < end
        time.sleep(0.005)


def staged(folder: Path, act: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def main() -> Scene:
        scene = Scene(folder)
        await scene.start()
        await act(scene)
        return scene

    return run_virtual(main())


@pytest.mark.parametrize("said", [*(line(event) for event in sorted(FAULTS)), line("anything", "error"),
                                  line("mode", "warning", mode="halted"), line("journal_failed", "critical")])  # fmt: skip
def test_a_fault_leaves_a_file_with_what_came_after_it(tmp_path: Path, said: str) -> None:
    async def act(scene: Scene) -> None:
        scene.recorder.hear(said)
        await passed(scene, 1.0)
        assert not list(tmp_path.iterdir())
        scene.recorder.hear(line("order_resolved", "info"))
        await passed(scene, 3.0)

    scene = staged(tmp_path, act)
    (path,) = tmp_path.glob("*.flight")
    event = json.loads(said)["event"]
    tape = load(path)
    assert path.name.endswith(f"Z-{event}.flight")
    assert (tape.header.event, tape.header.cause, tape.torn) == (event, said, "")
    assert [json.loads(each.text)["event"] for each in tape.records if isinstance(each, Line)] == [
        event,
        "order_resolved",
    ]
    (told,) = scene.log.events("flight_frozen")
    assert told["path"] == str(path)


def test_every_fault_is_an_event_that_the_kernel_logs() -> None:
    sources = "".join(path.read_text() for path in Path(kernel.__path__[0]).glob("*.py"))
    assert [event for event in sorted(FAULTS) if f'("{event}"' not in sources and f'"{event}",' not in sources] == []


@pytest.mark.parametrize(
    "said",
    [
        line("fill", "info"),
        line("order_denied"),
        line("mode", mode="active"),
        line("flight_failed", "error"),
        "no JSON",
    ],
)
def test_what_is_no_fault_leaves_none(tmp_path: Path, said: str) -> None:
    async def act(scene: Scene) -> None:
        scene.recorder.hear(said)
        await passed(scene, 10.0)

    staged(tmp_path, act)
    assert not list(tmp_path.iterdir())


def test_a_stop_is_no_fault_but_an_error_in_it_is(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.recorder.hear(line("stopping", "info"))
    stand.recorder.hear(line("venue_down"))
    stand.recorder.close()
    assert not stand.files
    stand.recorder.hear(line("task_failed", "error"))
    stand.recorder.close()
    assert [path.name.partition("-")[2] for path in stand.files] == ["task_failed.flight"]


def test_many_faults_are_one_file_a_minute_and_none_is_lost(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(150):
            scene.recorder.hear(line("order_unknown"))
            await passed(scene, 1.0)

    staged(tmp_path, act)
    paths = sorted(tmp_path.glob("*.flight"))
    assert 2 <= len(paths) <= 3
    tapes = [load(path) for path in paths]
    times = [tape.header.time_ns for tape in tapes]
    assert all(later - earlier >= BETWEEN_NS for earlier, later in pairwise(times))
    faults = [each for each in tapes[-1].records if isinstance(each, Line) and "order_unknown" in each.text]
    assert len(faults) >= 120  # also those between the files are in the last


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    stand = Stand(tmp_path, keep=3)
    (tmp_path / "notes.txt").write_text("not ours")
    for number in range(6):
        stand.recorder.freeze(f"fault{number}")
        stand.recorder.close()
    assert [path.name.partition("-")[2] for path in stand.files] == ["fault3.flight", "fault4.flight", "fault5.flight"]
    assert (tmp_path / "notes.txt").exists()


def test_no_secret_that_is_known_is_in_a_file(tmp_path: Path) -> None:
    """In frames, rows, log lines and events: every secret that the recorder was told of is blotted out."""
    key, phrase = "6f1c2d3e-api-key", "a phrase/with slashes"

    async def act(scene: Scene) -> None:
        scene.recorder.hide(key, phrase)
        scene.recorder.hear(line("order_denied", "info", message=f"the key {key} is wrong, {phrase}"))
        scene.recorder.journal(MemoryJournal()).append(
            "note", key, f'{{"a":"{phrase}"}}'.encode(), scene.rig.clock.now_ns()
        )
        scene.rig.venue.reject("auth", f"key {key} has expired")
        await scene.sys.place_order(SYMBOL, "buy", "limit", "1", "97")

    content = bytes_of(play(tmp_path, act))
    assert key.encode() not in content
    assert phrase.encode() not in content
    assert b"has expired" in content


def test_the_password_of_a_proxy_is_a_secret_too(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    port: Any = None
    proxy = "http://me:pass%2Fword@127.0.0.1:3128"
    Network(
        "okx", proxy, clock=stand.clock, spawn=port, budget=port, log=stand.log, jitter=port, recorder=stand.recorder
    )
    stand.recorder.hear(line("library", message="pass/word of http://me:pass%2Fword@127.0.0.1 is wrong"))
    stand.recorder.freeze("asked")
    stand.recorder.close()
    content = bytes_of(stand.files[0])
    assert b"is wrong" in content
    assert b"pass/word" not in content
    assert b"pass%2Fword" not in content


def test_a_disk_that_takes_nothing_is_told_and_changes_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "flight"
    blocked.write_text("a file where the directory should be")
    stand = Stand(blocked)
    stand.recorder.freeze("asked")
    stand.recorder.close()
    (told,) = stand.log.events("flight_failed")
    assert "exists" in told["reason"]


def test_what_cannot_be_written_down_is_told_and_changes_nothing(tmp_path: Path) -> None:
    """A driver of somebody else may publish anything."""
    stand = Stand(tmp_path)
    strange: Any = object()
    stand.recorder.publish(lambda topic, event: None)("quotes/x/Y", strange)
    stand.recorder.freeze("asked")
    stand.recorder.close()
    (told,) = stand.log.events("flight_failed")
    assert "object" in told["reason"]
    assert not list(tmp_path.iterdir())


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.journal.append("intent", "mine", b"{}", stand.clock.now_ns())
    stand.recorder.hear(line("task_failed", "error"))
    stand.recorder.close()
    (path,) = stand.files
    assert [type(each) for each in load(path).records] == [Entry, Line]


def test_the_ring_ages_by_the_clock(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await trade(scene)
        assert scene.recorder.statistics()["records"] > 20
        await passed(scene, 5 * 60 + 2.0)
        assert scene.recorder.statistics()["records"] == 0

    staged(tmp_path, act)
    assert AFTER_NS < BETWEEN_NS
