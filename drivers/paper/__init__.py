"""The paper venue: a simulated exchange for trading without money, for backtests and for tests of everything else."""

from drivers.paper.driver import Paper

__all__ = ["Paper"]
