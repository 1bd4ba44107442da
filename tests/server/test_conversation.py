"""Conversations: the whole of HTTP in one routine, between a client and a kernel that are scripts.

Whatever a client can send comes whole, byte by byte and cut anywhere; what is answered is taken
as little at a time as a client may; and all of it must be what the reference model says.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import pool
from svc0.server.cache import CACHE, SHELVES, Entry, Places, Size
from svc0.server.connection import NO_FILE, Buffer, Connection, State, Then
from svc0.server.conversation import CLOSE, WAIT, expire, wake
from svc0.server.deadlines import FAREWELL_SECONDS, LINGER_SECONDS, set_deadlines
from svc0.server.limits import (
    BODY_MAX,
    CHUNK_LINE_MAX,
    HEAD_MAX,
    INPUT_MAX,
    LINE_MAX,
    TRAILER_MAX,
)
from svc0.server.log import LINE_ROOM, write_log_times
from svc0.server.response import let_go
from svc0.server.settings import SETTINGS, LogFormat, packed
from svc0.server.unsent import LEAST
from svc0.server.worker import use_settings
from svc0.server.workspace import BATCH_MAX, LOG_ROOM, Patience, Workspace
from tests.clients import wire
from tests.clients.compare import Times, differences
from tests.clients.fuzz import generate
from tests.clients.hostile import TOPICS
from tests.clients.sites import LARGE, NOON, SECOND, SITE
from tests.model.conditions import format_date
from tests.model.conversation import REQUESTS_MOST, Conversation, End, converse
from tests.model.site import Directory, File
from tests.server.kernel import POLLER, ROOT, SOCKET, Client
from tests.server.memory import Memory

NOW = NOON // SECOND + 1000
SECONDS = {"head_seconds": 20, "body_seconds": 61, "idle_seconds": 62, "send_seconds": 63}
CACHE_SECONDS = 3
PLACES = {Size.OPEN: 2, Size.SMALL: 4, Size.MEDIUM: 1, Size.LARGE: 1, Size.OTHER: 2}
PEER = b"192.0.2.7"
WAKES_MOST = 5_000
GET_LARGE = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET /one.txt HTTP/1.1\r\nHost: a\r\n\r\n"


@routine
def happen(what: x0, connection: x27, worker: x28) -> x0:
    """One of the things that happen to a connection, by its place in HAPPENINGS."""
    ways = [label() for _ in HAPPENINGS]

    with frame() as leave:
        for number, way in enumerate(ways):
            cmp(what, number)
            b.eq(way)
        brk(1)
        for routine, way in zip(HAPPENINGS, ways, strict=True):
            here(way)
            if not routine.results:
                mov(x9, 0)
            bl(routine)
            if not routine.results:
                mov(x0, WAIT)
            b(leave)
    ret()


HAPPENINGS = (
    wake,
    expire,
    let_go,
    pool.give_buffer,
    pool.give_connection,
    set_deadlines,
    write_log_times,
    use_settings,
)


def lay_out_cache(machine: Caller) -> None:
    """Shelves of a few places, in whose answers nothing has been written yet."""
    for size, count in PLACES.items():
        places = Memory(machine, Places, machine.address(CACHE) + size * sizeof(Places))
        entries = machine.place(bytearray(count * sizeof(Entry)))
        answers = machine.place(bytearray(count * SHELVES[size].room))
        machine.forget(answers, count * SHELVES[size].room)
        for field in Places.begin, Places.fresh, Places.hand:
            places[field] = entries
        places[Places.end] = entries + count * sizeof(Entry)
        places[Places.answers] = answers


def entries_of(machine: Caller, size: Size) -> list[Memory]:
    """Those of a shelf that were used."""
    places = Memory(machine, Places, machine.address(CACHE) + size * sizeof(Places))
    used = range(places[Places.begin], places[Places.fresh], sizeof(Entry))
    return [Memory(machine, Entry, address) for address in used]


def lay_out_worker(machine: Caller, worker: Memory) -> None:
    """What a worker has when it waits for its first event, where nothing tells of changes."""
    ticks = 1000
    for field, value in {
        Workspace.poller: POLLER,
        Workspace.root: ROOT,
        Workspace.changes: -1,
        Workspace.now: NOW,
        Workspace.ticks: ticks,
        Workspace.epoch: 1,
    }.items():
        worker[field] = value
    worker[Workspace.date] = format_date(NOW)
    for patience in Patience:
        worker[Workspace.until[patience]] = ticks + PATIENCE[patience]


PATIENCE = {
    Patience.IDLE: SECONDS["idle_seconds"],
    Patience.HEAD: SECONDS["head_seconds"],
    Patience.BODY: SECONDS["body_seconds"],
    Patience.SEND: SECONDS["send_seconds"],
    Patience.LINGER: LINGER_SECONDS,
    Patience.FAREWELL: FAREWELL_SECONDS,
}


class Server:
    """A worker with one connection, of which a kernel is the other end."""

    def __init__(
        self, machine: Caller, kernel: Client, requests: int, form: LogFormat, *, watched: bool
    ) -> None:
        self.machine, self.kernel = machine, kernel
        options = {**SECONDS, "cache_seconds": CACHE_SECONDS, "log": form}
        machine.write(machine.address(SETTINGS), packed(requests=requests, **options))
        self.worker = Memory(machine, Workspace)
        self.connection = Memory(machine, Connection)
        self.buffers = Memory(machine, Buffer)
        lay_out_cache(machine)
        lay_out_worker(machine, self.worker)
        connection = int(self.connection)
        for field, value in {
            Workspace.active: 1,
            Workspace.soonest[Patience.IDLE]: connection,
            Workspace.latest[Patience.IDLE]: connection,
            Workspace.fresh_buffers: self.buffers.address,
            Workspace.buffers_end: self.buffers.address + sizeof(Buffer),
        }.items():
            self.worker[field] = value
        for field, value in {
            Connection.socket: SOCKET,
            Connection.state: State.HEAD,
            Connection.file: NO_FILE,
            Connection.watched: watched,
            Connection.peer_size: len(PEER),
            Connection.deadline: 1000 + SECONDS["idle_seconds"],
        }.items():
            self.connection[field] = value
        self.connection[Connection.peer] = PEER
        self.closed = False
        self.wakes = 0
        self.perform(use_settings)
        self.perform(write_log_times)

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
        """So many seconds are over, as the worker's ``tick`` notes it."""
        now = self.worker[Workspace.now] + ticks
        self.worker[Workspace.ticks] = self.worker[Workspace.ticks] + ticks
        self.worker[Workspace.epoch] = self.worker[Workspace.epoch] + 1
        self.worker[Workspace.now] = now
        self.worker[Workspace.date] = format_date(now)
        self.perform(write_log_times)
        self.perform(set_deadlines)

    def tell_of_changes(self) -> None:
        """The kernel has said that something below the root is another now."""
        self.worker[Workspace.epoch] = self.worker[Workspace.epoch] + 1
        self.worker[Workspace.changed] = self.worker[Workspace.epoch]

    def stop(self) -> None:
        """The worker was told to stop: each request is the last one."""
        self.worker[Workspace.stopping] = 1
        self.worker[Workspace.requests] = 0

    def perform(self, what: Routine) -> int:
        """Let one of the routines run."""
        about = int(self.connection), int(self.worker)
        result: int = self.machine.call(HAPPENINGS.index(what), *about, kernel=self.kernel)
        return result

    def happen(self, what: Routine) -> int:
        """Something happens to the connection: WAIT or CLOSE; what always holds does hold."""
        assert not self.closed
        result = self.perform(what)
        assert result in (WAIT, CLOSE)
        self.closed = result == CLOSE
        assert self.worker[Workspace.queued] == 0
        if not self.closed:
            self.check()
        return result

    def check(self) -> None:
        """What holds whenever a client is waited for."""
        sending = self.state == State.SENDING
        if self.connection[Connection.watched]:
            assert self.kernel.waits == ("output" if sending else "input")
        else:
            assert not self.kernel.changes, "the poller knows nothing of it"
        assert self.state != State.FREE
        assert self.left > 0, "it would be cut off at once"
        assert sending or self.connection[Connection.file] == NO_FILE
        self.check_entries()
        assert self.kernel.shut == (self.state == State.LINGERING)
        if self.state == State.HEAD:
            used = self.buffer and self.buffer[Buffer.received] > self.buffer[Buffer.start]
            assert used or not self.buffer, "an idle connection holds no buffer"
            expected = Then.STARTED if used else 0
            assert self.connection[Connection.then] == expected
        else:
            assert self.buffer
        for patience in Patience:
            alone = int(self.connection) * (patience == self.connection[Connection.patience])
            for end in Workspace.soonest, Workspace.latest:
                assert self.worker[end[patience]] == alone

    def check_entries(self) -> None:
        """What is being sent is pinned, and nothing else; every file that is open is somebody's."""
        sent = self.connection[Connection.entry]
        opened: list[int] = []
        for size in PLACES:
            for entry in entries_of(self.machine, size):
                assert entry[Entry.pins] == (int(entry) == sent)
                opened += [entry[Entry.file]] * (entry[Entry.file] != NO_FILE)
        if not sent and self.connection[Connection.file] != NO_FILE:
            opened.append(self.connection[Connection.file])
        assert sorted(self.kernel.open) == sorted(opened)

    def run(self) -> None:
        """Wake the connection as long as there is a reason to."""
        while not self.closed:
            if self.state != State.SENDING and not self.kernel.readable:
                return
            self.happen(wake)
            self.wakes += 1
            assert self.wakes < WAKES_MOST, "it goes round and round"

    def keep(self, *requests: bytes) -> None:
        """Let answers to these be in the cache; all else is as if they had not been asked for."""
        for request in requests:
            for _ in range(2):
                self.kernel.pieces.append(request)
                self.run()
        self.forget()

    def forget(self) -> None:
        """What was sent and logged so far does not count."""
        assert self.state == State.HEAD
        assert not self.buffer
        self.connection[Connection.served] = 0
        self.worker[Workspace.log_size] = 0
        for what in self.kernel.sent, self.kernel.log, self.kernel.names, self.kernel.changes:
            what.clear()
        self.wakes = 0


@contextmanager
def serving(
    pieces: Iterable[bytes | int] = (),
    takes: Iterable[int] = (),
    *,
    site: Directory = SITE,
    requests: int = REQUESTS_MOST,
    keeps: Iterable[bytes] = (),
    form: LogFormat = LogFormat.COMMON,
    watched: bool = True,
) -> Generator[Server]:
    """A server with a client that sends pieces; what it keeps was asked for before."""
    with caller(happen) as machine:
        try:
            server = Server(machine, Client(site), REQUESTS_MOST, form, watched=watched)
            server.keep(*keeps)
            server.worker[Workspace.requests] = requests
            server.kernel.pieces.extend(pieces)
            server.kernel.takes.extend(takes)
            yield server
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


def agree(
    data: bytes,
    pieces: Iterable[bytes | int],
    takes: Iterable[int] = (),
    *,
    ended: bool = False,
    requests: int = REQUESTS_MOST,
    keeps: Iterable[bytes] = (),
) -> None:
    """What a client sees that sends data in these pieces must be what the model says."""
    expected = converse(data, SITE, NOW, ended=ended, most=requests)
    with serving([*pieces, *[b""] * ended], takes, requests=requests, keeps=keeps) as server:
        server.run()
        assert not differences(bytes(server.kernel.sent), expected, Times(NOW, NOW))
        assert not server.kernel.more, "what was promised to follow has not"
        assert endings(server.logged) == endings_of(bytes(server.kernel.sent), expected)
        match expected.end:
            case End.OPEN:
                assert not server.closed
                assert server.state in (State.HEAD, State.BODY)
            case End.CLOSED:
                assert server.closed or server.state == State.LINGERING
            case End.ENDED | End.SILENT:
                assert server.closed
                assert not server.kernel.shut


LINE = re.compile(rb'(.+) - - \[(.+)\] "(.*)" ([0-9]{3}) ([0-9]+)')


def log_lines(log: bytes) -> list[tuple[bytes, int, int]]:
    """Of each line the request, the status, and how many bytes of body were sent."""
    assert not log or log.endswith(b"\n")
    lines: list[tuple[bytes, int, int]] = []
    for line in log.split(b"\n")[:-1]:
        parts = LINE.fullmatch(line)
        assert parts, line
        assert parts[1] == PEER
        lines.append((parts[3], int(parts[4]), int(parts[5])))
    return lines


def endings(log: bytes) -> list[tuple[int, int]]:
    """Of each line the status, and how many bytes of body were sent."""
    return [(status, size) for _, status, size in log_lines(log)]


def endings_of(sent: bytes, expected: Conversation) -> list[tuple[int, int]]:
    """What the log has to say of answers that all were sent whole."""
    answers, _ = wire.split(sent, [answer.bodiless for answer in expected.answers])
    return [(answer.status, len(answer.body)) for answer in answers]


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


def get(path: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path


WARM = tuple(map(get, (b"/", b"/ten.txt", b"/one.txt", b"/bare", b"/missing", b"/large.bin")))
"""Requests of which the answers are kept, one of each kind."""

kept = st.sampled_from([(), WARM])
"""Nothing was asked for before, or all of that."""


@pytest.mark.parametrize("topic", TOPICS)
def test_hostile_whole(topic: str) -> None:
    for request in TOPICS[topic]:
        agree(request.data, [request.data], ended=request.cut)


def test_hostile_byte_by_byte() -> None:
    for request in [request for topic in TOPICS.values() for request in topic][::5]:
        pieces = [*cut(request.data[:150], range(150)), request.data[150:]]
        agree(request.data, filter(None, pieces), ended=request.cut)


@settings(max_examples=300)
@given(
    data=clients,
    places=places,
    failures=st.lists(failures, max_size=3),
    ended=st.booleans(),
    keeps=kept,
)
def test_clients_in_pieces(
    data: bytes, places: list[int], failures: list[int], ended: bool, keeps: tuple[bytes, ...]
) -> None:
    pieces: list[bytes | int] = [*cut(data, places)]
    for place, failure in zip(places, failures, strict=False):
        pieces.insert(place % (len(pieces) + 1), failure)
    agree(data, pieces, ended=ended, keeps=keeps)


@settings(max_examples=150)
@given(data=clients, places=places, takes=takes, keeps=kept)
def test_clients_that_take_little(
    data: bytes, places: list[int], takes: list[int], keeps: tuple[bytes, ...]
) -> None:
    agree(data, cut(data, places), takes, keeps=keeps)


@given(count=st.integers(1, 6), requests=st.integers(1, 6), places=places, keeps=kept)
def test_the_last_request(
    count: int, requests: int, places: list[int], keeps: tuple[bytes, ...]
) -> None:
    agree(GET * count, cut(GET * count, places), requests=requests, keeps=keeps)


@settings(max_examples=40)
@given(
    taken=st.lists(failures | st.integers(1, 100_000), max_size=30),
    part=st.sampled_from([b"", b"Range: bytes=1000-200000\r\n"]),
    keeps=kept,
)
def test_a_large_file(taken: list[int], part: bytes, keeps: tuple[bytes, ...]) -> None:
    """It comes whole, however little is taken at a time, and the request behind it is answered."""
    data = GET_LARGE[:-2] + part + b"\r\n" + GET
    agree(data, [data], taken, keeps=keeps)


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


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("size", [HEAD_MAX - 14, HEAD_MAX - 1, HEAD_MAX])
def test_what_was_moved_is_not_read_where_it_was(size: int, method: bytes) -> None:
    """A head and its body move down to have room; behind them lies what was there before."""
    begin = b"GET /one.txt HTTP/1.1\r\nHost: a\r\nX: "
    first = begin.ljust(size - 4, b"v") + b"\r\n\r\n"
    second = method + b" /one.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    data = first + second + begin
    for step in (len(data), 1448, len(first)):
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        for rest in ([], [b"v\r\n\r\n"]):
            agree(data + b"".join(rest), [*pieces, *rest], keeps=[GET])


# --- the short way ------------------------------------------------------------------

BATCH = [b"GET /one.txt", b"HEAD /ten.txt", b"GET /missing", b"GET /ten.txt"]
"""Requests whose answers lie in the cache: of a byte, of a head alone, of none, of ten bytes."""


def batch(lines: Iterable[bytes] = BATCH) -> bytes:
    return b"".join(line + b" HTTP/1.1\r\nHost: a\r\n\r\n" for line in lines)


@pytest.mark.parametrize("part", [b"0-0", b"0-", b"-1", b"3-5", b"9-9", b"10-", b"5-4", b"0-99"])
def test_parts_of_what_is_kept(part: bytes) -> None:
    """Alone, among others, and cut off by the kernel at some places."""
    field = b"Range: bytes=" + part + b"\r\n\r\n"
    asked = [get(path)[:-2] + field for path in (b"/one.txt", b"/ten.txt", b"/")]
    for request in asked:
        agree(request, [request], keeps=WARM)
    data = b"".join([asked[0], GET, asked[1], asked[2], GET])
    agree(data, [data], keeps=WARM)
    for taken in (1, 100, 300, 500, 900):
        agree(data, [data], [taken], keeps=WARM)


@contextmanager
def holding_answers() -> Generator[tuple[Server, list[tuple[bytes, int]]]]:
    """A server that has the answers to BATCH; and these, each with the size of its head."""
    with serving(keeps=WARM) as server:
        server.kernel.pieces.append(batch())
        server.run()
        assert server.kernel.names == ["recvfrom", "sendmsg"], "nothing else is done for them"
        whole = bytes(server.kernel.sent)
        received, rest = wire.split(whole, [line.startswith(b"HEAD") for line in BATCH])
        assert not rest
        answers: list[tuple[bytes, int]] = []
        for answer in received:
            end = whole.index(b"\r\n\r\n") + 4
            answers.append((whole[: end + len(answer.body)], end))
            whole = whole[end + len(answer.body) :]
        server.forget()
        yield server, answers


def log_of(
    answers: list[tuple[bytes, int]], taken: int, *, also: bool = True
) -> list[tuple[bytes, int, int]]:
    """What the log says when so many bytes of answers were taken; also of one of which none was."""
    lines: list[tuple[bytes, int, int]] = []
    for line, (answer, head) in zip(BATCH, answers, strict=True):
        if taken or also:
            sent = max(min(taken, len(answer)) - head, 0)
            lines.append((line + b" HTTP/1.1", int(answer[9:12]), sent))
        if taken < len(answer):
            break
        taken -= len(answer)
    return lines


def test_a_batch_of_which_anything_is_taken() -> None:
    """Wherever the kernel stops taking, the client gets all of it, and the log has each once."""
    with holding_answers() as (server, answers):
        whole = b"".join(answer for answer, _ in answers)
        for taken in range(1, len(whole)):
            server.kernel.pieces.append(batch())
            server.kernel.takes.append(taken)
            server.happen(wake)
            assert server.state == State.SENDING
            assert server.kernel.sent == whole[:taken]
            assert log_lines(server.logged) == log_of(answers, taken)[:-1]
            server.run()
            assert server.kernel.sent == whole
            assert log_lines(server.logged) == log_of(answers, len(whole))
            assert not server.kernel.more
            server.forget()


@pytest.mark.parametrize("failure", [Errno.EPIPE, Errno.ECONNRESET])
def test_a_batch_of_which_no_more_is_taken(failure: int) -> None:
    """Whatever was taken is logged, and what was never taken is not."""
    with holding_answers() as (server, answers):
        whole = b"".join(answer for answer, _ in answers)
        for taken in range(len(whole)):
            server.kernel.pieces.append(batch())
            server.kernel.takes.extend([*[taken] * (taken > 0), -failure])
            server.run()
            assert server.closed
            assert server.kernel.sent == whole[:taken]
            assert log_lines(server.logged) == log_of(answers, taken)
            renew(server)


def renew(server: Server) -> None:
    """The worker has closed the connection; another client comes to its place."""
    server.perform(let_go)
    server.check_entries()
    server.perform(pool.give_buffer)
    for field, value in {
        Connection.state: State.HEAD,
        Connection.then: 0,
        Connection.out: 0,
        Connection.out_end: 0,
        Connection.file_offset: 0,
        Connection.file_end: 0,
    }.items():
        server.connection[field] = value
    server.closed, server.kernel.waits = False, "input"
    server.forget()


@pytest.mark.parametrize("lines", [BATCH, BATCH[:1]], ids=["several", "one"])
@settings(max_examples=60)
@given(takes=takes)
@example(takes=[-Errno.EAGAIN])
@example(takes=[-Errno.EINTR, -Errno.EINTR])
@example(takes=[-Errno.EINTR, 7, -Errno.EINTR, -Errno.EAGAIN, 1])
def test_a_batch_that_is_taken_bit_by_bit(lines: list[bytes], takes: list[int]) -> None:
    agree(batch(lines), [batch(lines)], takes, keeps=WARM)


@pytest.mark.parametrize("count", [1, 2, BATCH_MAX - 1, BATCH_MAX, BATCH_MAX + 1, 3 * BATCH_MAX])
def test_many_at_once(count: int) -> None:
    """What came together leaves together, as far as there is room for it."""
    request = get(b"/one.txt")
    data = request * count
    expected = converse(data, SITE, NOW)
    with serving([data], keeps=WARM) as server:
        server.run()
        assert not differences(bytes(server.kernel.sent), expected, Times(NOW, NOW))
        assert log_lines(server.logged) == [(b"GET /one.txt HTTP/1.1", 200, 1)] * count
        rounds = -(-count // BATCH_MAX)
        sends = sum(name in ("sendmsg", "sendto") for name in server.kernel.names)
        assert sends <= 2 * rounds


@pytest.mark.parametrize("room", [0, 1, LINE_ROOM - 1, LINE_ROOM, LINE_ROOM + 40, 2 * LINE_ROOM])
@pytest.mark.parametrize("taken", [[], [1], [300]])
def test_a_batch_whose_lines_have_no_room(room: int, taken: list[int]) -> None:
    """What waits is written before, and nothing is lost."""
    before = (b"x" * 63 + b"\n") * (LOG_ROOM // 64)
    before = before[len(before) - (LOG_ROOM - room) :]
    with serving([batch()], taken, keeps=WARM) as server:
        server.worker[Workspace.log] = before
        server.worker[Workspace.log_size] = len(before)
        server.run()
        assert server.logged.startswith(before)
        expected = converse(batch(), SITE, NOW)
        ends = endings(server.logged[len(before) :])
        assert ends == endings_of(bytes(server.kernel.sent), expected)


@pytest.mark.parametrize("form", LogFormat)
def test_a_batch_in_every_format(form: LogFormat) -> None:
    """A line for each, or none at all; the agent is read again where an answer is taken in part."""
    fields = b"User-Agent: me\r\nReferer: you\r\n\r\n"
    data = batch().replace(b"Host: a\r\n\r\n", b"Host: a\r\n" + fields)
    for taken in ([], [1], [300], [700]):
        with serving([data], taken, keeps=WARM, form=form) as server:
            server.run()
            lines = server.logged.splitlines()
            assert len(lines) == (0 if form == LogFormat.NONE else len(BATCH))
            named = form in (LogFormat.COMBINED, LogFormat.JSON)
            assert all((b'"me"' in line and b'"you"' in line) == named for line in lines)


def test_a_head_in_parts_behind_a_batch() -> None:
    """It is read from its start, and the connection waits for another as if it came in one."""
    for place in range(1, len(GET)):
        with serving([batch() + GET[:place]], keeps=WARM) as server:
            server.run()
            assert server.left == SECONDS["head_seconds"]
            server.kernel.pieces.append(GET[place:])
            server.run()
            assert server.left == SECONDS["idle_seconds"]
            assert len(log_lines(server.logged)) == len(BATCH) + 1
            server.kernel.pieces.append(GET[:1])
            server.run()
            assert server.left == SECONDS["head_seconds"], "its time is not that of idle ones"


def test_a_worker_that_stops_while_a_batch_is_sent() -> None:
    """The answer that was begun is finished; of those behind it nothing was given away."""
    with holding_answers() as (server, answers):
        taken = len(answers[0][0]) + 5
        server.kernel.pieces.append(batch())
        server.kernel.takes.append(taken)
        server.happen(wake)
        server.stop()
        server.run()
        assert server.state == State.LINGERING
        assert server.kernel.sent == answers[0][0] + answers[1][0]
        assert log_lines(server.logged) == log_of(answers, len(server.kernel.sent), also=False)


def test_a_batch_that_takes_too_long() -> None:
    with holding_answers() as (server, answers):
        server.kernel.pieces.append(batch())
        server.kernel.takes.append(5)
        server.happen(wake)
        assert server.left == SECONDS["send_seconds"]
        server.pass_time()
        assert server.happen(expire) == CLOSE
        assert log_lines(server.logged) == log_of(answers, 5)
        server.perform(let_go)
        server.check_entries()


def test_a_connection_that_the_poller_does_not_know() -> None:
    """It is told when it gets to know it (worker.watch_connection)."""
    with serving([GET_LARGE], [100], watched=False) as server:
        server.happen(wake)
        assert server.connection[Connection.then] & Then.WRITABLE


def test_an_entry_that_changes_while_it_is_sent() -> None:
    """Who is being sent what was true gets all of it."""
    request = get(b"/page")
    with serving([request], [300], site=versions(0), keeps=[request]) as server:
        server.happen(wake)
        assert server.connection[Connection.entry]
        server.kernel.site = versions(1)
        server.tell_of_changes()
        server.run()
        assert server.kernel.sent.endswith(page_of(0))
        server.kernel.pieces.append(request)
        server.run()
        assert server.kernel.sent.endswith(page_of(1))


PAGE_SIZE = 60_000


def page_of(version: int) -> bytes:
    return bytes([ord("a") + version]) * PAGE_SIZE


def versions(version: int) -> Directory:
    """A site whose one file is in this version; none is its absence."""
    page = File(page_of(version), NOON + version * SECOND)
    return Directory({} if version == 3 else {b"page": page})


@settings(max_examples=150)
@given(
    steps=st.lists(
        st.sampled_from(["ask", "ask", "ask twice", "change", "told", "tick"]), max_size=24
    ),
    takes=st.lists(st.integers(1, 80_000), max_size=6),
)
def test_files_that_change(steps: list[str], takes: list[int]) -> None:
    """What is answered was true when the kernel told last, or CACHE_SECONDS ago, or since then."""
    request = get(b"/page")
    with serving(site=versions(0), takes=takes) as server:
        version, possible = 0, [{0}]
        for step in steps:
            match step:
                case "change":
                    version = (version + 1) % 4
                    server.kernel.site = versions(version)
                    possible[-1].add(version)
                case "told":
                    server.tell_of_changes()
                    possible = [{version}]
                case "tick":
                    server.pass_time()
                    possible = [*possible, {version}][-CACHE_SECONDS - 1 :]
                case _:
                    count = 1 + (step == "ask twice")
                    server.kernel.pieces.append(request * count)
                    server.run()
                    answers, rest = wire.split(bytes(server.kernel.sent), [False] * count)
                    assert not rest
                    assert len(answers) == count
                    for answer in answers:
                        found = 3 if answer.status == 404 else answer.body[0] - ord("a")
                        assert found in set[int]().union(*possible)
                        assert answer.status == 404 or answer.body == page_of(found)
                        assert answer.value(b"Date") == format_date(server.worker[Workspace.now])
                    sizes = [(answer.status, len(answer.body)) for answer in answers]
                    assert endings(server.logged) == sizes
                    server.forget()


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


def test_a_client_that_takes_slowly_what_the_kernel_holds() -> None:
    with serving([GET_LARGE], [100]) as server:
        server.happen(wake)
        for left in (5_000_000, 5_000_000 - LEAST, LEAST + 1, 1):
            server.kernel.unsent = left
            server.pass_time(SECONDS["send_seconds"])
            assert server.happen(expire) == WAIT
            assert (server.state, server.left) == (State.SENDING, SECONDS["send_seconds"])
        assert not server.logged
        assert server.happen(expire) == CLOSE
        assert server.logged.count(b"\n") == 1


def test_a_byte_at_a_time_is_not_enough() -> None:
    with serving([GET_LARGE], [100]) as server:
        server.happen(wake)
        server.kernel.unsent = 5_000_000
        assert server.happen(expire) == WAIT
        server.kernel.unsent -= LEAST - 1
        assert server.happen(expire) == CLOSE


def test_a_client_that_still_takes_its_last_answer_is_not_idle() -> None:
    """It may be in the kernel whole, and be minutes on its way."""
    with serving([GET]) as server:
        server.run()
        assert (server.state, server.left) == (State.HEAD, SECONDS["idle_seconds"])
        for left in (2 * LEAST + 1, LEAST + 1, 1):
            server.kernel.unsent = left
            server.pass_time(SECONDS["idle_seconds"])
            assert server.happen(expire) == WAIT
            assert (server.state, server.left) == (State.HEAD, SECONDS["send_seconds"])
        server.kernel.pieces.append(GET)
        server.run()
        assert server.left == SECONDS["idle_seconds"]
        assert server.happen(expire) == WAIT, "it is another answer"
        assert server.happen(expire) == CLOSE


@pytest.mark.parametrize("unsent", [0, None])
def test_a_client_of_which_the_kernel_says_nothing_is_cut_off_at_once(unsent: int | None) -> None:
    with serving([GET_LARGE], [100]) as server:
        server.happen(wake)
        server.kernel.unsent = unsent
        assert server.happen(expire) == CLOSE


def test_what_was_taken_before_is_not_taken_again() -> None:
    """Between two looks there was room for more, and more was sent: less need not be there."""
    with serving([GET_LARGE], [100, 50]) as server:
        server.happen(wake)
        server.kernel.unsent = 10
        assert server.happen(expire) == WAIT
        server.happen(wake)
        server.kernel.unsent = 12
        assert server.happen(expire) == WAIT
        assert server.happen(expire) == CLOSE


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


def test_lingering_lasts_as_long_as_the_client_takes_the_answer() -> None:
    with serving([REFUSED]) as server:
        server.happen(wake)
        for left in (500_000, 500_000 - LEAST, 1):
            server.kernel.unsent = left
            server.pass_time(LINGER_SECONDS)
            assert server.happen(expire) == WAIT
            assert (server.state, server.left) == (State.LINGERING, LINGER_SECONDS)
        server.kernel.unsent = 0
        assert server.happen(expire) == CLOSE


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
        server.stop()
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
        server.stop()
        server.kernel.pieces.append(GET)
        server.run()
        assert server.kernel.shut
        server.kernel.pieces.append(b"")
        server.run()
        assert server.closed
        assert server.kernel.sent.count(b"HTTP/1.1 200") == 1
