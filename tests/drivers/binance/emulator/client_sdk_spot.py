"""Binance's own SDK for spot against the emulator: REST, WebSocket API with a session, streams and user data."""

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
from binance_sdk_spot.spot import Spot


def rest(client: Any, price: float) -> dict[str, Any]:
    api = client.rest_api
    order = api.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=price,
        new_client_order_id="sdk-1",
    ).data()  # fmt: skip
    amended = api.order_amend_keep_priority(symbol="BTCUSDT", new_qty=0.005, order_id=order.order_id).data()
    replaced = api.order_cancel_replace(
        symbol="BTCUSDT", side="BUY", type="LIMIT", cancel_replace_mode="STOP_ON_FAILURE", time_in_force="GTC",
        quantity=0.01, price=price, cancel_order_id=order.order_id,
    ).data()  # fmt: skip
    cancelled = api.delete_open_orders(symbol="BTCUSDT").data()
    bought = api.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01).data()
    trades = api.my_trades(symbol="BTCUSDT").data()
    return {
        "renamed": amended.amended_order.client_order_id != "sdk-1",
        "replaced": [replaced.cancel_result, replaced.new_order_result],
        "cancelled": len(cancelled),
        "fills": len(bought.fills),
        "trades": len(trades),
        "assets": [each.asset for each in api.get_account().data().balances],
        "filters": len(api.exchange_info(symbol="BTCUSDT").data().symbols[0].filters),
    }


async def sockets(client: Any, price: float) -> dict[str, Any]:
    heard: dict[str, list[Any]] = {"depth": [], "user": []}
    streams = await client.websocket_streams.create_connection()
    depth = await streams.diff_book_depth(symbol="btcusdt", update_speed="100ms")
    depth.on("message", heard["depth"].append)
    api = await client.websocket_api.create_connection()
    session = await api.session_logon()
    subscribed = await api.user_data_stream_subscribe()
    subscribed.stream.on("message", heard["user"].append)
    placed = await api.order_place(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=price,
        new_client_order_id="sdk-ws-1",
    )  # fmt: skip
    order = placed.data().result
    cancelled = await api.order_cancel(symbol="BTCUSDT", order_id=order.order_id)
    await asyncio.sleep(1.5)
    await api.close_connection(close_session=True)
    await streams.close_connection(close_session=True)
    ids = [(each.U, each.u) for each in heard["depth"]]
    assert ids
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(ids))
    return {
        "session": session.data().result.api_key,
        "client_id": order.client_order_id,
        "state": cancelled.data().result.status,
        "user": [type(getattr(each, "actual_instance", each)).__name__ for each in heard["user"]],
    }


def main() -> None:
    base, pem = sys.argv[1], sys.argv[2]
    where = "ws" + base.removeprefix("http")
    keys = {"api_key": "emulator-ed25519", "private_key": pem}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(base_path=base, timeout=5000, retries=0, **keys),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{where}/ws-api/v3", **keys),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=where),
    )
    ticker = client.rest_api.ticker_book_ticker(symbol="BTCUSDT").data().actual_instance
    price = round(float(ticker.bid_price) * 0.98, 2)
    print(json.dumps({"rest": rest(client, price), "sockets": asyncio.run(sockets(client, price))}))


if __name__ == "__main__":
    main()
