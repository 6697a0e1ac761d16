"""`make run` at a terminal: Ctrl-C reaches the daemon once, and make ends as the daemon does."""

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FOREGROUND = Path(__file__).parent.parent / ".ci" / "foreground.py"
CHILD = """
import os, signal, sys, time
count = 0
def on_signal(number, frame):
    global count
    count += 1
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, on_signal)
print("up", os.getpid(), flush=True)
while not count:
    time.sleep(0.01)
time.sleep(0.2)
print("signals", count, flush=True)
sys.exit(int(sys.argv[1]))
"""
LEADER = """
import fcntl, os, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("make", ["make", "--no-print-directory", "run"])
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")


class Terminal:
    """`make run` in a terminal of its own, with a toy in the daemon's place."""

    def __init__(self, folder: Path, code: int) -> None:
        (folder / "child.py").write_text(CHILD)
        command = f"{sys.executable} {FOREGROUND} {sys.executable} child.py {code}"
        (folder / "Makefile").write_text(f"run:\n\t@{command}\n")
        self.terminal, inside = pty.openpty()
        self.make = subprocess.Popen(
            [sys.executable, "-c", LEADER], cwd=folder, stdin=inside, stdout=inside, stderr=inside
        )
        os.close(inside)
        self.seen = ""

    def wait_for(self, text: str) -> str:
        """The line with `text`, once the terminal shows it."""
        last = time.monotonic() + 10
        while f"{text}" not in self.seen or not self.seen.endswith("\n"):
            assert time.monotonic() < last, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.terminal, 4096).decode()
                except OSError:  # everybody has left the terminal
                    break
        return next(line for line in self.seen.splitlines() if text in line)

    def end(self) -> int:
        code = self.make.wait(10)
        os.close(self.terminal)
        return code


@pytest.mark.parametrize(("code", "of_make"), [(0, 0), (78, 2)])
def test_ctrl_c_stops_the_daemon_and_make_ends_as_it_does(tmp_path: Path, code: int, of_make: int) -> None:
    """One Ctrl-C is one SIGINT; exit 0 is make's success, and anything else its failure."""
    terminal = Terminal(tmp_path, code)
    terminal.wait_for("up")
    os.write(terminal.terminal, b"\x03")
    assert terminal.wait_for("signals").endswith("signals 1")
    assert terminal.end() == of_make
    assert "Interrupt" not in terminal.seen


def test_ctrl_z_does_not_put_the_daemon_to_sleep(tmp_path: Path) -> None:
    """Orders would stand in the market with nobody behind them."""
    terminal = Terminal(tmp_path, 0)
    terminal.wait_for("up")
    os.write(terminal.terminal, b"\x1a")
    os.write(terminal.terminal, b"\x03")
    assert terminal.wait_for("signals").endswith("signals 1")
    assert terminal.end() == 0


def test_a_closed_terminal_stops_the_daemon(tmp_path: Path) -> None:
    """When the terminal goes, make's other children end too, and the daemon as on SIGTERM: nothing trades unseen."""
    terminal = Terminal(tmp_path, 0)
    child = int(terminal.wait_for("up").split()[1])
    launcher = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(launcher, signal.SIGHUP)
    assert terminal.wait_for("signals").endswith("signals 1")
    assert terminal.end() == 0


def test_without_a_terminal_the_command_takes_its_place(tmp_path: Path) -> None:
    """A script, a container, CI: no process stands between the caller's signal and the daemon."""
    (tmp_path / "child.py").write_text(CHILD)
    with subprocess.Popen(
        [sys.executable, FOREGROUND, sys.executable, tmp_path / "child.py", "3"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == f"up {process.pid}\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "signals 1\n"
    assert process.returncode == 3


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As a shell would say it."""
    with contextlib.chdir(tmp_path):
        done = subprocess.run(
            [sys.executable, FOREGROUND, "./nothing"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (127, "./nothing: No such file or directory\n")
