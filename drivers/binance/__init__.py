"""Binance Spot and USDⓈ-M futures: everything that is peculiar to this venue."""

from drivers.binance.driver import Binance

__all__ = ["Binance"]
