"""The log as a whole: what a call becomes, where it goes, what it costs."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import pytest

from ctosd.abi import CallerMistake
from ctosd.host.logs.hub import KEPT, Logs
from ctosd.host.secrets import Secret

NOON = 1_767_355_445_678_901_234  # 2026-01-02T12:04:05.678901234 UTC
FILL = {
    "account": "paper/main", "symbol": "BTC/USDT:USDT", "side": "buy", "size": "0.010", "price": "60012.4", "fee": "0.12",
    "client_id": "ctos0abcdefg012345678", "liquidity": "maker",
}  # fmt: skip


class Kind(StrEnum):
    LIMIT = "limit"


class Bench:
    """A log that writes into `folder`, its standard output into the file `out` there."""

    def __init__(self, folder: Path, level: str = "info", **options: Any) -> None:
        self.folder = folder
        self.now = NOON
        self.stream = (folder / "out").open("a", encoding="utf-8")
        self.logs = Logs.open(
            level=level, now_ns=lambda: self.now, environ={}, directory=folder, stream=self.stream, **options
        )

    def close(self) -> None:
        self.logs.close()
        self.stream.close()

    def lines(self, name: str = "ctosd.jsonl") -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.folder / name).read_bytes().splitlines()]


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:

        def make(**options: Any) -> Bench:
            bench = Bench(tmp_path, **options)
            stack.callback(bench.close)
            return bench

        yield make


@pytest.fixture
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of()


def test_a_line_has_time_level_event_and_fields(bench: Bench) -> None:
    """The same JSON goes to standard output and to the file: time by the daemon's clock, the bound fields with it."""
    log = bench.logs.logger(strategy="grid-btc")
    log.info("fill", price=Decimal("60012.40"), kind=Kind.LIMIT, where=Path("/x"), raw=b"\xff1")
    bench.now += 1_000_000_000
    log.bind(venue="paper").error("venue_down")
    bench.close()
    head = {"time": "2026-01-02T12:04:05.678901Z", "level": "info", "event": "fill", "strategy": "grid-btc"}
    assert bench.lines() == [
        {**head, "price": "60012.40", "kind": "limit", "where": "/x", "raw": "\\xff1"},
        {
            "time": "2026-01-02T12:04:06.678901Z",
            "level": "error",
            "event": "venue_down",
            "strategy": "grid-btc",
            "venue": "paper",
        },
    ]
    assert bench.lines("out") == bench.lines()
    assert list(bench.lines()[0])[:4] == ["time", "level", "event", "strategy"]


def test_the_level_is_kept_and_a_wrong_one_is_named(bench_of: Callable[..., Bench]) -> None:
    """Below the level nothing is made; a level that does not exist is a caller's mistake with the right words in it."""
    bench = bench_of(level="warning")
    log = bench.logs.logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [orjson.loads(line)["event"] for line in bench.logs.recent()] == ["c"]
    with pytest.raises(CallerMistake, match="write one of debug, info"):
        bench.logs.recent(1, "loud")


def test_a_line_tells_what_was_true_when_it_was_made(bench: Bench) -> None:
    """Later changes of a logged list do not reach the line, though it is written by another thread."""
    orders = ["one"]
    bench.logs.logger().info("orders", orders=orders)
    orders.append("two")
    bench.close()
    assert bench.lines()[0]["orders"] == ["one"]


def test_secrets_do_not_reach_any_door(bench: Bench) -> None:
    """By type, by name, in an exception's text: hidden in the file, on the console, in memory and for followers."""
    heard: list[str] = []
    bench.logs.subscribe(heard.append)
    log = bench.logs.logger(api_key="hunter2")
    try:
        raise ValueError("GET /order?symbol=X&signature=hunter2")
    except ValueError as error:
        log.exception("request_failed", account={"passphrase": "hunter2"}, key=Secret("hunter2"), error=repr(error))
    bench.close()
    everything = [
        *heard,
        *bench.logs.recent(),
        (bench.folder / "out").read_text(),
        (bench.folder / "ctosd.jsonl").read_text(),
    ]
    assert len(everything) == 4
    for text in everything:
        assert "hunter2" not in text
        assert "ValueError" in text


def test_flush_puts_what_follows_below(bench: Bench) -> None:
    """A report that is printed after a flush stands under the lines that were logged before it."""
    for number in range(100):
        bench.logs.logger().info("n", number=number)
    assert bench.logs.flush()
    assert len(bench.lines("out")) == 100


@pytest.mark.parametrize("given", ["error", "tuple", "true", "none"])
def test_an_exception_becomes_its_traceback(bench: Bench, given: str) -> None:
    """`exc_info` as an exception, a tuple or True gives the traceback's text; without one there is none."""
    try:
        raise ValueError("boom")
    except ValueError as error:
        how = {"error": error, "tuple": (ValueError, error, error.__traceback__), "true": True, "none": None}[given]
        bench.logs.logger().error("failed", exc_info=how)
    record = orjson.loads(bench.logs.recent(1)[0])
    assert ("ValueError: boom" in record.get("exception", "")) == (given != "none")
    assert "exc_info" not in record


def test_what_json_cannot_hold_is_shown_and_raises_nothing(bench: Bench) -> None:
    """Huge numbers, half characters, odd keys and objects with a broken repr: a line all the same."""

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    log = bench.logs.logger()
    log.info("a", value=1 << 80)
    log.info("b", value="\ud800")
    log.info("c", value={1: {("x", 2): 3}})
    log.info("d", value=Rude())
    log.info("e", value=object)
    records = [orjson.loads(line) for line in bench.logs.recent()]
    assert [record["event"].strip("'") for record in records] == ["a", "b", "c", "d", "e"]
    assert records[0]["value"] == str(1 << 80)
    assert records[3]["value"] == "<Rude that cannot be shown>"


def test_the_newest_lines_are_kept_in_memory(bench: Bench) -> None:
    """`recent` gives the newest of a level, oldest first; no more than the ring holds."""
    log = bench.logs.logger()
    for number in range(KEPT + 10):
        (log.warning if number % 100 == 0 else log.info)("n", number=number)
    assert [orjson.loads(line)["number"] for line in bench.logs.recent(3)] == [KEPT + 7, KEPT + 8, KEPT + 9]
    assert [orjson.loads(line)["number"] for line in bench.logs.recent(2, "warning")] == [1_900, 2_000]
    assert len(bench.logs.recent(10_000)) == KEPT


async def test_followers_hear_each_line_on_their_own_thread(bench: Bench) -> None:
    """A line from another thread comes through the follower's loop; who left hears nothing more."""
    heard: list[tuple[str, int]] = []

    def ear(line: str) -> None:
        heard.append((orjson.loads(line)["event"], threading.get_ident()))

    bench.logs.subscribe(ear)
    log = bench.logs.logger()
    log.info("here")
    await asyncio.to_thread(log.info, "there")
    await asyncio.sleep(0)
    bench.logs.unsubscribe(ear)
    log.info("gone")
    assert heard == [("here", threading.get_ident()), ("there", threading.get_ident())]
    bench.logs.unsubscribe(ear)


def test_lines_of_libraries_are_taken_in_and_let_go_again(bench: Bench) -> None:
    """asyncio's and aiohttp's warnings become lines; closing leaves `logging` as it was."""
    before = list(logging.getLogger().handlers)
    bench.logs.adopt_stdlib()
    bench.logs.adopt_stdlib()
    logging.getLogger("asyncio").error("Task exception was never %s", "retrieved", exc_info=ValueError("boom"))
    logging.getLogger("aiohttp").info("chatter")
    bench.close()
    assert logging.getLogger().handlers == before
    (record,) = bench.lines()
    assert (record["event"], record["logger"], record["message"]) == (
        "library",
        "asyncio",
        "Task exception was never retrieved",
    )
    assert "ValueError: boom" in record["exception"]


def test_a_terminal_that_does_not_read_does_not_hold_up_the_daemon(tmp_path: Path) -> None:
    """Standard output is a full pipe: calls go on, drops are counted, the file has every line, closing is bounded."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        logs = Logs.open(now_ns=lambda: NOON, environ={}, directory=tmp_path, stream=stream)
        log = logs.logger()
        began = time.monotonic()
        for number in range(20_000):
            log.info("n", number=number, text="x" * 50)
            if number % 1_000 == 0:
                time.sleep(0.002)  # the file's thread keeps up; the console's cannot
        assert time.monotonic() - began < 5
        statistics = logs.statistics()
        assert statistics["console"]["dropped"]["info"] > 0
        logs.close(within_s=0.2)
        assert (tmp_path / "ctosd.jsonl").read_bytes().count(b"\n") == 20_000 - statistics["file"]["dropped"]["info"]
        os.close(reader)  # frees the thread that still writes


def test_a_folder_that_cannot_be_written_is_a_warning_not_an_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The console goes on, standard error says once where and why."""
    with (tmp_path / "out").open("w") as stream:
        logs = Logs.open(now_ns=lambda: NOON, environ={}, directory=tmp_path / "gone", stream=stream)
        logs.logger().info("a")
        logs.logger().info("b")
        logs.close()
        assert logs.statistics()["file_output"]["lost"] == 2
    assert (tmp_path / "out").read_text().count("\n") == 2
    said = capfd.readouterr().err
    assert said.count("cannot write to") == 1
    assert "gone/ctosd.jsonl: No such file or directory" in said


def test_logging_is_cheap(bench: Bench) -> None:
    """A line of a fill costs the loop a few microseconds, one below the level a fraction; bounds are loose for slow machines."""
    log = bench.logs.logger(strategy="grid-btc")

    def cost_us(call: Callable[[], Any], times: int) -> float:
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter_ns()
            for _ in range(times):
                call()
            best = min(best, (time.perf_counter_ns() - began) / times / 1_000)
        return best

    assert cost_us(lambda: log.info("fill", **FILL), 500) < 40
    assert cost_us(lambda: log.debug("quote", **FILL), 500) < 4
    assert bench.logs.statistics()["lines"] == 2_500
