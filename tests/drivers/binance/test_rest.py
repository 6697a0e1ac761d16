"""REST: what is signed is what is sent, the clock is mended, the budget spent, the venue's word obeyed."""

from __future__ import annotations

from typing import Any

import pytest

from ctosd.abi import AuthFailed, NoAnswer, NotReady, NotSent
from drivers.binance.errors import Refused
from drivers.binance.limits import Pools
from drivers.binance.rest import Rest
from drivers.binance.sign import signer
from tests.drivers.binance.scripted import MAIN, MS, Venue

KEYS = {"api_key": "key", "api_secret": "secret"}


def rest(venue: Venue) -> Rest:
    return Rest("usdm", "https://x.example", venue.ports(), Pools("usdm"), {MAIN: signer(KEYS), "binance/none": None})


async def test_a_signed_read() -> None:
    venue = Venue()
    venue.route("GET", "/fapi/v3/balance", lambda p: [])
    found = rest(venue)
    assert await found.read("balances", account=MAIN) == []
    url = venue.urls[-1]
    query, _, signature = url.partition("?")[2].rpartition("&signature=")
    keyed = signer(KEYS)
    assert keyed is not None
    assert keyed.sign(query) == signature
    assert venue.budget.taken == [("weight", 5)]


async def test_a_public_read_carries_no_key_and_names_are_encoded() -> None:
    venue = Venue()
    venue.route("GET", "/fapi/v1/depth", lambda p: p)
    assert await rest(venue).read("depth", [("symbol", "币安人生USDT")], weight=2) == {"symbol": "币安人生USDT"}
    assert "%E5%B8%81" in venue.urls[-1]
    assert "signature" not in venue.urls[-1]
    assert venue.budget.taken == [("weight", 2)]


async def test_a_query_outside_of_the_window_is_sent_once_more_with_the_right_time() -> None:
    venue = Venue()
    venue.offset_ms = 5_000
    late = (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    venue.route(
        "GET", "/fapi/v3/balance", lambda p: [] if int(p["timestamp"]) > venue.clock.now_ns() // MS + 4_000 else late
    )
    found = rest(venue)
    assert await found.read("balances", account=MAIN) == []
    assert [path for _, path, _ in venue.calls] == ["/fapi/v3/balance", "/fapi/v1/time", "/fapi/v3/balance"]
    venue.route("GET", "/fapi/v3/balance", lambda p: late)
    with pytest.raises(Refused) as refused:
        await found.read("balances", account=MAIN)
    assert refused.value.reason == "timestamp"
    assert len(venue.sent("GET", "/fapi/v3/balance")) == 4


async def test_the_clock_is_read_in_the_middle_of_the_trip() -> None:
    venue = Venue()

    def slow(params: dict[str, str]) -> Any:
        venue.clock.run(0.2)
        answer = {"serverTime": venue.clock.now_ns() // MS}
        venue.clock.run(0.2)
        return answer

    venue.route("GET", "/fapi/v1/time", slow)
    found = rest(venue)
    reading = await found.read_clock()
    assert (reading.offset_ns, reading.round_trip_ns) == (0, 400 * MS)
    venue.route("GET", "/fapi/v1/time", lambda p: {"time": 5})
    with pytest.raises(NotReady, match="no time"):
        await found.read_clock()
    venue.route("GET", "/fapi/v1/time", lambda p: (503, b"<html>maintenance"))
    with pytest.raises(NotReady):
        await found.read_clock()


@pytest.mark.parametrize("error", [NotSent("no connection"), NoAnswer("reset")])
async def test_the_transports_errors_pass(error: Exception) -> None:
    venue = Venue()

    def fail(params: dict[str, str]) -> Any:
        raise error

    venue.route("GET", "/fapi/v1/depth", fail)
    venue.route("POST", "/fapi/v1/order", fail)
    with pytest.raises(type(error)):
        await rest(venue).read("depth")
    if isinstance(error, NotSent):
        with pytest.raises(NotSent):
            await rest(venue).write("place", [("timestamp", "1")], MAIN)
    else:
        assert (await rest(venue).write("place", [("timestamp", "1")], MAIN)).kind == "unknown"


async def test_refusals_have_their_word_and_unreadable_answers_are_not_ready() -> None:
    venue = Venue()
    venue.route("GET", "/fapi/v1/order", lambda p: (400, {"code": -2013, "msg": "Order does not exist."}))
    with pytest.raises(Refused, match=r"Order does not exist. \(-2013\)") as refused:
        await rest(venue).read("order", account=MAIN)
    assert (refused.value.reason, refused.value.code) == ("order_not_found", -2013)
    venue.route("GET", "/fapi/v1/order", lambda p: (502, b"<html>Bad Gateway</html>"))
    with pytest.raises(NotReady, match="Bad Gateway"):
        await rest(venue).read("order", account=MAIN)


async def test_without_a_key_nothing_is_asked() -> None:
    with pytest.raises(AuthFailed, match="no credentials"):
        await rest(Venue()).read("balances", account="binance/none")


async def test_bans_reach_the_budget() -> None:
    venue = Venue()
    venue.route(
        "GET", "/fapi/v1/depth", lambda p: (429, {"code": -1003, "msg": "Too many requests"}, {"retry-after": "9"})
    )
    found = rest(venue)
    heard: list[str] = []
    found.on_verdict = lambda verdict, account: heard.append(verdict.reason)
    with pytest.raises(Refused):
        await found.read("depth")
    assert venue.budget.penalties == [(venue.clock.now_ns() + 9_000 * MS, "")]
    assert heard == ["rate_limited"]
    assert found.statistics()["refused"] == 1
