"""The real ``ctosctl`` in processes of its own, against a real control server in another."""

import json
import os
import pty
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ctosd import __version__

ROOT = Path(__file__).parent.parent
TOY = Path(__file__).parent / "host" / "control" / "toy_operator.py"
PLAIN = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The socket of a daemon that serves for the whole module."""
    socket_path = tmp_path_factory.mktemp("run") / "ctosd.sock"
    with subprocess.Popen([sys.executable, TOY, socket_path], stdout=subprocess.PIPE, text=True, env=PLAIN) as daemon:
        try:
            assert daemon.stdout.readline() == "ready\n"
            yield str(socket_path)
        finally:
            daemon.terminate()
    assert daemon.returncode == 0
    assert not socket_path.exists()


def ctosctl(*words, env=None, cwd=None, **rest):
    command = [sys.executable, "-m", "ctosd.ctl", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        env=PLAIN | (env or {}),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        check=False,
        **rest,
    )


@pytest.fixture
def ctl(path):
    """Run one command line against the module's daemon."""
    return lambda *words, **rest: ctosctl("--socket", path, *words, **rest)


READS = [
    (["status"], "What is wrong"),
    (["ps"], "mean_reversion"),
    (["orders"], "59990.5"),
    (["orders", "--all", "-n", "5"], "min_notional: worth 1 USDT"),
    (["positions"], "(all)"),
    (["balances"], "10012.345"),
    (["fills", "--strategy", "grid-btc"], "maker"),
    (["why", "grid-btc"], "every gate would let it pass"),
    (["logs", "-n", "3"], "spread wide"),
    (["ls"], "strategies/"),
    (["ls", "positions/grid-btc"], "BTC-USDT:USDT"),
    (["cat", "strategies/grid-btc/status"], "State:\trunning"),
    (["watch", "-c", "1", "ps"], "grid-btc"),
    (["watch", "-c", "2", "-i", "0.1", "risk/mode"], "\n"),
    (["version"], f"ctosctl {__version__}"),
    (["call", "paper/main", "get_orderbook", "symbol=BTC/USDT:USDT", "level=5"], "60000  1.5"),
    (["call", "paper/main", "symbols"], "SYMBOL"),
    (["call", "paper/main", "get_price_now", "symbol=BTC-USDT:USDT"], "60000.10"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "shown"), READS, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_a_reading_verb_shows_a_table_to_people_and_json_to_programs(ctl, words, shown):
    """Both faces of one verb, exit 0 and nothing on standard error."""
    human = ctl(*words)
    assert (human.returncode, human.stderr) == (0, "")
    assert shown in human.stdout
    assert "\x1b" not in human.stdout
    machine = ctl("--json", *words)
    assert (machine.returncode, machine.stderr) == (0, "")
    decoder, rest = json.JSONDecoder(), machine.stdout.strip()
    while rest:
        _, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()


def test_status_fits_eighty_columns_and_tells_how_to_mend(ctl):
    """A parked strategy is explained with its error and the exact command."""
    out = ctl("status").stdout
    assert max(map(len, out.splitlines())) <= 80
    flowing = re.sub(r"\s+", " ", out)
    assert "mr-eth is parked: 5 failures within 300 s; last error: ZeroDivisionError" in flowing
    assert "-> mend the cause, then: ctosctl start mr-eth" in flowing
    assert "0.01 BTC/USDT:USDT" in out
    assert "running for 3m12s" in out


def test_start_stop_and_restart_answer_when_it_is_done(ctl):
    """The state afterwards is in the answer, and the exit code tells whether it is the wanted one."""
    stopped = ctl("stop", "grid-btc", "--reason", "a test")
    assert (stopped.returncode, stopped.stdout) == (0, "grid-btc is stopped\n")
    assert json.loads(ctl("status", "--json").stdout)["strategies"][0]["state"] == "stopped"
    assert ctl("restart", "grid-btc").stdout == "grid-btc is running\n"
    assert json.loads(ctl("start", "grid-btc", "--json").stdout)["state"] == "running"
    both = ctl("start", "grid-btc", "mr-eth")
    assert both.returncode == 1
    assert "mr-eth is parked (5 failures within 300 s: ZeroDivisionError" in both.stdout
    assert "act=restart target=grid-btc" in ctl("logs").stdout
    assert f'by="uid={os.getuid()} pid=' in ctl("logs").stdout


def test_halt_and_resume_turn_the_switch(ctl):
    """`halt` asks nobody; status and why say so until `resume`."""
    assert ctl("halt", "--reason", "wrong prices").stdout == "trading is halted (wrong prices)\n"
    status = re.sub(r"\s+", " ", ctl("status").stdout)
    assert (
        "trading is halted: wrong prices; no order leaves, cancels still do -> ctosctl resume --reason TEXT" in status
    )
    assert "refuse  halted" in ctl("why", "grid-btc").stdout
    assert json.loads(ctl("resume", "--json").stdout)["mode"] == "active"


def test_flatten_fails_when_something_is_left(ctl):
    """Exit 0 only when flat."""
    done = ctl("flatten", "-y")
    assert done.returncode == 0
    assert done.stdout.endswith("flat\n")
    left = ctl("flatten", "mr-eth", "--yes")
    assert left.returncode == 1
    assert "NOT FLAT YET" in left.stdout
    assert json.loads(ctl("flatten", "--json").stdout)["remaining"] == []


def on_terminal(path, *words, say=b"", size=(24, 80), env=None):
    """What ctosctl writes to a terminal where somebody types `say`."""
    import fcntl
    import struct
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "ctosd.ctl", "--socket", path, *words],
            PLAIN | {"TERM": "xterm"} | (env or {}),
        )
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    os.write(terminal, say)
    seen = b""
    try:
        while piece := os.read(terminal, 4096):
            seen += piece
    except OSError:  # Linux says EIO when the other end of a terminal has closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_flatten_asks_on_a_terminal(path):
    """Anything but yes does nothing; yes goes on."""
    code, seen = on_terminal(path, "flatten", say=b"n\n")
    assert code == 1
    assert "ALL strategies at market? [y/N]" in seen
    assert "nothing was done" in seen
    code, seen = on_terminal(path, "flatten", "grid-btc", say=b"y\n")
    assert code == 0
    assert "of grid-btc at market" in seen


def test_colours_only_on_a_terminal_that_wants_them(path):
    """NO_COLOR and TERM=dumb are respected."""
    assert "\x1b[31mparked" in on_terminal(path, "ps")[1]
    assert "\x1b" not in on_terminal(path, "ps", env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in on_terminal(path, "ps", env={"TERM": "dumb"})[1]


def test_watch_clears_the_screen_of_a_terminal(path):
    """Each look takes the place of the last."""
    _, seen = on_terminal(path, "watch", "-i", "0.1", "-c", "2", "risk/mode")
    assert seen.count("\x1b[H\x1b[2J") == 2


WRONG = [
    (["stauts"], 2, "did you mean 'status'?"),
    ([], 2, ""),
    (["status", "--nonsense"], 2, "ctosctl status --help"),
    (["orders", "-n", "many"], 2, "'many' is not a whole number"),
    (["status", "--timeout", "0"], 2, "is not a number of seconds"),
    (["start"], 2, "NAME"),
    (["start", "grid-bct"], 2, "did you mean 'grid-btc'?"),
    (["why", "../../etc/passwd"], 2, "no strategy"),
    (["cat", "nothing"], 2, "no 'nothing' in /proc"),
    (["cat", "strategies"], 2, "is a directory: ctosctl ls strategies"),
    (["cat", "../../etc/passwd"], 2, "no '..' in /proc"),
    (["cat", "version/more"], 2, "is a file, not a directory"),
    (["watch", "-i", "0", "ps"], 2, "--interval"),
    (["watch", "nothing"], 2, "no 'nothing' in /proc"),
    (["logs", "--level", "waring"], 2, "did you mean 'warning'?"),
    (["call", "paper/main", "get_orderbok"], 2, "did you mean 'get_orderbook'?"),
    (["call", "paper/mian", "symbols"], 2, "did you mean 'paper/main'?"),
    (["call", "paper/main", "symbols", "level"], 2, "is not KEY=VALUE"),
    (["call", "paper/main", "bad"], 2, "size must be positive"),
    (["call", "paper/main", "refused"], 1, "not now"),
    (["call", "paper/main", "never"], 1, "not connected"),
    (["call", "paper/main", "bug"], 1, "a mistake inside ctosd"),
    (["call", "paper/main", "wrong"], 4, "venues.paper"),
    (["call", "paper/main", "place_order"], 1, ""),
    (["start", "slow", "--timeout", "0.2"], 5, "not done after 0.2 s; it goes on"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else None
)
def test_what_goes_wrong_has_its_exit_code_and_a_remedy(ctl, words, code, said):
    """One line on standard error, never a traceback."""
    ended = ctl(*words)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_verb_has_help_with_an_example():
    """``ctosctl VERB --help`` exits 0 and shows one; ``ctosctl help`` lists them all."""
    from ctosd.ctl.options import parse
    from ctosd.ctl.verbs import VERBS

    overview = ctosctl("--help")
    assert overview.returncode == 0
    for verb in VERBS.values():
        assert f"  {verb.name} " in overview.stdout
        assert verb.example.startswith("ctosctl ")
        with pytest.raises(SystemExit) as ended:
            parse(verb, ["--help"])
        assert ended.value.code == 0
    shown = ctosctl("logs", "--help").stdout
    assert "ctosctl logs -f --level warning" in shown
    assert ctosctl("help", "logs").stdout == shown


def test_not_running_tells_how_to_start(tmp_path):
    """Exit 3, where it looked, and the command."""
    ended = ctosctl("--var", str(tmp_path), "status")
    assert ended.returncode == 3
    assert f"nothing answers on {tmp_path}/run/ctosd.sock" in ended.stderr
    assert "make run" in ended.stderr
    assert "systemctl start ctosd" in ended.stderr
    version = ctosctl("--var", str(tmp_path), "version")
    assert (version.returncode, version.stdout) == (0, f"ctosctl {__version__}\nctosd is not running\n")


def test_the_socket_is_found_by_option_environment_and_place(path, tmp_path):
    """What is named counts more than what is near; ./var is looked at last but one."""
    assert ctosctl("status", env={"CTOS_SOCKET": path}).returncode == 0
    assert ctosctl("status", f"--socket={path}", env={"CTOS_SOCKET": "/nowhere"}).returncode == 0
    (tmp_path / "var" / "run").mkdir(parents=True)
    os.symlink(path, tmp_path / "var" / "run" / "ctosd.sock")
    assert ctosctl("status", env={"CTOS_VAR": str(tmp_path / "var")}).returncode == 0
    assert ctosctl("status", cwd=tmp_path).returncode == 0
    assert ctosctl("status", "--var", "/nowhere", env={"CTOS_SOCKET": path}).returncode == 3


def test_a_path_that_no_socket_can_have_is_a_matter_of_configuration(tmp_path):
    """Exit 4 for a path beyond 107 bytes."""
    ended = ctosctl("--socket", str(tmp_path / ("x" * 120)), "status")
    assert ended.returncode == 4
    assert "AF_UNIX path too long" in ended.stderr


def test_logs_follow_what_is_written(path):
    """Old lines first, then new ones as they come, until Ctrl-C, which is done and not failed."""
    command = [sys.executable, "-m", "ctosd.ctl", "logs", "-f", "-n", "1", "--level", "warning", "--socket", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PLAIN) as follower:
        first = follower.stdout.readline()
        assert " warning " in first
        ctosctl("--socket", path, "halt", "--reason", "followed")
        ctosctl("--socket", path, "resume", "--reason", "again")
        assert "mode=halted reason=followed" in follower.stdout.readline()
        assert "mode=active reason=again" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(5) == 0
        assert follower.stderr.read() == ""


def test_a_reader_that_leaves_ends_it_quietly(path):
    """``ctosctl … | head`` makes no noise."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ctosd.ctl", "--socket", path, "call", "paper/main", "big"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=PLAIN, timeout=20, check=False)
    os.close(write)
    assert ended.stderr == b""
    assert ended.returncode == -signal.SIGPIPE


def serve_bytes(path, answer, hold=False):
    """A socket that says `answer` to the first who asks; a stuck daemon when it `hold`s the line."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(1)

    def serve():
        with listening, listening.accept()[0] as connection:
            connection.recv(65_536)
            connection.sendall(answer)
            if hold:
                connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "hold", "code", "said"),
    [
        (b"", True, 5, "did not answer within 0.1 s"),
        (b"", False, 1, "hung up before it had answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", False, 1, "hung up before it had answered"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", False, 1, "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", False, 1, "is not ctosd"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, 1, "no HTTP"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\noops", False, 1, "oops"),
    ],
)
def test_a_daemon_that_misbehaves(tmp_path, answer, hold, code, said):
    """A stuck, dying or wrong server is named, in bounded time."""
    thread = serve_bytes(tmp_path / "s", answer, hold)
    ended = ctosctl("--socket", str(tmp_path / "s"), "--timeout", "0.1", "status")
    thread.join(5)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_only_the_standard_library_is_imported(path):
    """And none of its heavy parts: it must start fast, and work when the virtual environment is broken."""
    heavy = "{'asyncio', 'http', 'urllib', 'email', 'ssl', 'dataclasses', 'inspect', 'typing', 'msgspec', 'aiohttp', 'logging'}"
    script = (
        "import sys; before = set(sys.modules); from ctosd.ctl import main; code = main(sys.argv[1:]);"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        f"assert not new & {heavy}, new & {heavy};"
        "assert new <= set(sys.stdlib_module_names) | {'ctosd'}, new; sys.exit(code)"
    )
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}",
        "--socket",
        path,
        "status",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, env=PLAIN, timeout=20, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_status_takes_little_time(path):
    """Process start to exit; the bar is 80 ms on an idle machine, here with room for a busy one."""
    took = []
    for _ in range(5):
        start = time.perf_counter()
        assert ctosctl("status", "--socket", path).returncode == 0
        took.append(time.perf_counter() - start)
    assert statistics.median(took) < 0.3
