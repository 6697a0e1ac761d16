"""What is listed: OKX's instrument ids, contracts and grids for the paper market's symbols (sheet section 4).

Derivatives are counted in contracts at OKX and in base coins at the stage; a `Market` converts. The table has OKX's own
contract values, steps and leverages; other symbols get contracts of one coin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ctosd.abi import Instrument, split_symbol
from drivers.okx.emulator.figures import plain
from drivers.okx.emulator.refusals import Refusal
from drivers.paper import listing
from drivers.paper.config import InstrumentConfig, PaperConfig

SEED = 7
PENDING, PENDING_IN_ALL = 500, 4_000
LISTED_MS = "1573557408000"
FIRST_CODE = 210_001
LARGEST = Decimal(100_000_000)
BALANCES = {"USDT": Decimal(10_000)}


class Contract(NamedTuple):
    """A linear perpetual: size of a contract in coins, step of sizes in contracts, price step, largest leverage."""

    value: str
    lot: str
    tick: str
    leverage: int
    most: int  # contracts of a market order


CONTRACTS: dict[str, Contract] = {
    "BTC": Contract("0.01", "0.01", "0.1", 100, 12_000),
    "ETH": Contract("0.1", "0.01", "0.01", 100, 20_000),
    "SOL": Contract("1", "0.01", "0.01", 50, 15_000),
    "BNB": Contract("0.01", "1", "0.1", 50, 100_000),
    "XRP": Contract("100", "0.01", "0.0001", 50, 15_000),
    "DOGE": Contract("1000", "0.01", "0.00001", 50, 12_000),
    "ADA": Contract("100", "0.1", "0.0001", 50, 10_000),
    "AVAX": Contract("1", "0.1", "0.001", 50, 15_000),
    "LINK": Contract("1", "0.1", "0.001", 50, 55_000),
    "DOT": Contract("1", "1", "0.001", 50, 70_000),
    "TRX": Contract("1000", "0.01", "0.00001", 50, 4_000),
    "LTC": Contract("1", "0.1", "0.01", 50, 10_000),
    "BCH": Contract("0.1", "0.1", "0.1", 50, 20_000),
    "ETC": Contract("10", "0.01", "0.01", 50, 2_000),
    "EOS": Contract("10", "0.1", "0.0001", 50, 10_000),
    "SUI": Contract("1", "1", "0.0001", 50, 200_000),
    "PEPE": Contract("10000000", "0.1", "0.000000001", 50, 25_000),
}
SPOTS: dict[str, tuple[str, str, str]] = {
    "BTC": ("0.1", "0.00000001", "0.00001"),
    "ETH": ("0.01", "0.000001", "0.0001"),
    "SOL": ("0.01", "0.000001", "0.001"),
}
"""Price step, size step and least size of spot pairs; the others have the paper listing's."""


class Market(msgspec.Struct, frozen=True):
    """One instrument. `lot`, `least`, `most` and `most_at_market` in contracts; for spot those are base coins."""

    id: str
    symbol: str
    type: str
    code: int
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    least: Decimal
    most: Decimal
    most_at_market: Decimal
    value: Decimal
    leverage: Decimal
    maker: Decimal
    taker: Decimal
    maintenance: Decimal

    @property
    def swap(self) -> bool:
        return self.type == "SWAP"

    @property
    def family(self) -> str:
        """Underlying, family and index all have the pair's name."""
        return f"{self.base}-{self.quote}"

    def coins(self, contracts: Decimal) -> Decimal:
        return contracts * self.value

    def contracts(self, coins: Decimal) -> Decimal:
        return coins / self.value

    def size(self, coins: Decimal) -> str:
        """A size of the stage as the protocol writes it."""
        return plain(self.contracts(coins))

    def row(self) -> dict[str, Any]:
        swap, names = self.swap, ("maxIcebergSz", "maxLmtSz", "maxTriggerSz", "maxTwapSz")
        return {
            **dict.fromkeys(
                ("alias", "auctionEndTime", "contTdSwTime", "expTime", "maxPlatOILmt", "openType", "optType"), ""
            ),
            **dict.fromkeys(("preMktSwTime", "stk"), ""),
            "baseCcy": "" if swap else self.base,
            "category": "1",
            "ctMult": "1" if swap else "",
            "ctType": "linear" if swap else "",
            "ctVal": plain(self.value) if swap else "",
            "ctValCcy": self.base if swap else "",
            "futureSettlement": False,
            "groupId": "4" if swap else "1",
            "instFamily": self.family if swap else "",
            "instId": self.id,
            "instIdCode": self.code,
            "instType": self.type,
            "lever": plain(self.leverage) if swap else "",
            "listTime": LISTED_MS,
            "lotSz": plain(self.lot),
            **dict.fromkeys(names, plain(self.most)),
            "maxLmtAmt": "20000000",
            "maxMktAmt": "" if swap else "1000000",
            "maxMktSz": plain(self.most_at_market),
            "maxStopSz": plain(self.most_at_market),
            "minSz": plain(self.least),
            "posLmtAmt": "250000" if swap else "",
            "posLmtPct": "30" if swap else "",
            "quoteCcy": "" if swap else self.quote,
            "ruleType": "normal",
            "settleCcy": self.settle if swap else "",
            "state": "live",
            "tickSz": plain(self.tick),
            "tradeQuoteCcyList": [] if swap else [self.quote],
            "uly": self.family if swap else "",
            "upcChg": [],
        }


def _market(found: Instrument, code: int) -> Market:
    swap = found.kind == "perp"
    known = CONTRACTS.get(found.base)
    value = Decimal(known.value) if swap and known is not None else Decimal(1)
    most = found.max_size / value if found.max_size is not None else LARGEST
    at_market = Decimal(known.most) if swap and known is not None else Decimal(1_000_000)
    return Market(
        id=f"{found.base}-{found.quote}" + ("-SWAP" if swap else ""),
        symbol=found.symbol,
        type="SWAP" if swap else "SPOT",
        code=code,
        base=found.base,
        quote=found.quote,
        settle=found.settle,
        tick=found.tick,
        lot=found.lot / value,
        least=found.min_size / value,
        most=most,
        most_at_market=found.max_market_size / value if found.max_market_size is not None else at_market,
        value=value,
        leverage=found.max_leverage,
        maker=found.maker_fee,
        taker=found.taker_fee,
        maintenance=found.maintenance_margin,
    )


class Listing:
    """Every market, by each of its names."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.all = [_market(each, FIRST_CODE + place) for place, each in enumerate(instruments.values())]
        self.by_id = {market.id: market for market in self.all}
        self.by_code = {market.code: market for market in self.all}
        self.by_symbol = {market.symbol: market for market in self.all}

    def of_type(self, kind: str) -> list[Market]:
        return [market for market in self.all if market.type == kind]

    def find(self, name: object) -> Market | None:
        return self.by_id.get(name) if isinstance(name, str) else None

    def named(self, name: object) -> Market:
        """Raises `Refusal`."""
        if name in (None, ""):
            raise Refusal("50014", "instId")
        market = self.find(name)
        if market is None:
            raise Refusal("51001")
        return market

    def coded(self, code: object) -> Market:
        """By the code that WebSocket orders carry: a bare number. Raises `Refusal`."""
        if code in (None, ""):
            raise Refusal("50014", "instIdCode")
        market = self.by_code.get(code) if isinstance(code, int) else None
        if market is None:
            raise Refusal("51001")
        return market

    def index(self, name: object) -> Market:
        """The market that stands for an index such as ``BTC-USDT``: spot where it is listed. Raises `Refusal`."""
        market = self.find(name) or self.find(f"{name}-SWAP")
        if market is None:
            raise Refusal("51001")
        return market


def settings_of(settings: PaperConfig | None) -> PaperConfig:
    """The settings with OKX's grids: where they say nothing of an instrument, the tables above do."""
    given = settings or PaperConfig(balances=BALANCES)
    recorded = given.market.kind == "recorded"
    listed = [str(feed["symbol"]) for feed in given.market.feeds if "symbol" in feed] if recorded else listing.symbols()
    own = {
        symbol: _grid(symbol, given.instruments.get(symbol), ticks=not recorded)  # recorded prices have their own grid
        for symbol in (*given.market.symbols, *listed, *given.instruments)
    }
    market = given.market if given.market.seed is not None else replace(given.market, seed=SEED)
    pending = PENDING if given.max_open_orders == PaperConfig().max_open_orders else given.max_open_orders
    return replace(given, market=market, instruments=own, max_open_orders=pending)


def _grid(symbol: str, own: InstrumentConfig | None, *, ticks: bool) -> InstrumentConfig:
    own = own or InstrumentConfig()
    base, _, settle = split_symbol(symbol)
    usual: dict[str, Decimal] = {"min_notional": Decimal(0)}
    if settle and (known := CONTRACTS.get(base)) is not None:
        lot = Decimal(known.value) * Decimal(known.lot)
        usual |= {"tick": Decimal(known.tick), "lot": lot, "min_size": lot, "max_leverage": Decimal(known.leverage)}
    elif not settle and (spot := SPOTS.get(base)) is not None:
        usual |= {"tick": Decimal(spot[0]), "lot": Decimal(spot[1]), "min_size": Decimal(spot[2])}
    if own.lot is not None:
        usual.pop("min_size", None)
    if not ticks:
        usual.pop("tick", None)
    missing = {name: value for name, value in usual.items() if getattr(own, name) is None}
    return replace(own, **missing)
