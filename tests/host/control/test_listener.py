"""The socket in the file system: nothing in its place is removed but a dead socket, and only our own at the end."""

import os
import socket
import stat

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.control import listener


def test_a_path_that_is_too_long_names_the_limit(tmp_path):
    """107 bytes are the most; the message says what to do."""
    path = tmp_path / ("s" * (108 - len(str(tmp_path)) - 1))
    with pytest.raises(Misconfigured, match=r"108 bytes, Linux allows 107.*--var or \$CTOS_VAR"):
        listener.bind(path, 0o660, "")
    fits = path.with_name(path.name[:-1])
    listener.remove(listener.bind(fits, 0o660, ""))


def test_a_file_in_the_way_is_not_touched(tmp_path):
    """Only sockets are ever replaced."""
    path = tmp_path / "ctosd.sock"
    path.write_text("precious")
    with pytest.raises(Misconfigured, match="is no socket"):
        listener.bind(path, 0o660, "")
    assert path.read_text() == "precious"


def test_a_missing_directory_and_group_are_named(tmp_path):
    """The remedy is in the message."""
    with pytest.raises(Misconfigured, match=r"directory .* does not exist"):
        listener.bind(tmp_path / "no" / "ctosd.sock", 0o660, "")
    with pytest.raises(Misconfigured, match="groupadd no-such-group"):
        listener.bind(tmp_path / "ctosd.sock", 0o660, "no-such-group")
    assert not (tmp_path / "ctosd.sock").exists()


def test_the_mode_is_as_asked_and_the_umask_is_as_before(tmp_path):
    """Neither wider nor narrower."""
    before = os.umask(0o000)
    try:
        bound = listener.bind(tmp_path / "s", 0o600, "")
        assert stat.S_IMODE(bound.path.stat().st_mode) == 0o600
        assert os.umask(0o000) == 0o000
    finally:
        os.umask(before)
    listener.remove(bound)
    assert not bound.path.exists()


def test_the_file_of_a_successor_is_left_alone(tmp_path):
    """What was put in our place since is not ours to remove."""
    bound = listener.bind(tmp_path / "s", 0o600, "")
    bound.path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(bound.path))
        listener.remove(bound)
        assert bound.path.exists()


def test_a_full_backlog_counts_as_an_answer(tmp_path):
    """When in doubt somebody lives there."""
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(tmp_path / "s"))
        busy.listen(0)
        held = []
        for _ in range(4):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            client.connect_ex(str(tmp_path / "s"))
            held.append(client)
        assert listener.answers(tmp_path / "s")
        for client in held:
            client.close()
