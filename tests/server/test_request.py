"""Heads, against the reference model: whole, cut anywhere, and at every limit."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import Field, sizeof
from svc0.machine.call import Caller, caller
from svc0.server import request as under_test
from svc0.server.connection import Buffer
from svc0.server.limits import EMPTY_LINES_MAX, FIELDS_MAX, HEAD_MAX, INPUT_MAX, LINE_MAX
from svc0.server.methods import Method
from svc0.server.request import COMPLETE, INCOMPLETE, MORE, Kind, Phase
from tests.model import head as model
from tests.server.memory import Input

LATE = -499
KINDS = {kind.field: kind for kind in Kind}

names = st.sampled_from(sorted(KINDS)) | st.text("hosTLENgth-:", min_size=1).map(str.encode)
cases = st.lists(st.booleans(), min_size=20, max_size=20)
tokens = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"PUT", b"get", b"GETS", b"G(T", b"", b"X"])
targets = st.sampled_from([b"/", b"*", b"/a?b", b"/\x7f", b"/\x80", b"", b"a b", b"/" + b"x" * 40])
versions = st.sampled_from([b"HTTP/1.1"] * 4 + [b"HTTP/1.0", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9"])
versions |= st.sampled_from([b"http/1.1", b"HTTP/1,1", b"HTTP/1.", b"HTTP/1.10", b"HTTP/:.1", b""])
spaces = st.sampled_from([b" "] * 8 + [b"", b"  ", b"\t"])
lines = st.tuples(tokens, spaces, targets, spaces, versions).map(b"".join)
values = st.sampled_from([b"a", b"", b" a ", b"\ta\t b", b"\xff", b"x" * 70, b"a\x00", b"a\x7fb"])
fields = st.tuples(names, st.sampled_from([b":"] * 8 + [b" :", b"", b"::"]), values).map(b"".join)
ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r\r\n", b"\r"])
heads = st.tuples(
    st.sampled_from([b"", b"", b"", b"\r\n", b"\r\n" * 4, b"\r\n" * 5, b"\n"]),
    st.tuples(lines, ends).map(b"".join),
    st.lists(st.tuples(fields, ends).map(b"".join), max_size=6).map(b"".join),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\nmore", b"\n", b""]),
).map(b"".join)


@given(name=names, upper=cases)
def test_field_kind(name: bytes, upper: list[bool]) -> None:
    mixed = bytes(
        byte - 0x20 if change and byte in range(ord("a"), ord("z") + 1) else byte
        for byte, change in zip(name, upper * len(name), strict=False)
    )
    assert under_test.field_kind(mixed, len(mixed)) == KINDS.get(mixed.lower(), 0)


@pytest.mark.parametrize("kind", Kind)
def test_field_kind_near_misses(kind: Kind) -> None:
    """Each name is known, and with one bit changed anywhere it is another."""
    name = kind.field
    assert under_test.field_kind(name.upper(), len(name)) == kind
    for at in range(len(name)):
        for bit in range(8):
            near = bytearray(name)
            near[at] ^= 1 << bit
            expected = KINDS.get(bytes(near).lower(), 0)
            assert under_test.field_kind(bytes(near), len(near)) == expected
    assert under_test.field_kind(name[:-1], len(name) - 1) == 0
    assert under_test.field_kind(name * 30, 30 * len(name)) == 0


# --- lines ----------------------------------------------------------------------------


def expected_line(data: bytes, start: int, limit: int) -> bytes | int:
    try:
        line = model.take_line(data, start, limit, status=-LATE)
        return model.strip_line_end(line)
    except model.Incomplete:
        return MORE
    except model.Fault as fault:
        return -fault.status


@given(
    data=st.text("ab\r\n", max_size=60).map(str.encode),
    room=st.integers(0, 64),
    places=st.lists(st.integers(0, 60), max_size=4),
)
@example(data=b"\n", room=8, places=[])
@example(data=b"\r\n", room=2, places=[])
@example(data=b"\r\n", room=1, places=[])
def test_next_line(data: bytes, room: int, places: list[int]) -> None:
    """Line by line, while more and more of the bytes come."""
    with caller(under_test.next_line) as machine:
        buffer = Input(machine)
        for end in [*sorted(places), len(data)]:
            there = data[:end]
            buffer.receive(there[buffer[Buffer.received] :])
            while True:
                cursor = buffer[Buffer.cursor]
                length, line = machine.call(int(buffer), cursor + room, LATE)
                expected = expected_line(there, cursor, cursor + room)
                assert (length if length < 0 else machine.read(line, length)) == expected
                if length in (MORE, LATE):
                    assert buffer[Buffer.cursor] == cursor
                    break
                assert buffer[Buffer.cursor] == there.index(b"\n", cursor) + 1


# --- the request line and the fields ---------------------------------------------------


def expected_line_parts(line: bytes) -> tuple[bytes, bytes, int] | model.Fault:
    try:
        return model.read_request_line(line + b"\r\n")
    except model.Fault as fault:
        return fault


@given(line=lines)
@example(line=b"")
@example(line=b"GET")
@example(line=b"GET ")
@example(line=b"GET /")
@example(line=b"GET / HTTP/1./")
@example(line=b"GET / HTTP/1.:")
@example(line=b"GET / HTTP//.1")
@example(line=b"GET / HTTP/:.1")
def test_judge_request_line(line: bytes) -> None:
    with caller(under_test.judge_request_line) as machine:
        buffer = Input(machine, line)
        result = machine.call(int(buffer), buffer.address + Buffer.input, len(line))
        method = buffer[Buffer.request.method]
        minor = buffer[Buffer.request.minor]
        target = buffer.at(buffer[Buffer.request.target], buffer[Buffer.request.target_size])
    expected = expected_line_parts(line)
    if isinstance(expected, model.Fault):
        assert result == -expected.status
        assert (method == Method.HEAD) == expected.bodiless
    else:
        assert (result, Method(method).name.encode(), target, minor) == (0, *expected)


@given(version=versions, space=spaces)
@example(version=b"HTTP/1./", space=b" ")
@example(version=b"HTTP/1.:", space=b" ")
@example(version=b"HTTP//.1", space=b" ")
@example(version=b"HTTP/:.1", space=b" ")
def test_parse_version(version: bytes, space: bytes) -> None:
    text = space + version
    parts = expected_line_parts(b"GET /" + text)
    expected = -parts.status if isinstance(parts, model.Fault) else parts[2]
    if not space.strip(b" "):  # else it is a part of the target
        assert under_test.parse_version(text, len(text)) == expected


def expected_field(line: bytes) -> tuple[int, bytes]:
    try:
        name, _ = model.read_field(line + b"\r\n")
    except model.Fault as fault:
        return -fault.status, b""
    return KINDS.get(name, 0), line[len(name) + 1 :]


@given(line=fields | st.binary(max_size=40))
def test_take_field(line: bytes) -> None:
    with caller(under_test.take_field) as machine:
        kind, value, size = machine.call(machine.place(line), len(line))
        assert (kind, machine.read(value, size) if size else b"") == expected_field(line)


def test_every_byte_of_a_field() -> None:
    for byte in range(256):
        for line in (b"x%cy: z" % byte, b"%cx: z" % byte, b"x: y%cz" % byte, b"x:%c" % byte):
            assert under_test.take_field(line, len(line))[0] == expected_field(line)[0]


# --- what is remembered of them --------------------------------------------------------


def parsed(machine: Caller, data: bytes) -> Input:
    """A buffer with a head that parse has judged; it is for a machine of another routine."""
    with caller(under_test.parse) as parser:
        buffer = Input(parser, data)
        assert parser.call(int(buffer)) == COMPLETE
        content = buffer.bytes(Buffer.next, Buffer.size)
    made = Input(machine)
    machine.write(made.address, content)
    return made


FIELDS = st.lists(st.tuples(st.sampled_from(["Host", "Range", "X", "Accept"]), values), max_size=9)


@given(fields=FIELDS, kind=st.sampled_from([Kind.HOST, Kind.RANGE, Kind.ACCEPT, Kind.EXPECT]))
def test_field_values(fields: list[tuple[str, bytes]], kind: Kind) -> None:
    """Each value of a name in order, without whitespace around it."""
    fields = [
        (name, value) for name, value in fields if b"\0" not in value and b"\x7f" not in value
    ]
    lines = [f"{name}:".encode() + value for name, value in fields]
    data = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
    expected = model.read_head(data).values(kind.field)

    with caller(under_test.field_value) as machine:
        buffer = parsed(machine, data)
        assert buffer[Buffer.request.field_count] == len(fields)
        found: list[bytes] = []
        after = 0
        while (answer := machine.call(int(buffer), kind, after))[0]:
            found.append(machine.read(answer[0], answer[1]))
            after = answer[2]
        assert found == expected

    with caller(under_test.only_value) as machine:
        buffer = parsed(machine, data)
        value, size = machine.call(int(buffer), kind)
        assert (value != 0) == (len(expected) == 1)
        if value:
            assert [machine.read(value, size)] == expected


# --- heads ----------------------------------------------------------------------------


def expected_head(data: bytes) -> model.Request | int:
    try:
        return model.read_head(data)
    except model.Incomplete:
        return INCOMPLETE
    except model.Fault as fault:
        return -fault.status


def remembered(buffer: Input, kind: Kind) -> list[bytes]:
    """Every value that a Request has of a kind, taken from its tables as connection.py says."""
    entries: list[int] = []
    if buffer[Buffer.request.seen] >> kind & 1:
        entries.append(buffer[Buffer.request.firsts[kind]])
    for at in range(buffer[Buffer.request.further]):
        other = buffer[Buffer.request.table[at]]
        entries += [other] * (other >> 16 & 0xFF == kind)
    assert (buffer[Buffer.request.repeated] >> kind & 1) == (len(entries) > 1)
    return [buffer.at(entry & 0xFFFF, entry >> 32) for entry in entries]


def judge(data: bytes, places: list[int]) -> None:
    """A head that comes in pieces means what the model says of all that is there."""
    with caller(under_test.parse) as machine:
        buffer = Input(machine)
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            there = data[:end]
            buffer.receive(there[buffer[Buffer.received] :])
            result, expected = machine.call(int(buffer)), expected_head(there)
            if isinstance(expected, int):
                assert result == expected
                if result == INCOMPLETE:
                    continue
                return
            assert result == COMPLETE
            assert buffer[Buffer.request.head_end] == expected.size == buffer[Buffer.cursor]
            assert buffer[Buffer.request.phase] == Phase.FIELDS
            line = buffer.at(buffer[Buffer.request.line], buffer[Buffer.request.line_size])
            assert line == there.lstrip(b"\r\n").partition(b"\r\n")[0]
            for kind in Kind:
                assert remembered(buffer, kind) == expected.values(kind.field)
            assert not buffer[Buffer.request.seen] & ~sum(1 << kind for kind in Kind)
            return


@given(data=heads, places=st.lists(st.integers(0, 400), max_size=6))
def test_heads(data: bytes, places: list[int]) -> None:
    judge(data, places)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\nrest",
        b"HEAD /? HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
    ],
)
def test_heads_at_each_boundary(data: bytes) -> None:
    judge(data, list(range(len(data))))
    for place in range(len(data)):
        judge(data, [place])


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("ended", [True, False])
def test_limits(over: int, ended: bool) -> None:
    """Just below each limit, at it and beyond it; with a line's end there, or without."""
    line, start = b"GET /%s HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n"
    end = b"\r\n" if ended else b""
    rest = LINE_MAX + over - len(line % b"")
    whole_line = line % (b"a" * rest)
    head = HEAD_MAX + over - len(start) - len(b"x:\r\n\r\n")
    for data in (
        whole_line if ended else whole_line[:-2] + b"aa",
        whole_line + b"\r\n",
        start + b"x:" + b"a" * head + b"\r\n" + end,
        start + b"x:" + b"a" * (head + 4 - len(end)) + end,
        start + b"x:y\r\n" * (FIELDS_MAX + over) + end,
        b"\r\n" * (EMPTY_LINES_MAX + over) + start + end,
        b"\r\n" * 4 + start + b"x:" + b"a" * head + b"\r\n" + end,
    ):
        judge(data, [])
        judge(data, [len(data) - 1, len(data) - 2, len(data) // 2])


# --- each part of a head by itself ------------------------------------------------------


REQUEST = Buffer.request
masks = st.integers(0, 2**32 - 1)


def noted(request: bytearray, field: Field, value: int) -> None:
    """Put a number into a Request's bytes."""
    at = field - REQUEST
    request[at : at + field.width] = value.to_bytes(field.width, "little")


@given(
    kind=st.sampled_from(Kind),
    start=st.integers(0, INPUT_MAX),
    size=st.integers(0, HEAD_MAX),
    further=st.integers(0, FIELDS_MAX - 1),
    seen=masks,
    repeated=masks,
    rest=st.binary(min_size=8, max_size=8),
)
@example(Kind.HOST, 0, 0, 0, 0, 0, bytes(8))
@example(Kind.USER_AGENT, INPUT_MAX, HEAD_MAX, FIELDS_MAX - 1, 2**32 - 1, 0, b"\xff" * 8)
def test_remember_field(
    kind: Kind, start: int, size: int, further: int, seen: int, repeated: int, rest: bytes
) -> None:
    """The first of a kind has its own place, others are listed; nothing around them changes."""
    with caller(under_test.remember_field) as machine:
        buffer = Input(machine)
        request = bytearray(rest * (sizeof(REQUEST) // 8))
        noted(request, REQUEST.seen, seen)
        noted(request, REQUEST.repeated, repeated)
        noted(request, REQUEST.further, further)
        machine.write(buffer.address + REQUEST, request)
        machine.call(buffer.address + Buffer.input + start, size, kind, int(buffer))
        if seen >> kind & 1:
            noted(request, REQUEST.repeated, repeated | 1 << kind)
            noted(request, REQUEST.table[further], start | kind << 16 | size << 32)
            noted(request, REQUEST.further, further + 1)
        else:
            noted(request, REQUEST.seen, seen | 1 << kind)
            noted(request, REQUEST.firsts[kind], start | size << 32)
        assert buffer.bytes(REQUEST) == request


@given(line=fields | st.binary(max_size=40), before=st.binary(max_size=20), times=st.integers(1, 3))
def test_judge_field(line: bytes, before: bytes, times: int) -> None:
    """A line of ours is remembered, as often as it comes, and no other leaves a trace."""
    with caller(under_test.judge_field) as machine:
        buffer = Input(machine, before + line)
        start = buffer.address + Buffer.input + len(before)
        kind, raw = expected_field(line)
        for _ in range(times):
            assert machine.call(int(buffer), start, len(line)) == min(kind, 0)
        if kind > 0:
            assert buffer[REQUEST.seen] == 1 << kind
            assert remembered(buffer, Kind(kind)) == [raw.strip(b" \t")] * times
        else:
            assert not any(buffer.bytes(REQUEST))


def expected_start(data: bytes) -> tuple[int, int, bytes]:
    """What becomes of empty lines and a request line: the result, where it starts, itself."""
    try:
        start = model.skip_empty_lines(data)
        line = model.take_line(data, start, start + LINE_MAX, status=414)
        model.read_request_line(line)
    except model.Incomplete:
        return INCOMPLETE, 0, b""
    except model.Fault as fault:
        return -fault.status, 0, b""
    return COMPLETE, start, line


@given(before=st.binary(max_size=20), data=heads, places=st.lists(st.integers(0, 80), max_size=5))
def test_parse_start(before: bytes, data: bytes, places: list[int]) -> None:
    with caller(under_test.parse_start) as machine:
        buffer = Input(machine, before)
        buffer[Buffer.start] = buffer[Buffer.cursor] = buffer[Buffer.scanned] = len(before)
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            buffer.receive(data[buffer[Buffer.received] - len(before) : end])
            result, (said, start, line) = machine.call(int(buffer)), expected_start(data[:end])
            assert result == said
            assert buffer[Buffer.request.phase] == (
                Phase.FIELDS if result == COMPLETE else Phase.START
            )
            if result == COMPLETE:
                start += len(before)
                assert buffer[Buffer.request.line] == start
                assert buffer[Buffer.request.line_size] == len(line) - 2
                assert buffer[Buffer.cursor] == start + len(line)
            if result != INCOMPLETE:
                return


@given(data=st.binary(max_size=40), cursor=st.integers(0, 40))
def test_parse_start_once(data: bytes, cursor: int) -> None:
    """Where the request line is done, nothing more of the input is looked at."""
    with caller(under_test.parse_start) as machine:
        buffer = Input(machine, data)
        buffer[Buffer.cursor] = min(cursor, len(data))
        buffer[Buffer.request.phase] = Phase.FIELDS
        before = buffer.bytes(Buffer.next, Buffer.size)
        assert machine.call(int(buffer)) == COMPLETE
        assert buffer.bytes(Buffer.next, Buffer.size) == before


@given(data=st.binary(max_size=40), cursor=st.integers(0, 40))
def test_parse_beyond(data: bytes, cursor: int) -> None:
    """A head that was read whole already is complete, and is not looked at again."""
    with caller(under_test.parse) as machine:
        buffer = Input(machine, data)
        buffer[Buffer.cursor] = min(cursor, len(data))
        buffer[Buffer.request.phase] = Phase.BEYOND
        before = buffer.bytes(Buffer.next, Buffer.input)
        assert machine.call(int(buffer)) == COMPLETE
        assert buffer.bytes(Buffer.next, Buffer.input) == before


START = b"GET / HTTP/1.1\r\n"
field_lines = st.tuples(
    st.lists(st.tuples(fields, ends).map(b"".join), max_size=6).map(b"".join),
    st.sampled_from([b"\r\n", b"\r\n", b"\r\nmore\n", b"\n", b""]),
).map(b"".join)


def fields_agree(data: bytes, places: list[int]) -> None:
    """Fields behind a request line that was read are what the model says of the whole head."""
    with caller(under_test.parse_fields) as machine:
        buffer = Input(machine, b"before" + START)
        buffer[Buffer.request.phase] = Phase.FIELDS
        buffer[Buffer.request.line] = len(b"before")
        first = buffer[Buffer.cursor] = buffer[Buffer.scanned] = len(b"before" + START)
        for end in [*sorted(place % (len(data) + 1) for place in places), len(data)]:
            buffer.receive(data[buffer[Buffer.received] - first : end])
            result, head = machine.call(int(buffer)), expected_head(START + data[:end])
            if isinstance(head, int):
                assert result == head
                assert buffer[Buffer.request.head_end] == 0
            else:
                assert result == COMPLETE
                assert buffer[Buffer.request.head_end] == len(b"before") + head.size
                assert buffer[Buffer.cursor] == len(b"before") + head.size
                assert buffer[Buffer.request.field_count] == len(head.fields)
                for kind in Kind:
                    assert remembered(buffer, kind) == head.values(kind.field)
            if result != INCOMPLETE:
                return


@given(data=field_lines, places=st.lists(st.integers(0, 300), max_size=6))
def test_parse_fields(data: bytes, places: list[int]) -> None:
    fields_agree(data, places)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_limits_of_fields(over: int) -> None:
    """As many, and as large, as they may be; the head is counted from its request line."""
    size = HEAD_MAX + over - len(START)
    for data in (
        b"host:x\r\n" * (FIELDS_MAX + over) + b"\r\n",
        b"x:y\r\n" * (FIELDS_MAX + over),
        b"x:".ljust(size - 4, b"a") + b"\r\n\r\n",
        b"x:".ljust(size, b"a"),
    ):
        fields_agree(data, [])
        fields_agree(data, [len(data) - 1])
