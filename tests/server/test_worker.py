"""The worker's loop, one routine at a time: events, clients, time, and the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import (
    AF_INET,
    F_SETFD,
    FD_CLOEXEC,
    MSG_NOSIGNAL,
    SHUT_WR,
    SIGTERM,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import SocketAddress
from svc0.machine.call import Caller, caller
from svc0.server import worker as under_test
from svc0.server.connection import NO_FILE, Buffer, Connection, State
from svc0.server.settings import SETTINGS, packed
from svc0.server.worker import BUSY, LOG_PATIENCE, Own
from svc0.server.workspace import EVENTS_MAX, Workspace
from tests.model.conditions import format_date
from tests.model.respond import error
from tests.server.memory import Memory
from tests.server.poller import LISTENER, POLLER, ROOT, SIGNALS, SUPERVISOR, TIMER, Poller
from tests.server.process import NOW, Ended

SLOTS, TICKS = 4, 1000
SECONDS = {"idle_seconds": 60, "stop_seconds": 10}


class World(Poller):
    """What a worker's descriptors have to say; taking clients is what may fail here, too."""

    def __init__(self, **trouble: int) -> None:
        super().__init__(**trouble)
        self.clients: deque[int] = deque()
        self.shut: list[int] = []
        self.closed: list[int] = []
        self.sent: dict[int, bytes] = {}
        self.readable: dict[int, bytes] = {}

    def accept4(self, machine: Caller, socket: int, address: int, size: int, flags: int) -> int:
        assert flags == SOCK_NONBLOCK | SOCK_CLOEXEC
        return self.accept(machine, socket, address, size)

    def accept(self, machine: Caller, socket: int, address: int, size: int) -> int:
        if LISTENER in self.closed:
            assert socket == 2**32 - 1
            return -Errno.EBADF
        assert socket == LISTENER
        assert int.from_bytes(machine.read(size, 4), "little") == sizeof(SocketAddress)
        if failure := self.fails("accept"):
            return failure
        client = self.clients.popleft()
        machine.write(address, peer(client))
        machine.write(size, len(peer(client)).to_bytes(4, "little"))
        return client

    def fcntl(self, machine: Caller, file: int, command: int, argument: int) -> int:
        assert (command, argument) == (F_SETFD, FD_CLOEXEC)
        return 0

    def sendto(
        self, machine: Caller, socket: int, data: int, size: int, flags: int, *nobody: int
    ) -> int:
        assert (flags, nobody) == (MSG_NOSIGNAL, (0, 0))
        self.sent[socket] = machine.read(data, size)
        return self.fails() or size

    def shutdown(self, machine: Caller, socket: int, how: int) -> int:
        assert how == SHUT_WR
        self.shut.append(socket)
        return 0

    def close(self, machine: Caller, file: int) -> int:
        """The supervisor has the listener too, so closing it does not end that it is watched."""
        assert file not in self.closed
        assert file not in (POLLER, TIMER, SIGNALS, ROOT)
        assert file != LISTENER or ("input", file) not in self.watched
        self.closed.append(file)
        self.watched.pop(("input", file), None)
        return 0

    def recvfrom(self, machine: Caller, socket: int, data: int, size: int, *others: int) -> int:
        if socket not in self.readable:
            return 0  # the client is gone
        content = self.readable.pop(socket)
        machine.write(data, content)
        return len(content) or -Errno.EAGAIN


def peer(client: int) -> bytes:
    """Where a client comes from."""
    address = bytearray(16)
    address[int(SocketAddress.family)] = AF_INET
    address[2:8] = client.to_bytes(2, "big") + bytes([127, 0, 0, 1])
    return bytes(address)


class Working:
    """A workspace with a small table of connections, in a machine for one routine."""

    def __init__(self, machine: Caller) -> None:
        self.machine = machine
        if SETTINGS in machine.program.addresses:
            machine.write(machine.address(SETTINGS), packed(**SECONDS))
        self.worker = Memory(machine, Workspace)
        self.table = machine.place(bytearray(SLOTS * sizeof(Connection)))
        self.buffer = machine.place(bytearray(2 * sizeof(Buffer)))
        for field, value in {
            Workspace.poller: POLLER,
            Workspace.listener: LISTENER,
            Workspace.timer: TIMER,
            Workspace.signals: SIGNALS,
            Workspace.root: ROOT,
            Workspace.ticks: TICKS,
            Workspace.connections: self.table,
            Workspace.fresh_connections: self.table,
            Workspace.connections_end: self.table + SLOTS * sizeof(Connection),
            Workspace.fresh_buffers: self.buffer + sizeof(Buffer),
            Workspace.buffers_end: self.buffer + 2 * sizeof(Buffer),
        }.items():
            self.worker[field] = value

    def call(self, *arguments: int, kernel: World) -> int:
        return self.machine.call(*arguments, int(self.worker), kernel=kernel)

    def slot(self, number: int) -> Memory:
        return Memory(self.machine, Connection, self.table + number * sizeof(Connection))

    def add(self, state: State, deadline: int = 0, *, buffer: bool = False) -> Memory:
        """One more connection, whose socket is its place and 20."""
        fresh = self.worker[Workspace.fresh_connections]
        number = (fresh - self.table) // sizeof(Connection)
        slot = self.slot(number)
        slot[Connection.state] = state
        slot[Connection.deadline] = deadline
        slot[Connection.socket] = 20 + number
        slot[Connection.file] = NO_FILE
        slot[Connection.buffer] = self.buffer if buffer else 0
        self.worker[Workspace.fresh_connections] = fresh + sizeof(Connection)
        self.worker[Workspace.active] = self.worker[Workspace.active] + (state != State.FREE)
        return slot


@contextmanager
def working(routine: Routine) -> Generator[Working]:
    with caller(routine) as machine:
        yield Working(machine)


# --- the start and the loop ---------------------------------------------------------


@pytest.mark.parametrize("waiting", [0, 5])
@pytest.mark.parametrize("count", [0, 1, EVENTS_MAX])
@pytest.mark.parametrize("failure", [0, Errno.EINTR])
def test_wait(waiting: int, count: int, failure: int) -> None:
    """Log lines wait a little for company, and no longer."""
    world = World(wait=failure)
    world.happens = [Own.TIMER] * count
    with working(under_test.wait) as at:
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = waiting
        happened = 0 if failure else count
        assert at.call(kernel=world) == happened
        assert at.worker[Workspace.log_size] == (waiting if happened else 0)
    assert world.timeouts == [LOG_PATIENCE if waiting else -1]
    assert world.said == ([(1, b"line\n")] if waiting and not happened else [])


def put_events(at: Working, world: World, *what: int) -> int:
    at.worker[Workspace.events] = b"".join(world.event(data) for data in what)
    return len(what)


def test_handle_events() -> None:
    """Each event goes to whom it concerns; one of who is closed by now to nobody."""
    world = World()
    world.clients.append(40)
    world.seconds, world.signals = 2, 1
    world.watched["signal", SIGTERM] = Own.SIGNALS
    with working(under_test.handle_events) as at:
        gone, stays = at.add(State.HEAD, 2000, buffer=True), at.add(State.FREE)
        connections = [int(gone), int(gone), int(stays)]
        own = [Own.TIMER, Own.SIGNALS, Own.LISTENER]
        count = put_events(at, world, Own.LISTENER, *connections, *own)
        at.call(count, kernel=world)
        assert gone[Connection.state] == State.FREE
        assert at.worker[Workspace.ticks] == TICKS + 2
        assert at.worker[Workspace.stopping] == 1
        assert at.worker[Workspace.active] == 0, "the client that was accepted is idle"
    assert world.closed == [20, LISTENER, 40]


def test_handle_no_events() -> None:
    world = World()
    with working(under_test.handle_events) as at:
        at.call(0, kernel=world)
    assert world.names == []


@pytest.mark.parametrize("file", [NO_FILE, 30])
@pytest.mark.parametrize("buffer", [False, True])
def test_close_connection(file: int, buffer: bool) -> None:
    world = World()
    with working(under_test.close_connection) as at:
        slot = at.add(State.SENDING, buffer=buffer)
        slot[Connection.file] = file
        at.machine.call(int(slot), int(at.worker), kernel=world)
        assert slot[Connection.state] == State.FREE
        assert at.worker[Workspace.active] == 0
        assert at.worker[Workspace.free_connections] == int(slot)
        assert at.worker[Workspace.free_buffers] == (at.buffer if buffer else 0)
    assert world.closed == ([20] if file == NO_FILE else [30, 20])


# --- clients --------------------------------------------------------------------------


def test_accept_client() -> None:
    world = World()
    world.clients.append(40)
    with working(under_test.accept_client) as at:
        at.call(kernel=world)
        slot = at.slot(0)
        assert slot[Connection.state] == State.HEAD
        assert slot[Connection.socket] == 40
        assert slot[Connection.deadline] == TICKS + SECONDS["idle_seconds"]
        assert slot.bytes(Connection.peer, 8) == peer(40)[:8]
        assert slot[Connection.buffer] == 0, "who says nothing costs a slot and no more"
        assert world.watched == {("input", 40): int(slot)}
        assert at.worker[Workspace.active] == 1


def test_a_full_table() -> None:
    """Who comes too late is told so at once, without being read; those who are there stay."""
    world = World()
    world.clients.extend([40, 41])
    with working(under_test.accept_client) as at:
        slots = [at.add(State.HEAD) for _ in range(SLOTS)]
        at.call(kernel=world)
        assert world.closed == [40]
        slots[2][Connection.state] = State.FREE
        at.worker[Workspace.free_connections] = int(slots[2])
        at.call(kernel=world)
        assert slots[2][Connection.socket] == 41
    assert world.sent == {40: bytes(BUSY)}
    assert world.closed == [40]


def test_what_is_said_to_who_comes_too_late() -> None:
    """The model's answer, but for its date."""
    head, _, body = bytes(BUSY).partition(b"\r\n\r\n")
    model = error(503, NOW, None, Retry_After=b"1")
    lines = [b"HTTP/1.1 503 Service Unavailable"]
    for name, value in model.fields:
        if name == b"Content-Length":
            value = str(len(body)).encode()
        if name != b"Date":
            lines.append(name + b": " + value)
    assert head.split(b"\r\n") == [*lines, b"Connection: close"]
    assert b"503 Service Unavailable" in body


@pytest.mark.parametrize("error", [Errno.EPIPE, Errno.EAGAIN, Errno.ECONNRESET])
def test_turn_away_who_is_gone(error: int) -> None:
    world = World(sendto=error)
    with caller(under_test.turn_away) as machine:
        machine.call(40, kernel=world)
    assert world.closed == [40]


FULL = [Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS]
OTHERS = [Errno.EAGAIN, Errno.EINTR, Errno.ECONNABORTED, Errno.EPERM, Errno.ENETDOWN]


@pytest.mark.parametrize("error", [*FULL, *OTHERS])
def test_accept_fails(error: int) -> None:
    """Without room for a client the listener rests: its event would come again at once."""
    world = World(accept=error)
    world.watched["input", LISTENER] = Own.LISTENER
    with working(under_test.accept_client) as at:
        at.call(kernel=world)
        assert at.worker[Workspace.active] == 0
        assert at.worker[Workspace.deaf] == (error in FULL)
    assert (("input", LISTENER) in world.watched) == (error not in FULL)
    assert world.closed == []


def test_the_listener_is_heard_again_with_a_tick() -> None:
    with working(under_test.hear_listener) as at:
        at.worker[Workspace.deaf] = 1
        world = World(input=Errno.ENOMEM)
        at.call(kernel=world)
        assert at.worker[Workspace.deaf] == 1, "not yet"
        world = World()
        at.call(kernel=world)
        assert world.watched == {("input", LISTENER): Own.LISTENER}
        assert at.worker[Workspace.deaf] == 0
        at.call(kernel=world)
        assert len(world.names) == 1


def test_a_client_that_cannot_be_watched_is_closed() -> None:
    world = World(input=Errno.ENOSPC)
    world.clients.append(40)
    with working(under_test.accept_client) as at:
        at.call(kernel=world)
        assert at.worker[Workspace.active] == 0
        assert at.slot(0)[Connection.state] == State.FREE
    assert world.closed == [40]


# --- time -----------------------------------------------------------------------------


def test_take_time() -> None:
    with working(under_test.take_time) as at:
        at.call(kernel=World())
        assert at.worker[Workspace.now] == NOW
        assert at.worker.bytes(Workspace.date, 29) == format_date(NOW)


@pytest.mark.parametrize("seconds", [1, 2, 3600])
def test_tick(seconds: int) -> None:
    """A worker that was held up counts the seconds that it missed."""
    world = World()
    with working(under_test.tick) as at:
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = 5
        at.worker[Workspace.deaf] = 1
        at.call(seconds, kernel=world)
        assert at.worker[Workspace.ticks] == TICKS + seconds
        assert at.worker[Workspace.now] == NOW
        assert at.worker[Workspace.deaf] == 0
    assert world.said == [(1, b"line\n")]


def test_a_tick_that_is_none() -> None:
    world = World()
    with working(under_test.tick) as at:
        at.call(0, kernel=world)
        assert at.worker[Workspace.ticks] == TICKS
    assert world.names == []


states = st.sampled_from([State.FREE, State.HEAD, State.SENDING, State.LINGERING])
deadlines = st.integers(TICKS - 2, TICKS + 2)


@given(table=st.lists(st.tuples(states, deadlines), max_size=SLOTS))
def test_expire_late(table: list[tuple[State, int]]) -> None:
    """Whose deadline is over is closed, exactly; nobody is forgotten, and nobody else is met."""
    world = World()
    with working(under_test.expire_late) as at:
        slots = [at.add(state, deadline) for state, deadline in table]
        buffers = at.machine.place(bytearray(SLOTS * sizeof(Buffer)))
        for number, slot in enumerate(slots):
            buffer = buffers + number * sizeof(Buffer)
            slot[Connection.buffer] = buffer if slot[Connection.state] > State.HEAD else 0
        late = [state != State.FREE and deadline < TICKS for state, deadline in table]
        at.call(kernel=world)
        for slot, (state, _), over in zip(slots, table, late, strict=True):
            assert slot[Connection.state] == (State.FREE if over else state)
        assert at.worker[Workspace.active] == sum(
            state != State.FREE and not over for (state, _), over in zip(table, late, strict=True)
        )
    assert world.closed == [20 + number for number, over in enumerate(late) if over]


def test_who_is_late_with_a_request_is_told_so() -> None:
    """And is not closed before the answer can have come."""
    world = World()
    world.readable[20] = b""
    with working(under_test.expire_late) as at:
        slot = at.add(State.HEAD, TICKS - 1, buffer=True)
        at.call(kernel=world)
        assert slot[Connection.state] == State.LINGERING
        assert slot[Connection.deadline] > TICKS
    assert world.sent[20].startswith(b"HTTP/1.1 408 ")
    assert world.shut == [20]
    assert world.closed == []


# --- the end --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("served", "content", "stays"),
    [
        (0, None, False),  # it has gone
        (3, None, False),
        (3, b"", False),  # it waits
        (0, b"", True),  # its first request is on its way
        (0, b"GET", True),  # a request has begun
        (3, b"GET", True),
    ],
)
def test_close_idle(served: int, content: bytes | None, stays: bool) -> None:
    world = World()
    if content is not None:
        world.readable[20] = content
    with working(under_test.close_idle) as at:
        slot = at.add(State.HEAD, TICKS + 60)
        slot[Connection.served] = served
        others = [at.add(State.SENDING, TICKS + 7, buffer=True), at.add(State.FREE)]
        at.call(kernel=world)
        assert slot[Connection.state] == (State.HEAD if stays else State.FREE)
        if stays and not content:
            assert slot[Connection.deadline] == TICKS + 1
        assert [other[Connection.deadline] for other in others] == [TICKS + 7, 0]
        assert at.worker[Workspace.active] == 1 + stays
    assert world.closed == ([] if stays else [20])


@pytest.mark.parametrize(("state", "buffer"), [(s, b) for s in State for b in (False, True)])
def test_is_idle(state: State, buffer: bool) -> None:
    with working(under_test.is_idle) as at:
        idle = at.machine.call(int(at.add(state, buffer=buffer)))
    assert idle == (state == State.HEAD and not buffer)


@pytest.mark.parametrize("deaf", [0, 1])
def test_begin_to_stop(deaf: int) -> None:
    """The idle go, the others stay; the listener is not heard any more, with no tick either."""
    world = World()
    if not deaf:
        world.watched["input", LISTENER] = Own.LISTENER
    with working(under_test.begin_to_stop) as at:
        at.worker[Workspace.deaf] = deaf
        at.add(State.HEAD)
        kept = [at.add(State.HEAD, buffer=True), at.add(State.SENDING, buffer=True)]
        at.add(State.FREE)
        for _ in range(2):  # the second says nothing new
            world.signals = 1
            at.call(kernel=world)
            assert at.worker[Workspace.stopping] == 1
            assert at.worker[Workspace.listener] == -1
            assert at.worker[Workspace.stop_tick] == TICKS + SECONDS["stop_seconds"]
            assert at.worker[Workspace.active] == 2
            assert all(slot[Connection.state] for slot in kept)
            assert at.worker[Workspace.deaf] == 0
            at.worker[Workspace.ticks] = TICKS  # a later one would set a later end
    assert world.closed == [LISTENER, 20]
    assert world.watched == {}


def test_a_second_signal_does_not_give_more_time() -> None:
    with working(under_test.begin_to_stop) as at:
        for ticks in (TICKS, TICKS + 5):
            world = World()
            world.signals = 1
            at.worker[Workspace.ticks] = ticks
            at.call(kernel=world)
            assert at.worker[Workspace.stop_tick] == TICKS + SECONDS["stop_seconds"]


@pytest.mark.platform("linux")
def test_a_signal_that_is_none() -> None:
    with working(under_test.begin_to_stop) as at:
        at.call(kernel=World())
        assert at.worker[Workspace.stopping] == 0


@pytest.mark.parametrize("stopping", [0, 1])
@pytest.mark.parametrize("active", [0, 1])
@pytest.mark.parametrize("left", [-1, 0, 1])
def test_stop_when_done(stopping: int, active: int, left: int) -> None:
    """It ends when nothing is in flight any more, or there is no time left; with its log."""
    world = World()
    with working(under_test.stop_when_done) as at:
        at.worker[Workspace.stopping] = stopping
        at.worker[Workspace.active] = active
        at.worker[Workspace.stop_tick] = TICKS + left
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = 5
        if stopping and (not active or left < 0):
            with pytest.raises(Ended) as ended:
                at.call(kernel=world)
            assert ended.value.status == 0
            assert world.said == [(1, b"line\n")]
        else:
            at.call(kernel=world)
            assert world.said == []


# --- all of it --------------------------------------------------------------------------


class Life(World):
    """A worker from start to end: each time it waits, the next of these batches happens."""

    def __init__(self, batches: list[list[int]], **trouble: int) -> None:
        super().__init__(**trouble)
        self.batches = deque(batches)

    def openat2(self, machine: Caller, *arguments: int) -> int:
        return -Errno.ENOSYS

    def openat(self, machine: Caller, *arguments: int) -> int:
        return -Errno.ENOENT

    def mmap(self, machine: Caller, address: int, length: int, *others: int) -> int:
        return self.fails() or machine.place(bytearray(length))

    def mprotect(self, machine: Caller, *arguments: int) -> int:
        return self.fails()

    def wait(self, machine: Caller, events: int, most: int, milliseconds: int) -> int:
        self.happens = self.batches.popleft()
        self.seconds += Own.TIMER in self.happens
        self.signals += Own.SIGNALS in self.happens
        return super().wait(machine, events, most, milliseconds)


def live(life: Life) -> int:
    """Run a worker with room for one client: the status it ends with."""
    with caller(under_test.run_worker) as machine:
        machine.write(machine.address(SETTINGS), packed(**SECONDS, connections=1))
        worker = Memory(machine, Workspace)
        worker[Workspace.supervisor] = SUPERVISOR
        with pytest.raises(Ended) as ended:
            machine.call(LISTENER, ROOT, int(worker), kernel=life)
        assert worker[Workspace.no_confinement] == (platform() == "linux")
    return ended.value.status


def test_run_worker() -> None:
    """A client comes, another finds no room, the first one says nothing, and the end comes."""
    life = Life([[], [Own.LISTENER], [Own.LISTENER, Own.TIMER], [Own.SIGNALS], [Own.TIMER]])
    life.clients.extend([40, 41])
    assert live(life) == 0
    assert life.closed == [41, LISTENER, 40]
    assert not life.batches or list(life.batches) == [[Own.TIMER]]
    assert 40 not in life.sent


@pytest.mark.parametrize("what", ["mmap", "mprotect", "seconds", "signal", "input"])
def test_a_worker_that_cannot_begin(what: str) -> None:
    assert live(Life([], **{what: Errno.ENOMEM})) == 1


@pytest.mark.platform("macos")
def test_a_worker_whose_supervisor_has_ended() -> None:
    assert live(Life([], end=Errno.ESRCH)) == 1
