"""Conditional orders and what they become."""

from drivers.okx.conditionals import MOST, Conditionals


def test_the_order_goes_by_the_name_of_the_conditional_one() -> None:
    known = Conditionals()
    known.arm("c1", "a1")
    known.join("c1", "o1")
    assert (known.owner("o1"), known.order_of("c1"), known.armed) == ("c1", "o1", {})
    known.arm("c1", "a1")
    assert known.armed == {}, "a late word that it waits changes nothing"
    assert (known.owner("x"), known.order_of("x")) == ("", "")


def test_ended_ones_are_forgotten() -> None:
    known = Conditionals()
    known.arm("c1", "a1")
    known.end("c1")
    known.end("never")
    assert known.armed == {}


def test_memory_is_bounded() -> None:
    known = Conditionals()
    for number in range(MOST + 5):
        known.join(f"c{number}", f"o{number}")
    assert (known.owner("o0"), known.order_of("c0")) == ("", "")
    assert known.owner(f"o{MOST + 4}") == f"c{MOST + 4}"
