"""One socket: greeting, subscribing in batches at the venue's pace, pings, silence."""

from __future__ import annotations

import asyncio

import pytest

from ctosd.abi import Limit, Misconfigured, NotReady
from tests.kernel.wires import SECOND, Stage, play


def test_streams_are_subscribed_in_batches_at_the_venues_pace() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        wire = stage.server.wire
        assert wire.words == ["sub a,b,c", "sub d,e"]
        assert wire.sent[1][0] - wire.sent[0][0] >= SECOND // 10
        assert stage.dialect.news == [("up", False)]

    play(scene, wanted="abcde")


def test_any_second_holds_no_more_frames_than_are_allowed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        for stream in "bcdefghij":
            stage.session.want(stream)
            await stage.pass_s(0.05)
        await stage.pass_s(20)
        times = [at for at, _ in stage.server.wire.sent]
        assert len(times) >= 6
        assert all(sum(begin <= at < begin + SECOND for at in times) <= 3 for begin in times)
        assert stage.server.wire.streams == set("abcdefghij")

    play(scene, wanted="a", batch=1, messages_per_s=2.0, capacity=50)


def test_subscriptions_wait_for_the_venues_budget_however_long() -> None:
    async def scene(stage: Stage) -> None:
        stage.session.want("a")
        await stage.session.start()
        for stream in "bcd":
            stage.session.want(stream)
        await stage.pass_s(150)
        assert stage.server.wire.words == ["sub a", "sub b"]
        await stage.pass_s(200)
        assert stage.server.wire.streams == set("abcd")
        assert stage.session.up

    play(scene, limits=[Limit("ops", 1, 0.01)], operations=(("ops", 1.0),), batch=1)


def test_connecting_takes_from_the_venues_budget() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        for _ in range(3):
            stage.server.wire.drop()
            await stage.pass_s(60)
        assert [stage.since_s(at) for at in stage.server.dials][:2] == [0.0, 0.5]
        assert stage.server.dials[2] - stage.server.dials[0] >= 20 * SECOND

    play(scene, limits=[Limit("connects", 2, 0.05)], connects=(("connects", 1.0),))


def test_login_is_answered_before_anything_is_subscribed() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.greets = False
        starting = asyncio.get_running_loop().create_task(stage.session.start())
        await stage.pass_s(2)
        assert stage.server.wire.words == ["login"]
        stage.server.wire.say("welcome")
        await starting
        assert stage.server.wire.words == ["login", "sub a"]

    play(scene, wanted="a", needs_greeting=True)


def test_login_that_is_not_answered_is_given_up_after_ten_seconds() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.greets = False
        with pytest.raises(NotReady, match="no answer to the login within 10 s"):
            await stage.session.start(within_s=12)
        assert [stage.since_s(at) for at in stage.server.dials] == [0.0, 10.5]
        assert stage.server.wires[0].closed

    play(scene, needs_greeting=True)


def test_socket_that_closes_while_it_is_dialled_or_greets_is_no_connection() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.greets = False
        starting = asyncio.get_running_loop().create_task(stage.session.start())
        await stage.pass_s(1)
        stage.server.wire.drop("policy violation")
        stage.server.greets = True
        await starting
        assert stage.log.named("session_retry")[0]["reason"] == "policy violation"

    play(scene, needs_greeting=True)


def test_ping_is_sent_when_nothing_was_heard_and_its_answer_keeps_the_connection() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        await stage.flow("a", 30)
        assert "ping" not in stage.server.wire.words
        await stage.pass_s(100)
        assert 5 <= stage.server.wire.words.count("ping") <= 7
        assert len(stage.server.wires) == 1
        stage.server.pongs = False
        await stage.pass_s(62)
        assert len(stage.server.wires) == 2
        ((_, reason), *_) = [news for news in stage.dialect.news if news[0] == "down"]
        assert reason.startswith("the server is silent for 4")

    play(scene, wanted="a", ping=b"ping", ping_s=15.0, silent_s=45.0)


def test_silence_proves_nothing_where_nothing_is_owed() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        await stage.pass_s(600)
        assert len(stage.server.wires) == 1
        stage.session.want("a", first_s=0)
        await stage.pass_s(60)
        assert len(stage.server.wires) == 2

    play(scene, silent_s=45.0)


def test_clock_that_is_set_back_does_not_make_a_dead_server_young() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        stage.clock.offset_ns -= 3600 * SECOND
        await stage.pass_s(50)
        assert len(stage.server.wires) == 2

    play(scene, wanted="a", silent_s=45.0)


def test_limit_that_does_not_exist_parks_the_session() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(Misconfigured, match="no limit"):
            await stage.session.start()
        assert stage.session.statistics()["state"] == "parked"

    play(scene, wanted="a", operations=(("typo", 1.0),))


def test_dialect_that_cannot_subscribe_is_said_and_tried_again() -> None:
    async def scene(stage: Stage) -> None:
        stage.dialect.subscribe = lambda streams: 1 / 0  # type: ignore[method-assign,assignment]
        with pytest.raises(NotReady, match="could not subscribe: ZeroDivisionError"):
            await stage.session.start(within_s=3)

    play(scene, wanted="a")


def test_stream_that_needs_no_frame_counts_as_subscribed() -> None:
    async def scene(stage: Stage) -> None:
        stage.dialect.subscribe = lambda streams: ()  # type: ignore[method-assign]
        await stage.session.start()
        assert stage.server.wire.words == []
        await stage.pass_s(12)
        assert stage.session.statistics()["stale"]

    play(scene, wanted="abcde")
