"""Bytes of recorded files: plain, packed, damaged."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from ctosd.abi import Misconfigured
from ctosd.host.archive.source import CHUNK, decoded, lines, sniff, whole

Write = Callable[..., Path]
TEXT = b"".join(b"%d %s\n" % (n, b"x" * 50) for n in range(CHUNK // 20))


@pytest.mark.parametrize("name", ["x.txt", "x.gz"])
def test_lines_are_those_of_the_file(write: Write, name: str) -> None:
    """Over the borders of chunks, packed or not, with and without a last line end."""
    for text in (TEXT, TEXT.rstrip()):
        assert [line for block in lines(write(name, text)) for line in block] == TEXT.splitlines()


def test_joined_gzip_files_are_one(write: Write) -> None:
    path = write("x", gzip.compress(b"one\n") + gzip.compress(b"two\n") + b"\0" * 9)
    assert whole(path) == b"one\ntwo\n"


def test_cut_gzip_tells_the_last_whole_line(write: Write) -> None:
    packed = gzip.compress(TEXT)
    with pytest.raises(Misconfigured, match=r"x\.gz2: the gzip file is cut off after line \d+; copy or record it anew"):
        whole(write("x.gz2", packed[: len(packed) // 2]))


def test_damaged_gzip_is_told(write: Write) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-8] ^= 1  # the checksum
    with pytest.raises(Misconfigured, match="the gzip file is damaged after line"):
        whole(write("x", bytes(packed)))


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        whole(tmp_path)


@pytest.mark.parametrize("content", [b"", b" \n\n", gzip.compress(b"", mtime=0)])
def test_empty_file_is_told(write: Write, content: bytes) -> None:
    with pytest.raises(Misconfigured, match="the file is empty; record or copy it anew"):
        sniff(write("x", content))


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"PAR1....", "parquet"),
        (b"ARROW1\0\0", "feather"),
        (b'1723161255030314667 {"stream":1}\n', "frames"),
        (b"timestamp,open\n", "csv"),
        (b"1723161255030,1,2\n", "csv"),
    ],
)
def test_formats_by_content(write: Write, content: bytes, form: str) -> None:
    assert sniff(write("a", content)) == form
    assert sniff(write("b.gz", content)) == form


def test_zip_is_refused_with_a_remedy(write: Write) -> None:
    with pytest.raises(Misconfigured, match="is a zip archive; unpack it"):
        sniff(write("x.zip", b"PK\x03\x04..."))


def test_wrong_encodings_are_told_by_line() -> None:
    path = Path("x.csv")
    with pytest.raises(Misconfigured, match=r"x\.csv, line 3: byte 0xe9 is not UTF-8; save the file as UTF-8"):
        decoded(path, "time,open\n1,2\nété,3".encode("latin-1"))
    with pytest.raises(Misconfigured, match="line 1: is written in UTF-16; save it as UTF-8"):
        decoded(path, "time".encode("utf-16"))
    assert decoded(path, b"\xef\xbb\xbftime") == "time"
