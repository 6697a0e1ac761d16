"""Who is let in when the house is full, and who is cut off when nothing comes; the rest is told by `test_control`."""

import asyncio

from ctosd.host.control.guests import Door, Guest, Limits


class Inner:
    """A protocol that only remembers."""

    def __init__(self):
        self.seen = []

    def __getattr__(self, name):
        return lambda *words: self.seen.append((name, *words))


class Line(asyncio.Transport):
    """A transport of which only the end matters."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.gone = ""

    def get_extra_info(self, name, default=None):
        class Sock:
            def getsockopt(self, *words):
                raise OSError(95, "not supported")

        return Sock()

    def write(self, data):
        self.written += data

    def close(self):
        self.gone = "closed"

    def abort(self):
        self.gone = "aborted"


def arrive(door):
    guest, line = door(), Line()
    guest.connection_made(line)
    return guest, line


async def test_a_full_house_refuses_and_reads_to_the_end_first():
    """The one too many hears why, and is closed only when it has spoken, so that it reads the answer."""
    door = Door(Inner, Limits(connections=1))
    first, _ = arrive(door)
    first.busy = True
    late, line = arrive(door)
    assert line.written.startswith(b"HTTP/1.1 503 ")
    assert (line.gone, door.refused, late._inner.seen) == ("", 1, [])
    late.data_received(b"GET")
    assert line.gone == "closed"
    late.connection_lost(None)
    assert list(door.guests.values()) == [first]
    first.connection_lost(None)
    assert door.guests == {}


async def test_the_idlest_makes_room_but_never_one_at_work():
    """Whoever has waited longest for nothing goes."""
    door = Door(Inner, Limits(connections=2, spare_s=0.0))
    (busy, busy_line), (idle, idle_line) = arrive(door), arrive(door)
    busy.busy = True
    busy.since -= 100
    idle.since -= 10
    newcomer, _ = arrive(door)
    assert (busy_line.gone, idle_line.gone) == ("", "aborted")
    assert set(door.guests.values()) == {busy, newcomer}
    for guest in (busy, idle, newcomer):
        guest.connection_lost(None)


async def test_a_guest_whom_the_kernel_does_not_name_has_no_name():
    """And so no role."""
    guest, _ = arrive(Door(Inner, Limits()))
    assert isinstance(guest, Guest)
    assert guest.peer is None
    guest.connection_lost(None)


async def test_idle_guests_are_cut_and_busy_ones_are_not():
    """After the time of one request."""
    door = Door(Inner, Limits(request_s=0.05))
    (busy, busy_line), (idle, idle_line) = arrive(door), arrive(door)
    busy.busy = True
    await asyncio.sleep(0.2)
    assert (busy_line.gone, idle_line.gone) == ("", "aborted")
    for guest in (busy, idle):
        guest.connection_lost(None)
