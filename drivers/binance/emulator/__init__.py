"""Emulator of Binance: spot and USDⓈ-M futures over the paper venue's stage."""

from drivers.binance.emulator.emulator import Emulator

__all__ = ["Emulator"]
