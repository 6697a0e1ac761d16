"""What a newcomer reads on the console."""

import string

import pytest

from ctosd.host.logs.sentences import SENTENCES, grouped, sentence

HEAD = {"time": "2026-01-02T03:04:05.000000Z", "level": "info"}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"event": "fill", "strategy": "grid-btc", "side": "buy", "size": "0.010", "symbol": "BTC/USDT:USDT", "price": "60012.4"},
            "grid-btc bought 0.010 BTC at 60,012.4",
        ),
        (
            {"event": "fill", "strategy": "mr", "side": "sell", "size": "1", "symbol": "ETH/USDT", "price": "999"},
            "mr sold 1 ETH at 999",
        ),
        (
            {"event": "funding", "account": "paper/main", "symbol": "BTC/USDT:USDT", "amount": "-1234.5"},
            "funding on paper/main: paid 1,234.5 USDT for BTC/USDT:USDT",
        ),
        (
            {
                "event": "order_denied", "strategy": "g", "side": "buy", "size": "1", "symbol": "BTC/USDT", "reason": "halted",
                "message": "the kill switch is on",
            },
            "g wanted to buy 1 BTC; our risk gate said no: halted: the kill switch is on",
        ),
        ({"event": "strategy_backoff", "strategy": "g", "delay_s": 1.5, "reason": "boom"}, "g starts again in 1.5 s: boom"),
        ({"event": "something_new", "symbol": "X", "note": "two words"}, 'something_new symbol=X note="two words"'),
        ({"event": "fill", "strategy": "g"}, "fill strategy=g"),
        ({"event": "stopping", "reason": ""}, "stopping"),
        ({"event": "fill", "strategy": "g", "side": "buy", "size": "1", "symbol": "odd", "price": "1"}, "g bought 1 odd at 1"),
    ],
)  # fmt: skip
def test_each_event_reads_as_a_sentence(record: dict[str, object], said: str) -> None:
    """Known events are sentences with their reason; unknown and incomplete ones show every field."""
    assert sentence({**HEAD, **record}) == said


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("60012.40", "60,012.40"),
        ("-1234567", "-1,234,567"),
        ("0.001", "0.001"),
        ("1e9", "1e9"),
        ("nan", "nan"),
        ("", ""),
    ],
)
def test_thousands_are_set_off_and_no_digit_is_changed(number: str, shown: str) -> None:
    """Money keeps the digits that the venue wrote."""
    assert grouped(number) == shown


@pytest.mark.parametrize("event", SENTENCES)
def test_each_sentence_can_be_said(event: str) -> None:
    """Every template is well-formed, and says its fields when they are there."""
    names = [name for _, name, _, _ in string.Formatter().parse(SENTENCES[event]) if name]
    record = {name: "btc" for name in names if name not in {"did", "base", "quote", "earned", "amount"}}
    record |= {"side": "buy", "symbol": "BTC/USDT:USDT", "amount": "1"}
    said = sentence({**HEAD, "event": event, **record})
    assert "=" not in said
    assert "{" not in said
