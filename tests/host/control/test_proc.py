"""/proc: one value a file, names with a slash for directories, nothing computed that nobody looks at."""

from decimal import Decimal

import pytest

from ctosd.abi import NotReady
from ctosd.host.control import proc
from ctosd.kernel.ports import Status


def boom():
    raise AssertionError("nobody asked for this")


def late():
    raise NotReady("not yet")


TREE = {
    "version": "0.1.0",
    "uptime": lambda: 12.5,
    "accounts": {
        "paper/main": {"BTC/USDT:USDT": Status(size=Decimal("1E-8"), last_error="a\nb\\", up=True, none=None)}
    },
    "orders": lambda: {"unknown": ["a1", Decimal("2.50")], "none": []},
    "drivers": {"paper": {"latency_us": late, "inner": {"never": boom}}},
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("version", "0.1.0\n"),
        ("/version", "0.1.0\n"),
        ("uptime", "12.5\n"),
        ("", "version\nuptime\naccounts/\norders/\ndrivers/\n"),
        ("accounts", "paper-main/\n"),
        ("accounts/paper-main/", "BTC-USDT:USDT\n"),
        ("accounts/paper-main/BTC-USDT:USDT", "Size:\t0.00000001\nLastError:\ta\\nb\\\\\nUp:\ttrue\nNone:\t\n"),
        ("orders/unknown", "a1\n2.50\n"),
        ("orders/none", ""),
        ("drivers/paper", "latency_us\ninner/\n"),
    ],
)
def test_a_path_reads_as_text(path, text):
    """Directories, scalars, lists and status files; callables are entered."""
    assert proc.text(proc.lookup(TREE, path)) == text


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("verson", LookupError, "did you mean 'version'?"),
        ("drivers/xyz", LookupError, "no 'xyz' in /proc/drivers"),
        ("..", LookupError, "no '..' in /proc"),
        ("orders/../version", LookupError, "no '..' in /proc/orders"),
        ("version/x", proc.NotADirectory, "/proc/version is a file"),
        ("version/", proc.NotADirectory, "/proc/version is a file"),
        ("accounts/paper/main", LookupError, "did you mean 'paper-main'?"),
        ("drivers/paper/latency_us", NotReady, "not yet"),
    ],
)
def test_what_is_not_there_is_said_with_the_nearest_word(path, error, said):
    """Dots are names like any other; a leaf that cannot tell says why itself."""
    with pytest.raises(error, match=said.replace("?", r"\?").replace(".", r"\.")):
        proc.text(proc.lookup(TREE, path))


@pytest.mark.parametrize(
    ("value", "line"),
    [(True, "true"), (False, "false"), (None, ""), (0, "0"), (1.5, "1.5"), ("x", "x"), (Decimal("1E+3"), "1000"),
     ({"a": Decimal("0.10")}, '{"a":"0.10"}'), ([1, "b"], '[1,"b"]'), ("a\r\n", "a\\r\\n")],
)  # fmt: skip
def test_a_value_is_one_line(value, line):
    """The spelling that the module promises."""
    assert proc.scalar(value) == line


def test_a_subtree_is_json_ready():
    """Status files as objects, names as in paths; what cannot be told now is null, not a failure."""
    tree = {key: node for key, node in TREE.items() if key != "drivers"} | {"late": {"x": late}}
    assert proc.plain(tree) == {
        "version": "0.1.0",
        "uptime": 12.5,
        "accounts": {
            "paper-main": {"BTC-USDT:USDT": {"size": "0.00000001", "last_error": "a\nb\\", "up": True, "none": None}}
        },
        "orders": {"unknown": ["a1", "2.50"], "none": []},
        "late": {"x": None},
    }


def test_a_loop_in_the_tree_is_an_error_and_not_a_hang():
    """Depth is bounded."""
    tree = {}
    tree["self"] = tree
    with pytest.raises(ValueError, match="deeper than"):
        proc.plain(tree)


def test_keys_are_in_camel_case():
    """As in /proc/self/status."""
    assert [proc.camel(key) for key in ("last_error", "AgeMs", "pnl", "BTC/USDT")] == [
        "LastError",
        "AgeMs",
        "Pnl",
        "BTC-USDT",
    ]
