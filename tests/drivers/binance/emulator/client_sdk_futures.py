"""Binance's own SDK for USDⓈ-M futures against the emulator: REST, WebSocket API and streams, with an Ed25519 key."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda each: getattr(each, "__dict__", str(each))))


def rest(client: Any, price: float) -> dict[str, Any]:
    api = client.rest_api
    placed = api.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=price,
        new_client_order_id="sdk-1",
    )  # fmt: skip
    order = placed.data()
    assert order.client_order_id == "sdk-1"
    limits = {(each.rateLimitType, each.interval, each.intervalNum): each.count for each in placed.rate_limits}
    changed = api.modify_order(
        symbol="BTCUSDT", side="BUY", quantity=0.02, price=price, orig_client_order_id="sdk-1"
    ).data()
    assert changed.orig_qty == "0.020"
    seen = api.query_order(symbol="BTCUSDT", order_id=order.order_id).data()
    assert seen.status == "NEW"
    cancelled = api.cancel_order(symbol="BTCUSDT", order_id=order.order_id).data()
    batch = api.place_multiple_orders(
        batch_orders=[
            {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": str(price)},
            {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "1.23456"},
        ]
    ).data()  # fmt: skip
    api.cancel_all_open_orders(symbol="BTCUSDT")
    account = api.account_information_v3().data()
    risk = api.position_information_v3().data()
    return {
        "limits": len(limits),
        "state": cancelled.status,
        "batch": [getattr(each, "code", None) for each in batch],
        "usdt": account.total_wallet_balance,
        "risk": len(risk),
        "info": len(api.exchange_information().data().symbols),
        "depth": len(api.order_book(symbol="BTCUSDT", limit=50).data().bids),
        "klines": len(api.kline_candlestick_data(symbol="BTCUSDT", interval="1m", limit=5).data()),
    }


async def sockets(client: Any, price: float) -> dict[str, Any]:
    heard: dict[str, list[Any]] = {"depth": [], "kline": [], "user": []}
    listen_key = client.rest_api.start_user_data_stream().data().listen_key
    streams = await client.websocket_streams.create_connection()
    depth = await streams.diff_book_depth_streams(symbol="btcusdt", update_speed="100ms")
    depth.on("message", heard["depth"].append)
    kline = await streams.kline_candlestick_streams(symbol="btcusdt", interval="1m")
    kline.on("message", heard["kline"].append)
    user = await streams.user_data(listen_key)
    user.on("message", heard["user"].append)
    api = await client.websocket_api.create_connection()
    placed = await api.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=price,
        new_client_order_id="sdk-ws-1",
    )  # fmt: skip
    order = placed.data().result
    cancelled = await api.cancel_order(symbol="BTCUSDT", order_id=order.order_id)
    await asyncio.sleep(2)
    await api.close_connection(close_session=True)
    await streams.close_connection(close_session=True)
    assert heard["depth"]
    assert heard["kline"]
    ids = [(each.pu, each.u) for each in heard["depth"]]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ids))
    return {
        "client_id": order.client_order_id,
        "state": cancelled.data().result.status,
        "user": [type(getattr(each, "actual_instance", each)).__name__ for each in heard["user"]],
        "weights": len(placed.rate_limits),
    }


def main() -> None:
    base, pem = sys.argv[1], sys.argv[2]
    where = "ws" + base.removeprefix("http")
    hmac = DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(
            api_key="emulator", api_secret="emulator", base_path=base, timeout=5000, retries=0
        )
    )
    price = round(
        float(hmac.rest_api.symbol_order_book_ticker(symbol="BTCUSDT").data().actual_instance.bid_price) * 0.98, 1
    )
    found = {"rest": rest(hmac, price)}
    keys = {"api_key": "emulator-ed25519", "private_key": pem}
    client = DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(base_path=base, timeout=5000, retries=0, **keys),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{where}/ws-fapi/v1", **keys),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=where),
    )
    found["ed25519"] = rest(client, price)
    found["sockets"] = asyncio.run(sockets(client, price))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
