"""What every driver must do: a numbered suite for ours and for a stranger's.

``pytest --ctos-driver acme.driver:Driver --ctos-emulator acme.emulator:Emulator`` runs it on the virtual clock, the driver
joined to its emulator in memory. A simulated driver needs no emulator.
"""

from ctosd.testing.conformance import market, trading, trouble  # noqa: F401 - they enter their checks
from ctosd.testing.conformance.check import CHECKS, Check, Unfit
from ctosd.testing.conformance.world import Subject, World

__all__ = ["CHECKS", "Check", "Subject", "Unfit", "World"]
