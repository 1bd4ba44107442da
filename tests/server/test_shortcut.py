"""The shortcut: what it answers is what the model says, and what it cannot it leaves alone.

The cache is filled by the long way, from a site in memory; then the same is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server.cache import CACHE, Cache, Entry, Size
from svc0.server.connection import NO_FILE, STOP, Buffer, Connection, State, Then
from svc0.server.framing import judge
from svc0.server.limits import INPUT_MAX
from svc0.server.log import LINE_ROOM, write_log_times
from svc0.server.request import Kind, Phase, parse
from svc0.server.response import BLOCKED, SENT, let_go, send
from svc0.server.routes import dispatch
from svc0.server.settings import SETTINGS, LogFormat, packed
from svc0.server.shortcut import (
    BEGUN,
    DOUBTFUL,
    KEPT,
    LAST,
    NOT_HERE,
    QUEUED,
    answer_shortly,
    is_usual,
    send_batch,
)
from svc0.server.worker import use_settings
from svc0.server.workspace import BATCH_MAX, LOG_ROOM, Workspace
from tests.clients.compare import Times, differences
from tests.model.conditions import format_date, validators
from tests.model.conversation import converse
from tests.model.framing import split_authority
from tests.model.head import read_head
from tests.model.site import Directory, File
from tests.server.kernel import ROOT, SOCKET
from tests.server.memory import Input, Memory, lay_shelves
from tests.server.tree import Tree

NOW = 1_700_000_000
OLD = (NOW - 1000) * 10**9
SITE = Directory(
    {
        b"a.txt": File(b"hello", OLD),
        b"empty": File(b"", OLD),
        b"medium": File(b"medium " * 700, OLD),
        b"big": File(b"big" * 30_000, OLD),
        b"dir": Directory({b"index.html": File(b"<p>index", OLD)}),
        b"bare": Directory(),
        b"index.html": File(b"root", OLD),
    }
)
PATHS = [b"/a.txt", b"/empty", b"/medium", b"/big", b"/dir/", b"/dir", b"/", b"/missing", b"/bare/"]
PEER = b"192.0.2.1"


# --- Host and Connection ------------------------------------------------------------------

hosts = st.sampled_from(
    [
        *(b"a", b"localhost:8080", b"127.0.0.1", b"example.org:80", b"[::1]", b"[::1]:80", b":80"),
        *(b"a:", b"a:0", b"a:1234", b"a:12345", b"a:65535", b"a:65536", b"a:99999", b"a:00001"),
        *(b"a:1x", b"a:x", b"a:12:", b"a:/", b"a:1;2", b"a b", b"a,b", b"a%41", b"a%4", b"a@b"),
        *(b"a/b", b"\xe9", b"a\xe9", b"a:\xb1", b"_~-.!$&'()*+,;=", b"a?", b"a#", b'"', b"a\tb"),
    ]
) | st.tuples(
    st.integers(1, 70).map(lambda size: b"h" * size),
    st.sampled_from([b"", b":", b":8", b":80", b":808", b":8080", b":80808", b"/", b":8a", b": 8"]),
).map(b"".join)
connections = st.sampled_from(
    [
        *(None, None, b"keep-alive", b"Keep-Alive", b"KEEP-ALIVE", b"close", b"Close", b"CLOSE"),
        *(b"keep-alivE", b"keep_alive", b"keep-alivf", b"jeep-alive", b"keep-alive, x", b"clos"),
        *(b"close, x", b"closf", b"blose", b"closed", b"upgrade", b"TE", b"x", b"keep-alive,"),
        *(
            b",close",
            b"\x0beep-alive",
            b"KEEP\rALIVE",
            b"keep-aliv%",
            b"c",
            b"0123456789",
            b"x" * 40,
        ),
        *(
            b"keep-alive,close",
            b"\xcblose",
            b"Clos\xe5",
            b"clos\x45",
            b"CLOS\x05",
            b"keep\x0dalive",
        ),
    ]
)


def usual(host: bytes, connection: bytes | None) -> int:
    """What the routine says of these two, wherever they lie."""
    lines = b"Host: " + host + b"\r\n"
    if connection is not None:
        lines += b"Connection: " + connection + b"\r\n"
    with caller(is_usual) as machine:
        buffer = Input(machine, b"x" * 5 + lines)
        end = buffer.address + Buffer.input + buffer[Buffer.received]
        machine.write(int(end), bytes(STOP))
        place = 5 + len(b"Host: ")
        buffer[Buffer.request.firsts[Kind.HOST]] = place | len(host) << 32
        buffer[Buffer.request.seen] = 1 << Kind.HOST
        if connection is not None:
            place += len(host) + len(b"\r\nConnection: ")
            buffer[Buffer.request.firsts[Kind.CONNECTION]] = place | len(connection) << 32
            buffer[Buffer.request.seen] = 1 << Kind.HOST | 1 << Kind.CONNECTION
        return machine.call(int(buffer))


@settings(max_examples=400)
@given(host=hosts, connection=connections)
def test_is_usual(host: bytes, connection: bytes | None) -> None:
    """It may doubt what is right, and never takes for right what is wrong."""
    said = usual(host, connection)
    assert said in (KEPT, LAST, DOUBTFUL)
    if said == DOUBTFUL:
        return
    assert split_authority(host) is not None
    elements = [part.strip(b" \t").lower() for part in (connection or b"").split(b",")]
    assert (b"close" in elements) == (said == LAST)


@pytest.mark.parametrize("place", range(3))
def test_every_byte_of_a_host(place: int) -> None:
    for byte in range(256):
        for host in (b"example", b"a:8080", b"a:65535", b"abcdefghijklmnopqrst:80"):
            at = (0, len(host) // 2, len(host) - 1)[place]
            changed = host[:at] + bytes([byte]) + host[at + 1 :]
            if usual(changed, None) != DOUBTFUL:
                assert split_authority(changed) is not None


@pytest.mark.parametrize("value", [b"keep-alive", b"close"])
def test_every_byte_of_connection(value: bytes) -> None:
    in_values = [9, *range(0x20, 0x7F), *range(0x80, 0x100)]  # nothing else is read shortly
    for at in range(len(value)):
        for byte in in_values:
            changed = value[:at] + bytes([byte]) + value[at + 1 :]
            said = usual(b"a", changed)
            expected = {b"keep-alive": KEPT, b"close": LAST}.get(changed.lower(), DOUBTFUL)
            assert said == expected


def test_what_browsers_say_is_usual() -> None:
    for host in (
        *(b"localhost", b"localhost:8080", b"127.0.0.1:80", b"www.example.org", b"a:1"),
        *(b"127.0.0.1:49152", b"localhost:65535"),
    ):
        for connection, expected in {
            None: KEPT,
            b"keep-alive": KEPT,
            b"Keep-Alive": KEPT,
            b"close": LAST,
            b"Close": LAST,
        }.items():
            assert usual(host, connection) == expected


def test_the_largest_port() -> None:
    """Also beside zeros in front, which are digits like others, where there is room for them."""
    for port in (0, 9, 10, 9999, 10_000, 59_999, 60_000, 65_529, *range(65_530, 65_542), 99_999):
        for text in {b"%d" % port, b"%04d" % port, b"%05d" % port}:
            assert usual(b"a:" + text, None) == (KEPT if port < 1 << 16 else DOUBTFUL)
    assert usual(b"a:000080", None) == DOUBTFUL


# --- a worker whose cache is filled ---------------------------------------------------------


@routine
def look_up(connection: x27, worker: x28) -> None:
    """The long way, to where the answer is the connection's."""
    with frame():
        ldr(x0, [connection, Connection.buffer])
        bl(parse)
        ldr(x0, [connection, Connection.buffer])
        bl(judge)
        bl(dispatch)
    ret()


STEPS = (answer_shortly, send_batch, look_up, let_go, send, use_settings, write_log_times)


@routine
def step(what: x0, connection: x27, worker: x28) -> x0:
    """One of STEPS, by its place."""
    ways = [label() for _ in STEPS]

    with frame() as leave:
        for number, way in enumerate(ways):
            cmp(what, number)
            b.eq(way)
        brk(1)
        for each, way in zip(STEPS, ways, strict=True):
            here(way)
            bl(each)
            if not each.results:
                mov(x0, 0)
            elif isinstance(each.results[0], W):
                mov(w0, w0)
            b(leave)
    ret()


class Serving:
    """A worker that knows SITE already, and a connection whose client asks again."""

    def __init__(self, machine: Caller, form: LogFormat, requests: int) -> None:
        self.machine, self.tree = machine, Tree(SITE)
        machine.write(machine.address(SETTINGS), packed(log=form, requests=requests))
        self.cache = lay_shelves(machine, 8)
        self.worker = Memory(machine, Workspace)
        for field, value in {
            Workspace.root: ROOT,
            Workspace.changes: -1,
            Workspace.now: NOW,
            Workspace.ticks: 100,
            Workspace.epoch: 1000,
            Workspace.date: format_date(NOW),
        }.items():
            self.worker[field] = value
        self.connection = self.connected(b"")
        self.do(use_settings)
        self.do(write_log_times)
        for path in PATHS:
            for _ in range(2):
                head = b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"
                self.connection = self.connected(head)
                self.do(look_up)
                self.do(let_go)
        self.ask(b"")

    def connected(self, data: bytes) -> Memory:
        """A connection that has received something."""
        connection = Memory(self.machine, Connection)
        buffer = Input(self.machine, data)
        end = buffer.address + Buffer.input + len(data)
        self.machine.write(int(end), bytes(min(STOP, STOP + INPUT_MAX - len(data))))
        for field, value in {
            Connection.socket: SOCKET,
            Connection.state: State.HEAD,
            Connection.file: NO_FILE,
            Connection.buffer: int(buffer),
            Connection.peer: PEER,
            Connection.peer_size: len(PEER),
        }.items():
            connection[field] = value
        return connection

    def ask(self, data: bytes, takes: Iterable[int] = ()) -> None:
        """A client sends this at once, and will take so much."""
        self.connection = self.connected(data)
        self.buffer = Memory(self.machine, Buffer, self.connection[Connection.buffer])
        self.tree.takes.extend(takes)
        self.tree.sent.clear()
        self.tree.names.clear()
        self.worker[Workspace.log_size] = 0

    def do(self, what: Routine) -> int:
        where = int(self.connection), int(self.worker)
        return self.machine.call(STEPS.index(what), *where, kernel=self.tree)

    def queue_all(self) -> int:
        """Answer as long as answers wait: how many do."""
        count = 0
        while self.buffer[Buffer.start] < self.buffer[Buffer.received]:
            if self.do(answer_shortly) != QUEUED:
                break
            count += 1
        return count

    @property
    def waiting(self) -> list[bytes]:
        """The answers in the vector."""
        count = self.worker[Workspace.queued]
        table = self.worker.bytes(Workspace.vector, 16 * count) if count else b""
        words = [int.from_bytes(table[at : at + 8], "little") for at in range(0, len(table), 8)]
        pairs = zip(words[::2], words[1::2], strict=True)
        return [self.machine.read(address, size) for address, size in pairs]

    @property
    def left(self) -> bytes:
        """What the connection has to send still."""
        connection, parts = self.connection, b""
        for next_one, end in (
            (Connection.out, Connection.out_end),
            (Connection.rest, Connection.rest_end),
        ):
            first, last = connection[next_one], connection[end]
            parts += self.machine.read(first, last - first) if last > first else b""
        first, last = connection[Connection.file_offset], connection[Connection.file_end]
        if last > first:
            file = self.tree.open[connection[Connection.file]]
            assert isinstance(file, File)
            parts += file.content[first:last]
        return parts

    @property
    def log(self) -> list[bytes]:
        size = self.worker[Workspace.log_size]
        return self.worker.bytes(Workspace.log, size).splitlines() if size else []

    @property
    def pins(self) -> int:
        """How many connections send what is kept."""
        return sum(entry[Entry.pins] for entry in self.entries())

    def entries(self) -> list[Memory]:
        found: list[Memory] = []
        buckets = self.cache.bytes(Cache.buckets)
        for at in range(0, len(buckets), 8):
            address = int.from_bytes(buckets[at : at + 8], "little")
            while address:
                found.append(Memory(self.machine, Entry, address))
                address = found[-1][Entry.next]
        return found

    def entry(self, path: bytes) -> Memory:
        """The entry of a path."""
        [found] = [
            entry
            for entry in self.entries()
            if entry.bytes(Entry.key, Entry.key.size)[: entry[Entry.key_size]] == path[1:]
            and entry[Entry.key_size] == len(path) - 1
        ]
        return found

    def image(self) -> list[bytes]:
        """All that a request that goes the long way leaves as it was."""
        connection = self.machine.read(int(self.connection), sizeof(Connection))
        places = (Workspace.queued, Workspace.log_size, Workspace.vector, Workspace.queue)
        return [connection, *(self.worker.bytes(field) for field in places)]


@contextmanager
def serving(form: LogFormat = LogFormat.COMMON, requests: int = 1000) -> Generator[Serving]:
    with caller(step) as machine:
        try:
            yield Serving(machine, form, requests)
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


def right(sent: bytes, request: bytes) -> bool:
    """Whether this is the model's answer to a request, and no more."""
    return not differences(sent, converse(request, SITE, NOW), Times(NOW, NOW))


def test_the_cache_was_filled() -> None:
    with serving() as server:
        kept = {path: server.entry(path) for path in PATHS if path != b"/bare/"}
        assert {path: entry[Entry.status] for path, entry in kept.items()} == {
            path: {b"/missing": 404, b"/dir": 301}.get(path, 200) for path in kept
        }
        shelves = {path: Size(entry[Entry.shelf]) for path, entry in kept.items()}
        assert shelves[b"/big"] == Size.OPEN
        assert shelves[b"/medium"] == Size.MEDIUM
        assert CACHE in server.machine.program.addresses


# --- one request ------------------------------------------------------------------------------

OF_A = validators(File(b"hello", OLD), NOW)
TAG, MODIFIED = bytes(OF_A.tag), OF_A.last_modified

FIELDS = [
    b"",
    b"Connection: keep-alive\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\n",
    b"Accept: text/html,*/*\r\n",
    b"Accept: text/html;q=0.1,application/json\r\n",
    b"Accept: application/json\r\n",
    b"Accept: */*\r\n",
    b"Accept: text/htmx,*/*\r\n",
    b"If-None-Match: " + TAG + b"\r\n",
    b"If-None-Match: W/" + TAG + b"\r\n",
    b"If-None-Match: *\r\n",
    b'If-None-Match: "other"\r\n',
    b"If-None-Match: " + TAG[:-2] + b'0"\r\n',
    b"If-None-Match: " + TAG + b', "other"\r\n',
    b"If-Modified-Since: " + MODIFIED + b"\r\n",
    b"If-Modified-Since: " + format_date(NOW) + b"\r\n",
    b"If-Modified-Since: " + format_date(0) + b"\r\n",
    b"If-Modified-Since: x\r\n",
    b"If-Modified-Since: " + MODIFIED + b"\r\nIf-None-Match: " + TAG + b"\r\n",
    b"If-Modified-Since: " + MODIFIED + b'\r\nIf-None-Match: "other"\r\n',
    b"If-Match: " + TAG + b"\r\n",
    b'If-Match: "other"\r\n',
    b"If-Unmodified-Since: " + format_date(0) + b"\r\n",
    b"Range: bytes=1-2\r\n",
    b"Range: bytes=99999999-\r\n",
    b"If-Range: " + TAG + b"\r\n",
    b"If-Range: " + TAG + b"\r\nRange: bytes=1-2\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Referer: /\r\nUser-Agent: x\r\n",
]


def head_of(path: bytes, fields: bytes = b"", method: bytes = b"GET", host: bytes = b"a") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + fields + b"\r\n"


def check_one(server: Serving, head: bytes) -> int:
    """One request, which is answered rightly or left alone: which of the two."""
    server.ask(head)
    before, started = server.image(), server.buffer[Buffer.start]
    said = server.do(answer_shortly)
    if said == NOT_HERE:
        assert server.image() == before
        assert server.buffer[Buffer.start] == started
        return said
    if said == QUEUED:
        [answer] = server.waiting
        request = read_head(head)
        body = answer.partition(b"\r\n\r\n")[2]
        line = b'"%s" %d %d' % (head.partition(b"\r\n")[0], int(answer.split()[1]), len(body))
        assert [line in each for each in server.log] == [True]
        assert server.buffer[Buffer.start] == len(head) == request.size
        assert server.buffer[Buffer.request.phase] == Phase.BEYOND, "advance forgets it"
        assert server.connection[Connection.served] == 1
        assert server.do(send_batch) == SENT
        assert server.worker[Workspace.queued] == 0
        assert answer == bytes(server.tree.sent)
    else:
        assert said == BEGUN
        assert not server.waiting
        assert not server.log
        answer = server.left
        server.do(let_go)
    assert right(answer, head), head
    assert not server.pins
    return said


@pytest.mark.parametrize(
    "path", [*PATHS, b"/other", b"/a.txt?b=c", b"/dir?b", b"/x?y", b"/%61.txt"]
)
def test_one_request(path: bytes) -> None:
    """With every field that there is a use for, and for each method: as the model has it."""
    with serving() as server:
        for fields in FIELDS:
            for method in (b"GET", b"HEAD"):
                said = check_one(server, head_of(path, fields, method))
                if path in (b"/a.txt", b"/medium", b"/") and fields in FIELDS[:2]:
                    assert said == QUEUED
        for head in (
            head_of(path, method=b"OPTIONS"),
            head_of(path, host=b"a/b"),
            head_of(path, b"X: y\r\n")[:-1],
            head_of(path).replace(b"Host: a\r\n", b""),
            head_of(b"x" + path),
            head_of(b"http://a" + path),
        ):
            if not head.endswith(b"\r\n\r\n"):
                server.ask(head)
                assert server.do(answer_shortly) == NOT_HERE
            else:
                assert check_one(server, head) == NOT_HERE


@pytest.mark.parametrize("form", LogFormat)
def test_what_the_log_says(form: LogFormat) -> None:
    """The status and the bytes of what is sent, in every format; also of what is not whole yet."""
    cases = {b"": (200, 5), b"If-None-Match: " + TAG + b"\r\n": (304, 0)}
    with serving(form) as server:
        for fields, (status, size) in cases.items():
            head = head_of(b"/a.txt", fields)
            server.ask(head)
            assert server.do(answer_shortly) == QUEUED
            assert server.connection[Connection.status] == status
            if form == LogFormat.NONE:
                assert not server.log
            elif form == LogFormat.JSON:
                [line] = map(json.loads, server.log)
                assert (line["status"], line["bytes"]) == (status, size)
                assert line["request"] == "GET /a.txt HTTP/1.1"
            else:
                [text] = server.log
                assert b'"GET /a.txt HTTP/1.1" %d %d' % (status, size) in text
            assert server.do(send_batch) == SENT


def test_a_short_entity_tag() -> None:
    """That of a file from the very first moment; the long way compares it."""
    first = File(b"x", 1)
    tag = bytes(validators(first, NOW).tag)
    with serving() as server:
        server.tree.site = Directory({b"a.txt": first})
        server.worker[Workspace.epoch] = server.worker[Workspace.changed] = 1001
        for _ in range(2):
            server.ask(head_of(b"/a.txt"))
            server.do(look_up)
            server.do(let_go)
        for fields, status in {
            b"If-None-Match: " + tag + b"\r\n": b"304",
            b"If-Range: " + tag + b"\r\nRange: bytes=0-\r\n": b"206",
        }.items():
            server.ask(head_of(b"/a.txt", fields))
            assert server.do(answer_shortly) == BEGUN
            assert server.left.split()[1] == status
            server.do(let_go)


PLAIN = [
    *(b'"' + b"x" * size + b'"' for size in range(31)),
    *(TAG[:at] + b"x" + TAG[at + 1 :] for at in range(1, len(TAG) - 1)),
    *(TAG[:1] + b"x" + TAG[1:], TAG[:-1] + b'x"', TAG[:2] + TAG[3:], b'"' + TAG[1:].upper()),
    *(b'"a,b"', b'"W/"', b'"\xe4"'),
]
ODD = [
    *(b"*", b'"', b"x", b"W", b"W/", b'W/"', b'"x', b'x"', b'w/"x"', b'W/W/"x"', b'W/W/"x', b'"""'),
    *(b'"' + b"x" * size for size in range(28, 36)),
    b'"' + b"x" * 31 + b'"',  # it may be plain, but is not seen whole
    *(b'"%s" "' % (b"x" * size) for size in range(29)),
    *(b'"%s"x"' % (b"x" * size) for size in range(29)),
    *(b'"x", ' + TAG, TAG + b', "x"', b'"x",' + TAG, TAG + b"x", TAG + b'"', b'"' + TAG, TAG[1:]),
    *(TAG[:-1], TAG[:-1] + b"x", b'"x" ' + TAG, b'"x" W/' + TAG, b", " + TAG, TAG + b","),
]


@pytest.mark.parametrize("since", [b"", b"If-Modified-Since: " + MODIFIED + b"\r\n"])
@pytest.mark.parametrize("weak", [b"", b"W/"])
def test_another_entity_tag(weak: bytes, since: bytes) -> None:
    """One plain entity-tag is compared here, weakly; whatever else goes the long way."""
    with serving() as server:
        for tags, said in (([TAG, *PLAIN], QUEUED), (ODD, BEGUN)):
            for tag in tags:
                for method in b"GET", b"HEAD":
                    fields = since + b"If-None-Match: " + weak + tag + b"\r\n"
                    assert check_one(server, head_of(b"/a.txt", fields, method)) == said, tag
        for field in b"If-Match: " + TAG, b"If-Unmodified-Since: " + MODIFIED, b"Range: bytes=0-1":
            fields = since + b'If-None-Match: "x"\r\n' + field + b"\r\n"
            assert check_one(server, head_of(b"/a.txt", fields)) == BEGUN


def test_what_is_not_what_it_was_is_left_alone() -> None:
    """An entry of an earlier epoch, a file that was written to: the long way looks."""
    with serving() as server:
        for path in PATHS[:-1]:
            head = head_of(path, b"Accept: text/html,*/*\r\n")
            assert check_one(server, head) in (QUEUED, BEGUN)
            server.entry(path)[Entry.epoch] = 999
            assert check_one(server, head) == NOT_HERE
        big = server.entry(b"/big")
        big[Entry.epoch] = 1000
        server.tree.open[big[Entry.file]] = File(b"gib" * 30_000, OLD + 1)
        assert check_one(server, head_of(b"/big")) == NOT_HERE
        head = head_of(b"/big", b"If-None-Match: " + TAG + b"\r\n")
        assert check_one(server, head) == NOT_HERE, "nor is it said that nothing has changed"


def test_who_is_answered_shortly() -> None:
    """Not a last request, nor one that was read in part; nor where there is no room."""
    with serving(requests=3) as server:
        for served, queued, size, scanned, expected in (
            (0, 0, 0, 0, QUEUED),
            (1, 0, 0, 0, QUEUED),
            (2, 0, 0, 0, NOT_HERE),
            (0, BATCH_MAX - 1, 0, 0, QUEUED),
            (0, BATCH_MAX, 0, 0, NOT_HERE),
            (0, 0, LOG_ROOM - LINE_ROOM, 0, QUEUED),
            (0, 0, LOG_ROOM - LINE_ROOM + 1, 0, NOT_HERE),
            (0, 0, 0, 5, NOT_HERE),
        ):
            server.ask(head_of(b"/a.txt"))
            server.connection[Connection.served] = served
            server.worker[Workspace.queued] = queued
            server.worker[Workspace.log_size] = size
            server.buffer[Buffer.scanned] = scanned
            assert server.do(answer_shortly) == expected
            server.worker[Workspace.queued] = 0


def test_what_has_to_be_made_waits_for_those_before() -> None:
    """An answer of its own is begun only when no other waits."""
    special = head_of(b"/big")
    with serving() as server:
        server.ask(head_of(b"/a.txt") + special)
        assert server.do(answer_shortly) == QUEUED
        assert server.do(answer_shortly) == NOT_HERE
        assert server.do(send_batch) == SENT
        assert check_one(server, special) == BEGUN
        server.ask(head_of(b"/a.txt", b"Connection: close\r\n"))
        assert server.do(answer_shortly) == BEGUN
        assert server.connection[Connection.then] == Then.CLOSE


# --- several, of which the kernel takes less ------------------------------------------------------

BATCH = [
    head_of(b"/a.txt"),
    head_of(b"/missing", b"Accept: text/html,*/*\r\n"),
    head_of(b"/a.txt", b"If-None-Match: " + TAG + b"\r\n"),
    head_of(b"/dir/", method=b"HEAD"),
    head_of(b"/medium"),
    head_of(b"/medium", b"Range: bytes=-20\r\n"),
    head_of(b"/empty"),
    head_of(b"/a.txt", b"Range: bytes=1-2\r\n"),
]


def check_taken(server: Serving, heads: list[bytes], taken: int, failure: int = 0) -> None:
    """So many bytes of a batch are taken: what is left is the rest, and of nothing else."""
    answers = list(server.waiting)
    sizes = [len(answer) for answer in answers]
    total = sum(sizes)
    server.tree.takes.extend([-Errno.EINTR, failure or taken])
    said = server.do(send_batch)
    assert server.worker[Workspace.queued] == 0
    assert bytes(server.tree.sent) == b"".join(answers)[:taken]
    assert not server.tree.takes
    if taken == total:
        assert said == SENT
        assert len(server.log) == len(heads)
        assert server.pins == 0
        return
    assert said == (BLOCKED if failure in (0, -Errno.EAGAIN) else failure)
    first = next(n for n in range(len(sizes)) if sum(sizes[: n + 1]) > taken)
    assert server.left == b"".join(answers)[taken : sum(sizes[: first + 1])]
    connection, buffer = server.connection, server.buffer
    assert connection[Connection.state] == State.SENDING
    assert connection[Connection.served] == first + 1
    assert len(server.log) == first, "the line of what is being sent is written when it was"
    assert buffer[Buffer.start] == sum(map(len, heads[:first]))
    assert buffer[Buffer.cursor] == sum(map(len, heads[: first + 1]))
    assert buffer[Buffer.request.phase] == Phase.BEYOND
    head, _, body = answers[first].partition(b"\r\n\r\n")
    assert connection[Connection.status] == int(head.split()[1])
    assert connection[Connection.sent] == len(body)
    kept = connection[Connection.entry]
    assert bool(kept) == bool(body) == bool(server.pins)
    path = heads[first].split()[1]
    if body:
        assert kept == server.entry(path).address
    for entry in server.entries():
        assert entry[Entry.pins] == (entry.address == kept)


@pytest.mark.parametrize("count", range(1, len(BATCH) + 1))
def test_each_number_of_bytes_that_is_taken(count: int) -> None:
    """Around the beginning and end of every head and body, and some in between."""
    heads = BATCH[:count]
    with serving() as server:
        server.ask(b"".join(heads))
        assert server.queue_all() == count
        answers, places = server.waiting, {0}
        end = 0
        for answer in answers:
            edge = end + answer.index(b"\r\n\r\n") + 4
            end += len(answer)
            places |= {at + near for at in (edge, end) for near in range(-2, 3)}
            places |= {(edge + end) // 2, edge - 40}
        total = sum(map(len, answers))
        assert server.do(send_batch) == SENT
        for taken in sorted(place for place in places if 0 < place <= total):
            server.ask(b"".join(heads))
            assert server.queue_all() == count
            check_taken(server, heads, taken)
            server.do(let_go)
            assert server.pins == 0


@pytest.mark.parametrize("failure", [Errno.EAGAIN, Errno.EPIPE, Errno.ECONNRESET])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_kernel_that_takes_nothing(failure: int, count: int) -> None:
    heads = BATCH[-count:]
    with serving() as server:
        server.ask(b"".join(heads))
        assert server.queue_all() == count
        check_taken(server, heads, 0, -failure)


def test_nothing_waits() -> None:
    with serving() as server:
        assert server.do(send_batch) == SENT
        assert not server.tree.names


@settings(max_examples=60)
@given(
    chosen=st.lists(st.sampled_from(BATCH), min_size=1, max_size=8),
    takes=st.lists(st.integers(1, 9000) | st.just(-Errno.EAGAIN) | st.just(-Errno.EINTR)),
    form=st.sampled_from(LogFormat),
)
def test_batches_that_are_taken_bit_by_bit(
    chosen: list[bytes], takes: list[int], form: LogFormat
) -> None:
    """The rest goes out as the client takes it, and those behind are answered anew."""
    data = b"".join(chosen)
    with serving(form) as server:
        server.ask(data, takes)
        while server.buffer[Buffer.start] < len(data):
            assert server.queue_all()
            if server.do(send_batch) == SENT:
                continue
            while server.do(send) == BLOCKED:
                pass
            server.do(let_go)
            assert not server.left
            where = server.buffer[Buffer.cursor]
            server.buffer[Buffer.start] = where
            for field in (Buffer.cursor, Buffer.scanned):
                server.buffer[field] = where
            server.machine.write(
                int(server.buffer.address + Buffer.request),
                bytes(Buffer.request.firsts - Buffer.request),
            )
            server.connection[Connection.state] = State.HEAD
        assert right(bytes(server.tree.sent), data)
        assert server.connection[Connection.served] == len(chosen)
        assert server.pins == 0


def test_as_many_as_there_is_room_for() -> None:
    """The input is full of requests, and more than a batch: each is answered once."""
    head = head_of(b"/a.txt")
    data = head * (INPUT_MAX // len(head))
    with serving() as server:
        server.ask(data)
        answered = 0
        while server.buffer[Buffer.start] < len(data):
            count = server.queue_all()
            assert 0 < count <= BATCH_MAX
            answered += count
            assert server.do(send_batch) == SENT
        assert answered == len(data) // len(head)
        assert right(bytes(server.tree.sent), data)
