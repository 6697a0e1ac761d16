"""The paper venue's own section of the configuration: its market, its accounts, its weather.

Plain records with defaults; whoever reads the configuration validates them by their annotations. The last text of every
annotation is the documentation of the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval, Le

Probability = Annotated[float, Interval(ge=0.0, le=1.0)]


@dataclass(frozen=True, kw_only=True)
class SymbolConfig:
    """One synthetic symbol. What is left out comes from the listing, or is made from the symbol's name."""

    price: Annotated[float | None, Gt(0), "first price in quote money"] = None
    volatility: Annotated[
        float | None, Gt(0), Le(20), "a year's volatility as a fraction, as one-minute returns show it"
    ] = None
    beta: Annotated[float | None, Ge(-3), Le(5), "how much of the market's move the symbol follows; bitcoin has 1"] = (
        None
    )
    spread_bps: Annotated[float | None, Gt(0), Le(500), "usual spread in basis points; never below one tick"] = None
    depth_quote: Annotated[float | None, Gt(0), "usual worth of one book level in quote money"] = None


@dataclass(frozen=True, kw_only=True)
class MarketConfig:
    """Where prices come from: a seeded generator, or recordings."""

    kind: Annotated[Literal["synthetic", "recorded"], "where prices come from"] = "synthetic"
    speed: Annotated[float, Gt(0), Le(100_000), "market seconds per second on the wall clock"] = 1.0
    seed: Annotated[int | None, "seed of the synthetic market; without one the daemon's seed or 7"] = None
    symbols: Annotated[Mapping[str, SymbolConfig], "synthetic symbols; every other one of the listing exists too"] = (
        field(default_factory=dict)
    )
    rate: Annotated[float, Gt(0), Le(1000), "synthetic ticks a second and symbol"] = 10.0
    reversion: Annotated[
        float, Ge(0), Le(0.95), "share of the variance of a minute that is taken back within minutes"
    ] = 0.5
    jumps_per_day: Annotated[float, Ge(0), Le(1000), "sudden moves a day, the market's and each symbol's own"] = 6.0
    history: Annotated[int, Ge(0), Le(1500), "closed one-minute bars that exist before the first tick"] = 300
    duration_s: Annotated[float, Ge(0), "market seconds until the synthetic market ends; 0 never does"] = 0.0
    start_ms: Annotated[int, Ge(0), "first instant of a synthetic market on the virtual clock, ms UTC"] = (
        1_704_067_200_000
    )
    feeds: Annotated[Sequence[Mapping[str, Any]], "recordings: {path, symbol, kind, timeframe, format}"] = ()


@dataclass(frozen=True, kw_only=True)
class FeesConfig:
    """Fees of every instrument that has none of its own, as fractions."""

    maker: Annotated[Decimal, Gt(Decimal("-0.01")), Le(Decimal("0.1")), "negative is a rebate"] = Decimal("0.0002")
    taker: Annotated[Decimal, Ge(0), Le(Decimal("0.1")), "fee of what takes"] = Decimal("0.0005")


@dataclass(frozen=True, kw_only=True)
class FundingConfig:
    """Funding of perpetuals."""

    interval_h: Annotated[float, Gt(0), Le(24), "hours between two payments, counted from midnight UTC"] = 8.0
    rate: Annotated[
        Decimal, Ge(Decimal("-0.1")), Le(Decimal("0.1")), "rate of an interval where a recorded market tells none"
    ] = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class LatencyConfig:
    """How long a command travels. `order` is waited before the venue sees it, `ack` before its answer is heard."""

    order: Annotated[float, Ge(0), Le(60_000), "milliseconds"] = 0.0
    ack: Annotated[float, Ge(0), Le(60_000), "milliseconds"] = 0.0
    jitter: Annotated[float, Ge(0), Le(60_000), "milliseconds at most that each way takes longer"] = 0.0


@dataclass(frozen=True, kw_only=True)
class FaultsConfig:
    """How often each thing goes wrong, as a probability from 0 to 1."""

    drop: Annotated[Probability, "the command never arrives: the outcome is unknown, the venue has nothing"] = 0.0
    delay: Annotated[Probability, "the command arrives `delay_ms` later"] = 0.0
    partial: Annotated[Probability, "an order that takes liquidity gets only a part of it"] = 0.0
    reject: Annotated[Probability, "a place or an amend is refused with a reason that venues give"] = 0.0
    rate_limit: Annotated[Probability, "the command is refused: too many requests"] = 0.0
    lose_ack: Annotated[Probability, "the command did arrive and may have filled, but its answer is lost"] = 0.0
    delay_ms: Annotated[float, Ge(0), Le(60_000), "milliseconds that `delay` adds"] = 500.0


@dataclass(frozen=True, kw_only=True)
class QueueConfig:
    """Who stands before a resting order."""

    model: Annotated[
        Literal["book", "fraction"],
        "book: the size shown at the price stands before; fraction: a share of what trades is left",
    ] = "book"
    trade_share: Annotated[float, Interval(ge=0.0, le=1.0), "fraction: share of each trade that is left to us"] = 0.5
    ahead: Annotated[
        float, Ge(0), Le(100), "book: size before an order behind the touch where no book is known, in touches"
    ] = 1.0


@dataclass(frozen=True, kw_only=True)
class DepthConfig:
    """What a taker meets behind the touch where the market tells no book."""

    step: Annotated[int, Ge(1), Le(1_000), "ticks between two levels"] = 1
    size: Annotated[float, Ge(0), Le(1_000), "size of a level as a multiple of the touch's"] = 1.0
    levels: Annotated[int, Ge(0), Le(200), "number of levels; 0 is the touch alone"] = 10


@dataclass(frozen=True, kw_only=True)
class BarsConfig:
    """How orders are matched where only bars or trades are known."""

    spread: Annotated[
        float, Ge(0), Le(0.1), "spread around a close or a last trade, as a fraction; derived quotes have it"
    ] = 0.0001
    volume_share: Annotated[
        float, Interval(ge=0.0, le=1.0), "share of a bar's volume that all orders together may take"
    ] = 1.0
    touch_fills: Annotated[bool, "whether a bar that only touches a price fills the order"] = False


@dataclass(frozen=True, kw_only=True)
class LimitsConfig:
    """Rate limits that the venue declares: orders a second and its burst."""

    orders_per_s: Annotated[float, Gt(0), "orders, amends and cancels a second and venue"] = 50.0
    burst: Annotated[float, Ge(1), "how many at once after a pause"] = 100.0


@dataclass(frozen=True, kw_only=True)
class InstrumentConfig:
    """What is different about one instrument; the rest comes from the listing. Sizes in base units."""

    tick: Annotated[Decimal | None, Gt(0), "step of prices"] = None
    lot: Annotated[Decimal | None, Gt(0), "step of sizes"] = None
    min_size: Annotated[Decimal | None, Gt(0), "smallest order"] = None
    min_notional: Annotated[Decimal | None, Ge(0), "smallest worth of an order in quote money"] = None
    max_size: Annotated[Decimal | None, Gt(0), "largest order"] = None
    max_market_size: Annotated[Decimal | None, Gt(0), "largest market order"] = None
    maker_fee: Annotated[Decimal | None, Gt(Decimal("-0.01")), Le(Decimal("0.1")), "as a fraction"] = None
    taker_fee: Annotated[Decimal | None, Ge(0), Le(Decimal("0.1")), "as a fraction"] = None
    max_leverage: Annotated[Decimal | None, Ge(1), Le(125), "largest leverage"] = None
    maintenance_margin: Annotated[
        Decimal | None, Ge(0), Le(Decimal("0.5")), "as a fraction of the position's worth"
    ] = None


@dataclass(frozen=True, kw_only=True)
class AccountConfig:
    """One simulated account."""

    balances: Annotated[Mapping[str, Decimal] | None, "opening balances; without them the venue's"] = None


@dataclass(frozen=True, kw_only=True)
class PaperConfig:
    """Everything that the paper venue can be told. Without `fees` the listing's are taken: those of a large venue."""

    market: MarketConfig = field(default_factory=MarketConfig)
    balances: Annotated[Mapping[str, Decimal], "opening balances of every account"] = field(
        default_factory=lambda: {"USDT": Decimal(10_000)}
    )
    accounts: Annotated[Mapping[str, AccountConfig], "accounts by name"] = field(default_factory=dict)
    leverage: Annotated[Decimal, Ge(1), Le(125), "leverage of a symbol that was not told another"] = Decimal(5)
    fees: FeesConfig | None = None
    instruments: Annotated[Mapping[str, InstrumentConfig], "instruments by symbol"] = field(default_factory=dict)
    funding: FundingConfig = field(default_factory=FundingConfig)
    latency_ms: LatencyConfig = field(default_factory=LatencyConfig)
    faults: FaultsConfig = field(default_factory=FaultsConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    bars: BarsConfig = field(default_factory=BarsConfig)
    price_band: Annotated[Decimal | None, Gt(0), Le(1), "how far beyond the market a price may lie, as a fraction"] = (
        Decimal("0.1")
    )
    max_open_orders: Annotated[int, Ge(1), Le(100_000), "open orders of one account in one symbol"] = 200
    max_position_notional: Annotated[
        Decimal | None, Gt(0), "worth of one position with the orders that would enlarge it"
    ] = None
    self_trade: Annotated[
        Literal["cancel_maker", "cancel_taker", "cancel_both"], "what goes when own orders would meet"
    ] = "cancel_maker"
    limits: LimitsConfig = field(default_factory=LimitsConfig)
