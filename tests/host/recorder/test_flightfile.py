"""A flight file is whole or it says that it is not: torn, damaged, foreign, of another format."""

from __future__ import annotations

import gzip
import stat
from pathlib import Path

import pytest

from ctosd.abi.events import Quote
from ctosd.host.recorder import flightfile
from ctosd.host.recorder.flightfile import Torn, read, write
from ctosd.host.recorder.records import (
    FORMAT,
    Answered,
    Asked,
    Entry,
    Footer,
    Frame,
    Header,
    Heard,
    Held,
    Line,
    Link,
    Published,
    Told,
)
from ctosd.host.recorder.scrubber import Scrubber

QUOTE = Quote("okx", "X", 1.5, 2.0, 3.5, 4.0, 2)
HELD: list[Held] = [
    Link(1, "okx public #1", True),
    Heard(2, "okx public #1", b'{"a":1}', 1, [QUOTE, QUOTE]),
    Published(3, "quotes/okx/X", QUOTE),
    Asked(3, "okx", 1, "POST", "http://x/y?signature=0a1b2c", b'{"passphrase":"word"}'),
    Answered(4, "okx", 1, 200, b"[]"),
    Entry(5, 1, "intent", "mine", b"{}"),
    Line(6, '{"event":"order_unknown","signature":"0a1b2c"}'),
]


def header(format: int = FORMAT) -> Header:
    return Header(format, "0.1", 1, 7, "order_unknown", "", {}, [])


def saved(folder: Path, held: list[Held] = HELD, **changes: int) -> Path:
    path = folder / "one.flight"
    assert write(path, header(**changes), held, Footer(0, ()), Scrubber(), lambda: None) >= len(held)
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path)
    first, *between, last = read(path)
    assert (first, last) == (header(), Footer(9, []))
    assert [each.time_ns for each in between] == [1, 2, 2, 2, 3, 3, 4, 5, 6]  # type: ignore[union-attr]
    assert between[1] == Frame(2, "okx public #1", False, b'{"a":1}')
    assert [each.heard for each in between if isinstance(each, Told)] == [True, True, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["one.flight"]
    content = gzip.decompress(path.read_bytes())
    assert b"0a1b2c" not in content
    assert b"word" not in content
    assert HELD[3].body == b'{"passphrase":"word"}'  # type: ignore[union-attr] # what is in memory is not touched


def test_a_file_that_is_cut_off_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    many = [Frame(number, "lane", False, b"%d" % (number * 7919)) for number in range(5_000)]
    path = saved(tmp_path, list(many))
    whole = path.read_bytes()
    for part in (0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * part)])
        seen = []
        with pytest.raises(Torn, match="torn"):
            seen.extend(read(path))
        if part > 0.8:
            assert len(seen) > 100


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = bytearray(path.read_bytes())
    for place in range(20, len(whole), 7):
        damaged = whole.copy()
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(Torn):
            list(read(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "this is no flight recording"),
        (b"some text, no gzip", "no flight recording"),
        (gzip.compress(b"another format"), "this is no flight recording"),
        (gzip.compress(flightfile.MAGIC), "the end is missing"),
        (gzip.compress(flightfile.MAGIC + b"\xff\xff\xff\xff"), "torn"),
        (gzip.compress(flightfile.MAGIC + b"\x00\x00\x00\x01\xc0"), "torn"),
    ],
    ids=("empty", "text", "foreign", "headless", "too-long", "torn"),
)
def test_what_is_no_flight_file_is_told_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.flight"
    path.write_bytes(content)
    with pytest.raises(Torn, match=said) as told:
        list(read(path))
    assert str(path) in str(told.value)


def test_another_format_names_who_wrote_it(tmp_path: Path) -> None:
    with pytest.raises(Torn, match=r"format 99 by ctosd 0\.1"):
        list(read(saved(tmp_path, format=99)))


def test_no_such_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Torn, match="No such file"):
        list(read(tmp_path / "none.flight"))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> None:
        raise OSError(28, "No space left on device")

    held: list[Held] = [Frame(1, "lane", False, b"") for _ in range(flightfile.BATCH)]
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "a" / "one.flight", header(), held, Footer(0, ()), Scrubber(), broken)
    assert list((tmp_path / "a").iterdir()) == []
