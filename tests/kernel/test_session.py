"""A kept session whole: start and stop, streams over several connections, the ladder, and whatever goes wrong at random."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctosd.abi import AuthFailed, Misconfigured, NotReady
from ctosd.kernel.clock import WallClock
from tests.kernel.wires import SECOND, Server, Speech, Stage, play

# -- start and stop ---------------------------------------------------------------------------------------------------------


def test_start_returns_when_it_is_up_and_doing_it_again_changes_nothing() -> None:
    async def scene(stage: Stage) -> None:
        assert not stage.session.up
        await stage.session.start()
        assert stage.session.up
        await stage.session.start()
        assert len(stage.server.dials) == 1
        told = stage.session.statistics()
        assert (told["state"], told["open"], told["connections"]) == ("up", 1, 1)

    play(scene, wanted="a")


def test_start_that_takes_too_long_says_why_and_does_not_go_on() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.down = True
        with pytest.raises(NotReady, match=r"not up within 5 s: connection refused"):
            await stage.session.start(within_s=5)
        dials = len(stage.server.dials)
        await stage.pass_s(100)
        assert len(stage.server.dials) == dials == 4
        assert stage.dialect.news == []
        stage.server.down = False
        await stage.session.start()
        assert stage.session.up
        assert stage.server.wire.streams == {"a"}

    play(scene, wanted="a")


def test_start_goes_on_trying_within_its_time() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.refuses = [NotReady("busy"), NotReady("busy")]
        await stage.session.start(within_s=5)
        assert stage.since_s(stage.clock.now_ns()) == 1.5
        assert stage.dialect.news == [("up", False)]

    play(scene)


@pytest.mark.parametrize("error", [AuthFailed("bad key"), Misconfigured("no key")])
def test_start_raises_what_no_retry_can_mend(error: Exception) -> None:
    async def scene(stage: Stage) -> None:
        stage.dialect.addresses = [error]
        with pytest.raises(type(error), match=str(error)):
            await stage.session.start()
        assert stage.session.statistics()["state"] == "parked"
        assert stage.dialect.news == []
        assert stage.server.dials == []

    play(scene)


def test_login_that_is_refused_ends_the_start_or_is_tried_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.greets = False
        loop = asyncio.get_running_loop()
        starting = loop.create_task(stage.session.start())
        await stage.pass_s(1)
        stage.session.refused(NotReady("come back later"))
        await stage.pass_s(1)
        assert len(stage.server.dials) == 2
        stage.session.refused(AuthFailed("bad key"))
        with pytest.raises(AuthFailed):
            await starting

    play(scene, needs_greeting=True)


def test_start_that_is_cancelled_or_stopped_leaves_nothing() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.slow_s = 5
        starting = asyncio.get_running_loop().create_task(stage.session.start())
        await stage.pass_s(1)
        starting.cancel()
        await asyncio.sleep(0.1)
        assert starting.cancelled()
        assert len(stage.tasks) == 0
        another = asyncio.get_running_loop().create_task(stage.session.start())
        await stage.pass_s(1)
        await stage.session.stop()
        with pytest.raises(NotReady):
            await another

    play(scene)


def test_stop_is_quick_and_final_and_a_start_after_it_works() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        await stage.session.stop()
        assert stage.server.open == []
        assert not stage.session.up
        assert stage.dialect.news == [("up", False)], "nobody is told of what he asked for"
        await stage.session.stop()
        await stage.session.start()
        assert stage.server.wire.streams == {"a"}

    play(scene, wanted="a")


# -- streams ----------------------------------------------------------------------------------------------------------------


def test_wants_before_and_after_the_start_are_subscribed_together() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.session.want("b")
        stage.session.want("c")
        stage.session.want("a")
        await stage.pass_s(1)
        assert stage.server.wire.words == ["sub a", "sub b,c"]

    play(scene, wanted="a")


def test_stream_that_is_not_wanted_any_more_is_unsubscribed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.session.unwant("a")
        stage.session.unwant("nothing")
        await stage.pass_s(100)
        assert stage.server.wire.words == ["sub a,b", "unsub a"]
        assert stage.dialect.news == [("up", False)]
        assert list(stage.session.statistics()["streams"]) == ["b"]

    play(scene, wanted="ab")


def test_stream_that_is_wanted_again_at_once_begins_anew() -> None:
    """Its new listener awaits the snapshot that only a subscription brings."""

    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.session.unwant("a")
        stage.session.want("a")
        await stage.pass_s(1)
        assert stage.server.wire.words == ["sub a", "unsub a", "sub a"]

    play(scene, wanted="a")


def test_more_streams_than_a_connection_takes_are_spread_over_several() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        assert [len(wire.streams) for wire in stage.server.wires] == [5, 5, 1]
        assert stage.dialect.news == [("up", False)]
        for stream in "lmnopq":
            stage.session.want(stream)
        await stage.pass_s(2)
        assert sorted(len(wire.streams) for wire in stage.server.open) == [2, 5, 5, 5]
        assert set().union(*(wire.streams for wire in stage.server.open)) == set("abcdefghijklmnopq")
        assert stage.dialect.news == [("up", False)]
        stage.session.send(b"word")
        assert [wire.words[-1] == "word" for wire in stage.server.wires] == [True, False, False, False]

    play(scene, wanted="abcdefghijk")


def test_loss_of_one_of_several_connections_is_told_and_mended() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        first, second = stage.server.wires
        second.drop("reset")
        assert not stage.session.up
        stage.session.send(b"word")
        await stage.pass_s(1)
        assert stage.dialect.news == [("up", False), ("down", "reset"), ("up", True)]
        assert not first.closed
        assert stage.server.wire.streams == {"f", "g"}

    play(scene, wanted="abcdefg")


def test_connection_without_streams_is_closed_unless_it_is_the_first() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        first, second = stage.server.wires
        stage.session.unwant("f")
        assert second.closed
        for stream in "abcde":
            stage.session.unwant(stream)
        await stage.pass_s(1)
        assert (first.closed, first.streams) == ("", set())
        assert stage.session.up
        assert stage.session.statistics()["lanes"] == 1

    play(scene, wanted="abcdef")


def test_connection_that_was_given_up_takes_its_loss_along() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.server.down = True
        stage.server.wire.drop()
        await stage.pass_s(5)
        assert not stage.session.up
        stage.session.unwant("f")
        assert stage.session.up
        assert [news[0] for news in stage.dialect.news] == ["up", "down", "up"]

    play(scene, wanted="abcdef")


def test_rejected_stream_is_not_asked_for_again_on_this_connection() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        await stage.session.start()
        stage.server.wire.say("no a")
        await stage.pass_s(100)
        stage.session.resubscribe("a", "gap")
        await stage.pass_s(10)
        assert stage.server.wires[0].words == ["sub a"]
        assert stage.log.named("stream_rejected")[0]["stream"] == "a"
        assert stage.dialect.news == [("up", False)]
        stage.server.wire.drop()
        await stage.pass_s(2)
        assert stage.server.wire.words == ["sub a"]

    play(scene, wanted="a")


def test_stream_that_lost_its_thread_is_subscribed_again_with_growing_patience() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        for _ in range(300):
            stage.server.wire.say("gap a")
            await stage.pass_s(0.1)
        times = [stage.since_s(at) for at, word in stage.server.wire.sent if word == b"sub a"]
        assert [round(time) for time in times] == [0, 1, 3, 7, 15]
        assert stage.session.statistics()["resubscribes"] == 5
        await stage.pass_s(100)
        assert stage.server.wire.streams == {"a", "b"}
        assert set(stage.server.wire.words) == {"sub a,b", "unsub a", "sub a"}, "the others are left in peace"

    play(scene, wanted="ab")


# -- what the venue says ------------------------------------------------------------------------------------------------------


def test_venue_may_send_us_away() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.server.wires[1].say("bye")
        await stage.pass_s(1)
        assert [bool(wire.closed) for wire in stage.server.wires] == [False, True, False]
        stage.server.wires[0].say("notice")
        await stage.pass_s(15)
        assert [bool(wire.closed) for wire in stage.server.wires] == [True, True, False, False]
        stage.session.reconnect("by hand")
        await stage.pass_s(2)
        assert stage.session.up
        assert len(stage.server.open) == 2

    play(scene, wanted="abcdef")


# -- the ladder -----------------------------------------------------------------------------------------------------------------


def test_silent_stream_climbs_the_ladder_and_comes_down_with_its_next_message() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        stage.session.want("a", quiet_s=5)
        await stage.session.start()
        await stage.flow("a", 10)
        first = stage.server.wire
        await stage.pass_s(7)
        assert stage.dialect.news[1:] == [("stale", "a")]
        assert first.words == ["sub a", "unsub a", "sub a"]
        await stage.pass_s(8)
        assert first.closed
        assert len(stage.server.wires) == 2
        assert stage.dialect.bridges == []
        await stage.pass_s(60)
        assert [stage.since_s(at) for at, _ in stage.dialect.bridges] == pytest.approx([38, 48, 58, 78], abs=2)
        assert [line["stream"] for line in stage.log.named("stream_silent")] == ["a"]
        assert stage.session.statistics()["stale"]["a"].startswith("nothing for 5")
        stage.server.wire.say("data a")
        assert stage.dialect.news[-1] == ("fresh", "a")
        assert stage.session.statistics()["stale"] == {}
        bridges = len(stage.dialect.bridges)
        await stage.flow("a", 100)
        assert len(stage.dialect.bridges) == bridges
        assert len(stage.server.wires) == 2

    play(scene)


def test_subscription_that_brings_nothing_says_what_is_usually_wrong() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        await stage.session.start()
        await stage.pass_s(12)
        (line,) = stage.log.named("streams_stale")
        assert (line["streams"], line["count"]) == ("a, b", 2)
        assert "wrong route" in line["reason"]
        assert ("stale", "a") in stage.dialect.news

    play(scene, wanted="ab")


def test_many_streams_that_fall_silent_together_cost_one_line_and_one_connection() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        await stage.session.start()
        await stage.pass_s(40)
        lines = stage.log.named("streams_stale")
        assert sum(line["count"] for line in lines) == 20
        assert len(lines) <= 2, "a batch that was sent in the next second is stale a second later"
        assert lines[-1]["streams"].endswith(", …")
        assert len(stage.server.wires) == 2

    play(scene, wanted="abcdefghijklmnopqrst", capacity=50)


def test_streams_that_fall_silent_in_turn_do_not_cost_a_connection_each() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        for count, stream in enumerate("abcde"):
            stage.session.want(stream, quiet_s=5 + 3 * count, first_s=0)
        await stage.session.start()
        await stage.pass_s(60)
        assert len(stage.server.wires) == 2

    play(scene)


def test_bridge_that_fails_is_said_and_tried_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        stage.dialect.bridge_error = NotReady("429")
        await stage.session.start()
        await stage.pass_s(45)
        assert [line["reason"] for line in stage.log.named("stream_bridge_failed")] == ["429", "429"]
        stage.dialect.bridge_error = ZeroDivisionError()
        await stage.pass_s(60)
        assert len(stage.log.named("dialect_failed")) == 1

    play(scene, wanted="a")


def test_stream_whose_venue_is_down_is_stale_and_bridged_but_not_resubscribed() -> None:
    async def scene(stage: Stage) -> None:
        stage.session.want("a", quiet_s=5)
        await stage.session.start()
        stage.server.down = True
        stage.server.wire.drop()
        await stage.pass_s(60)
        assert ("stale", "a") in stage.dialect.news
        assert stage.dialect.bridges
        assert stage.session.statistics()["resubscribes"] == 0

    play(scene)


def test_sleep_of_the_machine_is_no_silence_of_the_streams() -> None:
    async def scene(stage: Stage) -> None:
        stage.session.want("a", quiet_s=5)
        await stage.session.start()
        await stage.flow("a", 3)
        stage.clock.offset_ns += 3600 * SECOND
        await stage.flow("a", 30)
        assert stage.dialect.news == [("up", False)]

    play(scene)


# -- anything ---------------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), replays=st.booleans(), greets=st.booleans())
def test_whatever_happens_what_is_wanted_is_subscribed_in_the_end(seed: int, replays: bool, greets: bool) -> None:
    """Drops, outages, refusals, gaps, notices and changing wants in any order; then calm: everything flows, nothing twice."""
    pick = random.Random(seed)
    names = [f"s{count}" for count in range(12)]

    async def scene(stage: Stage) -> None:
        await stage.session.start()
        wanted: set[str] = set()
        for _ in range(pick.randrange(60)):
            _disturb(stage, pick, pick.choice(names), wanted)
            await stage.pass_s(pick.choice([0.0, 0.01, 0.3, 2.0, 20.0]))
        stage.server.down, stage.server.slow_s, stage.server.greets = False, 0.0, True
        for _ in range(120):
            for wire in stage.server.open:
                for stream in wire.streams:
                    wire.say(f"data {stream}")
            await stage.pass_s(1)
        assert stage.session.up
        assert len(stage.server.open) == stage.session.statistics()["lanes"]
        subscribed = [stream for wire in stage.server.open for stream in wire.streams]
        assert sorted(subscribed) == sorted(wanted)
        assert [one[0] == other[0] for one, other in _pairs(stage)] == [False] * len(_pairs(stage))
        _no_storm(stage.server)

    stage = play(scene, replays=replays, needs_greeting=greets, messages_per_s=20.0)
    assert stage.failures == []


def _pairs(stage: Stage) -> list[tuple[tuple[str, object], tuple[str, object]]]:
    """Neighbours among the news of up and down: they take turns."""
    news = [each for each in stage.dialect.news if each[0] in ("up", "down")]
    return list(pairwise(news))


def _no_storm(server: Server) -> None:
    dials = server.dials
    assert all(dials[count + 12] - dials[count] > SECOND for count in range(len(dials) - 12))


def _disturb(stage: Stage, pick: random.Random, stream: str, wanted: set[str]) -> None:
    session, server = stage.session, stage.server
    act = pick.choice(
        ["want", "want", "want", "unwant", "drop", "notice", "down", "up", "slow", "gap", "bye", "data", "mute"]
    )
    if act == "want":
        session.want(stream, quiet_s=pick.choice([0.0, 5.0]))
        wanted.add(stream)
    elif act == "unwant":
        session.unwant(stream)
        wanted.discard(stream)
    elif act in ("down", "up"):
        server.down = act == "down"
    elif act == "slow":
        server.slow_s = pick.choice([0.0, 3.0])
    elif act == "mute":
        server.greets = not server.greets
    elif server.open:
        wire = pick.choice(server.open)
        words = {"notice": "notice", "bye": "bye", "gap": f"gap {stream}", "data": f"data {stream}"}
        wire.drop() if act == "drop" else wire.say(words[act])


async def test_it_runs_on_the_wall_clock_alike() -> None:
    stage = Stage(WallClock(), Speech())
    stage.session.want("a")
    await stage.session.start()
    asked = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order"))
    await asyncio.sleep(0)
    stage.server.wire.say("answer 1 yes")
    assert await asked == "yes"
    assert stage.server.wire.words == ["sub a", "order"]
    await stage.session.stop()
    await asyncio.sleep(0)
    assert (len(stage.tasks), stage.server.open) == (0, [])
