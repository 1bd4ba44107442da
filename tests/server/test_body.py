"""Bodies, against the reference model: cut anywhere, and at every limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svc0.machine.call import Caller, caller
from svc0.server import body as under_test
from svc0.server.body import Chunk
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


# --- each part by itself ----------------------------------------------------------------

befores = st.binary(max_size=20)
totals = st.integers(0, 20) | st.integers(BODY_MAX - 20, BODY_MAX)
beginnings = st.sampled_from(
    [
        (Chunk.SIZE, b""),
        (Chunk.DATA, b"5\r\n"),
        (Chunk.CR, b"1\r\nx"),
        (Chunk.LF, b"1\r\nx\r"),
        (Chunk.TRAILER, b"0\r\n"),
    ]
)


def behind(machine: Caller, before: bytes, data: bytes) -> Input:
    """A buffer where a body goes on behind what was used up."""
    buffer = Input(machine, before + data)
    buffer[Buffer.cursor] = buffer[Buffer.scanned] = len(before)
    return buffer


@given(
    before=befores,
    data=st.binary(max_size=40),
    left=st.integers(0, 60) | st.integers(0, 2**64 - 1),
)
@example(before=b"", data=b"some", left=1 << 32)
@example(before=b"", data=b"some", left=1 << 63)
def test_drop_data_alone(before: bytes, data: bytes, left: int) -> None:
    with caller(under_test.drop_data) as machine:
        buffer = behind(machine, before, data)
        buffer[Buffer.request.body_left] = left
        dropped = min(left, len(data))
        assert machine.call(int(buffer)) == (COMPLETE if dropped == left else INCOMPLETE)
        assert buffer[Buffer.cursor] == buffer[Buffer.scanned] == len(before) + dropped
        assert buffer[Buffer.request.body_left] == left - dropped
        assert buffer[Buffer.received] == len(before + data)
        assert buffer.at(0, len(before + data)) == before + data


@settings(max_examples=200)
@given(before=befores, beginning=beginnings, data=chunked, places=places)
def test_drop_chunks(
    before: bytes, beginning: tuple[Chunk, bytes], data: bytes, places: list[int]
) -> None:
    """From each state on, what is dropped is what the model says of all from the start."""
    state, prefix = beginning
    with caller(under_test.drop_chunks) as machine:
        buffer = behind(machine, before, b"")
        buffer[Buffer.request.chunk] = state
        buffer[Buffer.request.body_left] = 5 if state == Chunk.DATA else 0
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            buffer.receive(data[buffer[Buffer.received] - len(before) : end])
            result, (said, edge) = machine.call(int(buffer)), expected(prefix + data[:end])
            assert result == said
            if edge is not None:
                assert buffer[Buffer.cursor] == len(before) + edge - len(prefix)
            if result != INCOMPLETE:
                return


def expected_size(line: bytes, total: int) -> int:
    """How large a chunk is, or minus the status that refuses it."""
    try:
        size = model.read_chunk_size(line)
    except Fault as fault:
        return -fault.status
    return size if total + size <= BODY_MAX else -413


digits = st.sampled_from([b"", b"g", b"-1", b"0x1", b" 1"])
digits |= st.integers(0, 40).map(lambda size: b"%x" % size)
digits |= st.integers(0, 2**130).map(lambda size: b"%X" % size)
digits |= st.tuples(st.integers(0, 40), digits).map(lambda parts: b"0" * parts[0] + parts[1])


@settings(max_examples=200)
@given(before=befores, size=digits, extension=extensions, end=ends, total=totals)
def test_chunk_size(before: bytes, size: bytes, extension: bytes, end: bytes, total: int) -> None:
    line = size + extension + end
    with caller(under_test.chunk_size) as machine:
        buffer = behind(machine, before, line + b"x")
        buffer[Buffer.request.body_total] = total
        result = machine.call(int(buffer))
        if b"\n" not in line:
            assert (result, buffer[Buffer.cursor]) == (INCOMPLETE, len(before))
            return
        found = expected_size(line, total)
        assert result == (COMPLETE if found >= 0 else found)
        assert buffer[Buffer.request.body_total] == total + max(found, 0)
        assert buffer[Buffer.request.body_left] == max(found, 0)
        assert buffer[Buffer.cursor] == len(before + line)
        if found >= 0:
            assert buffer[Buffer.request.chunk] == (Chunk.DATA if found else Chunk.TRAILER)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_longest_chunk_line(over: int) -> None:
    line = b"7;".ljust(CHUNK_LINE_MAX + over - 2, b"a") + b"\r\n"
    for there, result in (
        (line, COMPLETE if over <= 0 else -400),
        (line[:-1] + b"a", INCOMPLETE if over < 0 else -400),
    ):
        with caller(under_test.chunk_size) as machine:
            assert machine.call(int(behind(machine, b"abc", there))) == result


def expected_trailer(data: bytes) -> tuple[int, int | None]:
    """What becomes of a trailer section, and where it ends."""
    try:
        return COMPLETE, model.skip_trailers(data, 0)
    except Incomplete:
        return INCOMPLETE, None
    except Fault as fault:
        return -fault.status, None


sections = st.tuples(
    st.lists(trailers | st.just(b"content-LENGTH: 1\r\n"), max_size=4).map(b"".join),
    st.sampled_from([b"\r\n", b"\r\nGET\n", b"\n", b"TRANSFER-encoding:\r\n", b""]),
).map(b"".join)


@given(before=befores, data=sections, places=places)
def test_drop_trailer(before: bytes, data: bytes, places: list[int]) -> None:
    with caller(under_test.drop_trailer) as machine:
        buffer = behind(machine, before, b"")
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            buffer.receive(data[buffer[Buffer.received] - len(before) : end])
            result, (said, edge) = machine.call(int(buffer)), expected_trailer(data[:end])
            assert result == said
            if edge is not None:
                assert buffer[Buffer.cursor] == len(before) + edge
                assert buffer[Buffer.request.trailer] == edge
            if result != INCOMPLETE:
                return


@given(used=st.integers(0, TRAILER_MAX - 9), over=st.integers(-1, 1), ended=st.booleans())
def test_the_longest_trailer(used: int, over: int, ended: bool) -> None:
    """What went before, and made room, counts as well."""
    line = b"X:".ljust(TRAILER_MAX - used + over - 4, b"a") + b"\r\n\r\n"
    there = line if ended else line[:-2] + b"aa"
    with caller(under_test.drop_trailer) as machine:
        buffer = behind(machine, b"abc", there)
        buffer[Buffer.request.trailer] = used
        fits = COMPLETE if ended else INCOMPLETE
        assert machine.call(int(buffer)) == (
            fits if over < 0 or (ended and not over) else under_test.TOO_LARGE
        )
