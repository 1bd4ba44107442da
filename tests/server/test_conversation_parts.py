"""The parts of a conversation, each by itself: what it decides, changes, asks for, and leaves."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import conversation as under_test
from svc0.server.cache import CACHE, Entry
from svc0.server.connection import NO_FILE, STOP, Buffer, Connection, Request, State, Then
from svc0.server.conversation import CLOSE, GO_ON, WAIT
from svc0.server.framing import Framing
from svc0.server.head import NAMES
from svc0.server.limits import HEAD_MAX, INPUT_MAX
from svc0.server.request import COMPLETE, parse
from svc0.server.settings import SETTINGS, packed
from svc0.server.status import STATUSES
from svc0.server.unsent import UNKNOWN
from svc0.server.workspace import Patience, Workspace
from tests.clients.compare import Times, differences
from tests.clients.sites import SITE
from tests.model import respond
from tests.model.conversation import REQUESTS_MOST, End, converse
from tests.model.site import File
from tests.server.kernel import SOCKET, Client
from tests.server.memory import Input, Memory
from tests.server.test_conversation import (
    GET,
    GET_LARGE,
    NOW,
    PATIENCE,
    SECONDS,
    clients,
    lay_out_cache,
    lay_out_worker,
    takes,
)

TICKS = 1000
FILE = 101
DEADLINE = 7


class Held:
    """A worker and a connection with a buffer, for a routine that is about them."""

    def __init__(self, machine: Caller, kernel: Client, data: bytes, requests: int) -> None:
        self.machine, self.kernel = machine, kernel
        if SETTINGS in machine.program.addresses:
            machine.write(machine.address(SETTINGS), packed(requests=requests, **SECONDS))
        self.worker = Memory(machine, Workspace)
        self.connection = Memory(machine, Connection)
        self.buffer = Input(machine, data)
        machine.write(self.buffer.address + Buffer.input + len(data), bytes(STOP))
        if CACHE in machine.program.addresses:
            lay_out_cache(machine)
        lay_out_worker(machine, self.worker)
        self.worker[Workspace.requests] = requests
        self.worker[Workspace.names] = NAMES
        self.join(Patience.IDLE)
        for field, value in {
            Connection.socket: SOCKET,
            Connection.state: State.HEAD,
            Connection.file: NO_FILE,
            Connection.buffer: int(self.buffer),
            Connection.deadline: DEADLINE,
            Connection.watched: 1,
        }.items():
            self.connection[field] = value

    def join(self, patience: Patience) -> None:
        """Let the connection be the only one in this list, and in no other."""
        for each in Patience:
            for end in Workspace.soonest, Workspace.latest:
                self.worker[end[each]] = int(self.connection) * (each == patience)
        self.connection[Connection.patience] = patience

    def waits(self, patience: Patience) -> tuple[dict[Field, int], dict[Field, int]]:
        """What changes of connection and worker if it is waited for this now."""
        before = Patience(self.connection[Connection.patience])
        ends = Workspace.soonest, Workspace.latest
        lists: dict[Field, int] = {end[before]: 0 for end in ends}
        lists |= {end[patience]: int(self.connection) for end in ends}
        deadline = TICKS + PATIENCE[patience]
        return {Connection.patience: patience, Connection.deadline: deadline}, lists

    def read_head(self) -> None:
        """Let parse have judged what is in the buffer."""
        size = self.buffer[Buffer.received]
        with caller(parse) as parser:
            buffer = Input(parser, self.buffer.at(0, size))
            assert parser.call(int(buffer)) == COMPLETE
            self.machine.write(int(self.buffer), buffer.bytes(Buffer.next, sizeof(Buffer)))

    def call(self, *arguments: int) -> Any:
        about = [int(self.connection), int(self.worker)]
        given = about[: 1 + ("worker" in self.machine.routine.parameters)]
        return self.machine.call(*arguments, *given, kernel=self.kernel)

    def changes(
        self,
        *arguments: int,
        connection: Mapping[Field, int] | None = None,
        buffer: Mapping[Field, int] | None = None,
        worker: Mapping[Field, int] | None = None,
    ) -> Any:
        """A call's result; it must change these fields, and nothing else."""
        expected = [
            (self.connection, sizeof(Connection), connection or {}),
            (self.buffer, sizeof(Buffer), buffer or {}),
            (self.worker, sizeof(Workspace), worker or {}),
        ]
        images = [bytearray(self.machine.read(int(memory), size)) for memory, size, _ in expected]
        result = self.call(*arguments)
        for (memory, size, fields), image in zip(expected, images, strict=True):
            for field, value in fields.items():
                image[field : field + field.width] = value.to_bytes(field.width, "little")
            assert self.machine.read(int(memory), size) == image
        return result


@contextmanager
def holding(
    routine: Routine,
    kernel: Client | None = None,
    *,
    data: bytes = b"",
    requests: int = REQUESTS_MOST,
) -> Generator[Held]:
    with caller(routine) as machine:
        try:
            yield Held(machine, kernel or Client(SITE), data, requests)
        finally:
            if SETTINGS in machine.program.addresses:
                machine.write(machine.address(SETTINGS), bytes(SETTINGS))


thens = st.integers(0, 31)
waiting = st.sampled_from(State)


# --- receiving --------------------------------------------------------------------------

interrupts = st.lists(st.just(-Errno.EINTR), max_size=3)
ends = st.sampled_from([b"", -Errno.EAGAIN, -Errno.ECONNRESET]) | st.binary(max_size=40)


@given(
    before=interrupts,
    piece=ends | st.just(bytes(INPUT_MAX + 1)),
    data=st.binary(max_size=60),
    used=st.integers(0, 60),
    state=st.sampled_from([State.HEAD, State.BODY]),
    has_buffer=st.booleans(),
    is_room=st.booleans(),
)
def test_receive(
    before: list[int],
    piece: bytes | int,
    data: bytes,
    used: int,
    state: State,
    has_buffer: bool,
    is_room: bool,
) -> None:
    """It lies behind what was there; what was used up makes room, and zeros stand behind."""
    kernel = Client(SITE, [*before, piece])
    used = min(used, len(data)) if state == State.HEAD else 0
    with holding(under_test.receive, kernel, data=data) as held:
        of = held.buffer
        of[Buffer.start] = of[Buffer.cursor] = used
        held.connection[Connection.state] = state
        if not has_buffer:
            data, used = b"", 0
            held.connection[Connection.buffer] = 0
            of = Memory(held.machine, Buffer)
            held.worker[Workspace.fresh_buffers] = int(of)
            held.worker[Workspace.buffers_end] = int(of) + sizeof(Buffer) * is_room
        result = held.call()
        if not has_buffer and not is_room:
            assert result == -Errno.ENOBUFS
            assert not kernel.names
            return
        assert held.connection[Connection.buffer] == int(of)
        room = INPUT_MAX - len(data[used:])
        assert result == (piece if isinstance(piece, int) else min(len(piece), room))
        if result > 0:
            size = of[Buffer.received]
            assert size == len(data[used:]) + result
            assert of.bytes(Buffer.input, size) == (data[used:] + bytes_of(piece))[:size]
            assert of.bytes(Buffer.input, size + STOP)[size:] == bytes(STOP)
        else:
            assert of[Buffer.received] == len(data[used:])
        assert of[Buffer.start] == 0
    assert kernel.names == ["recvfrom"] * (len(before) + 1)


def bytes_of(piece: bytes | int) -> bytes:
    return piece if isinstance(piece, bytes) else b""


@given(before=interrupts, piece=ends | st.just(bytes(INPUT_MAX + 1)))
def test_drop_rest(before: list[int], piece: bytes | int) -> None:
    """Whatever comes is forgotten; a signal that comes instead changes nothing."""
    kernel = Client(SITE, [*before, piece])
    with holding(under_test.drop_rest, kernel) as held:
        head = held.buffer.bytes(Buffer.next, Buffer.input)
        connection = held.connection.bytes(Connection.socket, sizeof(Connection))
        more = len(piece) > 0 if isinstance(piece, bytes) else piece == -Errno.EAGAIN
        result = WAIT
        while result == WAIT and len(kernel.names) <= len(before):
            result = held.call()
        assert result == (WAIT if more else CLOSE)
        assert held.buffer.bytes(Buffer.next, Buffer.input) == head
        assert held.connection.bytes(Connection.socket, sizeof(Connection)) == connection
    assert kernel.names == ["recvfrom"] * (len(before) + 1)


@given(
    data=st.binary(max_size=300), state=waiting, one=st.integers(0, 300), two=st.integers(0, 300)
)
def test_make_room(data: bytes, state: State, one: int, two: int) -> None:
    first, keep = sorted([one % (len(data) + 1), two % (len(data) + 1)])
    begin = first if state == State.BODY else 0
    with holding(under_test.make_room, data=data) as held:
        held.connection[Connection.state] = state
        held.buffer[Buffer.request.head_end] = begin
        held.buffer[Buffer.request.method] = 1
        held.buffer[Buffer.cursor if state == State.BODY else Buffer.start] = keep
        held.buffer[Buffer.scanned] = keep
        connection = held.connection.bytes(Connection.socket, sizeof(Connection))
        held.call()
        left = data[:begin] + data[keep:]
        assert held.buffer[Buffer.received] == len(left)
        assert held.buffer.at(0, len(left)) == left
        assert held.buffer[Buffer.start] == 0
        assert held.buffer[Buffer.cursor] == held.buffer[Buffer.scanned] == begin
        forgotten = state != State.BODY and keep > 0
        assert held.buffer[Buffer.request.method] == (not forgotten)
        assert held.connection.bytes(Connection.socket, sizeof(Connection)) == connection


# --- what a head decides ----------------------------------------------------------------

members = st.sampled_from(["close", "Close", "keep-alive", "KEEP-alive", "closes", "te", "", "x"])
lists = st.lists(st.lists(members, max_size=3), max_size=3)
separators = st.sampled_from([",", ", ", " ,\t", ",,"])


def head_with(lists: list[list[str]], separator: str = ",", minor: int = 1) -> bytes:
    fields = [f"{name}: {separator.join(members)}" for name, members in named(lists)]
    return "\r\n".join([f"GET / HTTP/1.{minor}", "Host: a", *fields, "", ""]).encode()


def named(lists: list[list[str]]) -> list[tuple[str, list[str]]]:
    """Connection fields, with one between them that is none."""
    return [pair for members in lists for pair in (("X", ["close"]), ("Connection", members))]


def lists_it(lists: list[list[str]], token: str) -> bool:
    return any(member.lower() == token for members in lists for member in members)


@given(lists=lists, separator=separators, token=st.sampled_from(["close", "keep-alive", "te"]))
def test_connection_lists(lists: list[list[str]], separator: str, token: str) -> None:
    with holding(under_test.connection_lists, data=head_with(lists, separator)) as held:
        held.read_head()
        place = held.machine.place(token.encode(), writable=False)
        assert held.changes(place, len(token)) == lists_it(lists, token)


@given(
    lists=lists,
    minor=st.integers(0, 1),
    served=st.integers(0, 6),
    requests=st.integers(1, 6),
    stopping=st.integers(0, 1),
    then=thens,
)
def test_decide_persistence(
    lists: list[list[str]], minor: int, served: int, requests: int, stopping: int, then: int
) -> None:
    data = head_with(lists, minor=minor)
    if lists_it(lists, "close") or (minor == 0 and not lists_it(lists, "keep-alive")):
        expected = Then.CLOSE
    elif stopping or served + 1 >= requests:
        expected = Then.CLOSE | Then.LINGER
    else:
        expected = Then(0) if minor else Then.SAY_KEPT
    with holding(under_test.decide_persistence, data=data, requests=requests) as held:
        held.read_head()
        held.connection[Connection.then] = then
        held.connection[Connection.served] = served
        if stopping:
            held.worker[Workspace.requests] = 0
        held.changes(connection={Connection.then: expected})


@given(
    framing=st.sampled_from(Framing),
    waits=st.integers(0, 1),
    start=st.sampled_from([0, 1, 100]),
    head_end=st.sampled_from([200, HEAD_MAX - 1, HEAD_MAX, HEAD_MAX + 1, INPUT_MAX]),
)
def test_expect_body(framing: Framing, waits: int, start: int, head_end: int) -> None:
    with holding(under_test.expect_body, data=bytes(INPUT_MAX)) as held:
        held.buffer[Buffer.start] = start
        held.buffer[Buffer.cursor] = head_end
        held.buffer[Buffer.request.head_end] = head_end
        held.buffer[Buffer.request.framing] = framing
        held.buffer[Buffer.request.waits] = waits
        if framing == Framing.NONE:
            assert held.changes() == 0
        elif waits:
            assert held.changes(connection={Connection.then: Then.CLOSE | Then.LINGER}) == 0
        elif start == 0 or head_end <= HEAD_MAX:
            changed, lists = held.waits(Patience.BODY)
            changed[Connection.state] = State.BODY
            assert held.changes(connection=changed, worker=lists) == 1
        else:  # it moves, and is read anew
            assert held.call() == 1
            assert held.connection[Connection.state] == State.HEAD
            assert held.buffer[Buffer.start] == held.buffer[Buffer.cursor] == 0
            assert held.buffer[Buffer.received] == INPUT_MAX - start
            assert held.buffer[Buffer.request.head_end] == 0


# --- answers ----------------------------------------------------------------------------


@given(state=waiting, served=st.integers(0, 2**32 - 2), then=thens)
def test_start_sending(state: State, served: int, then: int) -> None:
    with holding(under_test.start_sending) as held:
        held.connection[Connection.state] = state
        held.connection[Connection.served] = served
        held.connection[Connection.then] = then
        held.changes(
            connection={
                Connection.state: State.SENDING,
                Connection.served: served + 1,
            }
        )


@given(
    status=st.sampled_from([400, 408, 413, 414, 431, 501, 505]),
    state=st.sampled_from([State.HEAD, State.BODY]),
    then=thens,
)
def test_refuse_reading(status: int, state: State, then: int) -> None:
    [sentence] = [known.sentence for known in STATUSES if known.number == status]
    expected = respond.error(status, NOW, None).with_sentence(sentence)
    with holding(under_test.refuse_reading) as held:
        held.connection[Connection.state] = state
        held.connection[Connection.then] = then
        held.call(status)
        connection = held.connection
        out, end = connection[Connection.out], connection[Connection.out_end]
        answer = held.machine.read(out, end - out)
        assert answer == respond.with_connection(expected, b"close").encode()
        assert connection[Connection.then] == Then.CLOSE | Then.LINGER
        assert connection[Connection.state] == State.SENDING
        assert connection[Connection.status] == status
        assert connection[Connection.served] == 1
        assert connection[Connection.deadline] == DEADLINE, "it has its time when it has to wait"
        assert not held.kernel.names


# --- after an answer, and in between ------------------------------------------------------


def waiting_client(then: int) -> Client:
    """A client that is waited for as a connection's ``then`` says."""
    kernel = Client(SITE)
    kernel.waits = "output" if then & Then.WRITABLE else "input"
    return kernel


@given(
    then=thens,
    unread=st.integers(0, 3),
    stopping=st.integers(0, 1),
    file=st.sampled_from(["", "own", "pinned"]),
)
def test_finish(then: int, unread: int, stopping: int, file: str) -> None:
    kernel = waiting_client(then)
    with holding(under_test.finish, kernel, data=GET + b"x" * unread) as held:
        entry = Memory(held.machine, Entry)
        if file == "own":
            kernel.open[FILE] = File(b"", 0)
            held.connection[Connection.file] = FILE
        elif file == "pinned":
            held.connection[Connection.entry] = int(entry)
            entry[Entry.pins] = 3
        held.connection[Connection.state] = State.SENDING
        held.connection[Connection.then] = then
        held.connection[Connection.status] = 200
        held.worker[Workspace.stopping] = stopping
        held.buffer[Buffer.cursor] = len(GET)
        held.buffer[Buffer.request.line_size] = len(b"GET /one.txt HTTP/1.1")
        result = held.call()

        logged = held.worker.bytes(Workspace.log, held.worker[Workspace.log_size])
        assert logged.endswith(b'GET /one.txt HTTP/1.1" 200 0\n')
        assert not kernel.open, "the file is closed"
        assert held.connection[Connection.entry] == 0
        assert entry[Entry.pins] == 2 * (file == "pinned")
        assert held.connection[Connection.file] == NO_FILE
        lingers = unread > 0 or bool(then & Then.LINGER) if then & Then.CLOSE else stopping > 0
        if lingers:
            assert result == WAIT
            assert held.connection[Connection.state] == State.LINGERING
            assert kernel.shut
        elif then & Then.CLOSE:
            assert result == CLOSE
            assert not kernel.shut
        else:
            assert result == GO_ON
            assert held.connection[Connection.state] == State.HEAD
            assert held.connection[Connection.then] == 0
            assert held.buffer[Buffer.start] == held.buffer[Buffer.cursor] == len(GET)
            assert not any(held.buffer.bytes(Buffer.request, Request.table))
            assert not kernel.shut
        if result != CLOSE:
            assert kernel.waits == "input"


@given(state=waiting, then=thens)
def test_start_lingering(state: State, then: int) -> None:
    kernel = waiting_client(then)
    with holding(under_test.start_lingering, kernel) as held:
        held.connection[Connection.state] = state
        held.connection[Connection.then] = then
        changed, lists = held.waits(Patience.LINGER)
        changed |= {Connection.state: State.LINGERING, Connection.unsent: UNKNOWN}
        held.changes(connection=changed, worker=lists)
        assert kernel.shut
        expected = [("input", int(held.connection))] * bool(then & Then.WRITABLE)
        assert kernel.changes == expected


@given(
    state=st.sampled_from([State.HEAD, State.BODY, State.SENDING, State.LINGERING]),
    then=thens,
    start=st.integers(0, 4),
    has_buffer=st.booleans(),
    watched=st.booleans(),
    before=st.sampled_from(Patience),
)
def test_await_client(
    state: State, then: int, start: int, has_buffer: bool, watched: bool, before: Patience
) -> None:
    """Its deadline, its buffer, and the event that is asked for, if the poller knows it."""
    kernel = waiting_client(then)
    with holding(under_test.await_client, kernel, data=b"GET ") as held:
        held.join(before)
        held.connection[Connection.state] = state
        held.connection[Connection.then] = then
        held.connection[Connection.watched] = watched
        held.buffer[Buffer.start] = start
        if not has_buffer:
            held.connection[Connection.buffer] = 0
        changed: dict[Field, int] = {}
        worker: dict[Field, int] = {}
        expected: list[str] = []
        if state == State.SENDING:
            changed, worker = held.waits(Patience.SEND)
            changed |= {Connection.then: then | Then.WRITABLE, Connection.unsent: UNKNOWN}
            expected = ["output"] * (watched and not then & Then.WRITABLE)
        elif state == State.HEAD and has_buffer and start < 4:
            if not then & Then.STARTED:
                changed, worker = held.waits(Patience.HEAD)
                changed[Connection.then] = then | Then.STARTED
        elif state == State.HEAD:
            changed, worker = held.waits(Patience.IDLE)
            if has_buffer:
                changed[Connection.buffer] = 0
                worker[Workspace.free_buffers] = int(held.buffer)
        held.changes(connection=changed, worker=worker)
        assert kernel.changes == [(what, int(held.connection)) for what in expected]


# --- all of it --------------------------------------------------------------------------


@settings(max_examples=100)
@given(data=clients, takes=takes)
def test_advance(data: bytes, takes: list[int]) -> None:
    """With all bytes at hand it gets as far as the model, and waits only for the client."""
    data = data[:INPUT_MAX]
    expected = converse(data, SITE, NOW)
    kernel = Client(SITE, takes=takes)
    with holding(under_test.advance, kernel, data=data) as held:
        result = held.call()
        while result == WAIT and held.connection[Connection.state] == State.SENDING:
            assert kernel.waits == "output"
            result = held.call()
        assert not differences(bytes(kernel.sent), expected, Times(NOW, NOW))
        state = held.connection[Connection.state]
        if expected.end == End.OPEN:
            assert result == WAIT
            assert state in (State.HEAD, State.BODY)
            assert kernel.waits == "input"
        else:
            assert result == CLOSE or state == State.LINGERING
        assert "recvfrom" not in kernel.names


@pytest.mark.parametrize("failure", [-Errno.EPIPE, -Errno.ECONNRESET])
def test_advance_without_a_client(failure: int) -> None:
    """What it took before it went is logged, and nothing behind it is answered."""
    kernel = Client(SITE, takes=[5, failure])
    with holding(under_test.advance, kernel, data=GET_LARGE + GET) as held:
        assert held.call() == WAIT
        assert held.call() == CLOSE
        log = held.worker.bytes(Workspace.log, held.worker[Workspace.log_size])
        assert log.count(b"\n") == 1
        assert log.endswith(b'" 200 0\n')
        assert len(held.kernel.sent) == 5
