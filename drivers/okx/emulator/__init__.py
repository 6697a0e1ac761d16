"""An emulator of OKX on loopback: its own reading of the protocol, over the paper market."""

from drivers.okx.emulator.emulator import Emulator

__all__ = ["Emulator"]
