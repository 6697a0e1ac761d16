"""Real time on every loop."""

import asyncio
import time

import pytest

from ctosd.host.control import patience
from ctosd.kernel.clock import VirtualClock
from ctosd.kernel.loop import VirtualLoop

LOOPS = {"wall": asyncio.new_event_loop, "virtual": lambda: VirtualLoop(VirtualClock())}


async def forever():
    """On the virtual loop time jumps with each turn."""
    while True:  # noqa: ASYNC110 - the loop has to have a timer to jump to
        await asyncio.sleep(0.001 if not isinstance(asyncio.get_running_loop(), VirtualLoop) else 1000)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_block_ends_after_its_real_time(kind):
    """Not before, and not never."""

    async def life():
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with patience.within(0.1):
                await forever()
        assert 0.09 < time.monotonic() - began < 5

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(life())


@pytest.mark.parametrize("kind", LOOPS)
def test_a_block_that_is_done_in_time_is_left_alone(kind):
    """The timer does not strike afterwards."""

    async def life():
        async with patience.within(0.05):
            await asyncio.sleep(0)
        until = time.monotonic() + 0.1
        while time.monotonic() < until:  # noqa: ASYNC110 - it waits for nothing to happen
            await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(life())
