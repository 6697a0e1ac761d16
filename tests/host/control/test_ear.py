"""A follower's ear: nothing missed while it keeps up, the oldest lost when it does not."""

import asyncio
import threading

from ctosd.host.control.ear import Ear


async def test_lines_from_any_thread_wake_the_one_who_waits():
    """In the order in which they were written, each once."""
    ear = Ear(10)
    thread = threading.Thread(target=lambda: [ear(str(i)) for i in range(3)])
    thread.start()
    await asyncio.wait_for(ear.wait(), 5)
    thread.join()
    assert ear.take() == ["0", "1", "2"]
    assert ear.take() == []
    ear("3")
    await asyncio.wait_for(ear.wait(), 5)
    assert ear.take() == ["3"]


async def test_a_slow_reader_loses_the_oldest():
    """Memory is bounded."""
    ear = Ear(2)
    for i in range(5):
        ear(str(i))
    assert ear.take() == ["3", "4"]


async def test_closing_wakes_too():
    """So that the stream can end."""
    ear = Ear(2)
    ear.close()
    await asyncio.wait_for(ear.wait(), 5)
    assert ear.closed
