"""A connection that is kept: back-off, rotation with overlap, a successor that takes over."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from ctosd.abi import AuthFailed, Misconfigured, NoAnswer, NotReady
from tests.kernel.wires import SECOND, Stage, play

HOUR = 3600.0


def gaps(stage: Stage) -> list[float]:
    dials = stage.server.dials
    return [round((after - before) / SECOND, 2) for before, after in pairwise(dials)]


def test_lost_connection_comes_back_with_everything_that_was_wanted() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        await stage.pass_s(100)
        stage.server.wire.drop("reset by peer")
        assert not stage.session.up
        await stage.pass_s(1)
        assert stage.session.up
        assert stage.server.wire.streams == set("abcde")
        assert stage.dialect.news == [("up", False), ("down", "reset by peer"), ("up", True)]
        told = stage.session.statistics()
        assert (told["reconnects"], told["connections"]) == (1, 2)
        assert told["losses"][0]["reason"] == "reset by peer"

    play(scene, wanted="abcde")


def test_venue_that_is_down_is_not_stormed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.server.down = True
        stage.server.wire.drop()
        await stage.pass_s(200)
        assert gaps(stage)[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        stage.server.down = False
        await stage.pass_s(31)
        assert stage.session.up
        assert [news[0] for news in stage.dialect.news] == ["up", "down", "up"]

    play(scene)


def test_delays_are_jittered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.jitter = 0.8
        stage.server.down = True
        stage.server.wire.drop()
        await stage.pass_s(10)
        assert gaps(stage)[:3] == [0.7, 1.4, 2.8]

    play(scene)


def test_connection_that_is_taken_and_dropped_again_backs_off_until_a_good_minute() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        for wait in (1, 1.5, 3, 65):
            stage.server.wire.drop()
            await stage.pass_s(wait)
        stage.server.wire.drop()
        await stage.pass_s(2)
        assert [stage.since_s(at) for at in stage.server.dials] == [0.0, 0.5, 2.0, 4.5, 9.5, 71.0]
        assert stage.session.up

    play(scene)


@pytest.mark.parametrize("error", [AuthFailed("the key was revoked"), Misconfigured("no such key")])
def test_refusal_that_no_retry_can_mend_ends_it(error: Exception) -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.dialect.addresses = [error]
        stage.server.wire.drop("reset")
        await stage.pass_s(600)
        assert stage.dialect.news == [("up", False), ("down", "reset"), ("down", str(error))]
        told = stage.session.statistics()
        assert (told["state"], told["reason"]) == ("parked", str(error))
        assert len(stage.log.named("session_parked")) == 1
        assert len(stage.server.dials) == 1

    play(scene)


def test_bug_of_a_dialect_is_a_loss_like_any_other() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.dialect.addresses = [ZeroDivisionError("oh"), "wss://venue.test/ws"]
        stage.server.wire.drop()
        await stage.pass_s(2)
        assert stage.session.up
        assert "ZeroDivisionError" in stage.log.named("session_retry")[0]["reason"]

    play(scene)


# -- rotation -------------------------------------------------------------------------------------------------------------


def test_next_connection_is_open_and_subscribed_before_the_old_one_goes() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        for _ in range(4_000):
            await stage.flow("a", 1)
            if len(stage.server.wires) == 2:
                break
        new = stage.server.wire
        assert 0.95 * HOUR <= stage.since_s(new.opened_ns) <= 1.05 * HOUR
        await stage.pass_s(2)
        assert (old.closed, new.streams) == ("", set("abcde"))
        await stage.flow("a", 10)
        assert old.closed == "replaced"
        assert stage.session.up
        assert stage.dialect.news == [("up", False)], "nobody need know"
        assert stage.session.statistics()["rotations"] == 1

    play(scene, wanted="abcde", rotate_s=HOUR)


@pytest.mark.parametrize(("jitter", "hours"), [(0.0, 0.95), (0.5, 1.0), (0.99, 1.05)])
def test_rotation_is_jittered(jitter: float, hours: float) -> None:
    async def scene(stage: Stage) -> None:
        stage.jitter = jitter
        await stage.session.start()
        await stage.pass_s(2 * HOUR)
        assert stage.since_s(stage.server.dials[1]) == pytest.approx(hours * HOUR, abs=5)
        assert len(stage.server.dials) in (2, 3)

    play(scene, rotate_s=HOUR)


def test_only_one_of_both_is_heard_at_a_time() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        old.say("notice")
        await stage.pass_s(1)
        new = stage.server.wire
        assert new is not old
        stage.dialect.heard.clear()
        old.say("data a")
        new.say("data a")
        new.say("bad key")
        assert stage.dialect.heard == ["a"]
        await stage.pass_s(10)
        new.say("data a")
        assert stage.dialect.heard == ["a", "a"]
        assert stage.log.named("frame_unread") == []

    play(scene, wanted="a")


def test_login_of_the_next_connection_is_heard_though_its_data_are_not() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.session.rotate("by hand")
        await stage.pass_s(12)
        assert len(stage.server.open) == 1
        assert stage.server.open[0].words == ["login", "sub a"]
        assert stage.session.statistics()["rotations"] == 1

    play(scene, wanted="a", needs_greeting=True)


def test_where_the_venue_replays_both_are_heard_and_the_switch_waits_for_first_messages() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        stage.session.want("b", first_s=0)
        await stage.session.start()
        old = stage.server.wire
        stage.session.rotate("by hand")
        await stage.pass_s(1)
        new = stage.server.wire
        old.say("data a")
        new.say("data b")
        await stage.pass_s(1)
        assert not old.closed
        new.say("data a")
        await stage.pass_s(0.1)
        assert old.closed
        assert stage.dialect.heard == ["a", "b", "a"]

    play(scene, wanted="a", replays=True)


def test_quiet_private_stream_does_not_hold_the_switch_for_ever() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.auto = False
        await stage.session.start()
        stage.session.rotate("by hand")
        await stage.pass_s(9)
        assert len(stage.server.open) == 2
        await stage.pass_s(2)
        assert len(stage.server.open) == 1
        assert stage.server.open[0] is stage.server.wires[1]

    play(scene, wanted="a", replays=True)


def test_next_connection_that_fails_leaves_the_old_one_in_place() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.server.refuses = [NotReady("no"), AuthFailed("a hiccup of theirs"), NotReady("no")]
        old.say("notice")
        await stage.pass_s(2.6)
        assert not old.closed
        assert stage.session.up
        await stage.pass_s(20)
        assert old.closed
        assert gaps(stage) == [0.0, 0.5, 1.0, 2.0]
        assert len(stage.log.named("session_rotation_failed")) == 3
        assert stage.dialect.news == [("up", False)]

    play(scene, wanted="a")


def test_next_connection_that_stays_silent_while_the_old_one_flows_does_not_take_over() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.server.auto = False
        stage.session.rotate("by hand")
        for _ in range(12):
            await stage.pass_s(1)
            old.say("data a")
        assert not old.closed
        assert "silent while the old one flows" in stage.log.named("session_rotation_failed")[0]["reason"]

    play(scene, wanted="a")


def test_next_connection_takes_over_at_once_when_the_old_one_is_lost() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        old.say("notice")
        await stage.pass_s(2)
        old.drop("closed by the venue")
        await stage.pass_s(0.01)
        stage.dialect.heard.clear()
        stage.server.wire.say("data a")
        assert stage.dialect.heard == ["a"]
        assert stage.session.up
        assert stage.dialect.news == [("up", False)]
        await stage.pass_s(60)
        assert len(stage.server.wires) == 2
        stage.server.wire.drop()
        await stage.pass_s(1)
        assert stage.session.up
        assert len(stage.server.wires) == 3

    play(scene, wanted="a")


def test_old_connection_lost_before_the_next_is_ready_is_a_loss() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.server.slow_s = 5
        old.say("notice")
        await stage.pass_s(1)
        old.drop("gone")
        await stage.pass_s(20)
        assert stage.session.up
        assert [news[0] for news in stage.dialect.news] == ["up", "down", "up"]
        assert len(stage.server.open) == 1

    play(scene, wanted="a")


def test_switch_waits_for_answers_that_the_old_connection_owes() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.session.rotate("by hand")
        await stage.pass_s(9)
        asked = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order", 60))
        await stage.pass_s(3)
        assert not old.closed
        old.say("answer 1 done")
        assert await asked == "done"
        await stage.pass_s(0.1)
        assert old.closed

    play(scene, wanted="a")


def test_answer_that_takes_longer_is_still_heard_on_the_old_connection() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.session.rotate("by hand")
        await stage.pass_s(9)
        loop = asyncio.get_running_loop()
        slow, lost = (loop.create_task(stage.session.ask(key, b"order", 60)) for key in "12")
        await stage.pass_s(8)
        assert stage.session.statistics()["rotations"] == 1
        later = loop.create_task(stage.session.ask("3", b"order"))
        await stage.pass_s(0.1)
        assert stage.server.wire.words[-1] == "order"
        stage.server.wire.say("answer 3 there")
        assert await later == "there"
        old.say("answer 1 here")
        assert await slow == "here"
        with pytest.raises(NoAnswer):
            await lost
        assert old.closed
        assert stage.session.up

    play(scene, wanted="a")


def test_wants_during_a_rotation_reach_both() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        old = stage.server.wire
        stage.session.rotate("by hand")
        await stage.pass_s(2)
        stage.session.want("z")
        stage.session.unwant("a")
        await stage.pass_s(1)
        assert [wire.streams for wire in stage.server.wires] == [{"b", "z"}, {"b", "z"}]
        await stage.pass_s(10)
        assert old.closed

    play(scene, wanted="ab")


def test_stop_during_a_rotation_leaves_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.session.rotate("by hand")
        await stage.pass_s(2)
        assert len(stage.server.open) == 2

    play(scene, wanted="a")


def test_stream_whose_first_message_went_unheard_in_the_overlap_is_not_stale() -> None:
    """It speaks when it is subscribed and then hardly ever; that it flows is known from before."""

    async def scene(stage: Stage) -> None:
        await stage.session.start()
        await stage.pass_s(1)
        stage.session.rotate("by hand")
        await stage.pass_s(60)
        assert stage.session.statistics()["rotations"] == 1
        assert stage.dialect.news == [("up", False)]

    play(scene, wanted="a")
