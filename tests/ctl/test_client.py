"""Where the socket is looked for, and what is put into a request."""

import os
from pathlib import Path

import pytest

from ctosd.ctl.client import quote, sockets

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("given", "var", "environment", "wanted"),
    [
        ("/a.sock", "/v", {"CTOS_SOCKET": "/e.sock"}, ["/a.sock"]),
        ("", "/v", {"CTOS_SOCKET": "/e.sock"}, ["/v/run/ctosd.sock"]),
        ("", "", {"CTOS_SOCKET": "/e.sock", "CTOS_VAR": "/ev"}, ["/e.sock"]),
        ("", "", {"CTOS_VAR": "/ev", "RUNTIME_DIRECTORY": "/run/x"}, ["/ev/run/ctosd.sock"]),
    ],
)
def test_what_is_named_is_the_only_candidate(given, var, environment, wanted):
    """Option before environment, socket before directory."""
    assert sockets(given, var, environment) == wanted


def test_places_are_tried_in_order(tmp_path, monkeypatch):
    """systemd's directory, the checkout, here, the machine; none twice."""
    monkeypatch.chdir(tmp_path)
    found = sockets("", "", {"RUNTIME_DIRECTORY": "/run/a:/run/b"})
    checkout = str(CHECKOUT / "var/run/ctosd.sock")
    assert found == ["/run/a/ctosd.sock", checkout, f"{tmp_path}/var/run/ctosd.sock", "/run/ctos/ctosd.sock"]
    monkeypatch.chdir(CHECKOUT)
    assert sockets("", "", {}) == [checkout, "/run/ctos/ctosd.sock"]
    assert os.getcwd() == str(CHECKOUT)


def test_a_request_cannot_be_split_by_a_name():
    """Blanks, line breaks and letters beyond ASCII are encoded; paths and symbols stay readable."""
    assert quote("BTC/USDT:USDT") == "BTC/USDT:USDT"
    assert quote("a b\r\nHost: x?&=é%") == "a%20b%0D%0AHost:%20x%3F%26%3D%C3%A9%25"
