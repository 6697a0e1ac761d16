"""The tree keeps its own rules: a test for each file, sizes, what may be imported where, what may stand in a file."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ctosd.abi

ROOT = Path(__file__).parent.parent
CODE = ("ctosd", "drivers", "strategies")
MOST_LINES = 400
MOST_LINES_OF_A_TEST = 600  # a table of cases is long and plain
MOST_LINES_OF_A_FUNCTION = 50

TOP = {
    *(
        ".ci",
        ".git",
        ".gitignore",
        "CHANGELOG.md",
        "DESIGN.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "README.zh.md",
        "pyproject.toml",
    ),
    *("ctosd", "drivers", "etc", "strategies", "systemd", "tests", "var"),
}
MADE = {
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    "dist",
    "__pycache__",
}
WRITTEN = {".py", ".toml", ".md", ".yaml", ".yml", ".txt", ".service", ".sysusers", ".tmpfiles", ""}

TESTED_BY = {
    "ctosd/__main__.py": "tests/test_boot.py",
    "ctosd/abi/commands.py": "tests/abi/test_abi.py",
    "ctosd/abi/driver.py": "tests/abi/test_abi.py",
    "ctosd/abi/emulator.py": "tests/abi/test_abi.py",
    "ctosd/abi/errors.py": "tests/abi/test_abi.py",
    "ctosd/abi/events.py": "tests/abi/test_abi.py",
    "ctosd/abi/instruments.py": "tests/abi/test_abi.py",
    "ctosd/abi/orders.py": "tests/abi/test_abi.py",
    "ctosd/abi/strategy.py": "tests/abi/test_abi.py",
    "ctosd/abi/transport.py": "tests/abi/test_abi.py",
    "ctosd/ctl/__main__.py": "tests/test_ctl.py",
    "ctosd/daemon.py": "tests/test_boot.py",
    "ctosd/host/config/settings.py": "tests/host/config/test_reading.py",
    "ctosd/host/config/stanza_unit.py": "tests/host/config/test_reading.py",
    "ctosd/host/config/stanza_venue.py": "tests/host/config/test_reading.py",
    "ctosd/host/httpwire.py": "tests/host/test_http.py",
    "ctosd/host/network.py": "tests/host/test_emulate.py",
    "ctosd/host/storage/database.py": "tests/host/storage/test_journal.py",
    "ctosd/host/storage/rowfile.py": "tests/host/storage/test_journal.py",
    "ctosd/host/storage/syncer.py": "tests/host/storage/test_journal.py",
    "ctosd/host/storage/writer.py": "tests/host/storage/test_journal.py",
    "ctosd/kernel/blotter.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/desk.py": "tests/kernel/test_supervisor.py",
    "ctosd/kernel/wording.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/fold.py": "tests/kernel/test_recovery.py",
    "ctosd/kernel/line.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/sight.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/ports.py": "tests/host/control/test_proc.py",
    "ctosd/kernel/switch.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/syscalls.py": "tests/kernel/test_egress.py",
    "ctosd/kernel/system.py": "tests/kernel/test_supervisor.py",
    "ctosd/kernel/unit.py": "tests/kernel/test_supervisor.py",
    "ctosd/runtime/facts.py": "tests/runtime/test_operator.py",
    "ctosd/runtime/report.py": "tests/test_boot.py",
    "ctosd/testing/journal.py": "tests/kernel/test_recovery.py",
    "ctosd/testing/store.py": "tests/host/storage/test_store.py",
    "ctosd/testing/conformance/check.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/conformance/market.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/conformance/suite.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/conformance/trading.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/conformance/trouble.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/conformance/world.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/plugin.py": "tests/drivers/test_conformance.py",
    "ctosd/testing/rig.py": "tests/kernel/test_supervisor.py",
    "ctosd/testing/venue.py": "tests/kernel/test_egress.py",
}
"""Files without a test of their own name -> the test that stands for them.

The reason is always the same: the file is one part of a thing that is tested whole, and has no behaviour apart from it.
"""


def sources() -> list[Path]:
    return sorted(path.relative_to(ROOT) for folder in CODE for path in (ROOT / folder).rglob("*.py"))


def written() -> Iterator[Path]:
    """Every text file that people write: not what tools make, and not what the daemon keeps."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if (
            path.is_file()
            and path.suffix in WRITTEN
            and not MADE.intersection(parts)
            and parts[0] not in (".git", "var")
        ):
            yield path


def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def mirror(path: Path) -> Path:
    """`ctosd/core/gate.py` -> `tests/core/test_gate.py`; a package's own file -> the test named for the package."""
    parts = path.parts[1:] if path.parts[0] == "ctosd" else path.parts
    name = path.parent.name if path.stem == "__init__" else path.stem
    folder = parts[:-2] if path.stem == "__init__" else parts[:-1]
    return Path("tests", *folder, f"test_{name}.py")


def has_behaviour(path: Path) -> bool:
    """Whether any function of the file does something: declarations, protocols and abstract methods do not."""
    return any(not all(_is_empty(statement) for statement in node.body) for node in functions(tree_of(path)))


def _is_empty(statement: ast.stmt) -> bool:
    """A docstring, an ellipsis, `pass`, or the refusal of an abstract method."""
    return isinstance(statement, (ast.Pass, ast.Raise)) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_the_top_of_the_tree_is_fixed() -> None:
    """A newcomer finds what DESIGN.md shows, and nothing else."""
    here = {path.name for path in ROOT.iterdir()} - MADE
    assert here - {".git"} == TOP - {".git"}


def test_each_source_file_has_its_test() -> None:
    """tests/ mirrors the tree; the exceptions are named above and stand for something."""
    missing = [
        f"{path} -> {mirror(path)}"
        for path in sources()
        if has_behaviour(path) and not (ROOT / TESTED_BY.get(str(path), str(mirror(path)))).exists()
    ]
    assert missing == []


def test_no_exemption_is_left_over() -> None:
    """An entry whose file is gone, or has a test of its own by now, goes too."""
    stale = [name for name in TESTED_BY if not (ROOT / name).exists() or (ROOT / mirror(Path(name))).exists()]
    assert stale == []


def test_files_are_short() -> None:
    """One noun a file."""
    tests = (path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))
    bounds = {**dict.fromkeys(sources(), MOST_LINES), **dict.fromkeys(tests, MOST_LINES_OF_A_TEST)}
    long = {
        str(path): lines for path, most in bounds.items() if (lines := (ROOT / path).read_text().count("\n")) > most
    }
    assert long == {}


def test_functions_are_short() -> None:
    """What is longer decides and acts at once, or does two things."""
    long = [
        f"{path}:{node.lineno} {node.name}: {lines} lines"
        for path in sources()
        for node in functions(tree_of(path))
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_names_say_what_a_file_is_about() -> None:
    """Drawers for everything are not nouns."""
    drawers = {"utils", "util", "helpers", "helper", "base", "common", "manager", "misc"}
    assert [str(path) for path in sources() if drawers.intersection(path.with_suffix("").parts)] == []


def test_each_file_begins_by_saying_what_it_is() -> None:
    """The listing with its first sentences is the map of the house."""
    assert [str(path) for path in sources() if not ast.get_docstring(tree_of(path))] == []


@pytest.mark.parametrize(
    "name", ["core/ledger.py", "core/holding.py", "core/lifecycle.py", "abi/commands.py", "abi/orders.py"]
)
def test_money_has_no_floats(name: str) -> None:
    """Where money is counted no annotation, literal or call is a float."""
    found = [
        f"{name}:{node.lineno}"
        for node in ast.walk(tree_of(Path("ctosd", name)))
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert found == []


def test_the_promise_is_exactly_what_is_listed() -> None:
    """`ctosd.abi.__all__` has every public name, once, in order; nothing slips into the promise unseen."""
    public = [name for name, value in vars(ctosd.abi).items() if not name.startswith("_") and not _is_module(value)]
    assert sorted(ctosd.abi.__all__) == sorted(public)
    assert ctosd.abi.__all__ == sorted(
        ctosd.abi.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )


def _is_module(value: object) -> bool:
    return type(value) is type(sys)


def test_imports_keep_to_their_rings() -> None:
    """import-linter's contracts in pyproject.toml; its message names the line."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctosctl_needs_the_standard_library_only() -> None:
    """It starts when the virtual environment is broken: every import is the library's or its own."""
    allowed = sys.stdlib_module_names | {"ctosd"}
    files = [path for path in sources() if str(path).startswith("ctosd/ctl")]
    foreign = [
        f"{path}:{node.lineno} {name}"
        for path in files
        for node in ast.walk(tree_of(path))
        for name in _imported(node)
        if name.partition(".")[0] not in allowed or (name.startswith("ctosd.") and not name.startswith("ctosd.ctl"))
    ]
    assert files
    assert foreign == []
    probe = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import ctosd.ctl; print(sorted(set(sys.modules) & {{'msgspec', 'orjson'}}))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.strip() == "[]"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_no_file_names_a_machine() -> None:
    """No path of somebody's machine: it would be nobody else's."""
    place = re.compile(r"(?<![\w.])/(?:work|home|Users)/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in written()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if place.search(line)
    ]
    assert found == []


def test_locks_name_packages_and_hashes_and_no_place() -> None:
    """A lock is as good at any registry; every package in it has its hashes."""
    locks = sorted((ROOT / ".ci").glob("requirements*.txt"))
    assert [lock.name for lock in locks] == ["requirements-clients.txt", "requirements-test.txt", "requirements.txt"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert not re.search(r"^-|https?:|file:| @ ", text, re.MULTILINE)
        entries = re.findall(
            r"^([a-z][\w.-]*)==\S+(?: ;[^\\\n]*)? \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
        )
        assert len(entries) == len(re.findall(r"^[a-zA-Z]", text, re.MULTILINE)) > 10


def test_the_tests_run_what_is_shipped() -> None:
    """What both locks have, they have in the same version."""
    run, test = (_versions(name) for name in ("requirements.txt", "requirements-test.txt"))
    assert {name: test.get(name) for name in run} == run


def _versions(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z][\w.-]*)==(\S+)", (ROOT / ".ci" / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_each_event_of_the_daemon_has_its_sentence() -> None:
    """A newcomer at the console reads words, not field names; and no sentence is left without its event."""
    from ctosd.host.logs.sentences import SENTENCES

    said = {event: str(path) for path in sources() for event in _events(tree_of(path))}
    missing = {event: path for event, path in said.items() if event not in SENTENCES and path.startswith("ctosd/")}
    assert missing == {}
    assert set(SENTENCES) - set(said) - {"library"} == set()


def _events(tree: ast.Module) -> Iterator[str]:
    """The first argument of each `log.info("…")`; debug lines are for developers."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        receiver = ast.unparse(node.func.value)
        event = node.args[0]
        if (
            node.func.attr in ("info", "warning", "error")
            and receiver.endswith("log")
            and isinstance(event, ast.Constant)
            and isinstance(event.value, str)
        ):
            yield event.value
