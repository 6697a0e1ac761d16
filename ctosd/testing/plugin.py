"""The suite for drivers as a pytest plugin: ``pytest --ctos-driver acme.driver:Driver --ctos-emulator acme.emulator:Emulator``.

Further options say which symbols the emulator has, and settings of the driver as JSON. Without ``--ctos-driver`` the plugin
does nothing.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SUITE = Path(__file__).with_name("conformance") / "suite.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ctos", "the suite that every driver of CTOS must pass")
    group.addoption("--ctos-driver", metavar="MODULE:CLASS", default="", help="examine this driver")
    group.addoption("--ctos-emulator", metavar="MODULE:CLASS", default="", help="the emulator that it is joined to")
    group.addoption("--ctos-perp", metavar="SYMBOL", default="", help="a perpetual of it, such as BTC/USDT:USDT")
    group.addoption("--ctos-spot", metavar="SYMBOL", default="", help="a spot pair of it, such as BTC/USDT")
    group.addoption("--ctos-settings", metavar="JSON", default="{}", help="the driver's settings")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--ctos-driver"):
        config.args = [str(SUITE)]


def load(target: str) -> Any:
    """The class behind ``module:Class``. Raises `pytest.UsageError`."""
    module, colon, name = target.partition(":")
    if not colon:
        raise pytest.UsageError(f"{target!r}: write MODULE:CLASS, such as acme.driver:Driver")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"{target!r} cannot be loaded: {error}") from error


@pytest.fixture
def ctos_subject(request: pytest.FixtureRequest) -> Any:
    """What the command line names."""
    from ctosd.testing.conformance import Subject

    option = request.config.getoption
    emulator = option("--ctos-emulator")
    return Subject(
        driver=load(option("--ctos-driver")),
        emulator=load(emulator) if emulator else None,
        settings=json.loads(option("--ctos-settings")),
        perp=option("--ctos-perp"),
        spot=option("--ctos-spot"),
    )
