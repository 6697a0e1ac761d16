"""What accounts hold, in OKX's words: balances and positions (sheet section 6).

Amounts are the stage's: cash with unrealised profit is the equity, and margin is cross. Fees of spot trades are taken in
quote money, which OKX does for accounts whose `feeType` is 1: these accounts say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ctosd.abi import Balance, exact
from drivers.okx.emulator.figures import ms, plain
from drivers.okx.emulator.ledger import Book
from drivers.okx.emulator.legs import Leg
from drivers.okx.emulator.listing import Listing, Market
from drivers.okx.emulator.refusals import Refusal
from drivers.paper.stage import Stage

ZERO = Decimal(0)
DOLLARS = frozenset({"USDT", "USDC", "USD"})
CENT = Decimal("1e-8")
Given = Mapping[str, Any]
Row = dict[str, Any]
EMPTY_DETAILS = (
    *("accAvgPx", "borrowFroz", "clSpotInUseAmt", "crossLiab", "interest", "isoLiab", "liab", "maxLoan"),
    *(
        "maxSpotInUseAmt",
        "openAvgPx",
        "spotBal",
        "spotInUseAmt",
        "spotUpl",
        "spotUplRatio",
        "totalPnl",
        "totalPnlRatio",
    ),
    *("uplLiab", "autoLendStatus", "autoLendMtAmt", "frpType"),
)
ZERO_DETAILS = (
    *("fixedBal", "isoEq", "isoUpl", "notionalLever", "rewardBal", "smtSyncEq", "spotCopyTradingEq", "spotIsoBal"),
    *("stgyEq", "twap", "colBorrAutoConversion"),
)
EMPTY_POSITION = (
    *("baseBal", "baseBorrowed", "baseInterest", "bizRefId", "bizRefType", "deltaBS", "deltaPA", "gammaBS", "gammaPA"),
    *("liab", "liabCcy", "optVal", "posCcy", "quoteBal", "quoteBorrowed", "quoteInterest", "spotInUseAmt"),
    *("spotInUseCcy", "thetaBS", "thetaPA", "vegaBS", "vegaPA", "clSpotInUseAmt", "maxSpotInUseAmt"),
    *("pendingCloseOrdLiabVal", "hedgedPos", "interest", "margin", "nonSettleAvgPx", "settledPnl"),
)


class Holdings:
    """Rows of balances and positions. Methods that take `given` answer requests and raise `Refusal`."""

    def __init__(
        self,
        stage: Stage,
        listing: Listing,
        books: Mapping[str, Book],
        now: Callable[[], int],
        mark: Callable[[Market], Decimal],
    ) -> None:
        self._stage = stage
        self._listing = listing
        self._books = books
        self._now = now
        self.mark = mark

    # -- money ----------------------------------------------------------------------------------------------------------

    def balance(self, account: str, given: Given) -> list[Row]:
        wanted = {each for each in str(given.get("ccy") or "").split(",") if each}
        if len(wanted) > 20:
            raise Refusal("50025", "ccy", 20)
        return [self.balance_row(account, wanted)]

    def balance_row(self, account: str, assets: set[str] | None = None) -> Row:
        """Everything that an account has; `assets` narrows the details."""
        now = ms(self._now())
        held = {each.asset: each for each in self._stage.floor.engine.balances(account)}
        rows = {asset: self._detail(account, each) for asset, each in held.items()}
        total = sum((Decimal(row["eqUsd"]) for row in rows.values()), ZERO)
        margins = [self.margin(account, leg) for leg in self._books[account].open_legs()]
        imr, mmr, notional = (sum((each[place] for each in margins), ZERO) for place in range(3))
        upl = sum((self._upl(account, asset) for asset in held), ZERO)
        empty = ("borrowFroz", "notionalUsdForBorrow", "notionalUsdForOption", "notionalUsdForFutures", "delta")
        return {
            **dict.fromkeys(empty, ""),
            "adjEq": plain(total),
            "availEq": plain(sum((Decimal(row["availEq"]) for row in rows.values()), ZERO)),
            "deltaLever": "",
            "deltaNeutralStatus": "0",
            "details": [row for asset, row in rows.items() if not assets or asset in assets],
            "imr": plain(imr),
            "isoEq": "0",
            "mgnRatio": plain((total / mmr).quantize(CENT)) if mmr else "",
            "mmr": plain(mmr),
            "notionalUsd": plain(notional),
            "notionalUsdForSwap": plain(notional),
            "ordFroz": "0",
            "totalEq": plain(total),
            "uTime": now,
            "upl": plain(upl),
        }

    def _detail(self, account: str, balance: Balance) -> Row:
        asset, upl = balance.asset, self._upl(account, balance.asset)
        equity, price = balance.total + upl, self.dollars(balance.asset)
        frozen = max(ZERO, equity - balance.available)
        margins = [
            self.margin(account, leg)
            for leg in self._books[account].open_legs()
            if self._listing.by_id[leg.instrument].settle == asset
        ]
        imr, mmr = (sum((each[place] for each in margins), ZERO) for place in range(2))
        return {
            **dict.fromkeys(EMPTY_DETAILS, ""),
            **dict.fromkeys(ZERO_DETAILS, "0"),
            "autoLendStatus": "unsupported",
            "autoLendAmt": "0",
            "availBal": plain(balance.available),
            "availEq": plain(balance.available),
            "cashBal": plain(balance.total),
            "ccy": asset,
            "coinUsdPrice": plain(price),
            "collateralEnabled": False,
            "collateralRestrict": False,
            "disEq": plain((equity * price).quantize(CENT)),
            "eq": plain(equity),
            "eqUsd": plain((equity * price).quantize(CENT)),
            "frozenBal": plain(frozen),
            "imr": plain(imr),
            "mgnRatio": plain((equity / mmr).quantize(CENT)) if mmr else "",
            "mmr": plain(mmr),
            "ordFrozen": plain(max(ZERO, frozen - imr)),
            "uTime": ms(self._now()),
            "upl": plain(upl),
        }

    def _upl(self, account: str, asset: str) -> Decimal:
        return sum(
            (
                position.unrealised
                for position in self._stage.floor.engine.positions(account)
                if self._listing.by_symbol[position.symbol].settle == asset
            ),
            ZERO,
        )

    def dollars(self, asset: str) -> Decimal:
        """What a coin is worth; 0 for one that has no market here."""
        if asset in DOLLARS:
            return Decimal(1)
        try:
            return self.mark(self._listing.index(f"{asset}-USDT"))
        except Refusal:
            return ZERO

    # -- positions ------------------------------------------------------------------------------------------------------

    def positions(self, account: str, given: Given) -> list[Row]:
        ids = [each for each in str(given.get("instId") or "").split(",") if each]
        if len(ids) > 10:
            raise Refusal("50025", "instId", 10)
        if given.get("instType") not in (None, "", "SWAP", "MARGIN", "FUTURES", "OPTION"):
            raise Refusal("51000", "instType")
        if given.get("instType") not in (None, "", "SWAP"):
            return []
        legs = self._books[account].open_legs()
        return [self.position_row(account, leg) for leg in legs if not ids or leg.instrument in ids]

    def margin(self, account: str, leg: Leg) -> tuple[Decimal, Decimal, Decimal]:
        """`(initial, maintenance, worth)` of a leg."""
        market = self._listing.by_id[leg.instrument]
        worth = abs(market.coins(leg.size)) * self.mark(market)
        return worth / self.leverage(account, market), worth * market.maintenance, worth

    def leverage(self, account: str, market: Market) -> Decimal:
        return self._stage.floor.engine.leverage(account, market.symbol)

    def position_row(self, account: str, leg: Leg) -> Row:
        market = self._listing.by_id[leg.instrument]
        average = plain(leg.average.quantize(CENT)) if leg.size else ""
        return {
            **dict.fromkeys(EMPTY_POSITION, ""),
            **self._figures(account, market, leg),
            "adl": "1" if leg.size else "0",
            "availPos": plain(abs(leg.size)) if leg.size else "",
            "avgPx": average,
            "bePx": average,
            "cTime": ms(leg.created_ns),
            "ccy": market.settle,
            "closeOrderAlgo": [],
            "fee": plain(leg.fee),
            "fundingFee": plain(leg.funding),
            "instId": market.id,
            "instType": market.type,
            "liqPenalty": "0",
            "mgnMode": leg.mode,
            "pnl": plain(leg.pnl),
            "pos": plain(leg.size),
            "posId": leg.id,
            "posSide": leg.side,
            "realizedPnl": plain(leg.pnl + leg.fee + leg.funding),
            "tradeId": leg.trade_id,
            "uTime": ms(leg.updated_ns),
            "pTime": ms(self._now()),
            "usdPx": "1",
        }

    def _figures(self, account: str, market: Market, leg: Leg) -> Row:
        """What a position is worth at the present prices."""
        mark, (imr, mmr, worth) = self.mark(market), self.margin(account, leg)
        lever, cost = self.leverage(account, market), abs(market.coins(leg.size)) * leg.average
        trades = self._stage.trades.get(market.symbol)
        last = exact(trades[-1].price) if trades else mark
        upl, at_last = leg.unrealised(mark, market.value), leg.unrealised(last, market.value)
        balances = self._stage.floor.engine.balances(account)
        equity = sum((each.total for each in balances if each.asset == market.settle), upl)
        return {
            "idxPx": plain(mark),
            "imr": plain(imr.quantize(CENT)),
            "last": plain(last),
            "lever": plain(lever),
            "liqPx": plain(self._liquidation(account, market, leg)),
            "markPx": plain(mark),
            "mgnRatio": plain((equity / mmr).quantize(CENT)) if mmr else "",
            "mmr": plain(mmr.quantize(CENT)),
            "notionalUsd": plain(worth.quantize(CENT)),
            "upl": plain(upl),
            "uplLastPx": plain(at_last),
            "uplRatio": plain((upl * lever / cost).quantize(CENT)) if cost else "0",
            "uplRatioLastPx": plain((at_last * lever / cost).quantize(CENT)) if cost else "0",
        }

    def _liquidation(self, account: str, market: Market, leg: Leg) -> Decimal | None:
        found = (each for each in self._stage.floor.engine.positions(account) if each.symbol == market.symbol)
        position = next(found, None)
        if position is None or not leg.size or (position.size > 0) != leg.long:
            return None
        return position.liquidation

    def brief(self, account: str, eventful: str, assets: Sequence[str], legs: Sequence[Leg], trades: list[Row]) -> Row:
        """The one element of a push of `balance_and_position`."""
        held = {each.asset: each for each in self._stage.floor.engine.balances(account)}
        now = ms(self._now())
        return {
            "pTime": now,
            "eventType": eventful,
            "balData": [
                {"ccy": asset, "cashBal": plain(held[asset].total), "uTime": now} for asset in assets if asset in held
            ],
            "posData": [
                {
                    "posId": leg.id,
                    "tradeId": leg.trade_id,
                    "instId": leg.instrument,
                    "instType": "SWAP",
                    "mgnMode": leg.mode,
                    "posSide": leg.side,
                    "pos": plain(leg.size),
                    "ccy": self._listing.by_id[leg.instrument].settle,
                    "posCcy": "",
                    "avgPx": plain(leg.average.quantize(CENT)) if leg.size else "",
                    "nonSettleAvgPx": "",
                    "settledPnl": "",
                    "uTime": ms(leg.updated_ns),
                }
                for leg in legs
            ],
            "trades": trades,
        }
