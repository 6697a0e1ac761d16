"""The configuration as the daemon uses it: frozen records in which everything is resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from ctosd.abi.driver import Driver, Manifest
from ctosd.core.gate import Limits
from ctosd.host.config.mistakes import Mistake, Place
from ctosd.kernel.unit import Recipe


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    level: Annotated[Literal["debug", "info", "warning", "error"], "the least important lines that are written"] = (
        "info"
    )
    console: Annotated[Literal["auto", "pretty", "json"], "auto is pretty on a terminal, JSON elsewhere"] = "auto"


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """The control socket."""

    socket_mode: Annotated[str, 'octal, in quotes, such as "0660"'] = "0660"
    group: Annotated[str, "the group that owns the socket; empty: the daemon's own"] = ""

    def __post_init__(self) -> None:
        if not re.fullmatch("0?[0-7]{3}", self.socket_mode):
            raise ValueError(
                f'control.socket_mode is "{self.socket_mode}": write octal digits in quotes, such as "0660"'
            )
        if self.mode & 0o002:
            raise ValueError(
                f"control.socket_mode {self.socket_mode} lets everyone trade: the last digit must be 0 or 4"
            )

    @property
    def mode(self) -> int:
        return int(self.socket_mode, 8)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What concerns the whole daemon."""

    clock: Annotated[Literal["wall", "virtual"], "wall is real time, virtual runs a simulation as fast as it can"] = (
        "wall"
    )
    durability: Annotated[
        Literal["process", "power"],
        "what an order survives before it leaves: the death of the process, or of the machine",
    ] = "process"
    seed: Annotated[int, Ge(0), "seed of everything random"] = 7
    equity_every_s: Annotated[float, Gt(0), "seconds between two points of the equity curve"] = 60.0
    log: LogSettings = field(default_factory=LogSettings)
    risk: Limits = field(default_factory=Limits)
    control: ControlSettings = field(default_factory=ControlSettings)


@dataclass(frozen=True, kw_only=True)
class VenueConfig:
    """One venue. `settings` is an instance of its driver's `manifest.config`."""

    name: str
    driver: str  # as written in `driver:`
    driver_class: type[Driver]
    settings: Any
    accounts: Mapping[str, Any]  # full account name -> the driver's settings for it, or an empty mapping
    origin: str
    version: str
    sha256: str
    source: Place

    @property
    def manifest(self) -> Manifest:
        return self.driver_class.manifest

    @property
    def simulated(self) -> bool:
        return self.manifest.simulated


@dataclass(frozen=True, kw_only=True)
class UnitConfig(Recipe):
    """One strategy: the recipe that the supervisor takes, with where it came from."""

    origin: str
    version: str
    sha256: str  # of the file that defines the strategy
    source: Place


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The whole configuration, valid. Relative paths in it are relative to `directory`."""

    path: Path
    venues: tuple[VenueConfig, ...]
    strategies: tuple[UnitConfig, ...]
    warnings: tuple[Mistake, ...] = ()

    @property
    def directory(self) -> Path:
        return self.path.parent

    @property
    def accounts(self) -> dict[str, bool]:
        """Every account by its full name, with whether it cannot do without credentials."""
        return {account: not venue.simulated for venue in self.venues for account in venue.accounts}
