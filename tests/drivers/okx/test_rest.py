"""REST: what is signed is what is sent, the budget is taken, answers are read, and the clock is the venue's."""

import pytest

from ctosd.abi import AuthFailed, NoAnswer, NotReady, NotSent
from drivers.okx.account import Account
from drivers.okx.errors import Refused
from drivers.okx.records import ConfigRow
from drivers.okx.rest import Rest
from drivers.okx.sign import Signer
from tests.drivers.okx.scripted import MAIN, World, listing, virtual

PATH = "/api/v5/account/config"


def made(world: World, *, simulated: bool = True) -> tuple[Rest, Account]:
    signer = Signer("k", "s", "p", simulated=simulated)
    return Rest("http://127.0.0.1:9", world.ports, simulated=simulated), Account(MAIN, signer, listing())


@virtual
async def test_a_query_is_signed_with_its_query() -> None:
    world = World()
    rest, account = made(world)
    world.http.on(PATH, [{"acctLv": "2"}])
    (row,) = await rest.rows(ConfigRow, PATH, (("a", "1"), ("b", "x")), account.cost("acc.config"), account)
    assert row.acct_lv == "2"
    (call,) = world.http.to(PATH)
    assert call.target == f"{PATH}?a=1&b=x"
    expected = dict(Signer("k", "s", "p", simulated=True).headers("GET", call.target, b"", world.clock.now_ns()))
    assert call.headers["OK-ACCESS-SIGN"] == expected["OK-ACCESS-SIGN"]
    assert call.headers["x-simulated-trading"] == "1"


@virtual
async def test_public_queries_carry_no_key() -> None:
    world = World()
    rest, _ = made(world)
    world.http.on("/p", [])
    await rest.get("/p", (), ())
    assert world.http.calls[0].headers == {"x-simulated-trading": "1"}


@virtual
async def test_the_clock_is_the_venues() -> None:
    """An offset of 3 s goes into every signature; a request outside of the window is sent again with the clock read anew."""
    world = World()
    rest, account = made(world)
    world.http.on("/api/v5/public/time", lambda call: [{"ts": str(world.clock.now_ns() // 10**6 + 3_000)}])
    world.http.on(PATH, (401, {"code": "50102", "msg": "Timestamp request expired"}), [{"acctLv": "2"}])
    assert await rest.get(PATH, (), account.cost("acc.config"), account)
    assert rest.skew.offset_ns == 3_000_000_000
    first, second = world.http.to(PATH)
    assert second.headers["OK-ACCESS-TIMESTAMP"] > first.headers["OK-ACCESS-TIMESTAMP"]
    assert rest.venue_ns() == world.clock.now_ns() + 3_000_000_000


@virtual
async def test_refusals_of_queries() -> None:
    world = World()
    rest, account = made(world)
    heard: list[str] = []
    rest.on_refusal = lambda reason, costs: heard.append(reason)
    for answer, reason in [
        ((200, {"code": "51603", "msg": "gone"}), "order_not_found"),
        ((401, {"code": "50113", "msg": "sign"}), "auth"),
    ]:
        world.http.on(PATH, answer)
        with pytest.raises(Refused) as caught:
            await rest.get(PATH, (), account.cost("acc.config"), account)
        assert caught.value.reason == reason
    assert heard == ["order_not_found", "auth"]


@virtual
async def test_too_many_requests_hold_the_bucket_back() -> None:
    world = World()
    rest, account = made(world)
    world.http.on(PATH, (429, {"code": "50011", "msg": "Too Many Requests"}), [])
    costs = account.cost("acc.config")
    with pytest.raises(Refused):
        await rest.get(PATH, (), costs, account)
    before = world.clock.now_ns()
    await rest.get(PATH, (), costs, account)
    assert world.clock.now_ns() - before >= 2_000_000_000


@virtual
async def test_rows_that_cannot_be_read_are_not_left_out() -> None:
    world = World()
    rest, account = made(world)
    world.http.on(PATH, [{"acctLv": 5}])
    with pytest.raises(NotReady, match="cannot be read"):
        await rest.rows(ConfigRow, PATH, (), (), account)
    world.http.on(PATH, (200, b"<html>"))
    with pytest.raises(NotReady):
        await rest.rows(ConfigRow, PATH, (), (), account)


@virtual
async def test_writes_never_raise_for_maybe() -> None:
    world = World()
    rest, account = made(world)
    path = "/api/v5/trade/order"
    world.http.on(path, NoAnswer("reset"))
    (verdict,) = await rest.write(path, b"{}", account, 1, ())
    assert verdict.kind == "unknown"
    world.http.on(path, NotSent("no route"))
    with pytest.raises(NotSent):
        await rest.write(path, b"{}", account, 1, ())
    world.http.on(path, [{"ordId": "5", "sCode": "0"}])
    (verdict,) = await rest.write(path, b"{}", account, 1, (), expires_ms=1_700_000_000_123)
    assert (verdict.kind, verdict.venue_id) == ("ok", "5")
    call = world.http.to(path)[-1]
    assert (call.headers["expTime"], call.headers["content-type"]) == ("1700000000123", "application/json")


@virtual
async def test_settings_may_be_sent_again() -> None:
    world = World()
    rest, account = made(world)
    world.http.on("/s", (401, {"code": "50102", "msg": "late"}), [])
    assert list(await rest.set("/s", b"{}", (), account)) == []
    assert len(world.http.to("/s")) == 2


@virtual
async def test_without_a_clock_or_a_client() -> None:
    world = World()
    rest, account = made(world)
    world.http.on("/api/v5/public/time", (200, b"garbage"))
    with pytest.raises(NotReady, match="no time"):
        await rest.read_clock()
    keyless = Account(MAIN, None, listing())
    with pytest.raises(AuthFailed):
        await rest.get(PATH, (), (), keyless)
    assert rest.statistics()["sent"] == 1
    del account
