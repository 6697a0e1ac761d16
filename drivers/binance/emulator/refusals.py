"""Refusals: the venue's codes and texts (sheet, part D), and which of them the matching engine's reasons become."""

from __future__ import annotations

from typing import Any

from drivers.binance.emulator.products import Product


class Refusal(Exception):
    """The request is answered with an error. `data` goes out beside code and message."""

    def __init__(
        self, code: int, message: str, *, status: int = 400, data: Any = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data
        self.headers = headers

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": self.code, "msg": self.message}
        if self.data is not None:
            found["data"] = self.data
        return found


def unknown_order() -> Refusal:
    return Refusal(-2011, "Unknown order sent.")


def no_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def malformed(name: str, legal: str) -> Refusal:
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def invalid(name: str) -> Refusal:
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def unsupported(what: str) -> Refusal:
    return Refusal(-1020, f"This operation is not supported: {what}")


def bad_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def bad_key() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


UNRECORDED = "The order will not be recorded in the order history"
FUTURES = {
    "post_only": (
        -5022,
        f"Due to the order could not be executed as maker, the Post Only order will be rejected. {UNRECORDED}",
    ),
    "not_filled": (
        -5021,
        f"Due to the order could not be filled immediately, the FOK order will be rejected. {UNRECORDED}",
    ),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "insufficient_funds": (-2019, "Margin is insufficient."),
    "position_limit": (-2027, "Exceeded the maximum allowable position at current leverage."),
    "order_count_limit": (-2025, "Reach max open order limit."),
    "market_closed": (-4140, "Invalid symbol status for opening position."),
    "bad_symbol": (-1121, "Invalid symbol."),
    "self_trade": (-2010, "Order would trigger self trade."),
}
SPOT = {
    "post_only": (-2010, "Order would immediately match and take."),
    "insufficient_funds": (-2010, "Account has insufficient balance for requested action."),
    "order_count_limit": (-1013, "Filter failure: MAX_NUM_ORDERS"),
    "price_band": (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "market_closed": (-2010, "Market is closed."),
    "bad_symbol": (-1121, "Invalid symbol."),
    "self_trade": (-2010, "Order would trigger self trade."),
}


def of_engine(product: Product, reason: str, side: str, message: str) -> Refusal:
    """What the venue says where the matching engine gives `reason`."""
    if product.name == "futures" and reason == "price_band":
        if side == "buy":
            return Refusal(-4016, "Limit price can't be higher than the allowed upper bound.")
        return Refusal(-4024, "Limit price can't be lower than the allowed lower bound.")
    code, text = (FUTURES if product.name == "futures" else SPOT).get(reason, (-1013, message))
    return Refusal(code, text)
