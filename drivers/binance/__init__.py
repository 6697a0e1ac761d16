"""Binance Spot and USDⓈ-M futures: everything that is peculiar to this venue."""
