"""Bytes of a recorded file: plain or gzip, whole or line by line, and which format they are."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from ctosd.host.archive.faults import fault

GZIP = b"\x1f\x8b"
CHUNK = 1 << 18
FRAME = re.compile(rb"\d{10,19} [{\[]")
MAGIC = {b"PAR1": "parquet", b"ARROW1": "feather", b"FEA1": "feather"}


def chunks(path: Path) -> Iterator[bytes]:
    """The unpacked content, piece by piece.

    Raises:
        Misconfigured: the file cannot be read, or its gzip is damaged or cut off.
    """
    lines = 0
    try:
        with path.open("rb") as file:
            piece = file.read(CHUNK)
            if piece[:2] != GZIP:
                while piece:
                    yield piece
                    piece = file.read(CHUNK)
                return
            unpack = zlib.decompressobj(31)
            while piece:
                plain = unpack.decompress(piece)
                lines += plain.count(b"\n")
                if plain:
                    yield plain
                piece = unpack.unused_data or file.read(CHUNK)
                if unpack.eof:  # another member may follow, as after `cat a.gz b.gz`
                    if not piece.strip(b"\0"):
                        return
                    unpack = zlib.decompressobj(31)
            if not unpack.eof:
                raise fault(path, f"the gzip file is cut off after line {lines}", "copy or record it anew")
    except zlib.error as error:
        raise fault(path, f"the gzip file is damaged after line {lines} ({error})", "copy it anew") from None
    except OSError as error:
        raise fault(path, f"cannot be read ({error.strerror})", "check the file and its permissions") from None


def whole(path: Path) -> bytes:
    return b"".join(chunks(path))


def lines(path: Path) -> Iterator[list[bytes]]:
    """The content in lists of lines, without their ends."""
    rest = b""
    for chunk in chunks(path):
        found = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        rest = found.pop()
        yield found
    if rest:
        yield [rest]


def sniff(path: Path) -> str:
    """The format by the content: csv, parquet, feather or frames.

    Raises:
        Misconfigured: the file is empty, or is no text in an encoding that can be read.
    """
    head = next(chunks(path), b"")
    if not head.strip():
        raise fault(path, "the file is empty", "record or copy it anew")
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    if head.startswith(b"PK\x03\x04"):
        raise fault(path, "is a zip archive", "unpack it and name the file inside")
    return "frames" if FRAME.match(head) else "csv"


def decoded(path: Path, raw: bytes) -> str:
    """The text of a file in UTF-8, without a byte order mark.

    Raises:
        Misconfigured: another encoding.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise fault(path, "is written in UTF-16", "save it as UTF-8", "line 1")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = raw[error.start]
        raise fault(path, f"byte 0x{byte:02x} is not UTF-8", "save the file as UTF-8", f"line {line}") from None
