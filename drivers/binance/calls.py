"""The REST calls that the driver makes: method, path, weight and security, by name. (Sheet B2 and C2.)

A weight that depends on the parameters is given where the call is made; here stands the usual one. Placing is free of
weight in both products, and counted by the order pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drivers.binance.config import ProductName

Security = Literal["none", "key", "signed"]


@dataclass(frozen=True, slots=True)
class Call:
    """One endpoint. `weight` is taken per address; `funding` calls share a pool of their own."""

    method: str
    path: str
    weight: float = 1
    security: Security = "signed"
    funding: bool = False


USDM: Mapping[str, Call] = {
    "time": Call("GET", "/fapi/v1/time", 1, "none"),
    "instruments": Call("GET", "/fapi/v1/exchangeInfo", 1, "none"),
    "depth": Call("GET", "/fapi/v1/depth", 20, "none"),
    "klines": Call("GET", "/fapi/v1/klines", 10, "none"),
    "quote": Call("GET", "/fapi/v1/ticker/bookTicker", 2, "none"),
    "mark": Call("GET", "/fapi/v1/premiumIndex", 1, "none"),
    "funding_info": Call("GET", "/fapi/v1/fundingInfo", 0, "none", funding=True),
    "funding_rate": Call("GET", "/fapi/v1/fundingRate", 0, "none", funding=True),
    "place": Call("POST", "/fapi/v1/order", 0),
    "amend": Call("PUT", "/fapi/v1/order", 0),
    "cancel": Call("DELETE", "/fapi/v1/order", 1),
    "order": Call("GET", "/fapi/v1/order", 1),
    "place_batch": Call("POST", "/fapi/v1/batchOrders", 5),
    "amend_batch": Call("PUT", "/fapi/v1/batchOrders", 5),
    "cancel_batch": Call("DELETE", "/fapi/v1/batchOrders", 1),
    "cancel_all": Call("DELETE", "/fapi/v1/allOpenOrders", 1),
    "place_algo": Call("POST", "/fapi/v1/algoOrder", 0),
    "cancel_algo": Call("DELETE", "/fapi/v1/algoOrder", 1),
    "algo": Call("GET", "/fapi/v1/algoOrder", 1),
    "cancel_all_algos": Call("DELETE", "/fapi/v1/algoOpenOrders", 1),
    "open_orders": Call("GET", "/fapi/v1/openOrders", 40),
    "open_algos": Call("GET", "/fapi/v1/openAlgoOrders", 40),
    "orders": Call("GET", "/fapi/v1/allOrders", 5),
    "algos": Call("GET", "/fapi/v1/allAlgoOrders", 5),
    "fills": Call("GET", "/fapi/v1/userTrades", 5),
    "income": Call("GET", "/fapi/v1/income", 30),
    "dead_man": Call("POST", "/fapi/v1/countdownCancelAll", 10),
    "balances": Call("GET", "/fapi/v3/balance", 5),
    "positions": Call("GET", "/fapi/v3/positionRisk", 5),
    "symbol_config": Call("GET", "/fapi/v1/symbolConfig", 5),
    "account": Call("GET", "/fapi/v1/accountConfig", 5),
    "leverage": Call("POST", "/fapi/v1/leverage", 1),
    "margin_type": Call("POST", "/fapi/v1/marginType", 1),
    "position_mode": Call("POST", "/fapi/v1/positionSide/dual", 1),
    "multi_assets": Call("POST", "/fapi/v1/multiAssetsMargin", 1),
    "fees": Call("GET", "/fapi/v1/commissionRate", 20),
    "brackets": Call("GET", "/fapi/v1/leverageBracket", 1),
    "listen_key": Call("POST", "/fapi/v1/listenKey", 1, "key"),
    "renew_key": Call("PUT", "/fapi/v1/listenKey", 1, "key"),
}

SPOT: Mapping[str, Call] = {
    "time": Call("GET", "/api/v3/time", 1, "none"),
    "instruments": Call("GET", "/api/v3/exchangeInfo", 20, "none"),
    "depth": Call("GET", "/api/v3/depth", 50, "none"),
    "klines": Call("GET", "/api/v3/klines", 2, "none"),
    "quote": Call("GET", "/api/v3/ticker/bookTicker", 2, "none"),
    "place": Call("POST", "/api/v3/order", 1),
    "amend": Call("PUT", "/api/v3/order/amend/keepPriority", 4),
    "cancel": Call("DELETE", "/api/v3/order", 1),
    "order": Call("GET", "/api/v3/order", 4),
    "cancel_all": Call("DELETE", "/api/v3/openOrders", 1),
    "open_orders": Call("GET", "/api/v3/openOrders", 80),
    "orders": Call("GET", "/api/v3/allOrders", 20),
    "fills": Call("GET", "/api/v3/myTrades", 20),
    "balances": Call("GET", "/api/v3/account", 20),
    "fees": Call("GET", "/api/v3/account/commission", 20),
}

CALLS: Mapping[ProductName, Mapping[str, Call]] = {"usdm": USDM, "spot": SPOT}

ONE_SYMBOL: Mapping[ProductName, Mapping[str, float]] = {
    "usdm": {"open_orders": 1, "open_algos": 1},
    "spot": {"open_orders": 6},
}
"""The lower weight of a call that is asked for one symbol only."""

METHODS: Mapping[ProductName, Mapping[str, str]] = {
    "usdm": {
        "place": "order.place",
        "amend": "order.modify",
        "cancel": "order.cancel",
        "place_algo": "algoOrder.place",
        "cancel_algo": "algoOrder.cancel",
    },
    "spot": {"place": "order.place", "amend": "order.amend.keepPriority", "cancel": "order.cancel"},
}
"""The writes that the WebSocket API takes too, by the same names."""
