"""Questions and answers over a session: what is known of a question when no answer comes."""

from __future__ import annotations

import asyncio

import pytest

from ctosd.abi import NoAnswer, NotSent
from tests.kernel.wires import Stage, play


def test_answers_come_in_any_order() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        loop = asyncio.get_running_loop()
        one, two = (loop.create_task(stage.session.ask(key, f"order {key}".encode())) for key in "12")
        await asyncio.sleep(0)
        assert stage.server.wire.words == ["order 1", "order 2"]
        assert stage.session.statistics()["asks"] == 2
        stage.server.wire.say("answer 2 second")
        stage.server.wire.say("answer 3 nobody")
        stage.server.wire.say("answer 1 first")
        assert (await one, await two) == ("first", "second")
        assert stage.session.statistics()["asks"] == 0

    play(scene)


def test_answer_may_come_before_the_question_has_returned() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        wire = stage.server.wire
        send = wire.send
        wire.send = lambda message: (send(message), wire.say("answer 1 quick"))[0]  # type: ignore[method-assign]
        assert await stage.session.ask("1", b"order") == "quick"

    play(scene)


def test_without_a_connection_nothing_leaves() -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(NotSent):
            await stage.session.ask("1", b"order")
        await stage.session.start()
        stage.server.wire.closed = "lost, and not yet told"
        with pytest.raises(NotSent):
            await stage.session.ask("1", b"order")
        with pytest.raises(NotSent):
            stage.session.send(b"word")
        assert stage.session.statistics()["asks"] == 0

    play(scene)


def test_connection_that_is_not_greeted_takes_no_question() -> None:
    async def scene(stage: Stage) -> None:
        stage.server.greets = False
        starting = asyncio.get_running_loop().create_task(stage.session.start())
        await stage.pass_s(1)
        with pytest.raises(NotSent):
            await stage.session.ask("1", b"order")
        stage.server.wire.say("welcome")
        await starting
        stage.session.send(b"word")
        assert stage.server.wire.words == ["login", "word"]

    play(scene, needs_greeting=True)


def test_lost_connection_fails_every_question_that_waits_at_once() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        waiting = [asyncio.get_running_loop().create_task(stage.session.ask(key, b"order")) for key in "12"]
        await stage.pass_s(1)
        before_ns = stage.clock.now_ns()
        stage.server.wire.drop("reset by peer")
        for each in waiting:
            with pytest.raises(NoAnswer, match="the connection was lost: reset by peer"):
                await each
        assert stage.clock.now_ns() == before_ns

    play(scene)


def test_stop_fails_what_waits() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        waiting = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order"))
        await asyncio.sleep(0)
        await stage.session.stop()
        with pytest.raises(NoAnswer):
            await waiting

    play(scene)


def test_silence_is_no_answer_and_a_late_one_is_dropped() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        with pytest.raises(NoAnswer, match=r"within 2\.5 s"):
            await stage.session.ask("1", b"order", 2.5)
        assert 2.5 <= stage.since_s(stage.clock.now_ns()) < 2.51
        stage.server.wire.say("answer 1 late")
        again = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order"))
        await asyncio.sleep(0)
        stage.server.wire.say("answer 1 mine")
        assert await again == "mine"

    play(scene)


def test_key_that_waits_already_is_a_mistake_and_nothing_is_sent() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        first = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order"))
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="asked already"):
            await stage.session.ask("1", b"another")
        assert stage.server.wire.words == ["order"]
        stage.server.wire.say("answer 1 yes")
        assert await first == "yes"

    play(scene)


def test_question_that_is_given_up_leaves_no_trace() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        asked = asyncio.get_running_loop().create_task(stage.session.ask("1", b"order"))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.sleep(0)
        assert stage.session.statistics()["asks"] == 0
        stage.server.wire.drop()

    play(scene)
