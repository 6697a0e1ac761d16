"""Run by `test_clients` in the clients' own environment: OKX's own SDK, python-okx, as it is installed.

Its WebSocket client speaks TLS only, so that REST is what it shows here. Arguments: REST address, WebSocket address, key,
secret, passphrase. Prints what it saw as JSON.
"""

import json
import sys

from okx.Account import AccountAPI
from okx.MarketData import MarketAPI
from okx.PublicData import PublicAPI
from okx.Status import StatusAPI
from okx.Trade import TradeAPI

rest, _, key, secret, passphrase = sys.argv[1:6]
keys = {"api_key": key, "api_secret_key": secret, "passphrase": passphrase, "flag": "1", "domain": rest}
account, trade, market = AccountAPI(**keys), TradeAPI(**keys), MarketAPI(flag="1", domain=rest)
public, status = PublicAPI(flag="1", domain=rest), StatusAPI(flag="1", domain=rest)
SWAP = "BTC-USDT-SWAP"
seen: dict[str, object] = {}

seen["status"] = status.status()["code"]
seen["time"] = len(public.get_system_time()["data"][0]["ts"])
seen["contract"] = public.get_instruments("SWAP", instId=SWAP)["data"][0]["ctVal"]
ticker = market.get_ticker(SWAP)["data"][0]
bid, ask = float(ticker["bidPx"]), float(ticker["askPx"])
seen["touch"] = bid < ask
seen["book"] = len(market.get_orderbook(SWAP, sz="5")["data"][0]["asks"])
seen["candles"] = len(market.get_candlesticks(SWAP, bar="5m", limit="7")["data"])
seen["funding"] = public.get_funding_rate(SWAP)["code"]
seen["balance"] = account.get_account_balance("USDT")["data"][0]["details"][0]["cashBal"]
seen["mode"] = account.get_account_config()["data"][0]["posMode"]
seen["leverage"] = account.set_leverage(lever="10", mgnMode="cross", instId=SWAP)["data"][0]["lever"]
price = f"{bid * 0.97:.1f}"
terms = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "post_only", "sz": "2", "px": price}
placed = trade.place_order(**terms, clOrdId="sdk1")
seen["placed"] = [placed["code"], placed["data"][0]["clOrdId"]]
seen["twice"] = trade.place_order(**terms, clOrdId="sdk1")["data"][0]["sCode"]
amended = trade.amend_order(SWAP, clOrdId="sdk1", newSz="3", reqId="r1")
seen["amended"] = [amended["code"], amended["data"][0]["reqId"]]
order = trade.get_order(SWAP, clOrdId="sdk1")["data"][0]
seen["order"] = [order["state"], order["sz"]]
seen["open"] = [each["clOrdId"] for each in trade.get_order_list(instType="SWAP")["data"]]
seen["cancelled"] = trade.cancel_order(SWAP, clOrdId="sdk1")["code"]
seen["gone"] = trade.cancel_order(SWAP, clOrdId="sdk1")["data"][0]["sCode"]
batch = trade.place_multiple_orders(
    [terms | {"clOrdId": name} for name in ("sdk2", "sdk3")] + [terms | {"sz": "0.001"}]
)
seen["batch"] = [batch["code"], [each["sCode"] for each in batch["data"]]]
swept = trade.cancel_multiple_orders([{"instId": SWAP, "clOrdId": name} for name in ("sdk2", "sdk3")])
seen["swept"] = swept["code"]
market_order = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "1"}
seen["taken"] = trade.place_order(**market_order, clOrdId="sdk4")["code"]
seen["position"] = account.get_positions(instType="SWAP")["data"][0]["pos"]
seen["fills"] = sum(float(each["fillSz"]) for each in trade.get_fills(instType="SWAP")["data"])
algo = trade.place_algo_order(
    instId=SWAP, tdMode="cross", side="sell", ordType="conditional", sz="1", slTriggerPx=f"{bid * 0.9:.1f}", slOrdPx="-1",
    reduceOnly="true",
)  # fmt: skip
seen["algo"] = algo["data"][0]["sCode"]
waiting = trade.order_algos_list(ordType="conditional")["data"]
seen["waiting"] = [each["algoId"] for each in waiting] == [algo["data"][0]["algoId"]]
seen["withdrawn"] = trade.cancel_algo_order([{"instId": SWAP, "algoId": algo["data"][0]["algoId"]}])["code"]
seen["closed"] = trade.close_positions(SWAP, "cross")["code"]
seen["flat"] = account.get_positions(instType="SWAP")["data"]
seen["history"] = len(trade.get_orders_history("SWAP")["data"]) >= 5
seen["fees"] = account.get_fee_rates("SWAP")["data"][0]["feeGroup"][0]["taker"]
print(json.dumps(seen))
