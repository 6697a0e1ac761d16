"""Subscriptions: which channel on which URL, with which arguments."""

import pytest

from drivers.okx.emulator import channels
from drivers.okx.emulator.refusals import Refusal
from tests.drivers.okx.emulator.venue import ETH, SWAP, Venue


@pytest.fixture(scope="module")
def listing():
    return Venue().emulator._listing


@pytest.mark.parametrize(
    ("channel", "url"),
    [("trades", "public"), ("books", "public"), ("status", "public"), ("orders", "private"), ("account", "private"),
     ("candle1m", "business"), ("candle1Dutc", "business"), ("orders-algo", "business"), ("trades-all", "business"),
     ("candle7m", ""), ("nothing", "")],
)  # fmt: skip
def test_each_channel_has_its_url(channel, url):
    assert channels.url_of(channel) == url


@pytest.mark.parametrize(
    ("arg", "url", "code"),
    [
        ("books", "public", "60013"),
        ({}, "public", "60027"),
        ({"channel": "books"}, "public", "60027"),
        ({"channel": "nothing", "instId": SWAP}, "public", "60018"),
        ({"channel": "books", "instId": "NO-USDT-SWAP"}, "public", "60018"),
        ({"channel": "books", "instId": SWAP}, "business", "60018"),
        ({"channel": "candle1m", "instId": SWAP}, "public", "60018"),
        ({"channel": "orders", "instType": "ANY"}, "public", "60018"),
        ({"channel": "orders", "instType": "ANY"}, "private", "60011"),
        ({"channel": "funding-rate", "instId": "BTC-USDT"}, "public", "60018"),
        ({"channel": "index-tickers", "instId": SWAP}, "public", "60018"),
        ({"channel": "index-tickers"}, "public", "60027"),
        ({"channel": "index-tickers", "instId": "NO"}, "public", "60018"),
        ({"channel": "instruments"}, "public", "60027"),
        ({"channel": "instruments", "instType": "ANY"}, "public", "60018"),
        ({"channel": "books-l2-tbt", "instId": SWAP}, "public", "64003"),
    ],
)
def test_what_is_refused(listing, arg, url, code):
    with pytest.raises(Refusal) as caught:
        channels.understand(arg, url, listing, logged_in=False)
    assert caught.value.code == code


def test_the_message_names_what_was_asked(listing):
    with pytest.raises(Refusal, match="channel:books,instId:NO doesn't exist"):
        channels.understand({"channel": "books", "instId": "NO"}, "public", listing, logged_in=False)


@pytest.mark.parametrize(
    ("arg", "instrument", "covered"),
    [
        ({"channel": "orders", "instType": "ANY"}, SWAP, True),
        ({"channel": "orders", "instType": "SPOT"}, SWAP, False),
        ({"channel": "orders", "instType": "SWAP", "instId": ETH}, SWAP, False),
        ({"channel": "orders", "instType": "SWAP", "instFamily": "BTC-USDT"}, SWAP, True),
        ({"channel": "positions", "instType": "SWAP", "instFamily": "ETH-USDT"}, SWAP, False),
    ],
)
def test_what_a_private_subscription_covers(listing, arg, instrument, covered):
    found = channels.understand(arg, "private", listing, logged_in=True)
    assert found.covers(listing.named(instrument)) is covered


@pytest.mark.parametrize(
    ("channel", "extra", "interval"),
    [("account", None, 5), ("account", '{"updateInterval": "0"}', 0), ("positions", '{"updateInterval":"2000"}', 2),
     ("positions", {"updateInterval": 3000}, 3)],
)  # fmt: skip
def test_regular_pushes(listing, channel, extra, interval):
    arg = {"channel": channel, "instType": "ANY"} | ({"extraParams": extra} if extra else {})
    found = channels.understand(arg, "private", listing, logged_in=True)
    assert found.interval_s == interval


@pytest.mark.parametrize("extra", ["{", '{"updateInterval": "1"}', "[]"])
def test_extra_parameters_are_checked(listing, extra):
    with pytest.raises(Refusal, match="60033"):
        channels.understand({"channel": "account", "extraParams": extra}, "private", listing, logged_in=True)


def test_names_of_candles(listing):
    found = channels.understand({"channel": "candle1Dutc", "instId": SWAP}, "business", listing, logged_in=False)
    assert found.candle == "1Dutc"
    assert found.arg == {"channel": "candle1Dutc", "instId": SWAP}
