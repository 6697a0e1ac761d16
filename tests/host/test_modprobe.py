"""The three spellings of `use:`, and what is said when they lead nowhere."""

import hashlib
import sys
from pathlib import Path

import pytest

from ctosd.abi import Misconfigured, Strategy
from ctosd.host import modprobe
from ctosd.host.modprobe import check_namespace, names, resolve

GROUP = "ctos.strategies"
ONE = "from ctosd.abi import Strategy\n\nclass {name}(Strategy):\n    pass\n"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site folder on the path; what was imported from it is forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith(("acme", "ctos_file_")):
            del sys.modules[name]


def package(site, text, name="acme", module="mm"):
    folder = site / name
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{module}.py").write_text(text)
    return folder / f"{module}.py"


def install(site, distribution, target, name="maker"):
    folder = site / f"{distribution}-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {target}\n")


def refusal(use, base):
    with pytest.raises(Misconfigured) as caught:
        resolve(GROUP, use, base)
    return str(caught.value).replace(f"{base}/", "")


def test_entry_point(site):
    """The short name, with the distribution, its version and the hash of the source."""
    file = package(site, ONE.format(name="Maker"))
    install(site, "acme_mm", "acme.mm:Maker")
    found = resolve(GROUP, "maker", site)
    assert issubclass(found.factory, Strategy)
    assert (found.distribution, found.version) == ("acme-mm", "1.0")
    assert found.origin == "entry point maker of acme-mm 1.0"
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_built_ins_enter_by_the_same_door():
    """Our own strategies are entry points."""
    assert "grid" in names(GROUP)
    assert resolve(GROUP, "grid", Path.cwd()).distribution == "ctos"


def test_an_entry_point_is_not_imported_before_it_is_named(site):
    """Installing a package runs nothing of it."""
    package(site, "raise SystemExit('ran')")
    install(site, "acme_mm", "acme.mm:Maker")
    assert "maker" in names(GROUP)
    assert "acme" not in sys.modules


def test_two_packages_with_one_name(site):
    """Nobody wins silently."""
    install(site, "one", "one:X")
    install(site, "two", "two:X")
    assert (
        refusal("maker", site)
        == '"maker" is offered by one (one:X) and two (two:X): write the one that is meant as one:X'
    )


def test_dotted_path(site):
    """A module on the path, without packaging."""
    package(site, ONE.format(name="Maker"))
    found = resolve(GROUP, "acme.mm:Maker", site)
    assert (found.factory.__name__, found.origin, found.distribution) == ("Maker", "acme.mm:Maker", "")


def test_file(site):
    """The one strategy in a file, relative to the configuration; sys.path stays as it was, and so does the module."""
    (site / "mine.py").write_text(
        "from ctosd.abi import Strategy\nfrom strategies.grid import Grid\nclass _Shared(Strategy): pass\nclass Mine(_Shared): pass\n"
    )
    before = list(sys.path)
    found = resolve(GROUP, "./mine.py", site)
    assert found.factory.__name__ == "Mine"
    assert found.factory.__module__.startswith("ctos_file_mine_")
    assert sys.modules[found.factory.__module__].__file__ == str(site / "mine.py")
    assert sys.path == before
    assert "mine" not in sys.modules
    assert resolve(GROUP, "mine.py", site).factory is found.factory
    assert resolve(GROUP, str(site / "mine.py"), Path("/")).factory is found.factory


def test_a_changed_file_is_another_module(site):
    """What was loaded before keeps running; what is resolved now is the new text."""
    file = site / "mine.py"
    file.write_text(ONE.format(name="Mine"))
    old = resolve(GROUP, "./mine.py", site)
    file.write_text(ONE.format(name="Mine") + "    new = True\n")
    new = resolve(GROUP, "./mine.py", site)
    assert new.factory is not old.factory
    assert new.factory.new
    assert new.sha256 != old.sha256


def test_a_file_with_several(site):
    """The class is named after a colon."""
    (site / "both.py").write_text(ONE.format(name="Left") + "class Right(Strategy): pass\n")
    assert refusal("./both.py", site) == "both.py defines Left, Right: write which one is meant, both.py:Left"
    assert resolve(GROUP, "./both.py:Right", site).factory.__name__ == "Right"
    assert refusal("./both.py:Rihgt", site) == 'both.py has no "Rihgt" (did you mean "Right"?)'


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("gird", 'there is no "gird" among the installed strategies (did you mean "grid"?)'),
        (
            "acme.mm.Maker",
            '"acme.mm.Maker" is not the name of an installed one: write a dotted path with a colon, acme.mm:Maker',
        ),
        ("nowhere.mm:Maker", 'there is no module "nowhere" for nowhere.mm:Maker: install it, or check the spelling'),
        ("acme.nn:Maker", 'there is no module "acme.nn" for acme.nn:Maker: install it, or check the spelling'),
        ("acme.mm:Makr", 'acme.mm has no "Makr" (did you mean "Maker"?)'),
        ("acme.mm:", '"acme.mm:" is not a dotted path: write package.module:Class'),
        ("acme.mm:NUMBER", '"acme.mm:NUMBER" is a int, not a subclass of ctosd.abi.Strategy'),
        ("acme.mm:Strategy", '"acme.mm:Strategy" is the class Strategy, not a subclass of ctosd.abi.Strategy'),
        ("acme.mm:Other", '"acme.mm:Other" is the class Other, not a subclass of ctosd.abi.Strategy'),
        ("./none.py", "none.py cannot be read: No such file or directory"),
        (
            "./empty.py",
            "empty.py defines no subclass of Strategy: import it from ctosd.abi and write class Mine(Strategy)",
        ),
    ],
)
def test_what_leads_nowhere(site, use, message):
    """The place is the caller's; the remedy is here."""
    package(site, ONE.format(name="Maker") + "NUMBER = 1\nclass Other: pass\n")
    (site / "empty.py").write_text("from strategies.grid import Grid\n")
    assert refusal(use, site) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x / 0\n", "FILE:2: importing NAME failed: ZeroDivisionError: division by zero"),
        ("def f():\n    return {}['k']\nf()\n", "FILE:2: importing NAME failed: KeyError: 'k'"),
        ("import json\njson.loads('{')\n", "FILE:2: importing NAME failed: JSONDecodeError"),
        (
            "import nowhere_at_all\n",
            "FILE:1: importing NAME failed: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("class A\n", "FILE:1: expected ':'"),
        ("raise SystemExit(3)\n", "FILE:1: importing NAME failed: SystemExit: 3"),
        (
            "from ctosd.abi import Strategi\n",
            "FILE:1: importing NAME failed: ImportError: cannot import name 'Strategi'",
        ),
    ],
)
def test_failing_imports_name_the_author_s_line(site, text, message):
    """As a file and as a package: the deepest line of the author's own code, never ours or a library's."""
    file = package(site, text)
    (site / "bad.py").write_text(text)
    with pytest.raises(Misconfigured) as caught:
        resolve(GROUP, "acme.mm:X", site)
    assert str(caught.value).startswith(message.replace("FILE", str(file)).replace("NAME", "acme.mm"))
    with pytest.raises(Misconfigured) as caught:
        resolve(GROUP, "./bad.py", site)
    assert str(caught.value).startswith(message.replace("FILE", str(site / "bad.py")).replace("NAME", "bad.py"))
    assert not [name for name in sys.modules if name.startswith("ctos_file_bad")]


def test_a_strategy_is_no_driver(site):
    """The group decides what is wanted."""
    (site / "mine.py").write_text(ONE.format(name="Mine"))
    with pytest.raises(Misconfigured, match="defines no subclass of Driver"):
        resolve("ctos.drivers", "./mine.py", site)


def test_our_packages_are_ours():
    """In a right installation nothing is in the way."""
    check_namespace()


def test_a_foreign_package_of_our_name_is_refused(site, monkeypatch):
    """Another distribution's `drivers` is found first: said with both places, and not imported."""
    foreign = site / "drivers"
    foreign.mkdir()
    (foreign / "__init__.py").write_text("raise SystemExit('ran')")
    for name in [name for name in sys.modules if name == "drivers" or name.startswith("drivers.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(
        sys, "meta_path", [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
    )
    with pytest.raises(Misconfigured) as caught:
        modprobe.check_namespace()
    assert f"the package 'drivers' is found at {foreign / '__init__.py'}" in str(caught.value)
    assert "virtual environment" in str(caught.value)
