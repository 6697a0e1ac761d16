"""HTTP: what is signed is what is sent, what a read may take, and what follows from a 429."""

import json

import pytest

from ctosd.abi import ClockReading, Misconfigured, NoAnswer, NotReady, Ports
from drivers.backpack.errors import VenueError
from drivers.backpack.rest import Rest, batch_of, write_of
from drivers.backpack.sign import Signer
from tests.drivers.backpack.exchange import FIXTURES, MAIN, MS, PUBLIC_KEY, SECOND, SEED, T0, World, config


def signer() -> Signer:
    made = Signer.of({"api_key": PUBLIC_KEY, "api_secret": SEED})
    assert made is not None
    return made


def rest(world: World) -> Rest:
    return Rest("http://127.0.0.1:1", config(), world.ports)


async def test_a_signed_read() -> None:
    """Parameters in alphabetical order in the address, the signature over the same, a name for the front door."""
    world = World()
    world.web.answers["GET /wapi/v1/history/fills"] = []
    await rest(world).ask(MAIN, signer(), "/wapi/v1/history/fills", "fillHistoryQueryAll", {"symbol": "A", "limit": 5})
    (call,) = world.web.calls
    assert call.target == "wapi/v1/history/fills?limit=5&symbol=A"
    line = f"instruction=fillHistoryQueryAll&limit=5&symbol=A&timestamp={T0 // MS}&window=5000"
    assert call.headers["X-Signature"] == signer().sign(line)
    assert call.headers["User-Agent"] == "ctos"
    used = world.budget.buckets.statistics()
    assert (used[f"bp.rest@{MAIN}"]["taken"], used[f"bp.hist@{MAIN}"]["taken"]) == (1, 1)


async def test_writes_sign_their_body() -> None:
    """DELETE has a body too; null is left out; the window ends when the command expires."""
    world = World()
    world.web.answers["DELETE /api/v1/order"] = (202, b"")
    made = rest(world)
    write = write_of("DELETE", "/api/v1/order", "orderCancel", {"symbol": "A", "orderId": "28", "clientId": None})
    response = await made.write(signer(), write, made.window_ms(T0 + 1_500 * MS))
    assert response.status == 202
    (call,) = world.web.calls
    assert call.body == {"orderId": "28", "symbol": "A"}
    line = f"instruction=orderCancel&orderId=28&symbol=A&timestamp={T0 // MS}&window=1500"
    assert (call.headers["X-Window"], call.headers["X-Signature"]) == ("1500", signer().sign(line))
    assert call.headers["Content-Type"] == "application/json; charset=utf-8"
    assert call.query == {}


async def test_the_batch_of_the_venues_own_example() -> None:
    world = World()
    world.web.answers["POST /api/v1/orders"] = []
    items = [{"a": 1}, {"b": "2"}]
    await rest(world).write(signer(), batch_of("/api/v1/orders", "instruction=x", items), 5_000)
    assert world.web.calls[0].body == items


async def test_windows_are_bounded() -> None:
    made = rest(World())
    assert made.window_ms(0) == 5_000
    assert made.window_ms(T0 + 3_600 * SECOND) == 60_000
    assert made.window_ms(T0 - 1) < 0


async def test_the_venues_clock_is_signed_by() -> None:
    world = World()
    made = rest(world)
    made.skew.note(ClockReading(offset_ns=2 * SECOND, round_trip_ns=MS), T0)
    assert made.now_ms() == T0 // MS + 2_000


async def test_refusals_of_reads() -> None:
    world = World()
    made = rest(world)
    heard: list[str] = []
    made.on_trouble = lambda reason, message: heard.append(reason)
    for answer, reason in (
        ((400, {"code": "INVALID_MARKET", "message": "x"}), "bad_symbol"),
        ((503, {"code": "MAINTENANCE", "message": "soon"}), "maintenance"),
        ((400, {"code": "INVALID_CLIENT_REQUEST", "message": "Request has expired"}), "timestamp"),
        ((502, b"<html>"), "exchange_error"),
    ):
        world.web.answers["GET /x"] = answer
        with pytest.raises(VenueError) as caught:
            await made.get("/x")
        assert caught.value.verdict.reason == reason
        assert isinstance(caught.value, NotReady)
    assert heard == ["maintenance", "timestamp"]
    world.web.answers["GET /x"] = NoAnswer("reset")
    with pytest.raises(NoAnswer):
        await made.get("/x")
    assert made.statistics()["failed"] == 1


async def test_a_429_silences_its_scope_until_the_next_minute() -> None:
    """The account's own limit; history apart from it; other scopes go on."""
    world = World()
    made = rest(world)
    world.web.answers["GET /x"] = (429, {"code": "TOO_MANY_REQUESTS", "message": "slow down"})
    with pytest.raises(VenueError):
        await made.ask(MAIN, signer(), "/x", "xQuery")
    buckets, now_ns = world.budget.buckets, world.clock.now_ns()
    assert buckets.wait_ns(((f"bp.rest@{MAIN}", 1.0),), now_ns, True) >= 60 * SECOND - now_ns % (60 * SECOND)
    assert buckets.wait_ns((("bp.rest@public", 1.0),), now_ns) == 0
    world.web.answers["GET /api/v1/klines"] = (429, b"<html>")
    with pytest.raises(VenueError):
        await made.get("/api/v1/klines", {"symbol": "A"}, history=True)
    assert buckets.wait_ns((("bp.hist@public", 1.0),), now_ns) > 0
    assert buckets.wait_ns((("bp.rest@public", 1.0),), now_ns) == 0
    assert made.statistics()["limited"] == 2


def test_without_a_network_it_says_so() -> None:
    world = World()
    bare = Ports(venue="backpack", clock=world.clock, log=world.log, publish=world.ports.publish,
                 spawn=world.ports.spawn, open_feed=world.ports.open_feed)  # fmt: skip
    with pytest.raises(Misconfigured, match="network"):
        Rest("http://127.0.0.1:1", config(), bare)


def test_every_parameter_exists_in_the_venues_description() -> None:
    """Names of routes and parameters, against the venue's own file; what newer copies of it have is named here."""
    path = FIXTURES / "backpack" / "openapi.json"
    if not path.exists():
        pytest.skip("the shared fixtures are not here")
    paths = json.loads(path.read_text())["paths"]
    newer = {("GET /api/v1/depth", "limit")}  # in the venue's file since November 2025
    sent = {
        "GET /api/v1/depth": {"symbol", "limit"},
        "GET /api/v1/klines": {"symbol", "interval", "startTime", "endTime"},
        "GET /api/v1/markPrices": {"symbol"},
        "GET /api/v1/markets": set(),
        "GET /api/v1/status": set(),
        "GET /api/v1/time": set(),
        "GET /api/v1/account": set(),
        "GET /api/v1/capital": set(),
        "GET /api/v1/capital/collateral": set(),
        "GET /api/v1/position": set(),
        "GET /api/v1/order": {"symbol", "clientId", "orderId"},
        "GET /api/v1/orders": {"symbol"},
        "GET /wapi/v1/history/orders": {"symbol", "limit", "offset", "sortDirection", "orderId"},
        "GET /wapi/v1/history/fills": {"symbol", "limit", "offset", "sortDirection", "from"},
        "GET /wapi/v1/history/funding": {"limit", "offset", "sortDirection"},
    }
    for route, parameters in sent.items():
        method, _, name = route.partition(" ")
        known = {each["name"] for each in paths[name][method.lower()].get("parameters", [])}
        assert {each for each in parameters if (route, each) not in newer} <= known, route
    for route in (
        "POST /api/v1/order",
        "POST /api/v1/orders",
        "DELETE /api/v1/order",
        "DELETE /api/v1/orders",
        "PATCH /api/v1/account",
    ):
        method, _, name = route.partition(" ")
        assert method.lower() in paths[name]
