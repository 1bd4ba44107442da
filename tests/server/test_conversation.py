"""Conversations: the whole of HTTP in one routine, between a client and a kernel that are scripts.

Whatever a client can send comes whole, byte by byte and cut anywhere; what is answered is taken
as little at a time as a client may; and all of it must be what the reference model says.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import pool
from svc0.server.connection import NO_FILE, Buffer, Connection, State, Then
from svc0.server.conversation import CLOSE, LINGER_SECONDS, WAIT, expire, wake
from svc0.server.limits import (
    BODY_MAX,
    CHUNK_LINE_MAX,
    HEAD_MAX,
    INPUT_MAX,
    LINE_MAX,
    TRAILER_MAX,
)
from svc0.server.settings import SETTINGS, packed
from svc0.server.workspace import Workspace
from tests.clients.compare import Times, differences
from tests.clients.fuzz import generate
from tests.clients.hostile import TOPICS
from tests.clients.sites import LARGE, NOON, SECOND, SITE
from tests.model.conditions import format_date
from tests.model.conversation import REQUESTS_MOST, End, converse
from tests.model.site import Directory, File
from tests.server.kernel import POLLER, ROOT, SOCKET, Client
from tests.server.memory import Memory

NOW = NOON // SECOND + 1000
SECONDS = {"head_seconds": 20, "body_seconds": 61, "idle_seconds": 62, "send_seconds": 63}
WAKES_MOST = 5_000
GET_LARGE = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET /one.txt HTTP/1.1\r\nHost: a\r\n\r\n"


@routine
def happen(what: x0, connection: x27, worker: x28) -> x0:
    """One of the things that happen to a connection, by its place in HAPPENINGS."""
    waking, expiring = label(), label()

    with frame() as leave:
        cmp(what, 1)
        b.lo(waking)
        b.eq(expiring)
        bl(pool.give_connection)
        mov(x0, WAIT)
        b(leave)

        here(waking)
        bl(wake)
        b(leave)

        here(expiring)
        bl(expire)
    ret()


HAPPENINGS = (wake, expire, pool.give_connection)


class Server:
    """A worker with one connection, of which a kernel is the other end."""

    def __init__(self, machine: Caller, kernel: Client, requests: int) -> None:
        self.machine, self.kernel = machine, kernel
        machine.write(machine.address(SETTINGS), packed(requests=requests, **SECONDS))
        self.worker = Memory(machine, Workspace)
        self.connection = Memory(machine, Connection)
        self.buffers = Memory(machine, Buffer)
        for field, value in {
            Workspace.poller: POLLER,
            Workspace.root: ROOT,
            Workspace.now: NOW,
            Workspace.ticks: 1000,
            Workspace.active: 1,
            Workspace.fresh_buffers: self.buffers.address,
            Workspace.buffers_end: self.buffers.address + sizeof(Buffer),
        }.items():
            self.worker[field] = value
        self.worker[Workspace.date] = format_date(NOW)
        for field, value in {
            Connection.socket: SOCKET,
            Connection.state: State.HEAD,
            Connection.file: NO_FILE,
            Connection.deadline: 1000 + SECONDS["idle_seconds"],
        }.items():
            self.connection[field] = value
        self.closed = False
        self.wakes = 0

    @property
    def state(self) -> State:
        return State(self.connection[Connection.state])

    @property
    def buffer(self) -> Memory | None:
        """The connection's buffer, if it has one."""
        address = self.connection[Connection.buffer]
        assert address in (0, self.buffers.address)
        return self.buffers if address else None

    @property
    def left(self) -> int:
        """Ticks up to the deadline."""
        return self.connection[Connection.deadline] - self.worker[Workspace.ticks]

    @property
    def logged(self) -> bytes:
        """The access log so far."""
        waiting = self.worker.bytes(Workspace.log, self.worker[Workspace.log_size])
        return bytes(self.kernel.log) + waiting

    def pass_time(self, ticks: int = 1) -> None:
        self.worker[Workspace.ticks] = self.worker[Workspace.ticks] + ticks

    def happen(self, what: Routine) -> int:
        """Something happens to the connection: WAIT or CLOSE; what always holds does hold."""
        assert not self.closed
        result: int = self.machine.call(
            HAPPENINGS.index(what),
            int(self.connection),
            int(self.worker),
            kernel=self.kernel,
        )
        assert result in (WAIT, CLOSE)
        self.closed = result == CLOSE
        if not self.closed:
            self.check()
        return result

    def check(self) -> None:
        """What holds whenever a client is waited for."""
        sending = self.state == State.SENDING
        assert self.kernel.waits == ("output" if sending else "input")
        assert self.state != State.FREE
        assert self.left > 0, "it would be cut off at once"
        file = self.connection[Connection.file]
        assert list(self.kernel.open) == ([] if file == NO_FILE else [file])
        assert sending or file == NO_FILE
        assert self.kernel.shut == (self.state == State.LINGERING)
        if self.state == State.HEAD:
            assert self.connection[Connection.then] in (0, Then.STARTED)
            used = self.buffer and self.buffer[Buffer.received] > self.buffer[Buffer.start]
            assert used or not self.buffer, "an idle connection holds no buffer"
        else:
            assert self.buffer

    def run(self) -> None:
        """Wake the connection as long as there is a reason to."""
        while not self.closed:
            if self.state != State.SENDING and not self.kernel.readable:
                return
            self.happen(wake)
            self.wakes += 1
            assert self.wakes < WAKES_MOST, "it goes round and round"


@contextmanager
def serving(
    pieces: Iterable[bytes | int] = (),
    takes: Iterable[int] = (),
    *,
    site: Directory = SITE,
    requests: int = REQUESTS_MOST,
) -> Generator[Server]:
    """A server with a client that sends pieces."""
    with caller(happen) as machine:
        try:
            yield Server(machine, Client(site, pieces, takes), requests)
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


def agree(
    data: bytes,
    pieces: Iterable[bytes | int],
    takes: Iterable[int] = (),
    *,
    ended: bool = False,
    requests: int = REQUESTS_MOST,
) -> None:
    """What a client sees that sends data in these pieces must be what the model says."""
    expected = converse(data, SITE, NOW, ended=ended, most=requests)
    with serving([*pieces, *[b""] * ended], takes, requests=requests) as server:
        server.run()
        assert not differences(bytes(server.kernel.sent), expected, Times(NOW, NOW))
        assert not server.kernel.more, "what was promised to follow has not"
        assert server.logged.count(b"\n") == len(expected.answers)
        match expected.end:
            case End.OPEN:
                assert not server.closed
                assert server.state in (State.HEAD, State.BODY)
            case End.CLOSED:
                assert server.closed or server.state == State.LINGERING
            case End.ENDED | End.SILENT:
                assert server.closed
                assert not server.kernel.shut


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The same in pieces."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


hostile = st.sampled_from([request.data for topic in TOPICS.values() for request in topic])
made = st.integers(0, 1 << 30).map(lambda seed: next(generate(seed, 1)))
bodies = st.sampled_from(
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Content-Length: 0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n00\r\nX: y\r\nZ:\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"Connection: keep-alive, x\r\n\r\n",
        b"\r\n",
    ]
)
lines = st.sampled_from(
    [b"GET /", b"GET /ten.txt", b"HEAD /ten.txt", b"OPTIONS *", b"GET /bare", b"POST /"]
)
good = st.tuples(lines, st.sampled_from([0, 1, 1, 1]), bodies).map(
    lambda parts: b"%s HTTP/1.%d\r\nHost: a\r\n%s" % parts
)
clients = st.lists(good | made | hostile, min_size=1, max_size=4).map(b"".join)
failures = st.sampled_from([-Errno.EAGAIN, -Errno.EINTR])
places = st.lists(st.integers(0, 1 << 16), max_size=8)
takes = st.lists(failures | st.integers(1, 400), max_size=12)


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_whole(topic: str) -> None:
    for request in TOPICS[topic]:
        agree(request.data, [request.data], ended=request.cut)


def test_hostile_byte_by_byte() -> None:
    for request in [request for topic in TOPICS.values() for request in topic][::5]:
        pieces = [*cut(request.data[:150], range(150)), request.data[150:]]
        agree(request.data, filter(None, pieces), ended=request.cut)


@settings(max_examples=300)
@given(data=clients, places=places, failures=st.lists(failures, max_size=3), ended=st.booleans())
def test_clients_in_pieces(
    data: bytes, places: list[int], failures: list[int], ended: bool
) -> None:
    pieces: list[bytes | int] = [*cut(data, places)]
    for place, failure in zip(places, failures, strict=False):
        pieces.insert(place % (len(pieces) + 1), failure)
    agree(data, pieces, ended=ended)


@settings(max_examples=150)
@given(data=clients, places=places, takes=takes)
def test_clients_that_take_little(data: bytes, places: list[int], takes: list[int]) -> None:
    agree(data, cut(data, places), takes)


@given(count=st.integers(1, 6), requests=st.integers(1, 6), places=places)
def test_the_last_request(count: int, requests: int, places: list[int]) -> None:
    agree(GET * count, cut(GET * count, places), requests=requests)


@settings(max_examples=40)
@given(
    taken=st.lists(failures | st.integers(1, 100_000), max_size=30),
    part=st.sampled_from([b"", b"Range: bytes=1000-200000\r\n"]),
)
def test_a_large_file(taken: list[int], part: bytes) -> None:
    """It comes whole, however little is taken at a time, and the request behind it is answered."""
    data = GET_LARGE[:-2] + part + b"\r\n" + GET
    agree(data, [data], taken)


BODY = 200_000


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=10),
    chunks=st.lists(st.integers(1, 60_000), max_size=6),
)
def test_large_bodies(sizes: list[int], chunks: list[int]) -> None:
    """However a body comes, all of it is dropped, and the request behind it is answered."""
    if chunks:
        body = b"".join(b"%x;x=y\r\n%s\r\n" % (size, bytes(size)) for size in chunks)
        body = b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\nX: y\r\n\r\n"
    else:
        body = b"Content-Length: %d\r\n\r\n%s" % (BODY, bytes(BODY))
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + body + GET
    edges = [sum(sizes[:n]) for n in range(len(sizes))]
    agree(data, cut(data, [edge for edge in edges if edge < len(data)]))


@pytest.mark.parametrize("size", [BODY_MAX, BODY_MAX + 1])
def test_the_largest_body(size: int) -> None:
    for body in (
        b"Content-Length: %d\r\n\r\n%s" % (size, bytes(size)),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, bytes(size)),
    ):
        data = b"GET / HTTP/1.1\r\nHost: a\r\n" + body + GET
        agree(data, [data])


@pytest.mark.parametrize("spare", [-2, -1, 0, 1])
@pytest.mark.parametrize("before", [0, 2, 700])
def test_the_largest_heads(spare: int, before: int) -> None:
    """A line or a head of exactly its limit, behind so many requests that the input is full."""
    line = b"GET /%s HTTP/1.1\r\n"
    path = b"a" * (LINE_MAX + spare - len(line % b""))
    long_line = line % path + b"Host: a\r\n\r\n"
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n"
    long_head = head % (b"a" * (HEAD_MAX + spare - len(head % b"")))
    for request in (long_line, long_head):
        data = GET * before + request + GET
        agree(data, [data])
        agree(data, cut(data, range(0, len(data), INPUT_MAX - 1)))


@pytest.mark.parametrize("spare", [0, 1, 100, CHUNK_LINE_MAX, TRAILER_MAX, TRAILER_MAX + 1])
@pytest.mark.parametrize("size", [100, HEAD_MAX])
def test_a_body_has_room_wherever_its_head_ends(spare: int, size: int) -> None:
    """The head of a request ends where the input does, or so many bytes before."""
    begin = b"GET /one.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: "
    head = begin.ljust(size - 4, b"x") + b"\r\n\r\n"
    extension = b"1;".ljust(CHUNK_LINE_MAX - 2, b"x")
    trailer = b"X: ".ljust(TRAILER_MAX - 4, b"x")
    body = extension + b"\r\na\r\n5000\r\n" + bytes(0x5000) + b"\r\n0\r\n" + trailer + b"\r\n\r\n"
    filled = INPUT_MAX - spare - len(head)
    halves = filled // 2, filled - filled // 2
    before = b"".join((GET[:-2] + b"X: ").ljust(half - 4, b"x") + b"\r\n\r\n" for half in halves)
    data = before + head + body + GET
    assert data.index(body) == INPUT_MAX - spare
    agree(data, [data])
    agree(data, [data[: INPUT_MAX - spare], data[INPUT_MAX - spare :]])


# --- time ---------------------------------------------------------------------------


def test_an_idle_connection() -> None:
    """It holds no buffer, and has its time anew after each request."""
    with serving([GET]) as server:
        server.run()
        assert (server.buffer, server.left) == (None, SECONDS["idle_seconds"])
        server.pass_time(5)
        server.kernel.pieces.append(GET)
        server.run()
        assert (server.buffer, server.left) == (None, SECONDS["idle_seconds"])
        assert server.happen(expire) == CLOSE
        assert not server.kernel.shut


def test_the_time_of_a_head_runs_from_its_first_byte() -> None:
    with serving() as server:
        server.pass_time(7)
        for waited in range(SECONDS["head_seconds"] - 1):
            server.kernel.pieces.append(GET[waited : waited + 1])
            server.run()
            assert server.left == SECONDS["head_seconds"] - waited
            server.pass_time()


def test_the_time_of_a_head_behind_another() -> None:
    """The first bytes of a head come with the end of the request before it."""
    with serving([GET + GET[:5]]) as server:
        server.run()
        server.pass_time(3)
        server.kernel.pieces.append(GET[5:9])
        server.run()
        assert server.left == SECONDS["head_seconds"] - 3
        server.kernel.pieces.append(GET[9:])
        server.run()
        assert server.left == SECONDS["idle_seconds"]
        server.kernel.pieces.append(GET[:1])
        server.run()
        assert server.left == SECONDS["head_seconds"]


def test_the_time_of_a_body_runs_from_the_end_of_its_head() -> None:
    with serving([GET[:-2] + b"Content-Length: 9\r\n\r\n"]) as server:
        for _ in range(8):
            server.run()
            server.pass_time()
            server.kernel.pieces.append(b"x")
        server.run()
        assert server.left == SECONDS["body_seconds"] - 8
        assert server.state == State.BODY


def test_a_client_that_takes_something_has_its_time_anew() -> None:
    with serving([GET_LARGE], [9, 1, 5000, 40, -Errno.EAGAIN, 7]) as server:
        head = 234
        for sent in (9, 10, head + 40, head + 40, head + 47):
            server.happen(wake)
            assert len(server.kernel.sent) == sent
            assert (server.state, server.left) == (State.SENDING, SECONDS["send_seconds"])
            server.pass_time(5)
        assert head_size(server) == head
        assert server.happen(expire) == CLOSE
        assert server.logged.endswith(b" 200 47\n")


def head_size(server: Server) -> int:
    return server.kernel.sent.index(b"\r\n\r\n") + 4


@settings(max_examples=60)
@given(data=good, place=st.integers(0, 1 << 16))
def test_too_slow(data: bytes, place: int) -> None:
    """Whatever has begun is answered with 408; what has not is closed without a word."""
    [piece] = cut(data, [place])[:1]
    if converse(piece, SITE, NOW).answers:
        return
    with serving([piece]) as server:
        server.run()
        in_head, method = server.state == State.HEAD, data.partition(b" ")[0]
        assert server.happen(expire) == WAIT
        assert server.state == State.LINGERING
        answer = bytes(server.kernel.sent)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nConnection: close\r\n" in answer
        knows_method = not in_head or b"\r\n" in piece
        assert answer.endswith(b"\r\n\r\n") == (method == b"HEAD" and knows_method)
        assert server.happen(expire) == CLOSE


# --- the end ------------------------------------------------------------------------


REFUSED = b"nonsense\r\n"


def test_lingering() -> None:
    """After a refusal the rest is read and forgotten, up to its end."""
    rest: list[bytes | int] = [b"x" * 100_000, -Errno.EINTR, GET, -Errno.EAGAIN, b"y"]
    with serving([REFUSED, *rest]) as server:
        server.happen(wake)
        answer = bytes(server.kernel.sent)
        assert server.left == LINGER_SECONDS
        server.pass_time()
        server.run()
        assert (server.closed, server.left) == (False, LINGER_SECONDS - 1)
        server.kernel.pieces.append(b"")
        server.run()
        assert server.closed
        assert server.kernel.sent == answer


LAST = GET[:-2] + b"Connection: close\r\n\r\n"
EXPECTING = GET[:-2] + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "lingers"),
    [(LAST, False), (LAST + b"x", True), (GET + LAST, False), (EXPECTING, True), (REFUSED, True)],
    ids=["read", "more", "second", "expecting", "refused"],
)
def test_who_lingers(data: bytes, lingers: bool) -> None:
    """Only where all that was sent has been read can the connection be closed at once."""
    with serving([data]) as server:
        server.run()
        assert server.closed != lingers
        assert server.kernel.shut == lingers


@pytest.mark.parametrize("what", [b"", -Errno.ECONNRESET])
def test_nobody_lingers_alone(what: bytes | int) -> None:
    with serving([REFUSED, what]) as server:
        server.run()
        assert server.closed


@pytest.mark.parametrize(
    "data", [b"", GET[:9], GET[:-2] + b"Content-Length: 9\r\n\r\nabc"], ids=["idle", "head", "body"]
)
@pytest.mark.parametrize("what", [b"", -Errno.ECONNRESET, -Errno.ETIMEDOUT])
def test_a_client_that_goes(data: bytes, what: bytes | int) -> None:
    with serving([*[data] * bool(data), what]) as server:
        server.run()
        assert server.closed
        assert not server.kernel.sent


@pytest.mark.parametrize("taken", [[], [5], [5, 6], [1000, -Errno.EAGAIN], [1000, 10_000]])
@pytest.mark.parametrize("failure", [-Errno.EPIPE, -Errno.ECONNRESET])
def test_a_client_that_goes_while_it_is_answered(taken: list[int], failure: int) -> None:
    """What it took is logged; whoever closes the connection closes the file."""
    with serving([GET_LARGE], [*taken, failure, 1]) as server:
        server.run()
        assert server.closed
        assert list(server.kernel.open) == [server.connection[Connection.file]]
        body = 10_000 if 10_000 in taken else 0
        assert len(server.kernel.sent) == body + (
            head_size(server) if 1000 in taken else sum(taken)
        )
        assert server.logged.endswith(b'" 200 %d\n' % body)


def test_a_file_that_shrinks() -> None:
    with serving([GET_LARGE], [1000, 10_000]) as server:
        server.happen(wake)
        [file] = server.kernel.open
        server.kernel.open[file] = File(LARGE.content[:60_000], 0)
        server.run()
        assert server.closed
        assert len(server.kernel.sent) - head_size(server) == 60_000


def test_no_buffer() -> None:
    with serving([GET]) as server:
        server.worker[Workspace.fresh_buffers] = server.worker[Workspace.buffers_end]
        assert server.happen(wake) == CLOSE


def test_a_slot_that_is_free_again() -> None:
    """An event may come for a connection that an event before it has closed."""
    with serving([GET]) as server:
        server.happen(wake)
        server.connection[Connection.state] = State.FREE
        server.kernel.names.clear()
        call = (0, int(server.connection), int(server.worker))
        assert server.machine.call(*call, kernel=server.kernel) == WAIT
        assert not server.kernel.names


def test_a_worker_that_stops() -> None:
    """The request that was begun is answered, and is the last."""
    with serving([GET[:9]]) as server:
        server.run()
        server.worker[Workspace.stopping] = 1
        server.kernel.pieces.append(GET[9:])
        server.run()
        assert server.kernel.shut
        server.kernel.pieces.append(b"")
        server.run()
        assert server.closed
        assert b"\r\nConnection: close\r\n" in server.kernel.sent


def test_a_worker_that_stops_while_it_answers() -> None:
    with serving([GET], [5]) as server:
        server.happen(wake)
        server.worker[Workspace.stopping] = 1
        server.kernel.pieces.append(GET)
        server.run()
        assert server.kernel.shut
        server.kernel.pieces.append(b"")
        server.run()
        assert server.closed
        assert server.kernel.sent.count(b"HTTP/1.1 200") == 1
