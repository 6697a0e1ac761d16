"""The flight file: gzip over length-prefixed msgpack, so that any tool can unpack it and nothing torn is taken for whole.

    gzip( "CTOSFLT1"  record*  )
    record = length (4 bytes, big-endian)  msgpack of one struct of `records`, told apart by its `type`

The first record is the `Header`, the last the `Footer`, which counts those between. gzip's own checksum covers all of it.
Written beside its place and renamed, readable by its owner only.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import IO, cast

import msgspec

from ctosd.abi.errors import CtosError
from ctosd.abi.events import Event
from ctosd.host.recorder.records import (
    FORMAT,
    Footer,
    Frame,
    Header,
    Heard,
    Held,
    Published,
    Record,
    Told,
    topic_of,
)
from ctosd.host.recorder.scrubber import Scrubber

MAGIC = b"CTOSFLT1"
SUFFIX = ".flight"
BATCH = 64
"""Records between two pauses: the writer holds up the trading thread no longer than these take."""
LARGEST = 64 << 20

_LENGTH = Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_decode: Callable[[bytes], Header | Footer | Record] = msgspec.msgpack.Decoder(Header | Footer | Record).decode


class Torn(CtosError):
    """A flight file that cannot be read to its end, or is none."""


def write(
    path: Path,
    header: Header,
    held: Iterable[Held | Record],
    footer: Footer,
    scrubber: Scrubber,
    pause: Callable[[], None],
) -> int:
    """Write a whole flight file; returns how many records it has. Raises `OSError`; then nothing is left of it."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    try:
        with (
            open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            gzip.GzipFile("", "wb", 3, file, 0) as packed,
        ):
            count = _write_all(cast("IO[bytes]", packed), header, held, footer, scrubber, pause)
            packed.close()
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return count


def _write_all(
    out: IO[bytes],
    header: Header,
    held: Iterable[Held | Record],
    footer: Footer,
    scrubber: Scrubber,
    pause: Callable[[], None],
) -> int:
    def put(record: Header | Footer | Record) -> None:
        data = scrubber.known(_encoder.encode(record))
        out.write(_LENGTH.pack(len(data)) + data)

    out.write(MAGIC)
    put(header)
    count = 0
    for number, record in enumerate(held, 1):
        for each in _unfolded(record):
            put(_clean(each, scrubber))
            count += 1
        if number % BATCH == 0:
            pause()
    footer.records = count
    put(footer)
    return count


def _unfolded(record: Held | Record) -> Iterator[Record]:
    """A record of the ring as it stands in the file: a frame, then each event that it told."""
    if isinstance(record, Heard):
        yield Frame(record.time_ns, record.lane, False, record.data)
        for event in record.events:
            yield _told(record.time_ns, topic_of(event), event, True)
    elif isinstance(record, Published):
        yield _told(record.time_ns, record.topic, record.event, False)
    else:
        yield record


def _told(time_ns: int, topic: str, event: Event, heard: bool) -> Told:
    return Told(time_ns, topic, heard, type(event).__name__, msgspec.Raw(_encoder.encode(event)))


def _clean(record: Record, scrubber: Scrubber) -> Record:
    """The record for the file, without what a name announces as a secret. What stays in memory is not touched."""
    for field in ("data", "body"):
        value = getattr(record, field, None)
        if value is not None and (clean := scrubber.named(value)) is not value:
            record = msgspec.structs.replace(record, **{field: clean})
    for field in ("url", "text", "error", "reason"):
        text = getattr(record, field, "")
        if text and (said := scrubber.named(raw := text.encode("utf-8", "replace"))) != raw:
            record = msgspec.structs.replace(record, **{field: said.decode("utf-8", "replace")})
    return record


def read(path: Path) -> Iterator[Header | Footer | Record]:
    """Every record in order; the last is the footer.

    Raises:
        Torn: the file is none, or does not go on to its end. What was whole before that has been given.
    """
    count, ended = -1, False
    try:
        with gzip.open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise Torn(f"{path}: this is no flight recording; they are named *{SUFFIX} and lie in var/lib/flight")
            while head := file.read(_LENGTH.size):
                record = _decode(_whole(file, head))
                if count < 0 and not isinstance(record, Header):
                    raise msgspec.ValidationError("it does not begin with its header")
                if isinstance(record, Header) and record.format != FORMAT:
                    raise Torn(
                        f"{path}: written as format {record.format} by ctosd {record.version}; this one reads {FORMAT}"
                    )
                ended = isinstance(record, Footer)
                if isinstance(record, Footer) and record.records != count:
                    raise msgspec.ValidationError(f"{record.records} records were written, {count} are here")
                count += 1
                yield record
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise Torn(f"{path}: damaged, or no flight recording ({error})") from None
        raise Torn(f"{path}: {error.strerror or error}") from None
    except (EOFError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Torn(f"{path}: torn or damaged after {max(0, count)} records ({error})") from None
    if not ended:
        raise Torn(f"{path}: torn after {max(0, count)} records: the end is missing")


def _whole(file: IO[bytes] | gzip.GzipFile, head: bytes) -> bytes:
    if len(head) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length <= LARGEST and len(data := file.read(length)) == length:
            return data
    raise EOFError("a record is cut off")
