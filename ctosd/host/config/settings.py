"""The configuration as the daemon uses it: frozen records in which everything is resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

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
class RecorderSettings:
    """The flight recorder: what was heard, said and decided lately, written to lib/flight on any fault."""

    minutes: Annotated[float, Ge(0), "how far back it remembers; 0 turns it off"] = 5.0
    megabytes: Annotated[int, Ge(1), "memory that it may take; a busy market shortens the minutes"] = 32
    keep: Annotated[int, Ge(1), "recordings that are kept; the oldest goes first"] = 20


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
    strategies_dir: Annotated[str, "folder beside this file with one file a strategy; empty: none"] = "strategies.d"
    equity_every_s: Annotated[float, Gt(0), "seconds between two points of the equity curve"] = 60.0
    log: LogSettings = field(default_factory=LogSettings)
    risk: Limits = field(default_factory=Limits)
    control: ControlSettings = field(default_factory=ControlSettings)
    recorder: RecorderSettings = field(default_factory=RecorderSettings)


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """What every venue that is reached over the network takes beside its driver's own settings."""

    proxy: Annotated[
        str, "http://, https://, socks5:// or socks5h:// address that everything of this venue goes through"
    ] = ""
    dead_man_s: Annotated[
        float, Ge(0), "seconds after which the venue cancels our orders when it hears nothing; 0 is off"
    ] = 60.0


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
    network: NetworkSettings = NetworkSettings()

    @property
    def manifest(self) -> Manifest:
        return self.driver_class.manifest

    @property
    def simulated(self) -> bool:
        return self.manifest.simulated

    @property
    def local(self) -> bool:
        """Whether it points at this machine: an emulator, whose keys everybody knows."""
        addresses = getattr(self.settings, "endpoints", None) or {}
        return bool(addresses) and all(is_loopback(address) for address in addresses.values())

    @property
    def money(self) -> str:
        """What can be lost there, in words."""
        if self.simulated or self.local:
            return "simulated"
        return "REAL MONEY" if getattr(self.settings, "environment", "live") == "live" else "demo money"


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
        return {account: not (venue.simulated or venue.local) for venue in self.venues for account in venue.accounts}


def is_loopback(address: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
