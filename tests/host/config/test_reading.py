"""The whole configuration: what comes out of right files, and every mistake of wrong ones."""

import os
import random
import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from ctosd.core.gate import Limits
from ctosd.core.restart import RestartPolicy
from ctosd.host.config.mistakes import ConfigMistakes
from ctosd.host.config.reading import SECTIONS, describe, load, symbols, unit_files
from ctosd.kernel.unit import ExitPolicy

VENUE = """
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any
from annotated_types import Ge, Gt
from ctosd.abi import Driver, Manifest

@dataclass(frozen=True, kw_only=True)
class Account:
    balances: Mapping[str, Decimal] | None = None

@dataclass(frozen=True, kw_only=True)
class Settings:
    leverage: Annotated[Decimal, Ge(1), "leverage of a symbol that was not told another"] = Decimal(5)
    symbols: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    feeds: tuple[Mapping[str, Any], ...] = ()
    accounts: Mapping[str, Account] = field(default_factory=dict)

@dataclass(frozen=True, kw_only=True)
class Endpoints:
    rest: str = ""

class Simulated(Driver):
    manifest = Manifest(name="sim", config=Settings, simulated=True)

class Real(Driver):
    manifest = Manifest(name="real", config=Endpoints)

@dataclass(frozen=True, kw_only=True)
class Networked:
    environment: str = "demo"
    endpoints: Mapping[str, str] = field(default_factory=dict)

class Remote(Driver):
    manifest = Manifest(name="remote", config=Networked)

class Bare(Driver):
    pass
"""

STRATEGY = """
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated
from annotated_types import Gt
from ctosd.abi import Strategy

@dataclass(frozen=True, kw_only=True)
class Params:
    symbols: tuple[str, ...] = ()
    symbol: Annotated[str, "what to trade"] = ""
    size: Annotated[Decimal, Gt(0), "base units of each order"] = Decimal(1)

class Mine(Strategy):
    Params = Params
"""

MAIN = """\
venues:
  paper:
    driver: ./venue.py:Simulated
    accounts:
      main:
      hedge: {balances: {USDT: 500.50}}
"""


@pytest.fixture
def etc(tmp_path):
    """A folder with a driver and a strategy as files, and a main file that is right."""
    (tmp_path / "venue.py").write_text(VENUE)
    (tmp_path / "strategies.d").mkdir()
    (tmp_path / "strategies.d" / "mine.py").write_text(STRATEGY)
    (tmp_path / "mine.py").write_text(STRATEGY)
    (tmp_path / "ctos.yaml").write_text(MAIN)
    return tmp_path


def unit(etc, text, name="one.yaml"):
    (etc / "strategies.d" / name).write_text(text)


def read(etc, **environ):
    return load(etc / "ctos.yaml", environ)


def report(etc, **environ):
    """The mistakes, with paths relative to the folder."""
    with pytest.raises(ConfigMistakes) as caught:
        read(etc, **environ)
    return [str(mistake).replace(f"{etc}/", "") for mistake in caught.value.mistakes]


# -- what comes out ----------------------------------------------------------------------------------------------------


def test_defaults(etc):
    """One venue and one line of a unit are a whole configuration."""
    unit(etc, "use: ./mine.py\naccount: paper/main\n")
    config = read(etc)
    assert (config.clock, config.durability, config.seed, config.equity_every_s) == ("wall", "process", 7, 60.0)
    assert config.risk == Limits()
    assert config.control.mode == 0o660
    (one,) = config.strategies
    assert (one.name, one.accounts, one.enabled) == ("one", ("paper/main",), True)
    assert (one.limits, one.exit, one.restart) == (Limits(), ExitPolicy(), RestartPolicy())
    assert one.params == one.factory.Params()
    assert len(one.sha256) == 64
    assert str(one.source) == f"{etc}/strategies.d/one.yaml:1"


def test_everything_is_resolved(etc):
    """Symbols are unified, accounts are full, limits are merged with the daemon's, decimals are exact."""
    (etc / "ctos.yaml").write_text(
        MAIN
        + "    symbols: {btc-usdt:usdt: {price: 0.10}}\n"
        + "    feeds: [{path: x.csv, symbol: eth-usdt}]\n"
        + "risk: {max_order_notional: 5000, max_loss: 100}\n"
        + 'control: {socket_mode: "0600"}\n'
        + "strategies:\n"
        + "- name: inline\n  use: ./mine.py:Mine\n  accounts: [paper/hedge, paper/main]\n  enabled: false\n"
        + "  params: {symbols: [btc-usdt:usdt, ETH/USDT], size: 0.010}\n"
        + "  limits: {max_order_notional: 500, max_loss: 50.5}\n"
        + "  exit: flatten\n  restart: never\n"
    )
    unit(etc, "use: ./mine.py\nname: other\naccount: paper/main\nexit: {shutdown: keep}\nrestart: {max_restarts: 1}\n")
    config = read(etc)
    (venue,) = config.venues
    assert venue.settings.symbols == {"BTC/USDT:USDT": {"price": Decimal("0.10")}}
    assert venue.settings.feeds[0]["symbol"] == "ETH/USDT"
    assert list(venue.accounts) == ["paper/main", "paper/hedge"]
    assert venue.accounts["paper/hedge"].balances == {"USDT": Decimal("500.50")}
    assert config.accounts == {"paper/main": False, "paper/hedge": False}
    inline, other = config.strategies
    assert inline.params.symbols == symbols(inline) == ("BTC/USDT:USDT", "ETH/USDT")
    assert str(inline.params.size) == "0.010"
    assert (inline.accounts, inline.enabled) == (("paper/hedge", "paper/main"), False)
    assert inline.limits == Limits(max_order_notional=Decimal(500), max_loss=Decimal("50.5"))
    assert inline.exit == ExitPolicy(stop="flatten", fault="flatten", park="flatten", shutdown="flatten")
    assert inline.restart == RestartPolicy(policy="never")
    assert other.limits.max_order_notional == 5000
    assert other.exit == ExitPolicy(shutdown="keep")
    assert other.restart.max_restarts == 1
    assert config.control.mode == 0o600
    assert config.directory == etc


def test_shorthands(etc):
    """A bare venue means its only account, one account needs no name, a venue without accounts has main."""
    (etc / "ctos.yaml").write_text("venues:\n  sim: {driver: ./venue.py:Simulated}\n")
    unit(etc, "use: ./mine.py\naccount: sim\n", "a.yaml")
    unit(etc, "use: ./mine.py\n", "b.yaml")
    assert [one.accounts for one in read(etc).strategies] == [("sim/main",), ("sim/main",)]


def test_unit_files_are_sorted_and_droppings_ignored(etc):
    """What editors and people leave beside the units is no unit."""
    folder = etc / "strategies.d"
    for name in (
        "b.yaml",
        "a.yaml",
        "a.yaml~",
        ".a.yaml.swp",
        "#a.yaml#",
        ".#a.yaml",
        "c.yaml.off",
        "readme.md",
        ".hidden.yaml",
    ):
        (folder / name).write_text("use: ./mine.py\naccount: paper/main\n" if name.endswith("yaml") else "rubbish: [")
    assert [file.name for file in unit_files(folder)] == ["a.yaml", "b.yaml"]
    assert [one.name for one in read(etc).strategies] == ["a", "b"]
    shutil.rmtree(folder)
    assert read(etc).strategies == ()


def test_the_environment_overrides(etc):
    """By section and by the name of a unit; references are expanded."""
    unit(etc, "use: ./mine.py\naccount: paper/${WHO:-main}\nname: grid-btc\n")
    environ = {"CTOS__SEED": "9", "CTOS__STRATEGIES__GRID-BTC__PARAMS__SIZE": "0.5", "WHO": "hedge"}
    config = load(etc / "ctos.yaml", environ | {"CTOS__VENUES__PAPER__LEVERAGE": "3"})
    assert (config.seed, config.venues[0].settings.leverage) == (9, 3)
    assert config.strategies[0].params.size == Decimal("0.5")
    assert config.strategies[0].accounts == ("paper/hedge",)


def test_warnings(etc):
    """What is only odd does not stop anything."""
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {symbol: BTC/USDT}\n", "a.yaml")
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {symbol: btc-usdt}\n", "b.yaml")
    unit(etc, "use: ./mine.py\naccount: paper/hedge\nparams: {symbol: btc-usdt}\n", "c.yaml")
    unit(etc, "use: ./mine.py\naccount: paper/main\nenabled: false\nparams: {symbol: btc-usdt}\n", "d.yaml")
    unit(etc, "# nothing\n", "e.yaml")
    unit(etc, "use: x\n", "f.yml")
    (etc / "strategies.d" / "a.yaml").chmod(0o666)
    found = [str(warning).replace(f"{etc}/", "") for warning in read(etc).warnings]
    assert found == [
        "strategies.d/f.yml: is not read: name it f.yaml",
        "strategies.d/a.yaml: may be written by everyone: run chmod o-w strategies.d/a.yaml",
        "strategies.d/b.yaml:1: b trades BTC/USDT on paper/main as a (strategies.d/a.yaml:1) does: the same strategy twice",
        "strategies.d/e.yaml: holds no unit",
    ]


def test_describe(etc):
    """`ctosd --check` says what there is."""
    (etc / "ctos.yaml").write_text(MAIN + "  live: {driver: ./venue.py:Real}\n")
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {symbol: btc-usdt}\n", "a.yaml")
    unit(etc, "use: ./mine.py\naccount: live\nenabled: false\n", "b.yaml")
    assert describe(read(etc)).replace(f"{etc}/", "").splitlines() == [
        "ctos.yaml is right: 2 strategies (1 disabled), 2 venues, wall clock, durability process",
        "  venue paper: ./venue.py:Simulated, simulated, accounts paper/main, paper/hedge",
        "  venue live: ./venue.py:Real, REAL MONEY, accounts live/main",
        "  strategy a: ./mine.py on paper/main, BTC/USDT",
        "  strategy b: ./mine.py on live/main, disabled",
    ]


def test_a_venue_over_the_network(etc):
    """A proxy and the dead man's time are nobody's own; addresses of this machine need no keys and move no money."""
    (etc / "ctos.yaml").write_text(
        MAIN
        + """\
  far: {driver: ./venue.py:Remote, proxy: "socks5://localhost:9050", dead_man_s: 30}
  near: {driver: ./venue.py:Remote, endpoints: {rest: "http://127.0.0.1:80", public: "ws://[::1]:80/ws"}}
  half: {driver: ./venue.py:Remote, endpoints: {rest: "http://127.0.0.1:80", public: "wss://example.com/ws"}}
  real: {driver: ./venue.py:Remote, environment: live}
"""
    )
    config = read(etc)
    venues = {venue.name: venue for venue in config.venues}
    assert (venues["far"].network.proxy, venues["far"].network.dead_man_s) == ("socks5://localhost:9050", 30)
    assert venues["near"].network.dead_man_s == 60
    money = {name: venue.money for name, venue in venues.items()}
    assert money == {
        "paper": "simulated", "far": "demo money", "near": "simulated", "half": "demo money", "real": "REAL MONEY"
    }  # fmt: skip
    needed = {name.partition("/")[0] for name, needs in config.accounts.items() if needs}
    assert needed == {"far", "half", "real"}


def test_the_folder_of_strategies(etc):
    """Another one, or none at all."""
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {symbol: BTC/USDT}\n", "a.yaml")
    assert [each.name for each in read(etc).strategies] == ["a"]
    (etc / "ctos.yaml").write_text('strategies_dir: ""\n' + MAIN)
    assert read(etc).strategies == ()
    (etc / "strategies.d").rename(etc / "others")
    (etc / "ctos.yaml").write_text("strategies_dir: others\n" + MAIN)
    assert [each.name for each in read(etc).strategies] == ["a"]


def test_a_simulated_venue_takes_no_network_settings(etc):
    (etc / "ctos.yaml").write_text(MAIN + "  other: {driver: ./venue.py:Simulated, dead_man_s: 5}\n")
    with pytest.raises(ConfigMistakes, match="dead_man_s"):
        read(etc)


# -- what is wrong -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clock: wal\n", 'ctos.yaml:7: clock must be one of wall, virtual, not "wal" (did you mean "wall"?)'),
        ("clokc: wall\n", 'ctos.yaml:7: there is no section "clokc" (did you mean "clock"?)'),
        ("seed: -1\n", "ctos.yaml:7: seed must be at least 0, not -1 (seed of everything random)"),
        ("seed: 0777\n", 'ctos.yaml:7: 0777 would be read as octal: write 777, or "0777" in quotes for the text'),
        (
            "log: {level: loud}\n",
            'ctos.yaml:7: log.level must be one of debug, info, warning, error, not "loud" (the least important lines that are written)',
        ),
        ("log: info\n", 'ctos.yaml:7: log must be a mapping, not "info"'),
        ("risk:\n  max_los: 3\n", 'ctos.yaml:8: risk has no key "max_los" (did you mean "max_loss"?)'),
        ("risk:\n  order_rate: 0\n", "ctos.yaml:8: risk.order_rate must be greater than 0, not 0; null leaves it open"),
        (
            "control: {socket_mode: 660}\n",
            'ctos.yaml:7: control.socket_mode must be text, not 660: write it in quotes (octal, in quotes, such as "0660")',
        ),
        (
            "control:\n  group: x\n  socket_mode: '9'\n",
            'ctos.yaml:9: control.socket_mode is "9": write octal digits in quotes, such as "0660"',
        ),
        (
            "control: {socket_mode: '666'}\n",
            "ctos.yaml:7: control.socket_mode 666 lets everyone trade: the last digit must be 0 or 4",
        ),
        ("strategies: {a: {}}\n", "ctos.yaml:7: strategies must be a list of units, each beginning with `- name:`"),
        ("strategies: [x]\n", 'ctos.yaml:7: a unit must be a mapping, not "x"'),
        (
            "strategies:\n- use: ./mine.py\n  account: paper/main\n",
            'ctos.yaml:8: "name" is missing: small letters, digits and hyphens',
        ),
    ],
)
def test_mistakes_of_the_main_file(etc, text, message):
    """Each has its line and its remedy, and is told alone."""
    (etc / "ctos.yaml").write_text(MAIN + text)
    assert report(etc) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'ctos.yaml: "venues" is missing: where to trade, such as venues: {paper: {driver: paper}}'),
        (
            "seed: 1\nvenues:\n",
            'ctos.yaml:2: "venues" is missing: where to trade, such as venues: {paper: {driver: paper}}',
        ),
        ("- a\n", "ctos.yaml:1: the file must be a mapping: `key: value` lines"),
        ("venues: [paper]\n", "ctos.yaml:1: venues must be a mapping of venue names, not a list"),
        ("venues:\n  papr:\n", 'ctos.yaml:2: there is no "papr" among the installed drivers'),
        (
            "venues:\n  sim: ./venue.py\n",
            'ctos.yaml:2: sim must be a mapping of the driver\'s settings, not "./venue.py"',
        ),
        ("venues:\n  sim: {driver: 5}\n", "ctos.yaml:2: driver must be text, not 5"),
        (
            "venues:\n  sim: {driver: ./venue.py}\n",
            "ctos.yaml:2: PATH/venue.py defines Simulated, Real, Remote, Bare: write which one is meant",
        ),
        ("venues:\n  sim: {driver: ./venue.py:Bare}\n", "ctos.yaml:2: the driver ./venue.py:Bare has no manifest"),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Simulated\n    leverag: 3\n",
            'ctos.yaml:4: sim has no key "leverag" (did you mean "leverage"?)',
        ),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Simulated\n    leverage: 0.5\n",
            "ctos.yaml:4: sim.leverage must be at least 1, not 0.5 (lev",
        ),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Simulated\n    symbols: {BTCUSDT: {}}\n",
            "ctos.yaml:4: 'BTCUSDT' is not a symbol",
        ),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Simulated\n    accounts: [main]\n",
            "ctos.yaml:4: accounts must be a mapping of account names",
        ),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Simulated\n    accounts: {main: {x: 1}}\n",
            'ctos.yaml:4: sim.accounts.main has no key "x"',
        ),
        (
            "venues:\n  sim:\n    driver: ./venue.py:Real\n    accounts: {main: {x: 1}}\n",
            "ctos.yaml:4: accounts of the driver real have no settings",
        ),
        (
            "venues:\n  My_Sim: {driver: ./venue.py:Simulated}\n",
            'ctos.yaml:2: the venue name "My_Sim" must be of small letters, digits and hyphens: write "my-sim"',
        ),
        (
            "clock: virtual\nvenues:\n  live: {driver: ./venue.py:Real}\n",
            "ctos.yaml:1: clock: virtual needs every venue simulated, and live is real: write clock: wall",
        ),
    ],
)
def test_mistakes_of_venues(etc, text, message):
    """Names, drivers, the drivers' own settings."""
    (etc / "ctos.yaml").write_text(text)
    found = report(etc)
    assert len(found) == 1
    assert found[0].startswith(message.replace("PATH/", ""))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "account: paper/main\n",
            ':1: "use" is missing: which strategy: an installed name, package.module:Class, or ./file.py',
        ),
        (
            "use: gird\naccount: paper/main\n",
            ':1: there is no "gird" among the installed strategies (did you mean "grid"?)',
        ),
        ("use: 5\naccount: paper/main\n", ":1: use must be text, not 5"),
        ("use: ./mine.py\n", ':1: "account" is missing: which one of paper/main, paper/hedge'),
        ("use: ./mine.py\naccount: paper\n", ":2: paper has 2 accounts: write one of paper/main, paper/hedge"),
        ("use: ./mine.py\naccount: paper/mian\n", ':2: there is no account "paper/mian" (did you mean "paper/main"?)'),
        ("use: ./mine.py\naccounts:\n- paper/main\n- okx/main\n", ':4: there is no account "okx/main"'),
        ("use: ./mine.py\naccounts: [paper/main, paper/main]\n", ":2: an account is named twice"),
        (
            "use: ./mine.py\naccount: paper/main\naccounts: [paper/main]\n",
            ":3: account and accounts exclude each other",
        ),
        (
            "use: ./mine.py\naccount: paper/main\nparams: {sise: 1}\n",
            ':3: params has no key "sise" (did you mean "size"?)',
        ),
        (
            "use: ./mine.py\naccount: paper/main\nparams: {symbol: BTCUSDT}\n",
            ":3: 'BTCUSDT' is not a symbol: write BASE/QUOTE",
        ),
        ("use: ./mine.py\naccount: paper/main\nparams: [1]\n", ":3: params must be a mapping, not a list"),
        (
            "use: ./mine.py\naccount: paper/main\nlimits: {max_order_notional: 10001}\n",
            ":3: limits.max_order_notional is 10001, looser than the daemon's risk.max_order_notional, 10000",
        ),
        (
            "use: ./mine.py\naccount: paper/main\nlimits: {price_band: null}\n",
            ":3: limits.price_band is open, looser than",
        ),
        (
            "use: ./mine.py\naccount: paper/main\nlimits: {duplicate_window_ms: 50}\n",
            ":3: limits.duplicate_window_ms is 50, looser than",
        ),
        (
            "use: ./mine.py\naccount: paper/main\nlimits: {max_loss: -1}\n",
            ":3: limits.max_loss must be at least 0, not -1",
        ),
        (
            "use: ./mine.py\naccount: paper/main\nexit: flaten\n",
            ':3: exit must be one of keep, cancel, flatten, not "flaten" (did you mean "flatten"?)',
        ),
        ("use: ./mine.py\naccount: paper/main\nexit: {stop: no}\n", ":3: no is not a truth value"),
        ("use: ./mine.py\naccount: paper/main\nexit: [keep]\n", ":3: exit must be one word or a mapping, not a list"),
        (
            "use: ./mine.py\naccount: paper/main\nrestart: nevr\n",
            ':3: restart must be one of on-failure, always, never or a mapping, not "nevr" (did you mean "never"?)',
        ),
        (
            "use: ./mine.py\naccount: paper/main\nrestart:\n  max_restarts: -1\n",
            ":4: restart.max_restarts is -1: write a number of at least 0",
        ),
        ("use: ./mine.py\naccount: paper/main\nenabled: 1\n", ":3: enabled must be true or false, not 1"),
        (
            "use: ./mine.py\naccount: paper/main\nname: Grid_BTC\n",
            ':3: the strategy name "Grid_BTC" must be of small letters, digits and hyphens: write "grid-btc"',
        ),
        ("- use: ./mine.py\n", ":1: a unit's file must be a mapping that begins with `use:`; write one file a unit"),
        (
            "use: ./mine.py\nacount: paper/main\naccount: paper/main\n",
            ':2: there is no key "acount" (did you mean "account"?)',
        ),
    ],
)
def test_mistakes_of_units(etc, text, message):
    """What may be wrong with a strategy's file."""
    unit(etc, text)
    found = report(etc)
    assert len(found) == 1
    assert found[0].startswith("strategies.d/one.yaml" + message)


def test_names_are_unique_across_files(etc):
    """A file's stem counts as a name."""
    (etc / "ctos.yaml").write_text(MAIN + "strategies:\n- {name: one, use: ./mine.py, account: paper/main}\n")
    unit(etc, "use: ./mine.py\naccount: paper/main\n")
    assert report(etc) == ['strategies.d/one.yaml:1: the name "one" is taken by the strategy at ctos.yaml:8']


def test_open_files_are_a_mistake_where_money_is_real(etc):
    """Who can write a unit can trade."""
    (etc / "ctos.yaml").write_text("venues:\n  live: {driver: ./venue.py:Real}\n")
    unit(etc, "use: ./mine.py\n")
    (etc / "strategies.d" / "one.yaml").chmod(0o646)
    assert report(etc) == ["strategies.d/one.yaml: may be written by everyone: run chmod o-w strategies.d/one.yaml"]


def test_a_missing_main_file(tmp_path):
    """One clear line, no traceback."""
    assert report(tmp_path) == ["ctos.yaml: there is no such file"]


def test_a_broken_main_file_does_not_hide_the_units(etc):
    """Without venues nothing is said of accounts, but what is wrong in the units themselves is told."""
    (etc / "ctos.yaml").write_text("venues: [\n")
    unit(etc, "use: ./mine.py\naccount: nobody/knows\nparams: {size: 0}\n")
    found = report(etc)
    assert len(found) == 2
    assert found[1] == "strategies.d/one.yaml:3: params.size must be greater than 0, not 0 (base units of each order)"


def test_all_mistakes_at_once(etc):
    """Ten seeded mistakes in three places are ten lines, sorted by file and line."""
    (etc / "ctos.yaml").write_text(
        "clock: wal\nseed: no\n" + MAIN + "    leverage: 0\nrisk: {max_los: 1}\nlog:\n  level: info\n  level: debug\n"
    )
    unit(
        etc,
        "use: ./mine.py\naccount: papr\nparams: {size: -1, sise: 2}\nexit: drop\nlimits: {max_order_notional: 99999}\n",
    )
    found = report(etc, CTOS__LOGG__LEVEL="x")
    assert [mistake.split(": ")[0] for mistake in found] == [
        *(f"ctos.yaml:{line}" for line in (1, 2, 9, 10, 13)),
        *(f"strategies.d/one.yaml:{line}" for line in (2, 3, 3, 4, 5)),
        "$CTOS__LOGG__LEVEL",
    ]


def test_a_mistake_in_an_override_is_placed_at_its_variable(etc):
    """The file is not blamed for what the environment says."""
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {size: 2}\n")
    name = "CTOS__STRATEGIES__ONE__PARAMS__SIZE"
    assert report(etc, **{name: "-3"}) == [
        f"${name}: params.size must be greater than 0, not -3 (base units of each order)"
    ]


def test_values_from_the_environment_are_not_shown(etc):
    """A reference may lead to a secret: the message shows the reference."""
    unit(etc, "use: ./mine.py\naccount: paper/main\nparams: {size: '${TOKEN}'}\n")
    (mistake,) = report(etc, TOKEN="s3cret")
    assert mistake == "strategies.d/one.yaml:3: params.size must be a number, not ${TOKEN} (base units of each order)"
    assert "s3cret" not in mistake


def test_only_what_is_named_is_imported(etc):
    """A file that nobody uses does not run."""
    (etc / "strategies.d" / "trap.py").write_text("raise SystemExit('ran')")
    unit(etc, "use: ./mine.py\naccount: paper/main\n")
    assert len(read(etc).strategies) == 1


def test_a_strategy_that_cannot_be_imported_is_a_mistake_with_its_line(etc):
    """The author's file and line, behind the place of the `use:`."""
    (etc / "strategies.d" / "bad.py").write_text("x = 1\ny = x / 0\n")
    unit(etc, "use: ./bad.py\naccount: paper/main\n")
    assert report(etc) == [
        "strategies.d/one.yaml:1: strategies.d/bad.py:2: importing bad.py failed: ZeroDivisionError: division by zero"
    ]


def test_every_section_has_a_type():
    """The known sections are the fields of the records, and nothing else."""
    assert set(SECTIONS) == {
        "clock", "durability", "seed", "strategies_dir", "equity_every_s", "log", "risk", "control", "recorder", "venues", "strategies"
    }  # fmt: skip


def test_the_shipped_configuration_is_right(monkeypatch):
    """etc/ctos.yaml loads without mistakes and warnings, when the tree is complete."""
    root = Path(__file__).parents[2]
    if not (root / "etc" / "ctos.yaml").exists():
        pytest.skip("this tree has no etc/ctos.yaml")
    monkeypatch.chdir(root)
    config = load(Path("etc/ctos.yaml"), {})
    assert config.strategies
    assert re.match(r"etc/ctos.yaml is right: \d+ strateg", describe(config))
    assert os.environ.get("PYDANTIC_DISABLE_PLUGINS") is None


def test_mutilated_files_end_in_mistakes_and_nothing_else(etc):
    """Whatever is cut out of or put into right files: either they still load, or a report says why not."""
    pieces = [
        "{",
        "}",
        "[",
        ": ",
        "\n",
        "  ",
        "- ",
        "null",
        "no",
        "-1",
        '"',
        "&a ",
        "*a",
        "!t ",
        "${X}",
        "0.5",
        "#",
        "BTC/USDT",
    ]
    units = (
        "use: ./mine.py\naccount: paper/main\nparams: {symbol: BTC/USDT, size: 2}\nlimits: {max_loss: 5}\nexit: keep\n"
    )
    environ = {"CTOS__RISK__MAX_LOSS": "7", "CTOS__STRATEGIES__ONE__PARAMS__SIZE": "3", "CTOS__VENUES__PAPER": "{}"}
    chance, reports = random.Random(7), 0
    for _ in range(150):
        texts = [MAIN + "risk: {max_loss: 9}\n", units]
        for _ in range(3):
            which = chance.randrange(2)
            cut = chance.randrange(len(texts[which]))
            texts[which] = texts[which][:cut] + chance.choice(pieces) + texts[which][cut + chance.randrange(4) :]
        (etc / "ctos.yaml").write_text(texts[0])
        unit(etc, texts[1])
        try:
            read(etc, **dict(chance.sample(sorted(environ.items()), chance.randrange(3))))
        except ConfigMistakes:
            reports += 1
    assert reports > 75
