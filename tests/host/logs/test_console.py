"""What stands on standard output: for a person, a pipe, and systemd's journal."""

import os
import pty
from pathlib import Path

import orjson
import pytest

from ctosd.host.logs.console import Output, Pretty, is_journal, plain, prefixed, renderer

INFO, WARNING, ERROR = 20, 30, 40


def line(event: str = "ready", level: str = "info", day: str = "2026-01-02", **fields: object) -> bytes:
    return orjson.dumps({"time": f"{day}T03:04:05.678901Z", "level": level, "event": event, **fields}) + b"\n"


def test_a_person_reads_time_mark_and_sentence() -> None:
    """One line an event, and one more for each new day of the clock, virtual or not."""
    pretty = Pretty(colours=False)
    assert pretty(INFO, line("stopping")) == b"2026-01-02, times are UTC\n03:04:05   stopping\n"
    assert (
        pretty(WARNING, line("venue_down", "warning", venue="okx", reason="no answer")).decode()
        == "03:04:05 ! okx is down: no answer\n"
    )
    assert pretty(ERROR, line("strategy_failed", "error", strategy="g")).decode() == "03:04:05 ✗ g failed\n"
    assert pretty(INFO, line("stopped", day="2026-01-03")) == b"2026-01-03, times are UTC\n03:04:05   stopped\n"


def test_colours_and_marks_follow_the_terminal() -> None:
    """Colours only where wanted, ASCII where the terminal knows nothing else."""
    coloured = Pretty(colours=True)(ERROR, line("x", "error"))
    assert b"\x1b[31m" in coloured
    assert coloured.rstrip().endswith(b"\x1b[0m")
    assert b"? x" in Pretty(colours=False, unicode=False)(ERROR, line("x", "error"))


def test_text_from_outside_cannot_command_the_terminal() -> None:
    """Escape codes in a venue's message are shown as question marks, and cannot forge a second line."""
    said = Pretty(colours=False)(INFO, line("venue_down", venue="okx", reason="\x1b[2J\x07\nfake")).decode()
    assert "\x1b" not in said
    assert "\x07" not in said
    assert len(said.splitlines()) == 2


def test_a_traceback_stands_below_its_line() -> None:
    """Each of its lines is indented, so that the next event is found at a glance."""
    said = Pretty(colours=False)(ERROR, line("task_failed", "error", exception="Traceback\n  boom\n")).decode()
    assert said.splitlines()[1:] == ["03:04:05 ✗ task_failed", "           Traceback", "             boom"]


def test_a_pipe_gets_json_a_terminal_gets_sentences_and_the_choice_can_be_forced() -> None:
    """`auto` looks at what the descriptor is."""
    reader, writer = os.pipe()
    controller, terminal = pty.openpty()
    try:
        assert renderer("auto", writer, {}, "utf-8") is plain
        assert isinstance(renderer("pretty", writer, {}, "utf-8"), Pretty)
        assert isinstance(renderer("auto", terminal, {}, "utf-8"), Pretty)
        assert renderer("json", terminal, {}, "utf-8") is plain
        assert b"\x1b" in renderer("auto", terminal, {"TERM": "xterm"}, "utf-8")(ERROR, line("x", "error"))
        for environ in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            assert b"\x1b" not in renderer("auto", terminal, environ, "utf-8")(ERROR, line("x", "error"))
    finally:
        for descriptor in (reader, writer, controller, terminal):
            os.close(descriptor)


def test_lines_to_the_journal_carry_their_level(tmp_path: Path) -> None:
    """Only the very stream that systemd made is the journal's; its lines begin with <syslog level>."""
    with (tmp_path / "journal").open("wb") as stream:
        facts = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"}
        assert is_journal(stream.fileno(), environ)
        assert not is_journal(stream.fileno(), {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino + 1}"})
        assert not is_journal(stream.fileno(), {})
        assert renderer("auto", stream.fileno(), environ, "utf-8") is prefixed
    assert [prefixed(level, b"{}\n") for level in (10, 20, 30, 40, 50)] == [
        b"<7>{}\n",
        b"<6>{}\n",
        b"<4>{}\n",
        b"<3>{}\n",
        b"<2>{}\n",
    ]


def test_a_closed_pipe_ends_the_output_quietly() -> None:
    """`ctosd | head` goes on trading when head has gone; what is not shown is counted."""
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(writer, plain)
    output.write([(INFO, b"a\n")])
    output.write([(INFO, b"b\n")])
    os.close(writer)
    assert output.statistics() == {"failed": "Broken pipe", "lost": 2}


def test_a_non_blocking_terminal_still_gets_everything() -> None:
    """Another program may have made the shared terminal non-blocking: a full buffer is waited for."""
    import threading

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    payload = b"x" * 999_999 + b"\n"
    thread = threading.Thread(target=Output(writer, plain).write, args=([(INFO, payload)],))
    thread.start()
    got = b""
    while len(got) < len(payload):
        got += os.read(reader, 1 << 20)
    thread.join()
    os.close(reader)
    os.close(writer)
    assert got == payload


@pytest.mark.parametrize("broken", [b"not json\n", b"{}\n"])
def test_a_line_that_cannot_be_made_pretty_is_shown_as_it_is(broken: bytes) -> None:
    """A renderer's mistake costs beauty, never a line."""
    reader, writer = os.pipe()
    Output(writer, Pretty(colours=False)).write([(INFO, broken)])
    assert os.read(reader, 100) == broken
    os.close(reader)
    os.close(writer)
