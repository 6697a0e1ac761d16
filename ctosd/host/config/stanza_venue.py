"""One entry of `venues:`: which driver, which accounts, and the driver's own settings, validated by its record."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from ctosd.abi.driver import Manifest
from ctosd.host import modprobe
from ctosd.host.config.document import Section
from ctosd.host.config.settings import NetworkSettings, VenueConfig
from ctosd.host.config.stanza import Resolver, check_name, normalise_symbols
from ctosd.host.config.validate import validate

NETWORK = tuple(known.name for known in fields(NetworkSettings))


def read_venue(name: str, section: Section, resolver: Resolver) -> VenueConfig | None:
    """One entry of `venues:`. Without `driver:` the venue's name is the driver's; without `accounts:` there is one, main."""
    check_name(name, "venue", section)
    if not isinstance(section.data, dict):
        section.wrong(f"{name} must be a mapping of the driver's settings, not {section.shown(section.data)}")
        return None
    driver = section.data.get("driver") or name
    if not isinstance(driver, str):
        section.wrong(f"driver must be text, not {section.shown(driver, 'driver')}", "driver")
        return None
    key = "driver" if section.data.get("driver") else ""
    resolved = resolver.resolve("ctos.drivers", driver, section if key else _outer(section), key or name)
    accounts = account_names(section)
    for account in accounts:
        check_name(account, "account", section.at("accounts", account))
    if resolved is None:
        return None
    return _venue(name, driver, section, resolved, accounts)


def _outer(section: Section) -> Section:
    return Section(section.document, section.path[:-1])


def account_names(section: Section) -> tuple[str, ...]:
    """The accounts of a venue by their short names, whatever else is wrong with it."""
    data = section.data if isinstance(section.data, dict) else {}
    accounts = data.get("accounts")
    return tuple(accounts) if isinstance(accounts, dict) and accounts else ("main",)


def _venue(
    name: str, driver: str, section: Section, resolved: modprobe.Resolved, accounts: tuple[str, ...]
) -> VenueConfig | None:
    manifest = getattr(resolved.factory, "manifest", None)
    if not isinstance(manifest, Manifest) or not is_dataclass(manifest.config):
        section.wrong(f"the driver {driver} has no manifest with a configuration record", "driver")
        return None
    settings = _driver_settings(manifest, section, accounts, name)
    network = _network(manifest, section, name)
    if settings is None or network is None:
        return None
    own = getattr(settings, "accounts", {})
    return VenueConfig(
        name=name,
        driver=driver,
        driver_class=resolved.factory,
        settings=settings,
        accounts={f"{name}/{account}": own.get(account, {}) for account in accounts},
        network=network,
        origin=resolved.origin,
        version=resolved.version,
        sha256=resolved.sha256,
        source=section.place(key=True),
    )


def _network(manifest: Manifest, section: Section, label: str) -> NetworkSettings | None:
    """What every venue beyond this process takes beside its driver's own settings."""
    data = {} if manifest.simulated else {key: section.data[key] for key in NETWORK if key in section.data}
    found: NetworkSettings | None = validate(NetworkSettings, section, label, data)
    return found


def _driver_settings(manifest: Manifest, section: Section, accounts: tuple[str, ...], label: str) -> Any:
    data = {key: value for key, value in section.data.items() if key != "driver"}
    if not manifest.simulated:
        data = {key: value for key, value in data.items() if key not in NETWORK}
    given = section.mapping("accounts", "account names")
    if "accounts" in {known.name for known in fields(manifest.config)}:
        data["accounts"] = {account: {} if given.get(account) is None else given[account] for account in accounts}
    else:
        data.pop("accounts", None)
        for account, settings in given.items():
            if settings not in (None, {}):
                section.wrong(
                    f"accounts of the driver {manifest.name} have no settings: leave {account} empty",
                    "accounts",
                    account,
                )
    normalise_symbols(data, section, deep=True)
    return validate(manifest.config, section, label, data)
