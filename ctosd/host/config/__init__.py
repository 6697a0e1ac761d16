"""The configuration: strict YAML, every mistake at once with its place, and frozen records in which all is resolved."""

from ctosd.host.config.reading import describe, load
from ctosd.host.config.settings import Config, UnitConfig, VenueConfig

__all__ = ["Config", "UnitConfig", "VenueConfig", "describe", "load"]
