"""Run by `test_clients` in the clients' own environment: bpx-py as it is installed, at the address it is given.

Arguments: REST address, WebSocket address, key, secret. Prints what it saw as JSON.
"""

import json
import sys
import time

from bpx.account import Account
from bpx.base.base_account import BaseAccount
from bpx.base.base_public import BasePublic
from bpx.constants.enums import OrderTypeEnum, TimeInForceEnum
from bpx.public import Public

rest, _, key, secret = sys.argv[1:5]
assert rest.startswith("http://127.0.0.1:")
BaseAccount.BPX_API_URL = BasePublic.BASE_URL = rest + "/"
public, account = Public(), Account(key, secret)
PERP = "SOL_USDC_PERP"
seen: dict[str, object] = {}

seen["status"] = public.get_status()["status"]
seen["ping"] = public.get_ping()
seen["clock"] = abs(int(public.get_time()) - time.time() * 1000)
seen["markets"] = sorted(each["symbol"] for each in public.get_markets())
depth = public.get_depth(PERP)
bid = float(depth["bids"][-1][0])
seen["touch"] = [bid, float(depth["asks"][0][0])]
seen["ticker"] = float(public.get_ticker(PERP)["lastPrice"])
seen["bars"] = len(public.get_klines(PERP, "1m", int(time.time()) - 600))
seen["trades"] = len(public.get_recent_trades(PERP, 3))
seen["interest"] = len(public.get_open_interest())
seen["rates"] = len(public.get_funding_interval_rates(PERP, 5))

seen["balances"] = account.get_balances()
seen["equity"] = float(account.get_collateral()["netEquity"])
seen["leverage"] = account.get_account()["leverageLimit"]
account.update_account(leverage_limit="5")
seen["leverage then"] = account.get_account()["leverageLimit"]
seen["most"] = float(account.get_max_order_quantity(PERP, "Bid", price="100")["maxOrderQuantity"])
price = f"{bid * 0.95:.2f}"
limit = {"order_type": OrderTypeEnum.LIMIT, "quantity": "1", "price": price, "time_in_force": TimeInForceEnum.GTC}
placed = account.execute_order(PERP, "Bid", **limit, client_id=41, post_only=True)
seen["placed"] = [placed["status"], placed["clientId"]]
seen["open"] = [each["id"] for each in account.get_open_orders(symbol=PERP)] == [placed["id"]]
seen["asked"] = account.get_open_order(PERP, order_id=placed["id"])["status"]
seen["asked by ours"] = account.get_open_order(PERP, client_id=41)["status"]
seen["cancelled"] = account.cancel_order(PERP, client_id=41)["status"]
seen["cancelled again"] = account.cancel_order(PERP, order_id=placed["id"])["code"]
taken = account.execute_order(PERP, "Bid", OrderTypeEnum.MARKET, quantity="2", client_id=42)
seen["taken"] = [taken["status"], taken["executedQuantity"]]
account.execute_order(PERP, "Bid", **limit)
seen["gone"] = len(account.cancel_all_orders(PERP))
seen["positions"] = [[each["symbol"], each["netQuantity"]] for each in account.get_open_positions()]
seen["fills"] = sum(float(each["quantity"]) for each in account.get_fill_history(symbol=PERP))
seen["history"] = [each["status"] for each in account.get_order_history(limit=10, offset=0, symbol=PERP)]
seen["paid"] = account.get_funding_payments()
seen["capital flag"] = account.get_max_order_quantity(PERP, "Ask", reduce_only=True)
print(json.dumps(seen))
