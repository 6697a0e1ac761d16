"""The systemd unit: what the design promises of it, and that the check of it can fail."""

import importlib.util
import re
import shutil
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "systemd"


def load_check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unit_check", ROOT / ".ci" / "unit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(text: str) -> dict[str, list[str]]:
    """Every assignment of a unit file, by its key."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found[key].append(value)
    return found


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    return settings((FOLDER / "ctosd.service").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", "/opt/ctos/bin/ctosd --config /etc/ctos/ctos.yaml"),
        ("WatchdogSec", "15"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "77 78"),
        ("User", "ctos"),
        ("ConfigurationDirectory", "ctos"),
        ("StateDirectory", "ctos"),
        ("LogsDirectory", "ctos"),
        ("RuntimeDirectory", "ctos"),
        ("RuntimeDirectoryPreserve", "restart"),
        ("LoadCredential", "accounts:/etc/ctos/accounts.yaml"),
        ("SetCredential", "accounts:{}"),
        ("LimitCORE", "0"),
        ("WantedBy", "multi-user.target"),
    ],
)
def test_the_unit_says(unit: dict[str, list[str]], key: str, value: str) -> None:
    """What the daemon, its operators and its keys depend on."""
    assert unit[key] == [value]


def test_peer_credentials_work(unit: dict[str, list[str]]) -> None:
    """User namespaces would show every peer of the control socket as nobody; socket activation would trade on a look."""
    assert unit["PrivateUsers"] == []
    assert unit["DynamicUser"] == []
    assert not list(FOLDER.glob("*.socket"))


def test_the_user_and_the_groups_are_made() -> None:
    """The unit's user, the group of those who look, and the group of those who act (ctosd/host/peer.py)."""
    from ctosd.host.control import peer

    lines = [
        line.split()[:2] for line in (FOLDER / "ctos.sysusers").read_text().splitlines() if line[:1] not in ("#", "")
    ]
    assert lines == [["u", peer.READ_GROUP], ["g", peer.ADMIN_GROUP]]


def test_the_folders_of_the_configuration_are_made_and_the_keys_are_roots_alone() -> None:
    """tmpfiles lines are well-formed; what the unit makes itself is not made twice."""
    lines = [line.split() for line in (FOLDER / "ctos.tmpfiles").read_text().splitlines() if line[:1] not in ("#", "")]
    assert [line[:5] for line in lines] == [
        ["d", "/etc/ctos", "0750", "root", "ctos"],
        ["d", "/etc/ctos/strategies.d", "0750", "root", "ctos"],
        ["z", "/etc/ctos/accounts.yaml", "0600", "root", "root"],
    ]


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


@needs_systemd
def test_systemd_has_nothing_to_say_against_the_unit() -> None:
    """It loads without a warning, and its exposure is 1.5 or less."""
    assert load_check().mistakes(FOLDER / "ctosd.service") == []


@needs_systemd
@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("WatchdogSec=15", "WatchdogSeconds=15", "Unknown key"),
        ("ProtectHome=yes", "ProtectHome=perhaps", "Failed to parse"),
        ("User=ctos", "", "exposure above 1.5"),
        ("CapabilityBoundingSet=", "", "exposure above 1.5"),
        ("SystemCallFilter=@system-service", "", "exposure above 1.5"),
        ("/opt/ctos/bin/ctosd", "/opt/ctos/sbin/ctosd", "not executable"),
    ],
)
def test_the_check_sees_what_is_wrong(tmp_path: Path, line: str, instead: str, said: str) -> None:
    """A misspelt key, a bad value, a lost line of hardening, another program: each is found."""
    text = (FOLDER / "ctosd.service").read_text(encoding="utf-8")
    assert line in text
    broken = tmp_path / "ctosd.service"
    broken.write_text(text.replace(line, instead), encoding="utf-8")
    assert said in " ".join(load_check().mistakes(broken))
