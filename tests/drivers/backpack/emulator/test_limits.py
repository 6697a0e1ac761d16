"""The limits count a sliding minute, and refuse what passes them."""

import pytest

from drivers.backpack.emulator.limits import HISTORY, MINUTE_NS, REST, Limits
from drivers.backpack.emulator.refusals import Refusal
from tests.drivers.backpack.emulator.counter import PERP, Counter

KLINES = "/api/v1/klines"


def test_the_minute_slides() -> None:
    limits = Limits()
    for number in range(HISTORY):
        limits.take("a", KLINES, number)
    with pytest.raises(Refusal, match="TOO_MANY_REQUESTS"):
        limits.take("a", KLINES, MINUTE_NS - 1)
    limits.take("a", KLINES, MINUTE_NS)  # the first one is a minute old now
    with pytest.raises(Refusal):
        limits.take("a", KLINES, MINUTE_NS)
    limits.take("b", KLINES, MINUTE_NS)
    assert limits.statistics(MINUTE_NS)["history@a"] == {"used": 30, "allowed": 30, "peak": 30, "refused": 2}


def test_historical_questions_count_among_all() -> None:
    limits = Limits()
    limits.take("a", KLINES, 0)
    limits.take("a", "/api/v1/depth", 0)
    told = limits.statistics(0)
    assert (told["rest@a"]["used"], told["history@a"]["used"]) == (2, 1)


def test_a_request_that_is_refused_takes_nothing() -> None:
    limits = Limits()
    for _ in range(HISTORY + 5):
        try:
            limits.take("a", KLINES, 0)
        except Refusal:
            continue
    assert limits.statistics(0)["rest@a"]["used"] == HISTORY


def test_signed_requests_count_for_the_account_and_others_for_the_address() -> None:
    counter = Counter()
    counter.ask("GET", "/api/v1/capital")
    counter.get("/api/v1/depth", symbol=PERP)
    limits = counter.emulator.statistics()["limits"]
    assert limits["rest@paper/main"]["used"] == 1
    assert limits["rest@127.0.0.1"]["used"] == 1


def test_the_venue_answers_429_and_forgets_after_a_minute() -> None:
    counter = Counter()
    statuses = [counter.send("GET", "/api/v1/ping").status for _ in range(REST + 3)]
    assert statuses.count(429) == 3
    limit = counter.emulator.statistics()["limits"]["rest@127.0.0.1"]
    assert limit == {"used": REST, "allowed": REST, "peak": REST, "refused": 3}
    counter.run(61)
    assert counter.send("GET", "/api/v1/ping").status == 200
