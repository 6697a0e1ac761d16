"""Entry points read from the metadata of installed packages."""

import importlib.metadata

import pytest

from ctosd.host.entrypoints import EntryPoint, scan


def install(site, folder, text):
    (site / folder).mkdir(parents=True)
    (site / folder / "entry_points.txt").write_text(text)


def test_only_the_group_is_read(tmp_path):
    """Other groups, comments, extras and packages without entry points are passed over."""
    install(
        tmp_path,
        "Acme_MM-1.2.3.dist-info",
        "[console_scripts]\nx = a:b\n\n[ctos.strategies]\n# a comment\nmaker = acme.mm:Maker [fast]\ntaker=acme.mm:Taker\n[other]\nz = q:w\n",
    )
    install(tmp_path, "plain-1.dist-info", "[console_scripts]\nplain = plain:main\n")
    (tmp_path / "none-1.dist-info").mkdir()
    (tmp_path / "old-2.0-py3.11.egg-info").write_text("a single file\n")
    assert scan("ctos.strategies", [str(tmp_path)]) == [
        EntryPoint("maker", "acme.mm:Maker", "acme-mm", "1.2.3"),
        EntryPoint("taker", "acme.mm:Taker", "acme-mm", "1.2.3"),
    ]


def test_the_first_installation_of_a_package_counts(tmp_path):
    """As for Python itself, what comes first on the path shadows the rest."""
    install(tmp_path / "a", "acme-2.dist-info", "[ctos.drivers]\nx = new:X\n")
    install(tmp_path / "b", "acme-1.dist-info", "[ctos.drivers]\nx = old:X\n")
    path = [str(tmp_path / "missing"), str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "a")]
    assert [entry.target for entry in scan("ctos.drivers", path)] == ["new:X"]


@pytest.mark.parametrize("group", ["ctos.drivers", "ctos.strategies", "console_scripts", "pytest11"])
def test_it_finds_what_the_standard_library_finds(group):
    """On this very installation, name by name."""
    theirs = {
        (entry.name, entry.value.partition("[")[0].strip()) for entry in importlib.metadata.entry_points(group=group)
    }
    assert {(entry.name, entry.target) for entry in scan(group)} == theirs
    assert theirs
