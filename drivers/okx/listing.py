"""What OKX lists, as instruments; and the only place where contracts become coins and coins contracts. (Sheet section 4.)

Spot and linear perpetuals have unified symbols. Inverse swaps, expiring futures and options have none and are not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from ctosd.abi import CallerMistake, Instrument, Kind
from drivers.okx.records import Row, decimal

ONE = Decimal(1)
KINDS: Mapping[str, Kind] = {"SPOT": "spot", "SWAP": "perp"}
LISTED = frozenset({"live", "post_only", "suspend", "rebase", "settling"})
"""States in which an instrument is known; orders of those that do not trade now are refused by the venue."""


class InstrumentRow(Row):
    """public/instruments, account/instruments."""

    inst_id: str
    inst_type: str
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    ct_val_ccy: str = ""
    ct_type: str = ""
    inst_family: str = ""
    uly: str = ""
    tick_sz: str = ""
    lot_sz: str = ""
    min_sz: str = ""
    max_lmt_sz: str = ""
    max_mkt_sz: str = ""
    lever: str = ""
    state: str = ""
    inst_id_code: int | None = None
    group_id: str = ""


class FeeGroup(Row):
    """One fee group of account/trade-fee; negative rates are costs."""

    group_id: str = ""
    maker: str = ""
    taker: str = ""


class FeeRow(Row):
    """account/trade-fee. `maker` and `taker` are what there was before the groups."""

    inst_type: str = ""
    maker: str = ""
    taker: str = ""
    maker_u: str = ""
    taker_u: str = ""
    fee_group: list[FeeGroup] = []


read_row = msgspec.json.Decoder(InstrumentRow, strict=False).decode
read_fee = msgspec.json.Decoder(FeeRow).decode


class Product:
    """One instrument with what only OKX needs to know of it.

    `contract` is the size of one contract in coins, 1 for spot; `step` is the lot in contracts. For floats it is
    ``contracts * times / parts``, one of the two 1: dividing by 100 keeps the digits that times 0.01 would not.
    """

    __slots__ = ("code", "contract", "group", "instrument", "native", "parts", "spot", "step", "symbol", "times")

    def __init__(self, instrument: Instrument, contract: Decimal, step: Decimal, code: int | None, group: str) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.native = instrument.native
        self.spot = instrument.kind == "spot"
        self.contract = contract
        small = contract < ONE
        self.times = 1.0 if small else float(contract)
        self.parts = float(ONE / contract) if small else 1.0
        self.step = step
        self.code = code
        self.group = group

    def coins(self, contracts: str | float | Decimal) -> Decimal:
        """A size of the venue in coins."""
        size = contracts if isinstance(contracts, Decimal) else decimal(contracts)
        return size if self.contract == ONE else size * self.contract

    def contracts(self, coins: Decimal) -> Decimal:
        """A size in coins as the venue counts it.

        Raises:
            CallerMistake: it is not a multiple of the lot; nothing is rounded here.
        """
        size = coins if self.contract == ONE else coins / self.contract
        if size % self.step:
            raise CallerMistake(f"{coins} is not a multiple of the lot {self.instrument.lot} of {self.symbol}")
        return size


def product_of(venue: str, row: InstrumentRow) -> Product | None:
    """The product of a row; None for what has no unified symbol, does not trade yet, or lacks its grid."""
    kind = KINDS.get(row.inst_type)
    tick, step, least = decimal(row.tick_sz), decimal(row.lot_sz), decimal(row.min_sz)
    if kind is None or row.state not in LISTED or min(tick, step, least) <= 0:
        return None
    if kind == "spot":
        base, quote, contract = row.base_ccy, row.quote_ccy, ONE
        symbol, settle = f"{base}/{quote}", quote
    else:
        base, quote = row.ct_val_ccy, _quote(row.uly) or _quote(row.inst_family)
        settle, contract = row.settle_ccy, decimal(row.ct_val) * decimal(row.ct_mult, ONE)
        symbol = f"{base}/{quote}:{settle}"
        if row.ct_type != "linear" or contract <= 0 or not settle:
            return None
    if not (base and quote):
        return None
    largest, largest_market = decimal(row.max_lmt_sz), decimal(row.max_mkt_sz)
    instrument = Instrument(
        venue=venue,
        symbol=symbol,
        native=row.inst_id,
        kind=kind,
        base=base,
        quote=quote,
        settle=settle,
        tick=tick,
        lot=step * contract,
        min_size=least * contract,
        max_size=largest * contract if largest else None,
        # the cap on spot market orders is in USDT, not in coins
        max_market_size=largest_market * contract if largest_market and kind == "perp" else None,
        max_leverage=max(ONE, decimal(row.lever, ONE)) if kind == "perp" else ONE,
        contract_size=contract,
    )
    return Product(instrument, contract, step, row.inst_id_code, row.group_id)


def _quote(pair: str) -> str:
    """The quote currency of an underlying such as BTC-USDT."""
    return pair.split("-")[1] if "-" in pair else ""


class Listing:
    """The products by symbol and by the venue's name."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.by_symbol: dict[str, Product] = {}
        self.by_native: dict[str, Product] = {}
        self.unlisted = 0
        self._fees: dict[str, FeeRow] = {}

    def adopt(self, rows: Iterable[bytes | msgspec.Raw]) -> int:
        """Take in rows of instruments; returns how many were listed. Those that cannot be read are counted as unlisted."""
        count = 0
        for raw in rows:
            try:
                row = read_row(raw)
            except (msgspec.MsgspecError, ValueError):
                self.unlisted += 1
                continue
            count += self._put(row)
        return count

    def _put(self, row: InstrumentRow) -> bool:
        product = product_of(self.venue, row)
        if product is None:
            self.unlisted += 1
            return False
        known = self.by_symbol.get(product.symbol)
        if known is not None and known.native != product.native:
            self.unlisted += 1  # two books of one unified symbol: the first listed has it
            return False
        self._price(product)
        self.by_symbol[product.symbol] = self.by_native[product.native] = product
        return True

    def charge(self, inst_type: str, row: FeeRow) -> None:
        """Take in the fee rates of an instrument type."""
        self._fees[inst_type] = row
        for product in self.by_symbol.values():
            self._price(product)

    def _price(self, product: Product) -> None:
        row = self._fees.get("SPOT" if product.spot else "SWAP")
        if row is None:
            return
        maker, taker = _rates(row, product)
        if maker or taker:
            # the venue counts what it pays as positive
            product.instrument = replace(product.instrument, maker_fee=-decimal(maker), taker_fee=-decimal(taker))

    def find(self, symbol: str) -> Product:
        """Raises `CallerMistake` for a symbol that is not listed."""
        try:
            return self.by_symbol[symbol]
        except KeyError:
            raise CallerMistake(f"{symbol} is not listed at {self.venue}") from None

    def get(self, native: str) -> Product | None:
        return self.by_native.get(native)

    def __iter__(self) -> Iterator[Product]:
        return iter(self.by_symbol.values())

    def statistics(self) -> Mapping[str, Any]:
        return {"listed": len(self.by_symbol), "unlisted": self.unlisted}


def _rates(row: FeeRow, product: Product) -> tuple[str, str]:
    """Maker and taker rate of a product: those of its group, else what was there before there were groups."""
    for group in row.fee_group:
        if group.group_id == product.group or len(row.fee_group) == 1:
            return group.maker, group.taker
    if not product.spot and (row.maker_u or row.taker_u):
        return row.maker_u, row.taker_u
    return row.maker, row.taker
