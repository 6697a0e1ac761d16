"""The table of requests: every one is there, and has a bucket that exists."""

import pytest

from drivers.okx.emulator.limits import TABLE
from drivers.okx.emulator.routes import mapping, untimed
from tests.drivers.okx.emulator.venue import Venue

PRIVATE = (
    "account/balance account/positions account/config account/leverage-info account/trade-fee account/max-size"
    " account/bills account/instruments trade/orders-pending trade/orders-history trade/orders-history-archive"
    " trade/fills trade/fills-history trade/account-rate-limit trade/orders-algo-pending"
)
WRITES = (
    "account/set-position-mode account/set-leverage trade/batch-orders trade/amend-order trade/amend-batch-orders"
    " trade/cancel-order trade/cancel-batch-orders trade/close-position trade/cancel-all-after trade/cancel-algos"
)
PUBLIC = (
    "public/time system/status public/instruments market/ticker market/tickers market/books market/books-full"
    " market/candles market/history-candles market/trades public/funding-rate public/funding-rate-history"
    " public/mark-price market/index-tickers public/price-limit public/open-interest"
)


@pytest.fixture(scope="module")
def routes():
    return Venue().emulator._rest._routes


def test_all_that_the_sheet_names_is_there(routes):
    for path in PUBLIC.split():
        assert (routes[path].method, routes[path].private) == ("GET", False), path
    for path in PRIVATE.split():
        assert (routes[path].method, routes[path].private) == ("GET", True), path
    for path in WRITES.split():
        assert (routes[path].method, routes[path].private) == ("POST", True), path
    for path in ("trade/order", "trade/order-algo"):
        assert [routes[f"{method} {path}"].method for method in ("GET", "POST")] == ["GET", "POST"]


def test_every_bucket_is_in_the_table(routes):
    assert all(route.bucket in TABLE or (not route.bucket and route.orders) for route in routes.values())


def test_rates_of_an_account():
    (row,) = Venue().get("trade/account-rate-limit")
    assert (row["accRateLimit"], row["nextAccRateLimit"]) == ("1000", "1000")


def test_bodies_that_are_no_objects():
    assert Venue().post("trade/close-position", [])["code"] == "50002"
    assert mapping(lambda account, given: [account])("a", {}) == ["a"]
    assert untimed(lambda account, given: [given])("a", {"x": 1}) == [{"x": 1}]
