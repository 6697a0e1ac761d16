"""Check the systemd unit: it must load without a warning, and its exposure must be 1.5 or less.

`systemd-analyze verify` looks for the programs that a unit starts, and nobody installs /opt/ctos to check a file: so a copy
is verified in which a stand-in lies where the program will be. Everything else is read as it is.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNIT = Path(__file__).parent.parent / "systemd" / "ctosd.service"
THRESHOLD = 15  # tenths
INSTALLED = "/opt/ctos/bin/"


def stand_in(text: str, folder: Path) -> str:
    """The unit `text` with its programs in `folder`, where each is made."""
    for program in set(re.findall(rf"^Exec\w+=[-@:+!]*{INSTALLED}(\S+)", text, re.MULTILINE)):
        file = folder / program
        file.write_text("#!/bin/sh\n", encoding="utf-8")
        file.chmod(0o755)
    return text.replace(INSTALLED, f"{folder}/")


def analyze(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603, S607
    return done.returncode, (done.stdout + done.stderr).strip()


def mistakes(unit: Path) -> list[str]:
    """What systemd says against `unit`; empty when it is right."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / unit.name
        copy.write_text(stand_in(unit.read_text(encoding="utf-8"), Path(name)), encoding="utf-8")
        code, said = analyze("verify", "--man=no", "--recursive-errors=no", str(copy))
    if code or said:
        found.append(f"verify: {said or f'exit {code}'}")
    code, said = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", str(unit))
    if code:
        found.append(f"security: exposure above {THRESHOLD / 10}: {said.splitlines()[-1] if said else f'exit {code}'}")
    return found


def main(unit: Path) -> int:
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not on this machine, so the unit is not verified here")
        return 0
    found = mistakes(unit)
    for mistake in found:
        print(mistake, file=sys.stderr)
    if not found:
        print(f"{unit.name}: verified, exposure at most {THRESHOLD / 10}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else UNIT))
