"""Bodies, against the reference model: cut anywhere, and at every limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.machine.call import caller
from svc0.server import body as under_test
from svc0.server.connection import Buffer
from svc0.server.framing import Framing
from svc0.server.limits import BODY_MAX, CHUNK_LINE_MAX, TRAILER_MAX
from svc0.server.request import COMPLETE, INCOMPLETE
from tests.model import body as model
from tests.model.head import Fault, Incomplete
from tests.server.memory import Input

sizes = st.sampled_from([b"0", b"1", b"5", b"a", b"F", b"005", b"10"])
extensions = st.sampled_from([b""] * 4 + [b";a=b", b" ;", b"\t; x", b" ", b"x", b";\x7f", b";\xff"])
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n"])
datas = st.sampled_from([b"x", b"12345", b"0123456789", b"\r\n\r\n\r", b"", b"x" * 16])
odd_chunks = st.tuples(sizes, extensions, ends, datas, ends).map(b"".join)
chunks = st.binary(min_size=1, max_size=40).map(lambda data: b"%x\r\n%s\r\n" % (len(data), data))
trailers = st.sampled_from([b"", b"X: y\r\n", b"Host: a\r\n", b"X\r\n", b"Expect:\r\n", b"A:\n"])
chunked = st.tuples(
    st.lists(chunks | odd_chunks, max_size=4).map(b"".join),
    st.sampled_from([b"0\r\n", b"000;a\r\n", b"0", b""]),
    st.lists(trailers, max_size=3).map(b"".join),
    st.sampled_from([b"\r\n", b"\r\nGET", b"\n", b""]),
).map(b"".join)
places = st.lists(st.integers(0, 300), max_size=6)


def expected(data: bytes) -> tuple[int, int | None]:
    """What becomes of a chunked body, and where it ends."""
    try:
        return COMPLETE, model.skip_chunks(data, 0)
    except Incomplete:
        return INCOMPLETE, None
    except Fault as fault:
        return -fault.status, None


def drop(data: bytes, places: list[int]) -> None:
    """A chunked body that comes in pieces is what the model says of all that is there."""
    with caller(under_test.drop) as machine:
        buffer = Input(machine)
        buffer[Buffer.request.framing] = Framing.CHUNKED
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            there = data[:end]
            buffer.receive(there[buffer[Buffer.received] :])
            result, (said, behind) = machine.call(int(buffer)), expected(there)
            assert result == said
            if result == COMPLETE:
                assert buffer[Buffer.cursor] == behind
            if result != INCOMPLETE:
                return


@settings(max_examples=300)
@given(data=chunked, places=places)
def test_chunked(data: bytes, places: list[int]) -> None:
    drop(data, places)


@pytest.mark.parametrize(
    "data",
    [
        b"5;x=y\r\nhello\r\n00\r\nX: y\r\nZ:\r\n\r\nGET",
        b"1\r\nx\r\n1\r\ny\rz",
        b"2\r\nxy\nz",
        b"0\r\nX: y\r\n z\r\n\r\n",
    ],
)
def test_chunked_at_each_boundary(data: bytes) -> None:
    drop(data, list(range(len(data))))
    for place in range(len(data)):
        drop(data, [place])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_limits(over: int) -> None:
    line = b"1;%s\r\n" % (b"a" * (CHUNK_LINE_MAX + over - len(b"1;\r\n")))
    trailer = b"0\r\nX:%s\r\n\r\n" % (b"a" * (TRAILER_MAX + over - len(b"X:\r\n\r\n")))
    for data in (
        *(line, line[:-2], line[:-2] + b"aa", trailer, trailer[:-2], trailer[:-4]),
        b"0\r\n" + b"X:\r\n" * ((TRAILER_MAX + over) // 4) + b"\r\n",
        b"%x\r\n" % (BODY_MAX + over),
        b"f\r\n" + bytes(15) + b"\r\n%x\r\n" % (BODY_MAX + over - 15),
        b"%x\r\n" % (2**32 + over),
        b"0" * 100 + b"%x\r\n" % 2**32,
    ):
        drop(data, [])
        drop(data, [len(data) - 1, len(data) - 2])


@given(length=st.integers(1, 50), sent=st.integers(0, 60), places=places)
def test_drop_data(length: int, sent: int, places: list[int]) -> None:
    """So many bytes, and not one of what follows."""
    with caller(under_test.drop) as machine:
        buffer = Input(machine)
        buffer[Buffer.request.framing] = Framing.LENGTH
        buffer[Buffer.request.body_left] = length
        there = 0
        for end in [*sorted(place % (sent + 1) for place in places), sent]:
            buffer.receive(bytes(end - there))
            there = end
            result = machine.call(int(buffer))
            assert result == (COMPLETE if there >= length else INCOMPLETE)
            assert buffer[Buffer.cursor] == min(there, length)
            assert buffer[Buffer.request.body_left] == max(length - there, 0)
            if result == COMPLETE:
                return


@given(text=st.text(" \t;a\x7f\x00\xff", max_size=20))
def test_extension_valid(text: str) -> None:
    data = text.encode("latin-1")
    valid = re.fullmatch(rb"(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?", data)
    assert under_test.extension_valid(data, len(data)) == bool(valid)
