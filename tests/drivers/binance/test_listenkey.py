"""The dialect of USDⓈ-M user data."""

from __future__ import annotations

import pytest

from ctosd.abi import AuthFailed, Misconfigured, NotReady
from drivers.binance.limits import Pools
from drivers.binance.listenkey import PrivateDialect
from drivers.binance.rest import Rest
from drivers.binance.sign import signer
from tests.drivers.binance.scripted import MAIN, Session, Venue


def dialect(venue: Venue) -> PrivateDialect:
    pools = Pools("usdm")
    keyed = signer({"api_key": "key", "api_secret": "secret"})
    return PrivateDialect(
        "wss://x/private", MAIN, Rest("usdm", "https://x", venue.ports(), pools, {MAIN: keyed}), pools
    )


async def test_the_address_has_the_key_and_the_request_no_signature() -> None:
    venue = Venue()
    assert await dialect(venue).address() == "wss://x/private/ws?listenKey=abc"
    assert venue.sent("POST", "/fapi/v1/listenKey") == [{}]


async def test_refusals() -> None:
    venue = Venue()
    found = dialect(venue)
    venue.route("POST", "/fapi/v1/listenKey", lambda p: (401, {"code": -2014, "msg": "API-key format invalid."}))
    with pytest.raises(AuthFailed):
        await found.address()
    venue.route("POST", "/fapi/v1/listenKey", lambda p: (429, {"code": -1003, "msg": "Too many"}))
    with pytest.raises(NotReady):
        await found.address()
    venue.route("POST", "/fapi/v1/listenKey", lambda p: [])
    with pytest.raises(NotReady, match="no listen key"):
        await found.address()
    with pytest.raises(Misconfigured):
        found.subscribe(["x"])
    with pytest.raises(Misconfigured):
        found.unsubscribe(["x"])


def test_answers_to_our_pings_are_no_user_data() -> None:
    venue = Venue()
    found = dialect(venue)
    heard: list[bytes] = []
    found.hear_data = lambda session, frame, recv_ns: heard.append(frame)
    session = Session(found, venue)
    session.hear(b'{"result":["abc"],"id":0}')
    session.hear(b'{"id":0,"error":{"code":1}}')
    session.hear(b'{"e":"TRADE_LITE"}')
    assert heard == [b'{"e":"TRADE_LITE"}']


async def test_renewing_ends_with_its_start() -> None:
    venue = Venue()
    found = dialect(venue)
    over = False
    venue.spawn("renew", found.renew(Session(found, venue), venue.clock, lambda: over))
    import asyncio

    await asyncio.sleep(0)
    over = True
    venue.clock.run(1_600)
    await asyncio.gather(*venue.tasks)
    assert venue.calls == []
