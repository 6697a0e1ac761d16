"""An emulator of Backpack on loopback: its own reading of the protocol, over the paper market."""

from drivers.backpack.emulator.emulator import Emulator

__all__ = ["Emulator"]
