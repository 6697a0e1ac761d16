"""What a dialect raises is counted and told of once; only a broken invariant goes further."""

from __future__ import annotations

from ctosd.abi.errors import InvariantBroken
from tests.kernel.wires import Stage, play


def test_frame_that_cannot_be_heard_is_counted_and_told_of_once_a_kind_and_minute() -> None:
    async def scene(stage: Stage) -> None:
        await stage.session.start()
        for _ in range(50):
            stage.server.wire.say("bad key")
            stage.server.wire.say("bad value")
            stage.server.wire.say("data a")
        assert stage.dialect.heard.count("a") >= 50
        told = stage.log.named("frame_unread")
        assert [each["reason"] for each in told] == ["KeyError('key')", "ValueError('value')"]
        assert stage.session.statistics()["unread"] == 100
        await stage.pass_s(61)
        stage.server.wire.say("bad key")
        assert [each["count"] for each in stage.log.named("frame_unread")] == [1, 2, 101]
        assert stage.session.up

    play(scene, wanted="a")


def test_hook_that_fails_does_not_break_the_connection() -> None:
    async def scene(stage: Stage) -> None:
        stage.dialect.on_up = lambda resumed: 1 / 0  # type: ignore[method-assign,assignment]
        stage.dialect.on_down = lambda reason: {}[reason]  # type: ignore[method-assign]
        await stage.session.start()
        stage.server.wire.drop()
        await stage.pass_s(2)
        assert stage.session.up
        assert [each["reason"] for each in stage.log.named("dialect_failed")] == [
            "ZeroDivisionError('division by zero')",
            "KeyError('reset by peer')",
        ]

    play(scene)


def test_broken_invariant_reaches_the_kernel() -> None:
    """A tap of the ledger found a law broken while a frame was heard: the daemon must hear of it."""
    error = InvariantBroken("two fills with one id")

    async def scene(stage: Stage) -> None:
        def hear(session: object, frame: bytes, recv_ns: int) -> str:
            raise error

        stage.dialect.hear = hear  # type: ignore[method-assign]
        await stage.session.start()
        stage.server.wire.say("data a")
        await stage.pass_s(1)
        assert stage.failures == [error]

    play(scene)
