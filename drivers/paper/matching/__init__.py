"""The paper venue's matching engine: pure, and the same behind backtests, paper trading and the emulators."""

from drivers.paper.matching.engine import Engine
from drivers.paper.matching.rules import QueueModel, Rules, SelfTrade

__all__ = ["Engine", "QueueModel", "Rules", "SelfTrade"]
