"""Responses: what is written is what the reference model says, and what is sent is all of it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import response as under_test
from svc0.server.cache import Entry, Life
from svc0.server.connection import NO_FILE, Buffer, Connection, Then
from svc0.server.dates import write_date
from svc0.server.macros import STEP
from svc0.server.methods import Method
from svc0.server.request import parse
from svc0.server.response import BLOCKED, FILE_PIECE, JOINED_MAX, SENT
from svc0.server.status import STATUSES
from svc0.server.workspace import Workspace
from tests.model import accept, respond
from tests.model.conditions import format_date
from tests.model.head import read_head
from tests.model.site import Directory, File
from tests.model.target import Path
from tests.server.kernel import SOCKET, Client
from tests.server.memory import Input, Kept, Memory

NOW = 1_700_000_000
FILE = 9


class Answering:
    """The memory for one answer: connection, workspace, and a buffer with a head read into it."""

    def __init__(self, machine: Caller, head: bytes = b"") -> None:
        self.machine = machine
        with caller(parse) as parser:
            buffer = Input(parser, head)
            parser.call(int(buffer))
            content = buffer.bytes(Buffer.next, sizeof(Buffer))
        self.buffer = Memory(machine, Buffer)
        machine.write(int(self.buffer), content)
        self.worker = Memory(machine, Workspace)
        self.worker[Workspace.now] = NOW
        self.worker[Workspace.date] = format_date(NOW)
        self.connection = Memory(machine, Connection)
        self.connection[Connection.buffer] = int(self.buffer)
        self.connection[Connection.socket] = SOCKET
        self.connection[Connection.file] = NO_FILE

    @property
    def room(self) -> int:
        """Where a part of a head can be written."""
        return int(self.buffer) + Buffer.output

    def written(self, end: int) -> bytes:
        return self.machine.read(self.room, end - self.room)

    @property
    def answer(self) -> bytes:
        """The whole answer, without a file."""
        out, end = self.connection[Connection.out], self.connection[Connection.out_end]
        assert out == self.room
        return self.machine.read(out, end - out)


def sentence(status: int) -> str:
    [found] = [known.sentence for known in STATUSES if known.number == status]
    return found


@given(
    status=st.sampled_from([known.number for known in STATUSES if known.sentence]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    accepted=st.sampled_from(["", "*/*", "application/json", "application/json;q=0.1, text/*"]),
    then=st.sampled_from([Then(0), Then.CLOSE, Then.SAY_KEPT, Then.CLOSE | Then.SAY_KEPT]),
    size=st.integers(0, 2**63 - 1),
    whole=st.booleans(),
)
def test_refuse(
    status: int, method: str, accepted: str, then: Then, size: int, whole: bool
) -> None:
    lines = f"{method} / HTTP/1.1\r\nHost: a\r\nAccept: {accepted}\r\n"
    head = (lines + "\r\n" * whole).encode()
    path = Path((b"a b", "é".encode()), is_directory=False)
    fields = {
        301: {"Location": path.location(b"?q")},
        405: {"Allow": respond.ALLOW},
        416: {"Content_Range": b"bytes */%d" % size},
        503: {"Retry_After": b"1"},
    }.get(status, {})
    request = read_head(head) if whole else None
    expected = respond.error(status, NOW, request, **fields).with_sentence(sentence(status))
    if then & Then.CLOSE:
        expected = respond.with_connection(expected, b"close")
    elif then:
        expected = respond.with_connection(expected, b"keep-alive")
    body = expected.body
    if method == "HEAD":
        expected = respond.replace(expected, bodiless=True)
    with caller(under_test.refuse) as machine:
        to = Answering(machine, head)
        to.worker[Workspace.facts.total] = size
        to.worker[Workspace.path] = b"/".join(path.segments)
        to.worker[Workspace.path_size] = len(b"/".join(path.segments))
        to.buffer[Buffer.request.query] = machine.place(b"?q")
        to.buffer[Buffer.request.query_size] = 2
        to.connection[Connection.then] = then
        for field in (Connection.file_offset, Connection.file_end, Connection.sent):
            to.connection[field] = 12345  # of the answer before
        machine.call(status, int(to.connection), int(to.worker))
        assert to.answer == expected.encode()
        assert to.connection[Connection.sent] == len(body) * (method != "HEAD")
        assert to.connection[Connection.file_offset] == to.connection[Connection.file_end]
        assert to.connection[Connection.status] == status


def test_a_refusal_without_a_body() -> None:
    with caller(under_test.refuse) as machine:
        to = Answering(machine, b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n")
        machine.call(204, int(to.connection), int(to.worker))
        expected = respond.answer(204, NOW, fields={b"Allow": respond.ALLOW})
        assert to.answer == expected.encode()
        assert to.connection[Connection.sent] == 0


@given(
    accepts=st.lists(
        st.sampled_from(["text/html", "application/json", "*/*;q=0.1", "a/b;q=2", ""]), max_size=3
    )
)
def test_wants_json(accepts: list[str]) -> None:
    """Several Accept fields are one list."""
    fields = "".join(f"Accept: {value}\r\n" for value in accepts)
    head = f"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()
    with caller(under_test.wants_json) as machine:
        to = Answering(machine, head)
        assert machine.call(int(to.connection)) == accept.prefers_json(read_head(head))
        to = Answering(machine, head[:-2])
        assert machine.call(int(to.connection)) == 0, "a head that is not whole is not asked"


@given(
    status=st.sampled_from([200, 206, 304]),
    method=st.sampled_from([Method.GET, Method.HEAD]),
    first=st.integers(0, 2**62),
    length=st.integers(0, 2**62),
    more=st.integers(0, 2**40),
    modified=st.integers(-1000, NOW + 10**9),
    etag=st.sampled_from([b'"1-2"', b'W/"f0-0"']),
)
def test_send_file_head(
    status: int, method: Method, first: int, length: int, more: int, modified: int, etag: bytes
) -> None:
    if status != 206:
        first, more = 0, 0
    length += status == 206
    end, size = first + length, first + length + more
    fields = {b"Last-Modified": written_date(min(modified, NOW)), b"ETag": etag}
    if status != 304:
        fields |= {b"Content-Type": b"text/x", b"Accept-Ranges": b"bytes"}
        fields[b"Content-Length"] = str(length).encode()
    if status == 206:
        fields[b"Content-Range"] = b"bytes %d-%d/%d" % (first, end - 1, size)
    with caller(under_test.send_file_head) as machine:
        to = Answering(machine, method.name.encode() + b" / HTTP/1.1\r\n")
        for field, value in {
            Workspace.first: first,
            Workspace.end: end,
            Workspace.facts.total: size,
            Workspace.file: FILE,
            Workspace.facts.modified: modified,
            Workspace.facts.etag: etag,
            Workspace.facts.etag_size: len(etag),
            Workspace.facts.type: machine.place(b"text/x"),
            Workspace.facts.type_size: len(b"text/x"),
        }.items():
            to.worker[field] = value
        machine.call(status, int(to.connection), int(to.worker))
        assert to.answer == respond.answer(status, NOW, fields=fields).encode()
        connection = to.connection
        assert connection[Connection.file] == FILE
        part = connection[Connection.file_offset], connection[Connection.file_end]
        sends = method == Method.GET and status != 304
        assert part == ((first, end) if sends else (0, 0))
        assert connection[Connection.sent] == length * sends
        assert connection[Connection.status] == status


@given(
    status=st.sampled_from([200, 206, 304]),
    method=st.sampled_from([Method.GET, Method.HEAD]),
    then=st.sampled_from([Then(0), Then.CLOSE, Then.SAY_KEPT]),
    content=st.none() | st.binary(max_size=40),
    size=st.integers(0, 2**62),
    first=st.integers(0, 2**62),
    length=st.integers(0, 2**62),
    pins=st.integers(0, 5),
    etag=st.sampled_from([b'"1-2"', b'W/"f0-0"']),
)
@example(206, Method.GET, Then(0), b"abcdef", 0, 2, 1, 0, b'"1-2"')
@example(206, Method.GET, Then(0), b"abcdef", 0, 5, 0, 3, b'"1-2"')
@example(206, Method.GET, Then(0), None, 600, 20, 30, 1, b'"1-2"')
@example(200, Method.GET, Then.CLOSE, b"abcdef", 0, 0, 0, 0, b'"1-2"')
@example(200, Method.HEAD, Then(0), b"abcdef", 0, 0, 0, 0, b'"1-2"')
@example(200, Method.GET, Then(0), b"", 0, 0, 0, 0, b'"1-2"')
def test_send_entry_head(
    status: int,
    method: Method,
    then: Then,
    content: bytes | None,
    size: int,
    first: int,
    length: int,
    pins: int,
    etag: bytes,
) -> None:
    """It says what that of the file itself would say, and what is sent is pinned."""
    size = size if content is None else len(content)
    if status == 206 and size:
        first %= size
        length = length % (size - first) + 1
    else:
        first, length = 0, size
    status = status if size or status != 206 else 200
    same = {b"Last-Modified": format_date(NOW - 5000), b"ETag": etag}
    whole = same | {b"Content-Type": b"text/x", b"Accept-Ranges": b"bytes"}
    fields = dict(same)
    if status != 304:
        fields = whole | {b"Content-Length": b"%d" % length}
    if status == 206:
        fields[b"Content-Range"] = b"bytes %d-%d/%d" % (first, first + length - 1, size)
    expected = respond.answer(status, NOW, fields=fields)
    if then:
        says = b"close" if then & Then.CLOSE else b"keep-alive"
        expected = respond.with_connection(expected, says)
    with caller(under_test.send_entry_head) as machine:
        to = Answering(machine, method.name.encode() + b" / HTTP/1.1\r\n")
        kept = Kept(machine, whole, NOW, content, size=size, file=FILE)
        kept[Entry.pins] = pins
        to.worker[Workspace.first] = first
        to.worker[Workspace.end] = first + length
        to.worker[Workspace.facts.total] = size
        to.connection[Connection.then] = then
        machine.call(status, int(kept), int(to.connection), int(to.worker))
        assert to.answer == expected.encode()
        connection = to.connection
        sends = method == Method.GET and status != 304 and length > 0
        assert connection[Connection.sent] == length * sends
        assert connection[Connection.status] == status
        assert connection[Connection.entry] == int(kept) * sends
        assert kept[Entry.pins] == pins + sends
        rest = connection[Connection.rest], connection[Connection.rest_end]
        part = connection[Connection.file_offset], connection[Connection.file_end]
        if sends and content is not None:
            assert machine.read(rest[0], rest[1] - rest[0]) == content[first : first + length]
            body = kept[Entry.answer] + kept[Entry.head_size]
            assert rest[0] == body + first
        else:
            assert rest == (0, 0)
        opened = sends and content is None
        assert part == ((first, first + length) if opened else (0, 0))
        assert connection[Connection.file] == (FILE if opened else NO_FILE)


@given(
    status=st.sampled_from([200, 206, 304]),
    method=st.sampled_from([Method.GET, Method.HEAD]),
    first=st.integers(0, 2**63),
    end=st.integers(0, 2**63),
)
def test_choose_body(status: int, method: Method, first: int, end: int) -> None:
    with caller(under_test.choose_body) as machine:
        to = Answering(machine, method.name.encode() + b" / HTTP/1.1\r\n")
        to.worker[Workspace.first], to.worker[Workspace.end] = first, end
        result = machine.call(status, int(to.connection), int(to.worker))
    sends = method == Method.GET and status != 304
    assert tuple(bound % 2**64 for bound in result) == ((first, end) if sends else (0, 0))


def written_date(second: int) -> bytes:
    """A date as dates.py writes it, which has its own tests."""
    out = bytearray(29)
    write_date(out, second)
    return bytes(out)


@pytest.mark.parametrize("path_size", [0, 1, 4095])
def test_the_longest_location_has_room(path_size: int) -> None:
    """Bytes that are escaped three times as long, and the longest query behind them."""
    query = b"?" + b"q" * 8180
    with caller(under_test.put_location) as machine:
        to = Answering(machine)
        to.worker[Workspace.path] = b"\xff" * path_size
        to.worker[Workspace.path_size] = path_size
        to.buffer[Buffer.request.query] = machine.place(query)
        to.buffer[Buffer.request.query_size] = len(query)
        end = machine.call(to.room, int(to.connection), int(to.worker))
        assert to.written(end) == b"\r\nLocation: /" + b"%FF" * path_size + b"/" + query


# --- parts of a head ------------------------------------------------------------------
# Behind its end, each has the room that `put` overwrites, and then a page that is not there.


def up_to(out: bytearray, end: int) -> bytearray:
    """What was written before an address, in a room that ends where a page does."""
    return out[: len(out) - -end % 0x1000]


@given(then=st.integers(0, 31).map(Then))
def test_put_connection(then: Then) -> None:
    """Only two flags matter, and to close weighs more than to be kept."""
    says = b"Connection: close\r\n" if then & Then.CLOSE else b""
    says = says or (b"Connection: keep-alive\r\n" if then & Then.SAY_KEPT else b"")
    expected = b"\r\n" + says + b"\r\n"
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_connection) as machine:
        to = Answering(machine)
        to.connection[Connection.then] = then
        end = machine.call(out, int(to.connection), int(to.worker))
    assert up_to(out, end) == expected


@given(status=st.sampled_from([known.number for known in STATUSES]), now=st.integers(0, 2**33))
def test_put_status(status: int, now: int) -> None:
    """What every head begins with, for whichever second it is."""
    expected = respond.answer(status, now).encode().removesuffix(b"\r\n\r\n")
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_status) as machine:
        to = Answering(machine)
        to.worker[Workspace.date] = format_date(now)
        end = machine.call(out, status, int(to.worker))
    assert up_to(out, end) == expected


@given(status=st.sampled_from([known.number for known in STATUSES]))
def test_begin(status: int) -> None:
    """The same in the connection's output, and the log is told."""
    with caller(under_test.begin) as machine:
        to = Answering(machine)
        end = machine.call(status, int(to.connection), int(to.worker))
        assert to.connection[Connection.out] == to.room
        assert to.written(end) + b"\r\n\r\n" == respond.answer(status, NOW).encode()
        assert to.connection[Connection.status] == status


@given(kind=st.binary(min_size=1, max_size=80))
def test_put_type(kind: bytes) -> None:
    expected = b"\r\nContent-Type: " + kind + b"\r\nContent-Length: "
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_type) as machine:
        to = Answering(machine)
        to.worker[Workspace.facts.type] = machine.place(kind)
        to.worker[Workspace.facts.type_size] = len(kind)
        end = machine.call(out, int(to.worker))
    assert up_to(out, end) == expected


@given(
    modified=st.integers(0, NOW + 10**9) | st.integers(NOW - 2, NOW + 2),
    etag=st.binary(min_size=2, max_size=Workspace.facts.etag.size),
)
def test_put_validators(modified: int, etag: bytes) -> None:
    date = format_date(min(modified, NOW))
    expected = b"\r\nLast-Modified: " + date + b"\r\nETag: " + etag
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_validators) as machine:
        to = Answering(machine)
        to.worker[Workspace.facts.modified] = modified
        to.worker[Workspace.facts.etag] = etag
        to.worker[Workspace.facts.etag_size] = len(etag)
        end = machine.call(out, int(to.worker))
    assert up_to(out, end) == expected


def test_put_ranges() -> None:
    expected = b"\r\nAccept-Ranges: bytes"
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_ranges) as machine:
        end = machine.call(out)
    assert up_to(out, end) == expected


@given(
    status=st.sampled_from([known.number for known in STATUSES]),
    json=st.booleans(),
    size=st.integers(0, 2**63 - 1),
)
def test_put_refusal(status: int, json: bool, size: int) -> None:
    """The head up to Connection, and the body that belongs to it; of 200, 204 and 304 none."""
    known = next(known for known in STATUSES if known.number == status)
    more = {
        204: {"Allow": respond.ALLOW},
        301: {"Location": b"/a%20b/?q"},
        405: {"Allow": respond.ALLOW},
        416: {"Content_Range": b"bytes */%d" % size},
        503: {"Retry_After": b"1"},
    }.get(status, {})
    accepts = b"application/json" if json else b"text/html"
    head = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: %s\r\n\r\n" % accepts
    if known.sentence:
        expected = respond.error(status, NOW, read_head(head), **more)
        expected = expected.with_sentence(known.sentence)
    else:
        fields = {name.replace("_", "-").encode(): value for name, value in more.items()}
        expected = respond.answer(status, NOW, fields=fields)
    with caller(under_test.put_refusal) as machine:
        to = Answering(machine)
        to.worker[Workspace.facts.total] = size
        to.worker[Workspace.path] = b"a b"
        to.worker[Workspace.path_size] = 3
        to.buffer[Buffer.request.query] = machine.place(b"?q")
        to.buffer[Buffer.request.query_size] = 2
        end, body, length = machine.call(to.room, status, json, int(to.connection), int(to.worker))
        assert machine.read(body, length) == expected.body
        assert to.written(end) + b"\r\n\r\n" + expected.body == expected.encode()


sizes = st.integers(0, 2**63 - 1) | st.integers(0, 20)


@given(first=sizes, end=sizes.filter(bool), size=sizes)
def test_put_part(first: int, end: int, size: int) -> None:
    expected = b"\r\nContent-Range: bytes %d-%d/%d" % (first, end - 1, size)
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_part) as machine:
        to = Answering(machine)
        to.worker[Workspace.first] = first
        to.worker[Workspace.end] = end
        to.worker[Workspace.facts.total] = size
        after = machine.call(out, int(to.worker))
    assert up_to(out, after) == expected


@given(
    status=st.sampled_from([known.number for known in STATUSES]) | st.integers(0, 2**32 - 1),
    size=sizes,
    path=st.sampled_from([b"a", b"a b", b"a/b", "é".encode()]),
    query=st.sampled_from([b"", b"?", b"?a=/%20"]),
)
def test_put_extra_fields(status: int, size: int, path: bytes, query: bytes) -> None:
    """What goes with a status, and nothing with any other."""
    location = Path(tuple(path.split(b"/")), is_directory=False).location(query)
    expected = {
        204: b"\r\nAllow: " + respond.ALLOW,
        301: b"\r\nLocation: " + location,
        405: b"\r\nAllow: " + respond.ALLOW,
        416: b"\r\nContent-Range: bytes */%d" % size,
        503: b"\r\nRetry-After: 1",
    }.get(status, b"")
    out = bytearray(len(expected) + STEP - 1)
    with caller(under_test.put_extra_fields) as machine:
        to = Answering(machine)
        to.worker[Workspace.facts.total] = size
        to.worker[Workspace.path] = path
        to.worker[Workspace.path_size] = len(path)
        to.buffer[Buffer.request.query] = machine.place(query)
        to.buffer[Buffer.request.query_size] = len(query)
        end = machine.call(out, status, int(to.connection), int(to.worker))
    assert up_to(out, end) == expected


# --- sending ------------------------------------------------------------------------


class Sending(Answering):
    """An answer that lies ready: a head, what is kept behind it, and a part of a file."""

    def __init__(
        self, machine: Caller, head: bytes, first: int, end: int, rest: bytes = b""
    ) -> None:
        super().__init__(machine)
        out, kept = machine.place(head), machine.place(rest)
        for field, value in {
            Connection.out: out,
            Connection.out_end: out + len(head),
            Connection.rest: kept,
            Connection.rest_end: kept + len(rest),
            Connection.file: FILE,
            Connection.file_offset: first,
            Connection.file_end: end,
        }.items():
            self.connection[field] = value


taken = st.integers(1, 30) | st.sampled_from([-Errno.EINTR, -Errno.EAGAIN])


@given(
    head=st.binary(max_size=40),
    rest=st.binary(max_size=40),
    content=st.binary(max_size=60),
    first=st.integers(0, 60),
    takes=st.lists(taken, max_size=20),
)
def test_send_whatever_is_taken(
    head: bytes, rest: bytes, content: bytes, first: int, takes: list[int]
) -> None:
    """Every byte is sent once and in order, and BLOCKED means that the kernel took less."""
    first = min(first, len(content))
    kernel = Client(Directory(), takes=takes)
    kernel.open[FILE] = File(content, 0)
    with caller(under_test.send) as machine:
        sending = Sending(machine, head, first, len(content), rest)
        for _ in range(len(takes) + 1):
            result = machine.call(int(sending.connection), kernel=kernel)
            if result == SENT:
                break
            assert result == BLOCKED
            assert len(kernel.sent) < len(head + rest + content[first:])
        else:
            raise AssertionError("it is not sent by as many calls as the kernel had answers")
        assert bytes(kernel.sent) == head + rest + content[first:]
        names = list(kernel.names)
        assert machine.call(int(sending.connection), kernel=kernel) == SENT
        assert kernel.names == names, "what is sent is sent"


@given(
    head=st.binary(max_size=20),
    rest=st.binary(max_size=20),
    takes=st.integers(1, 40) | st.sampled_from([-Errno.EINTR, -Errno.EAGAIN, -Errno.EPIPE]),
)
@example(b"head", b"rest", 3)
@example(b"head", b"rest", 4)
@example(b"head", b"rest", 5)
@example(b"head", b"rest", 8)
@example(b"", b"rest", 3)
@example(b"head", b"", 3)
@example(b"head", b"", 4)
def test_send_memory(head: bytes, rest: bytes, takes: int) -> None:
    """One call for both, and what was taken of each is behind us."""
    kernel = Client(Directory(), takes=[takes])
    with caller(under_test.send_memory) as machine:
        sending = Sending(machine, head, 0, 0, rest)
        result = machine.call(int(sending.connection), kernel=kernel)
        size = len(head + rest)
        assert kernel.names == ["sendmsg"] * bool(rest) + ["sendto"] * bool(head and not rest)
        done = min(max(takes, 0), size)
        assert result == ((BLOCKED if done < size else SENT) if takes > 0 or not size else takes)
        left = [
            machine.read(sending.connection[at], sending.connection[end] - sending.connection[at])
            for at, end in (
                (Connection.out, Connection.out_end),
                (Connection.rest, Connection.rest_end),
            )
        ]
        assert left == [head[done:], rest[max(done - len(head), 0) :]]
        assert kernel.sent == (head + rest)[:done]


failures = st.sampled_from([Errno.EPIPE, Errno.ECONNRESET, Errno.EIO, Errno.ETIMEDOUT])


@given(
    head=st.binary(max_size=10),
    rest=st.binary(max_size=10),
    takes=st.lists(st.integers(1, 5), max_size=3),
    error=failures,
)
def test_send_fails_in_memory(head: bytes, rest: bytes, takes: list[int], error: int) -> None:
    kernel = Client(Directory(), takes=[*takes, -error])
    with caller(under_test.send) as machine:
        sending = Sending(machine, head, 0, 0, rest)
        while (result := machine.call(int(sending.connection), kernel=kernel)) == BLOCKED:
            pass
        assert result == (-error if not kernel.takes and kernel.sent != head + rest else SENT)


@given(
    head=st.binary(max_size=10),
    content=st.binary(max_size=10),
    takes=st.lists(st.integers(1, 5), max_size=3),
    error=failures,
)
def test_send_fails(head: bytes, content: bytes, takes: list[int], error: int) -> None:
    kernel = Client(Directory(), takes=[*takes, -error])
    kernel.open[FILE] = File(content, 0)
    with caller(under_test.send) as machine:
        sending = Sending(machine, head, 0, len(content))
        while (result := machine.call(int(sending.connection), kernel=kernel)) == BLOCKED:
            pass
        assert result == (-error if not kernel.takes and kernel.sent != head + content else SENT)


@given(size=st.integers(0, 20), missing=st.integers(1, 20), takes=st.lists(taken, max_size=5))
def test_a_file_that_has_become_shorter(size: int, missing: int, takes: list[int]) -> None:
    kernel = Client(Directory(), takes=takes)
    kernel.open[FILE] = File(bytes(size), 0)
    with caller(under_test.send) as machine:
        sending = Sending(machine, b"head", 0, size + missing)
        while (result := machine.call(int(sending.connection), kernel=kernel)) == BLOCKED:
            pass
        assert result == -Errno.EIO
        assert bytes(kernel.sent) == b"head" + bytes(size)


@pytest.mark.parametrize("body", [0, 1, 5, JOINED_MAX, JOINED_MAX + 1, 1 << 50])
def test_head_and_file_share_a_packet(body: int) -> None:
    """Linux is told that more follows if a file does, and no large one; Darwin cannot be told."""
    kernel = Client(Directory(), takes=[4, -Errno.EAGAIN])
    kernel.open[FILE] = File(b"what it has is not asked for", 0)
    with caller(under_test.send) as machine:
        sending = Sending(machine, b"head", 0, body)
        assert machine.call(int(sending.connection), kernel=kernel) == (BLOCKED if body else SENT)
    assert kernel.more is (0 < body <= JOINED_MAX and platform() == "linux")


@pytest.mark.parametrize("size", [FILE_PIECE - 1, FILE_PIECE, FILE_PIECE + 1, 1 << 50])
def test_a_fast_reader_does_not_keep_others_waiting(size: int) -> None:
    counts: list[int] = []

    class Fast(Client):
        """Takes whatever it is offered."""

        def send_part(self, out: int, file: int, start: int, count: int) -> int:
            counts.append(count)
            self.wanted = count
            return count

    with caller(under_test.send) as machine:
        sending = Sending(machine, b"", 0, size)
        result = machine.call(int(sending.connection), kernel=Fast(Directory()))
    assert counts == [min(size, FILE_PIECE)]
    assert result == (SENT if size <= FILE_PIECE else BLOCKED)


@pytest.mark.parametrize("file", [FILE, 0, NO_FILE])
def test_let_go_of_a_file(file: int) -> None:
    kernel = Client(Directory())
    kernel.open = {} if file == NO_FILE else {file: File(b"", 0)}
    with caller(under_test.let_go) as machine:
        connection = Memory(machine, Connection)
        connection[Connection.file] = file
        for _ in range(2):
            machine.call(int(connection), kernel=kernel)
            assert connection[Connection.file] == NO_FILE
    assert not kernel.open


@pytest.mark.parametrize("pins", [1, 2])
@pytest.mark.parametrize("life", [Life.KEPT, Life.GONE])
@pytest.mark.parametrize("file", [FILE, NO_FILE])
def test_let_go_of_an_entry(file: int, life: Life, pins: int) -> None:
    """Its file stays open, unless this was the last who sent it and nobody can find it."""
    kernel = Client(Directory())
    kernel.open = {} if file == NO_FILE else {file: File(b"", 0)}
    fields = {b"Last-Modified": format_date(0), b"ETag": b'"x"'}
    with caller(under_test.let_go) as machine:
        kept = Kept(machine, fields, NOW, None if file == FILE else b"body", file=file)
        kept[Entry.life] = life
        kept[Entry.pins] = pins
        connection = Memory(machine, Connection)
        connection[Connection.entry] = int(kept)
        connection[Connection.file] = file
        connection[Connection.rest], connection[Connection.rest_end] = 1, 5
        for _ in range(2):
            machine.call(int(connection), kernel=kernel)
            assert connection[Connection.entry] == 0
            assert connection[Connection.file] == NO_FILE
            assert connection[Connection.rest] == connection[Connection.rest_end] == 0
            assert kept[Entry.pins] == pins - 1
        freed = life == Life.GONE and pins == 1
        assert kept[Entry.life] == (Life.FREE if freed else life)
        assert kept[Entry.file] == (NO_FILE if freed else file)
    assert list(kernel.open) == ([] if freed or file == NO_FILE else [file])
