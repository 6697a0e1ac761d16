"""Backpack Exchange: perpetuals and spot of one venue, by REST and WebSocket."""

from drivers.backpack.driver import Backpack

__all__ = ["Backpack"]
