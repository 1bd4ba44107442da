"""The access log: every line is read back, whatever a client sent and however it is taken."""

from __future__ import annotations

import ipaddress
import json
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import sizeof
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import log as under_test
from svc0.server.connection import PEER_ROOM, STOP, Buffer, Connection
from svc0.server.head import NAMES, read_head
from svc0.server.limits import LINE_MAX
from svc0.server.log import (
    FIELD_ROOM,
    LINE_ROOM,
    REQUEST_ROOM,
    flush_log,
    log_access,
    write_log_times,
)
from svc0.server.request import Kind, parse
from svc0.server.settings import SETTINGS, LogFormat, packed
from svc0.server.workspace import LOG_ROOM, Workspace
from tests.server.kernel import Kernel
from tests.server.memory import Input, Memory

NOW = 1_700_000_000
COMMON = re.compile(
    r'(?P<client>\S+) - - \[(?P<time>[^]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\d+)'
)
COMBINED = re.compile(COMMON.pattern + r' "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"')


class Reader(Kernel):
    """Who reads standard output: ``takes`` is how many bytes at once at most, or -errno."""

    def __init__(self, takes: list[int] | None = None) -> None:
        super().__init__()
        self.takes, self.got = takes or [], bytearray()

    def write(self, machine: Caller, file: int, data: int, size: int) -> int:
        assert file == 1
        assert size > 0
        taken = min(self.takes.pop(0) if self.takes else size, size)
        self.got += machine.read(data, max(taken, 0))
        return taken


def times(form: LogFormat, now: int) -> bytes:
    """What is written once a second: the time as a format has it, with what stands around it."""
    when = datetime.fromtimestamp(now, UTC)
    if form == LogFormat.JSON:
        return when.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return when.strftime(' - - [%d/%b/%Y:%H:%M:%S +0000] "').encode()


def fitted(text: bytes, room: int) -> bytes:
    """A text, and anything behind it up to the end of its room."""
    assert len(text) <= room
    return text + random.randbytes(room - len(text))


def judged(head: bytes, *, shortly: bool) -> bytes:
    """A buffer as it is after a head was read in it: in one pass, if it can be, or line by line."""
    if shortly:
        with caller(read_head) as reader:
            buffer = Input(reader, head)
            end = buffer.address + Buffer.input + len(head)
            reader.write(int(end), bytes(STOP))
            if reader.call(int(buffer), NAMES, 0)[0]:
                return buffer.bytes(Buffer.next, sizeof(Buffer))
    with caller(parse) as parser:
        buffer = Input(parser, head)
        parser.call(int(buffer))
        return buffer.bytes(Buffer.next, sizeof(Buffer))


class Logging:
    """A worker and a connection that was answered."""

    def __init__(
        self,
        machine: Caller,
        head: bytes,
        form: LogFormat,
        *,
        client: str = "192.0.2.1",
        now: int = NOW,
        shortly: bool = False,
    ) -> None:
        self.machine = machine
        if SETTINGS in machine.program.addresses:
            machine.write(machine.address(SETTINGS), packed(log=form))
        self.worker = Memory(machine, Workspace)
        self.worker[Workspace.now] = now
        self.worker[Workspace.log_time] = fitted(times(form, now), sizeof(Workspace.log_time))
        self.connection = Memory(machine, Connection)
        self.connection[Connection.buffer] = machine.place(judged(head, shortly=shortly))
        self.connection[Connection.peer] = fitted(client.encode(), PEER_ROOM)
        self.connection[Connection.peer_size] = len(client)
        self.connection[Connection.status] = 200

    def log(self, kernel: Kernel | None = None) -> None:
        self.machine.call(int(self.connection), int(self.worker), kernel=kernel)

    @property
    def waiting(self) -> bytes:
        return self.worker.bytes(Workspace.log, self.worker[Workspace.log_size])


def logged(
    head: bytes,
    form: LogFormat,
    status: int = 200,
    size: int = 0,
    *,
    client: str = "192.0.2.1",
    now: int = NOW,
    shortly: bool = False,
) -> bytes:
    """What the log is after one answer."""
    with caller(log_access) as machine:
        logging = Logging(machine, head, form, client=client, now=now, shortly=shortly)
        logging.connection[Connection.status] = status
        logging.connection[Connection.sent] = size
        logging.log()
        return logging.waiting


visible = st.binary(max_size=30).map(
    lambda text: bytes(byte for byte in text if 0x20 < byte < 0x7F) or b"/"
)
values = st.binary(max_size=30).map(
    lambda text: bytes(byte for byte in text if byte == 9 or 0x20 <= byte != 0x7F).strip(b" \t")
)
fields = st.fixed_dictionaries({}, optional={"Referer": values, "User-Agent": values})


def head_of(target: bytes, named: dict[str, bytes]) -> bytes:
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: a"]
    lines += [name.encode() + b": " + value for name, value in named.items()]
    return b"\r\n".join([*lines, b"", b""])


def unescaped(text: str) -> bytes:
    return re.sub(
        rb"\\x([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), text.encode("ascii")
    )


@given(
    target=visible,
    named=fields,
    form=st.sampled_from([LogFormat.COMMON, LogFormat.COMBINED, LogFormat.JSON]),
    status=st.sampled_from([200, 304, 404]),
    size=st.integers(0, 2**63 - 1),
    shortly=st.booleans(),
)
def test_a_line_is_read_back(
    target: bytes,
    named: dict[str, bytes],
    form: LogFormat,
    status: int,
    size: int,
    shortly: bool,
) -> None:
    content = logged(head_of(target, named), form, status, size, shortly=shortly)
    assert content.endswith(b"\n")
    assert content.count(b"\n") == 1
    line = content.decode("ascii").removesuffix("\n")
    expected = {
        "client": b"192.0.2.1",
        "request": b"GET " + target + b" HTTP/1.1",
        "status": str(status).encode(),
        "bytes": str(size).encode(),
    }
    if form != LogFormat.COMMON:
        expected["referer"] = named.get("Referer", b"")
        expected["agent"] = named.get("User-Agent", b"")
    when = datetime.fromtimestamp(NOW, UTC)
    if form == LogFormat.JSON:
        read = json.loads(line)
        assert datetime.fromisoformat(read.pop("time").replace("Z", "+00:00")) == when
        assert {name: str(value).encode("latin-1") for name, value in read.items()} == expected
        return
    match = (COMMON if form == LogFormat.COMMON else COMBINED).fullmatch(line)
    assert match, line
    found = match.groupdict()
    assert datetime.strptime(found.pop("time"), "%d/%b/%Y:%H:%M:%S %z") == when
    assert {name: unescaped(value) for name, value in found.items()} == expected


@pytest.mark.parametrize("form", [LogFormat.COMMON, LogFormat.COMBINED, LogFormat.JSON])
def test_a_hostile_request_stays_one_line_of_limited_length(form: LogFormat) -> None:
    quoted = {"Referer": b'"' * 3000, "User-Agent": b"\xff\t" * 1500}
    content = logged(head_of(b'/"\\' * 2500, quoted), form)
    assert len(content) <= LINE_ROOM
    assert content.count(b"\n") == 1
    assert content.endswith(b"\n")
    line = content.decode("ascii").rstrip("\n")
    if form == LogFormat.JSON:
        read = json.loads(line)
        lengths = [(read["request"], REQUEST_ROOM), (read["referer"], FIELD_ROOM)]
    else:
        match = (COMMON if form == LogFormat.COMMON else COMBINED).fullmatch(line)
        assert match
        lengths = [(match["request"], REQUEST_ROOM)]
    for text, room in lengths:
        assert room // 6 - 2 <= len(text) <= room


@pytest.mark.parametrize(
    "head", [b"", b"G", b"\r\n", b"nonsense\r\n", b"GET / HTTP/1.1\nHost: a\r\n\r\n"]
)
def test_what_cannot_be_read_has_a_line_too(head: bytes) -> None:
    match = COMMON.fullmatch(logged(head, LogFormat.COMMON, 400).decode("ascii").rstrip("\n"))
    assert match
    assert match["status"] == "400"


def test_a_field_that_came_twice_is_none() -> None:
    head = b"GET / HTTP/1.1\r\nReferer: a\r\nReferer: b\r\nUser-Agent: c\r\n\r\n"
    assert logged(head, LogFormat.COMBINED).endswith(b' "" "c"\n')


def test_no_log() -> None:
    assert logged(head_of(b"/", {}), LogFormat.NONE) == b""


def test_lines_wait_for_company_until_there_is_no_room() -> None:
    """They are written together, and each is whole."""
    reader, count = Reader(), 3000
    with caller(log_access) as machine:
        logging = Logging(machine, head_of(b"/x", {}), LogFormat.COMMON)
        for number in range(count):
            logging.connection[Connection.sent] = number
            logging.log(reader)
        lines = (bytes(reader.got) + logging.waiting).decode().splitlines()
    assert [int(line.rpartition(" ")[2]) for line in lines] == list(range(count))
    assert len(reader.names) <= len(reader.got) // (LOG_ROOM // 2)


def test_a_log_that_nobody_reads_does_not_grow() -> None:
    class Stuck(Reader):
        """It takes a little, once, and never again."""

        def write(self, machine: Caller, file: int, data: int, size: int) -> int:
            self.takes = [5] if not self.got else [-Errno.EAGAIN]
            return super().write(machine, file, data, size)

    reader = Stuck()
    with caller(log_access) as machine:
        logging = Logging(machine, head_of(b"/" + b"x" * 500, {}), LogFormat.COMMON)
        for _ in range(300):
            logging.log(reader)
            assert logging.worker[Workspace.log_size] <= LOG_ROOM
        content = bytes(reader.got) + logging.waiting
    assert content.endswith(b"\n")
    assert all(COMMON.fullmatch(line.decode()) for line in content.splitlines())


@given(
    content=st.binary(max_size=200),
    takes=st.lists(st.integers(1, 60) | st.sampled_from([-Errno.EINTR, -Errno.EAGAIN])),
)
def test_flush_log(content: bytes, takes: list[int]) -> None:
    """Whatever is taken, the rest waits; nothing is written twice, or lost."""
    with caller(flush_log) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.log] = content
        worker[Workspace.log_size] = len(content)
        reader = Reader(takes)
        for _ in range(len(takes) + 1):
            machine.call(int(worker), kernel=reader)
            waiting = worker.bytes(Workspace.log, worker[Workspace.log_size])
            assert bytes(reader.got) + waiting == content
        assert bytes(reader.got) == content


@pytest.mark.parametrize("error", [Errno.EPIPE, Errno.EBADF, Errno.EIO, Errno.ENOSPC])
def test_a_log_that_nobody_can_read_is_dropped(error: int) -> None:
    """Else the worker would wake up ten times a second for it, for ever."""
    with caller(flush_log) as machine:
        worker = Memory(machine, Workspace)
        worker[Workspace.log_size] = 100
        machine.call(int(worker), kernel=Reader([30, -error]))
        assert worker[Workspace.log_size] == 0


@given(
    body=st.integers(0, 1000),
    head=st.integers(0, 1000),
    taken=st.integers(0, 3000),
    where=st.sampled_from(["behind the head", "kept", "file"]),
)
def test_body_sent(body: int, head: int, taken: int, where: str) -> None:
    """An answer that was cut short says how short, wherever its body lies."""
    taken = min(taken, head + body)
    out_end = head + body * (where == "behind the head")
    with caller(under_test.body_sent) as machine:
        connection = Memory(machine, Connection)
        connection[Connection.sent] = body
        connection[Connection.out] = 5000 + min(taken, out_end)
        connection[Connection.out_end] = 5000 + out_end
        behind = max(taken - out_end, 0)
        kept, file = where == "kept", where == "file"
        connection[Connection.rest] = (9000 + behind) * kept
        connection[Connection.rest_end] = (9000 + body) * kept
        connection[Connection.file_offset] = behind * file
        connection[Connection.file_end] = body * file
        assert machine.call(int(connection)) == max(taken - head, 0)


# --- one routine at a time -------------------------------------------------------------


@given(
    came=st.lists(
        st.tuples(st.sampled_from([b"Referer", b"rEFERER", b"User-Agent", b"Accept"]), values),
        max_size=4,
    ),
    kind=st.sampled_from([Kind.REFERER, Kind.USER_AGENT]),
)
def test_named_field(came: list[tuple[bytes, bytes]], kind: Kind) -> None:
    lines = [b"GET / HTTP/1.1", b"Host: a", *(name + b": " + value for name, value in came)]
    with caller(under_test.named_field) as machine:
        head = b"\r\n".join([*lines, b"", b""])
        logging = Logging(machine, head, LogFormat.COMMON)
        address, length = machine.call(kind, int(logging.connection))
        found = machine.read(address, length) if length else b""
    name = b"referer" if kind == Kind.REFERER else b"user-agent"
    of_kind = [value for other, value in came if other.lower() == name]
    assert found == (of_kind[0] if len(of_kind) == 1 else b"")


def escaped(text: bytes, room: int) -> bytes:
    """A text as a line has it: whole escapes only, and no more than there is room for."""
    out = b""
    for byte in text:
        plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
        piece = bytes([byte]) if plain else b"\\x%02X" % byte
        if len(out) + len(piece) > room:
            break
        out += piece
    return out


long = st.sampled_from([b'"', b"x", b"\xff"]).map(lambda byte: byte * 2000)
targets = visible | st.sampled_from([b"/" + b"x" * 5000, b'/"' * 2000])
many_fields = st.fixed_dictionaries({}, optional={"Referer": values | long, "User-Agent": values})
clients = st.ip_addresses() | st.just(ipaddress.ip_address("255.255.255.255"))
sizes, times_of_day = st.integers(0, 2**63 - 1), st.integers(0, 2**32 - 1)
numbers_of_status = st.sampled_from([200, 206, 304, 404, 505])


@given(
    target=targets,
    named=many_fields,
    client=clients,
    status=numbers_of_status,
    size=sizes,
    now=times_of_day,
    form=st.sampled_from([LogFormat.COMMON, LogFormat.COMBINED]),
    shortly=st.booleans(),
)
def test_lines_of_text(
    target: bytes,
    named: dict[str, bytes],
    client: ipaddress.IPv4Address | ipaddress.IPv6Address,
    status: int,
    size: int,
    now: int,
    form: LogFormat,
    shortly: bool,
) -> None:
    head = head_of(target, named)
    line = logged(head, form, status, size, client=str(client), now=now, shortly=shortly)
    assert len(line) <= LINE_ROOM
    assert line == line_of(target, named, str(client), status, size, now, form)


def line_of(
    target: bytes,
    named: dict[str, bytes],
    client: str,
    status: int,
    size: int,
    now: int,
    form: LogFormat,
) -> bytes:
    """The whole line of text, as Python would write it."""
    request = escaped(b"GET " + target + b" HTTP/1.1", REQUEST_ROOM)
    line = client.encode() + times(form, now) + request + b'" %d %d' % (status, size)
    if form == LogFormat.COMBINED:
        for name in ("Referer", "User-Agent"):
            line += b' "' + escaped(named.get(name, b""), FIELD_ROOM) + b'"'
    return line + b"\n"


@pytest.mark.parametrize("form", [LogFormat.COMMON, LogFormat.COMBINED, LogFormat.JSON])
@pytest.mark.parametrize("byte", b'"\\?%~!')
def test_what_a_target_may_do_to_a_line(form: LogFormat, byte: int) -> None:
    """Wherever such a byte stands in it, and whichever way the head was read: nothing."""
    for size in (0, 1, 7, 15, 16, 17, 31, 40):
        for place in {0, size // 2, size - 1} & set(range(max(size, 1))):
            for start in (b"/", b"/?", b"/a?b=c"):
                filling = b"x" * place + bytes([byte]) + b"y" * (size - place - 1)
                content = logged(head_of(start + filling, {}), form, shortly=True)
                request = b"GET " + start + filling + b" HTTP/1.1"
                if form == LogFormat.JSON:
                    assert json.loads(content)["request"].encode() == request
                else:
                    assert content.count(b'"' + escaped(request, REQUEST_ROOM) + b'" 200 0') == 1
                assert content.count(b"\n") == 1


@pytest.mark.parametrize("over", [-1, 0, 1, 2])
@pytest.mark.parametrize("form", [LogFormat.COMMON, LogFormat.COMBINED, LogFormat.JSON])
@pytest.mark.parametrize("shortly", [False, True])
def test_lines_at_their_limit(over: int, form: LogFormat, shortly: bool) -> None:
    """A request line that just fits, and the longest of all; fields that do, or do not."""
    for room in (REQUEST_ROOM, REQUEST_ROOM - 2, LINE_MAX - 2 - max(over, 0)):
        target = b"/".ljust(room + over - len(b"GET  HTTP/1.1"), b"x")
        for field in (FIELD_ROOM + over, FIELD_ROOM // 4 + over, 0):
            named = {"Referer": b"r" * field, "User-Agent": b"u\xff" * field} if field else {}
            head = head_of(target, named)
            content = logged(head, form, 206, 2**63 - 1, shortly=shortly)
            assert len(content) <= LINE_ROOM
            if form == LogFormat.JSON:
                read = json.loads(content)
                request = b"GET " + target + b" HTTP/1.1"
                assert read["request"].encode() == fitting(request, REQUEST_ROOM)
            else:
                expected = line_of(target, named, "192.0.2.1", 206, 2**63 - 1, NOW, form)
                assert content == expected


@given(now=st.integers(0, 2**32 - 1), form=st.sampled_from(LogFormat))
def test_write_log_times(now: int, form: LogFormat) -> None:
    """What every line of a second has is written once; the log that is not kept needs none."""
    with caller(write_log_times) as machine:
        machine.write(machine.address(SETTINGS), packed(log=form))
        worker = Memory(machine, Workspace)
        worker[Workspace.now] = now
        machine.call(int(worker))
        machine.write(machine.address(SETTINGS), bytes(SETTINGS))
        if form != LogFormat.NONE:
            expected = times(form, now)
            assert worker.bytes(Workspace.log_time, len(expected)) == expected


def test_clients_of_every_length() -> None:
    """The address is as long as it says, whatever stands behind it."""
    for size in (1, 7, 15, 16, 17, 31, 32, 39, 45, PEER_ROOM):
        client = "1234567890:" * 5
        line = logged(head_of(b"/", {}), LogFormat.COMMON, client=client[:size])
        assert line == line_of(b"/", {}, client[:size], 200, 0, NOW, LogFormat.COMMON)


def fitting(text: bytes, room: int) -> bytes:
    """As much of a text as there is room for in a JSON string with its quotes."""
    left = room - len('""')
    for at, byte in enumerate(text):
        left -= 2 if byte in b'"\\' else 1 if 0x20 <= byte < 0x7F else len("\\u00ff")
        if left < 0:
            return text[:at]
    return text


@given(
    target=targets,
    named=many_fields,
    client=clients,
    status=numbers_of_status,
    size=sizes,
    now=times_of_day,
)
def test_lines_of_json(
    target: bytes,
    named: dict[str, bytes],
    client: ipaddress.IPv4Address | ipaddress.IPv6Address,
    status: int,
    size: int,
    now: int,
) -> None:
    """Python's JSON reads it back, in this order; of what is cut it is the beginning."""
    head = head_of(target, named)
    line = logged(head, LogFormat.JSON, status, size, client=str(client), now=now)
    assert len(line) <= LINE_ROOM
    assert line.isascii()
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    read = json.loads(line)
    assert list(read) == ["time", "client", "request", "status", "bytes", "referer", "agent"]
    assert datetime.fromisoformat(read["time"]) == datetime.fromtimestamp(now, UTC)
    assert (read["client"], read["status"], read["bytes"]) == (str(client), status, size)
    request = b"GET " + target + b" HTTP/1.1"
    texts = {
        "request": (request, REQUEST_ROOM),
        "referer": (named.get("Referer", b""), FIELD_ROOM),
        "agent": (named.get("User-Agent", b""), FIELD_ROOM),
    }
    for name, (text, room) in texts.items():
        assert read[name].encode("latin-1") == fitting(text, room)
