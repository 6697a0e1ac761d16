"""The strict reader: values, their places, and a message for everything that is refused."""

from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ctosd.host.config import yamlfile
from ctosd.host.config.document import Document
from ctosd.host.config.mistakes import Report
from ctosd.host.config.yamlfile import read_file, read_text


@pytest.fixture(params=["libyaml", "python"])
def parser(request, monkeypatch):
    """Both parsers that PyYAML may have."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader) if request.param == "libyaml" else yaml.SafeLoader
    monkeypatch.setattr(yamlfile, "_PARSER", loader)


def read(text, **options):
    document = Document("f.yaml", Report())
    read_text(text, document, **options)
    return document


def mistakes(text):
    return [str(mistake) for mistake in read(text).report.mistakes]


def test_values_and_places(parser):
    """Every key and every value keeps its line and column."""
    document = read("a: 1\nb:\n  - 0.10\n  - {BTC/USDT:USDT: x}\n'no': |\n  12:30\n")
    assert document.report.mistakes == []
    assert document.data == {"a": 1, "b": [Decimal("0.10"), {"BTC/USDT:USDT": "x"}], "no": "12:30\n"}
    assert str(document.place(("b", 0))) == "f.yaml:3"
    assert (document.place(("b", 1, "BTC/USDT:USDT")).line, document.place(("b", 1, "BTC/USDT:USDT")).column) == (4, 21)
    assert document.place(("b",), key=True).line == 2
    assert document.place(("b", 7, "nowhere")).line == 3


def test_keys_are_always_text(parser):
    """The words that YAML 1.1 turns into false are good keys."""
    assert read("no: 1\n0123: 2\n12:30: 3\n").data == {"no": 1, "0123": 2, "12:30": 3}


INDENT = "the indentation fits no line above, or a line is neither `key: value` nor `- item`"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: no\n\nb: 1e-3\n", ["f.yaml:1: no is not a truth value", "f.yaml:3: 1e-3 is text to some"]),
        ("a: 1\nb: 2\na: 3\n", ['f.yaml:3: "a" is here a second time; the first is on line 1']),
        ("a: &x 1\n", ["f.yaml:1: &x is an anchor: write the value out where it is needed"]),
        ("a: *x\n", ["f.yaml:1: *x is an alias: write the value out"]),
        ("a: 1\n<<: {b: 2}\n", ["f.yaml:2: << merges another mapping: write its keys out"]),
        ("a: !!str 1\n", ["f.yaml:1: !!str is a tag: write the plain value"]),
        ("a: !secret x\n", ["f.yaml:1: !secret is a tag"]),
        ("a:\n\tb: 1\n", ["f.yaml:2: a tab is used to indent: use spaces"]),
        ("a: b: c\n", ["f.yaml:1: a second `: ` on one line"]),
        ("x: 1\na: 'b\nc: 1\n", ["f.yaml:2: a quote is opened here and never closed"]),
        ("x: 1\na: [1, 2\nb: 3\n", ["f.yaml:2: this bracket is not closed"]),
        ("a:\n  b: 1\n c: 2\n", [f"f.yaml:3: {INDENT}"]),
        ("a: 1\nb\nc: 2\n", ["f.yaml:2: a key without its `: `"]),
        ("- a\nb: 1\n", [f"f.yaml:2: {INDENT}"]),
        ("a: - b\n", ["f.yaml:1: a `- item` on the line of a key"]),
        ("a: @x\n", ["f.yaml:1: this character cannot begin a value: quote the text"]),
        ('a: "\\d"\n', ["f.yaml:1: a backslash inside double quotes"]),
        ("a: 1\n---\nb: 2\n", ["f.yaml:2: a second document (`---`)"]),
        ("? [a]\n: 1\n", ["f.yaml:1: a key must be a word"]),
        ("a: {'': 1}\n", ["f.yaml:1: a key is missing before the `:`"]),
        ("a: {: 1}\n", ["f.yaml:1: a value is expected here"]),
        ("[" * 60 + "]" * 60, ["f.yaml:1: nested deeper than 40 levels"]),
        ("a: 1\n\u00a0 b: 2\n", ["f.yaml:2: is indented with a no-break space"]),
        ("a: 1\nb: \x07\n", ["f.yaml:2: holds the control character U+0007: delete it"]),
    ],
)
def test_each_trap_has_its_place_and_words(parser, text, expected):
    """What is wrong, on which line, and what to write instead."""
    found = mistakes(text)
    assert len(found) == len(expected)
    for mistake, start in zip(found, expected, strict=True):
        assert mistake.startswith(start)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xe9t\xe9\n", ":2: is not UTF-8 (byte 0xe9): save it as plain UTF-8"),
        (b"\xef\xbb\xbfa: 1\n", ":1: is UTF-8 with a byte order mark: save it as plain UTF-8"),
        ("a: 1\n".encode("utf-16"), ":1: is UTF-16: save it as plain UTF-8"),
        (b"#" * (yamlfile.LARGEST + 1), ": is larger than 1 MiB: surely not a configuration"),
    ],
)
def test_files_that_are_no_text(tmp_path, raw, message):
    """Wrong encodings and sizes are named, with the line where there is one."""
    file = tmp_path / "x.yaml"
    file.write_bytes(raw)
    document = read_file(file, Report())
    assert [str(mistake) for mistake in document.report.mistakes] == [f"{file}{message}"]
    assert document.data is None


def test_files_that_cannot_be_read(tmp_path):
    """A missing file and a directory are mistakes, not exceptions."""
    report = Report()
    read_file(tmp_path / "none.yaml", report)
    read_file(tmp_path, report)
    assert [mistake.message for mistake in report.mistakes] == [
        "there is no such file",
        "this is a directory, not a file",
    ]


def test_a_refused_value_spoils_only_itself(parser):
    """What follows from a mistake stays silent; its neighbours do not."""
    document = read("a: {b: no, c: 1}\n")
    assert document.is_spoiled(("a", "b"))
    assert document.is_spoiled(("a", "b", "deeper"))
    assert not document.is_spoiled(("a", "c"))


def test_texts_are_left_alone_and_never_quoted(parser):
    """A file of secrets is read as written, and no message shows a piece of it."""
    document = read("a: 0123\nb: no\nc: 12:30\n", texts=True)
    assert document.data == {"a": "0123", "b": "no", "c": "12:30"}
    for text in ("a: *S3cret\n", "a: &S3cret x\n", "a: !S3cret x\n"):
        document = Document("f.yaml", Report())
        read_text(text, document, texts=True)
        assert len(document.report.mistakes) == 1
        assert "S3cret" not in str(document.report.mistakes[0])


@given(st.text(alphabet="ab:-[]{}'\"&*!|>#\n\t 01,?%@`<~.\\", max_size=60))
def test_any_text_is_read_or_explained(text):
    """The reader never raises, and where it read nothing it says why."""
    document = read(text)
    for mistake in document.report.mistakes:
        assert mistake.place.line <= text.count("\n") + 2
