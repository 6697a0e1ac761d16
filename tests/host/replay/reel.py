"""Recordings for the tests: a whole kernel, or a real driver on its emulator, overheard on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec

from ctosd.abi import Strategy
from ctosd.core.gate import Limits
from ctosd.host.config.settings import RecorderSettings
from ctosd.host.recorder import flightfile
from ctosd.host.recorder.recorder import Recorder
from ctosd.host.recorder.records import FORMAT, Footer, Header, Record
from ctosd.host.recorder.ring import Ring
from ctosd.host.recorder.scrubber import Scrubber
from ctosd.host.recorder.taps import TappedDial, tap_publish
from ctosd.host.replay.tape import Tape, load
from ctosd.testing.conformance.world import Subject, World
from ctosd.testing.journal import MemoryJournal
from ctosd.testing.rig import ListLog, Rig, run_virtual
from drivers.backpack import Backpack
from drivers.backpack.emulator import Emulator as BackpackEmulator
from drivers.binance import Binance
from drivers.binance.emulator import Emulator as BinanceEmulator
from drivers.okx import Okx
from drivers.okx.emulator import Emulator as OkxEmulator

SYMBOL = "BTC/USDT:USDT"
SUBJECTS = {
    "okx": Subject(driver=Okx, emulator=OkxEmulator, perp=SYMBOL, spot="BTC/USDT", venue="okx"),
    "binance": Subject(driver=Binance, emulator=BinanceEmulator, perp=SYMBOL, venue="binance"),
    "backpack": Subject(driver=Backpack, emulator=BackpackEmulator, perp="SOL/USDC:USDC", venue="backpack"),
}


class Idle(Strategy):
    """A strategy whose handle the tests use."""


class Scene:
    """A kernel on a scripted venue with a recorder beside it. `sys` is a strategy's handle."""

    def __init__(self, folder: Path, **house: Any) -> None:
        self.log = ListLog()
        self.folder = folder
        clock = asyncio.get_running_loop().clock  # type: ignore[attr-defined]
        self.recorder = Recorder(clock, self.log, folder, RecorderSettings())
        self.rig = Rig(house=Limits(**house), journal=self.recorder.journal(MemoryJournal()))  # type: ignore[arg-type]
        self.recorder.attach(self.rig.system, {"test": type(self.rig.venue).__module__})
        self.sys: Any = None

    async def start(self) -> None:
        unit = self.rig.unit(Idle)
        await self.rig.start()
        assert unit.strategy is not None
        self.sys = unit.strategy.sys

    def frozen(self, event: str = "asked") -> Path:
        """Freeze here and now; the file."""
        self.recorder.freeze(event)
        self.recorder.close()
        return max(self.folder.glob("*.flight"))


def play(folder: Path, act: Callable[[Scene], Awaitable[None]], **house: Any) -> Path:
    """What a kernel does while `act` goes on, as a flight file."""

    async def main() -> Path:
        scene = Scene(folder, **house)
        await scene.start()
        await act(scene)
        return scene.frozen()

    return run_virtual(main())


async def trade(scene: Scene) -> None:
    """Orders of every fate: filled, cancelled, rejected, denied, unknown and found, unknown and never there."""
    sys, venue = scene.sys, scene.rig.venue
    filled = await sys.place_order(SYMBOL, "buy", "limit", "1", "99")
    venue.fill(filled.client_id, D("0.4"))
    venue.fill(filled.client_id, D("0.6"))
    resting = await sys.place_order(SYMBOL, "buy", "limit", "1", "98")
    await sys.revoke_order(resting.client_id)
    venue.reject("insufficient_funds", "margin 12 < 20")
    await sys.place_order(SYMBOL, "buy", "limit", "1", "97")
    await sys.place_order(SYMBOL, "buy", "limit", "1", "120")
    for arrived in (True, False):
        venue.lose(arrived)
        await sys.place_order(SYMBOL, "buy", "limit", "1", "96")
        await scene.rig.clock.sleep(30)
        venue.quote(99.9, 100.1)


def rewritten(path: Path, change: Callable[[Record], Record | None]) -> Path:
    """The file with every record as `change` makes it; None leaves it out."""
    tape = load(path)
    assert tape.footer is not None
    kept = [made for each in tape.records if (made := change(each)) is not None]
    other = path.with_name(f"changed-{path.name}")
    flightfile.write(other, tape.header, kept, tape.footer, Scrubber(), lambda: None)
    return other


def listen(folder: Path, name: str, act: Callable[[World], Awaitable[None]], seconds: float = 20.0) -> Tape:
    """What the real driver of a venue hears and publishes while `act` goes on and for some time after."""

    async def main() -> Tape:
        world = World(SUBJECTS[name])
        ring = Ring(5, 64 << 20)
        dial: Any = world.dial
        world.dial = TappedDial(ring, world.clock, f"{name} lane", dial, lambda key: None)  # type: ignore[assignment]
        world.listeners.append(tap_publish(ring, world.clock, lambda topic, event: None))
        await world.start()
        await act(world)
        await world.pass_s(seconds)
        drivers, listed = {name: type(world.driver).__module__}, world.driver.instruments()
        header = Header(FORMAT, "test", 1, world.clock.now_ns(), "asked", "", drivers, listed)
        path = folder / f"{name}.flight"
        flightfile.write(path, header, list(ring.records), Footer(0, ()), Scrubber(), lambda: None)
        await world.close()
        return load(path)

    return run_virtual(main())


def bytes_of(path: Path) -> bytes:
    """The unpacked content."""
    import gzip

    return gzip.decompress(path.read_bytes())


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


def texts(found: Sequence[Any]) -> str:
    return "\n".join(f"{each.place}: {each.recorded} / {each.again}" for each in found)
