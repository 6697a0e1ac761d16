"""The two READMEs say the same, what they show loads, and what they point at is there."""

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from ctosd.host.config import load

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

each_readme = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)


def blocks(readme: Path) -> list[tuple[str, str]]:
    """Every fenced block: its language and its text. A fence that is never closed would swallow the rest, so none may be."""
    text = readme.read_text(encoding="utf-8")
    found = FENCED.findall(text)
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(found) > 0
    return found


def prose(readme: Path) -> str:
    return FENCED.sub("", readme.read_text(encoding="utf-8"))


def levels(readme: Path) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(readme), re.MULTILINE)]


def links(readme: Path) -> list[str]:
    """The targets in this tree, without their fragments."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(readme))
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


def test_both_show_the_same_blocks() -> None:
    """Commands, their outputs and examples are not translated: byte by byte the same, in the same order."""
    assert blocks(CHINESE) == blocks(ENGLISH)


def test_both_have_the_same_headings() -> None:
    """The same number of them, at the same levels, in the same order."""
    assert levels(CHINESE) == levels(ENGLISH) != []


@each_readme
def test_the_example_loads(readme: Path, tmp_path: Path) -> None:
    """A reader who saves both examples where their first lines say has a strategy that the daemon takes."""
    shutil.copytree(ROOT / "etc", tmp_path / "etc")
    examples = [text for language, text in blocks(readme) if language in ("python", "yaml")]
    places = [text.partition("\n")[0].removeprefix("# ") for text in examples]
    assert places == ["etc/strategies.d/dip.py", "etc/strategies.d/dip.yaml"]
    for place, text in zip(places, examples, strict=True):
        (tmp_path / place).write_text(text, encoding="utf-8")
    config = load(tmp_path / "etc" / "ctos.yaml", {})
    (dip,) = [unit for unit in config.strategies if unit.name == "dip"]
    assert config.warnings == ()
    assert (dip.factory.__name__, dip.accounts, dip.enabled) == ("Dip", ("paper/main",), True)
    assert (dip.params.symbol, dip.params.size) == ("BTC/USDT:USDT", Decimal("0.002"))


@each_readme
def test_no_link_is_dead(readme: Path) -> None:
    """Every relative link leads to a file, and each README to the other."""
    targets = links(readme)
    assert [target for target in targets if not (readme.parent / target).is_file()] == []
    assert ({ENGLISH: CHINESE, CHINESE: ENGLISH}[readme]).name in targets
