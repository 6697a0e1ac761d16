"""Refusals: code, HTTP status and envelope."""

import json

import pytest

from drivers.okx.emulator.refusals import TEXTS, Refusal, envelope, outcome


@pytest.mark.parametrize(
    ("code", "status"),
    [("50001", 503), ("50004", 400), ("50011", 429), ("50026", 500), ("51054", 500), ("51149", 500), ("50101", 401),
     ("51008", 200), ("51603", 200)],
)  # fmt: skip
def test_statuses_are_those_of_the_sheet(code, status):
    reply = Refusal(code, "x", "y").reply()
    assert reply.status == status
    told = json.loads(reply.body)
    assert (told["code"], told["data"]) == (code, [])
    assert told["msg"]


def test_a_row_carries_the_ids_and_the_sub_code():
    row = Refusal("51008", "USDT", sub="1000").row(clOrdId="a", ordId="")
    assert row == {
        "clOrdId": "a",
        "ordId": "",
        "sCode": "51008",
        "sMsg": TEXTS["51008"][1].format("USDT"),
        "subCode": "1000",
    }


def test_the_outer_code_says_how_many_went_well():
    good, bad = {"sCode": "0"}, {"sCode": "51000"}
    assert [outcome(rows)[0] for rows in ([good], [bad], [good, bad], [bad, bad])] == ["0", "1", "2", "1"]


def test_an_envelope_can_carry_times():
    assert json.loads(envelope([1], inTime="5")) == {"code": "0", "data": [1], "msg": "", "inTime": "5"}
