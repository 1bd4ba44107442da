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
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLLIN,
    MSG_NOSIGNAL,
    SFD_CLOEXEC,
    SFD_NONBLOCK,
    SIGTERM,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    TFD_CLOEXEC,
    TFD_NONBLOCK,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import EpollEvent, SignalInfo, SocketAddress
from svc0.machine.call import Caller, caller
from svc0.server import worker as under_test
from svc0.server.connection import NO_FILE, Buffer, Connection, State
from svc0.server.settings import SETTINGS, packed
from svc0.server.worker import BUSY, LOG_PATIENCE, Own
from svc0.server.workspace import EVENTS_MAX, Workspace
from tests.model.conditions import format_date
from tests.model.respond import error
from tests.server.memory import Memory
from tests.server.process import Ended, Process

POLLER, LISTENER, TIMER, SIGNALS, ROOT = 10, 11, 12, 13, 14
SLOTS, TICKS = 4, 1000
SECONDS = {"idle_seconds": 60, "stop_seconds": 10}
NOW = 1_700_000_000


class World(Process):
    """What a worker's descriptors have to say; ``trouble`` is what a call of a name fails with."""

    def __init__(self, **trouble: int) -> None:
        super().__init__()
        self.trouble = trouble
        self.watched: dict[int, tuple[int, int]] = {}
        self.clients: deque[int] = deque()
        self.closed: list[int] = []
        self.sent: dict[int, bytes] = {}
        self.readable: dict[int, bytes] = {}
        self.events: list[tuple[int, int]] = []
        self.timeouts: list[int] = []
        self.opened = POLLER - 1

    def fails(self) -> int:
        return -self.trouble.get(self.names[-1], 0)

    def make(self) -> int:
        if failure := self.fails():
            return failure
        self.opened += 1 if self.opened != LISTENER - 1 else 2
        return self.opened

    def epoll_create1(self, machine: Caller, flags: int) -> int:
        assert flags == EPOLL_CLOEXEC
        return self.make()

    def timerfd_create(self, machine: Caller, clock: int, flags: int) -> int:
        assert (clock, flags) == (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        return self.make()

    def timerfd_settime(self, machine: Caller, timer: int, flags: int, new: int, old: int) -> int:
        assert (timer, flags, old) == (TIMER, 0, 0)
        times = [int.from_bytes(machine.read(new + at, 8), "little") for at in range(0, 32, 8)]
        assert times == [1, 0, 1, 0], "every second, the first time after one"
        return self.fails()

    def signalfd4(self, machine: Caller, file: int, mask: int, size: int, flags: int) -> int:
        assert (file, flags) == (2**32 - 1, SFD_NONBLOCK | SFD_CLOEXEC)
        assert int.from_bytes(machine.read(mask, size), "little") == 1 << (SIGTERM - 1)
        return self.make()

    def epoll_ctl(self, machine: Caller, epoll: int, operation: int, file: int, event: int) -> int:
        assert epoll == POLLER
        if failure := self.fails():
            return failure
        if operation == EPOLL_CTL_DEL:
            return 0 if self.watched.pop(file, None) else -Errno.ENOENT
        assert operation == EPOLL_CTL_ADD
        assert file not in self.watched
        content = machine.read(event, sizeof(EpollEvent))
        self.watched[file] = (
            int.from_bytes(content[:4], "little"),
            int.from_bytes(content[EpollEvent.data :][:8], "little"),
        )
        return 0

    def epoll_pwait(
        self, machine: Caller, epoll: int, events: int, most: int, timeout: int, *mask: int
    ) -> int:
        assert (epoll, most, mask[0]) == (POLLER, EVENTS_MAX, 0)
        self.timeouts.append(timeout - (timeout >> 31 << 32))
        for number, (what, data) in enumerate(self.events):
            event = what.to_bytes(8, "little") + data.to_bytes(8, "little")
            machine.write(events + number * len(event), event)
        return self.fails() or len(self.events)

    def accept4(self, machine: Caller, socket: int, address: int, size: int, flags: int) -> int:
        assert (socket, flags) == (LISTENER, SOCK_NONBLOCK | SOCK_CLOEXEC)
        assert int.from_bytes(machine.read(size, 4), "little") == sizeof(SocketAddress)
        if failure := self.fails():
            return failure
        client = self.clients.popleft()
        peer = AF_INET.to_bytes(2, "little") + client.to_bytes(2, "big") + bytes([127, 0, 0, 1])
        machine.write(address, peer.ljust(16, b"\0"))
        machine.write(size, (16).to_bytes(4, "little"))
        return client

    def sendto(
        self, machine: Caller, socket: int, data: int, size: int, flags: int, *nobody: int
    ) -> int:
        assert (flags, nobody) == (MSG_NOSIGNAL, (0, 0))
        self.sent[socket] = machine.read(data, size)
        return self.fails() or size

    def close(self, machine: Caller, file: int) -> int:
        assert file not in self.closed
        assert file not in (POLLER, LISTENER, TIMER, SIGNALS, ROOT)
        self.closed.append(file)
        self.watched.pop(file, None)
        return 0

    def read(self, machine: Caller, file: int, data: int, size: int) -> int:
        content = self.readable.pop(file, b"")
        assert len(content) <= size
        machine.write(data, content)
        return len(content) or -Errno.EAGAIN

    def recvfrom(self, machine: Caller, socket: int, data: int, size: int, *others: int) -> int:
        if socket not in self.readable:
            return 0  # the client is gone
        content = self.readable.pop(socket)
        machine.write(data, content)
        return len(content) or -Errno.EAGAIN

    def clock_gettime(self, machine: Caller, clock: int, time: int) -> int:
        assert clock == CLOCK_REALTIME
        machine.write(time, NOW.to_bytes(8, "little") + (999).to_bytes(8, "little"))
        return 0


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


def test_open_descriptors() -> None:
    world = World()
    with working(under_test.open_descriptors) as at:
        for field in (Workspace.poller, Workspace.timer, Workspace.signals):
            at.worker[field] = 0
        assert at.call(kernel=world) == 0
        found = [
            at.worker[field] for field in (Workspace.poller, Workspace.timer, Workspace.signals)
        ]
    assert found == [POLLER, TIMER, SIGNALS]
    assert world.watched == {
        LISTENER: (EPOLLIN, Own.LISTENER),
        TIMER: (EPOLLIN, Own.TIMER),
        SIGNALS: (EPOLLIN, Own.SIGNALS),
    }


CALLS = ["epoll_create1", "timerfd_create", "timerfd_settime", "signalfd4", "epoll_ctl"]


@pytest.mark.parametrize("name", CALLS)
def test_without_its_descriptors_a_worker_does_not_begin(name: str) -> None:
    with working(under_test.open_descriptors) as at:
        assert at.call(kernel=World(**{name: Errno.EMFILE})) == -Errno.EMFILE


@pytest.mark.parametrize("waiting", [0, 5])
@pytest.mark.parametrize("count", [0, 1, EVENTS_MAX])
@pytest.mark.parametrize("failure", [0, Errno.EINTR])
def test_wait(waiting: int, count: int, failure: int) -> None:
    """Log lines wait a little for company, and no longer."""
    world = World(epoll_pwait=failure) if failure else World()
    world.events = [(EPOLLIN, Own.TIMER)] * count
    with working(under_test.wait) as at:
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = waiting
        happened = 0 if failure else count
        assert at.call(kernel=world) == happened
        assert at.worker[Workspace.log_size] == (waiting if happened else 0)
    assert world.timeouts == [LOG_PATIENCE if waiting else -1]
    assert world.said == ([(1, b"line\n")] if waiting and not happened else [])


def put_events(at: Working, *what: int) -> int:
    content = b"".join(bytes(8) + data.to_bytes(8, "little") for data in what)
    at.worker[Workspace.events] = content
    return len(what)


def test_handle_events() -> None:
    """Each event goes to whom it concerns; one of a connection that is closed by now to nobody."""
    world = World()
    world.clients.append(40)
    world.readable[TIMER] = (2).to_bytes(8, "little")
    world.readable[SIGNALS] = bytes(sizeof(SignalInfo))
    with working(under_test.handle_events) as at:
        gone, stays = at.add(State.HEAD, 2000, buffer=True), at.add(State.FREE)
        count = put_events(
            at, Own.LISTENER, int(gone), int(gone), int(stays), Own.TIMER, Own.SIGNALS
        )
        at.call(count, kernel=world)
        assert gone[Connection.state] == State.FREE
        assert at.worker[Workspace.ticks] == TICKS + 2
        assert at.worker[Workspace.stopping] == 1
        assert at.worker[Workspace.active] == 0, "the client that was accepted is idle"
    assert world.closed == [20, 40]


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
        assert slot.bytes(Connection.peer, 8) == bytes([2, 0, 0, 40, 127, 0, 0, 1])
        assert slot[Connection.buffer] == 0, "who says nothing costs a slot and no more"
        assert world.watched == {40: (EPOLLIN, int(slot))}
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
def test_turn_away_who_is_gone(error: Errno) -> None:
    world = World(sendto=error)
    with caller(under_test.turn_away) as machine:
        machine.call(40, kernel=world)
    assert world.closed == [40]


FULL = [Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS]
OTHERS = [Errno.EAGAIN, Errno.EINTR, Errno.ECONNABORTED, Errno.EPERM, Errno.ENETDOWN]


@pytest.mark.parametrize("error", [*FULL, *OTHERS])
def test_accept_fails(error: Errno) -> None:
    """Without room for a client the listener rests: its event would come again at once."""
    world = World(accept4=error)
    world.watched[LISTENER] = (EPOLLIN, Own.LISTENER)
    with working(under_test.accept_client) as at:
        at.call(kernel=world)
        assert at.worker[Workspace.active] == 0
        assert at.worker[Workspace.deaf] == (error in FULL)
    assert (LISTENER in world.watched) == (error not in FULL)
    assert world.closed == []


def test_the_listener_is_heard_again_with_a_tick() -> None:
    with working(under_test.hear_listener) as at:
        at.worker[Workspace.deaf] = 1
        world = World(epoll_ctl=Errno.ENOMEM)
        at.call(kernel=world)
        assert at.worker[Workspace.deaf] == 1, "not yet"
        world = World()
        at.call(kernel=world)
        assert world.watched == {LISTENER: (EPOLLIN, Own.LISTENER)}
        assert at.worker[Workspace.deaf] == 0
        at.call(kernel=world)
        assert world.names == ["epoll_ctl"]


def test_a_client_that_cannot_be_watched_is_closed() -> None:
    world = World(epoll_ctl=Errno.ENOSPC)
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
    world.readable[TIMER] = seconds.to_bytes(8, "little")
    with working(under_test.tick) as at:
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = 5
        at.worker[Workspace.deaf] = 1
        at.call(kernel=world)
        assert at.worker[Workspace.ticks] == TICKS + seconds
        assert at.worker[Workspace.now] == NOW
        assert at.worker[Workspace.deaf] == 0
    assert world.said == [(1, b"line\n")]


def test_a_tick_that_is_none() -> None:
    with working(under_test.tick) as at:
        at.call(kernel=World())
        assert at.worker[Workspace.ticks] == TICKS


states = st.sampled_from([State.FREE, State.HEAD, State.SENDING, State.LINGERING])
deadlines = st.integers(TICKS - 2, TICKS + 2)


@given(table=st.lists(st.tuples(states, deadlines), max_size=SLOTS))
def test_expire_late(table: list[tuple[State, int]]) -> None:
    """Whose deadline is over is closed, exactly; nobody is forgotten, and nobody else is met."""
    world = World()
    with working(under_test.expire_late) as at:
        slots = [at.add(state, deadline) for state, deadline in table]
        for slot in slots:
            slot[Connection.buffer] = at.buffer if slot[Connection.state] > State.HEAD else 0
        late = [state != State.FREE and deadline < TICKS for state, deadline in table]
        at.call(kernel=world)
        for slot, (state, _), over in zip(slots, table, late, strict=True):
            assert slot[Connection.state] == (State.FREE if over else state)
        assert at.worker[Workspace.active] == sum(
            state != State.FREE and not over for (state, _), over in zip(table, late, strict=True)
        )
    assert world.closed == [20 + number for number, over in enumerate(late) if over]


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
        world.watched[LISTENER] = (EPOLLIN, Own.LISTENER)
    with working(under_test.begin_to_stop) as at:
        at.worker[Workspace.deaf] = deaf
        at.add(State.HEAD)
        kept = [at.add(State.HEAD, buffer=True), at.add(State.SENDING, buffer=True)]
        at.add(State.FREE)
        for _ in range(2):  # the second says nothing new
            world.readable[SIGNALS] = bytes(sizeof(SignalInfo))
            at.call(kernel=world)
            assert at.worker[Workspace.stopping] == 1
            assert at.worker[Workspace.stop_tick] == TICKS + SECONDS["stop_seconds"]
            assert at.worker[Workspace.active] == 2
            assert all(slot[Connection.state] for slot in kept)
            assert at.worker[Workspace.deaf] == 0
            at.worker[Workspace.ticks] = TICKS  # a later one would set a later end
    assert world.closed == [20]
    assert world.watched == {}


def test_a_second_signal_does_not_give_more_time() -> None:
    with working(under_test.begin_to_stop) as at:
        for ticks in (TICKS, TICKS + 5):
            world = World()
            world.readable[SIGNALS] = bytes(sizeof(SignalInfo))
            at.worker[Workspace.ticks] = ticks
            at.call(kernel=world)
            assert at.worker[Workspace.stop_tick] == TICKS + SECONDS["stop_seconds"]


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

    def mmap(self, machine: Caller, address: int, length: int, *others: int) -> int:
        return self.fails() or machine.place(bytearray(length))

    def mprotect(self, machine: Caller, *arguments: int) -> int:
        return self.fails()

    def epoll_pwait(
        self, machine: Caller, epoll: int, events: int, most: int, timeout: int, *mask: int
    ) -> int:
        self.events = [(EPOLLIN, what) for what in self.batches.popleft()]
        if Own.TIMER in [what for _, what in self.events]:
            self.readable[TIMER] = (1).to_bytes(8, "little")
        if Own.SIGNALS in [what for _, what in self.events]:
            self.readable[SIGNALS] = bytes(sizeof(SignalInfo))
        return super().epoll_pwait(machine, epoll, events, most, timeout, *mask)


def live(life: Life) -> int:
    """Run a worker with room for one client: the status it ends with."""
    with caller(under_test.run_worker) as machine:
        machine.write(machine.address(SETTINGS), packed(**SECONDS, connections=1))
        worker = Memory(machine, Workspace)
        with pytest.raises(Ended) as ended:
            machine.call(LISTENER, ROOT, int(worker), kernel=life)
        assert worker[Workspace.no_confinement] == 1
    return ended.value.status


def test_run_worker() -> None:
    """A client comes, another finds no room, the first one says nothing, and the end comes."""
    life = Life([[], [Own.LISTENER], [Own.LISTENER, Own.TIMER], [Own.SIGNALS], [Own.TIMER]])
    life.clients.extend([40, 41])
    assert live(life) == 0
    assert life.closed == [41, 40]
    assert not life.batches or list(life.batches) == [[Own.TIMER]]
    assert 40 not in life.sent


@pytest.mark.parametrize("name", ["mmap", "mprotect", "epoll_create1", "epoll_ctl"])
def test_a_worker_that_cannot_begin(name: str) -> None:
    assert live(Life([], **{name: Errno.ENOMEM})) == 1


# --- what others are made of ------------------------------------------------------------


@given(
    file=st.integers(20, 2**31 - 1),
    data=st.integers(0, 2**64 - 1),
    error=st.sampled_from([0, 0, Errno.ENOSPC, Errno.EPERM]),
)
def test_watch_for_input(file: int, data: int, error: int) -> None:
    world = World(epoll_ctl=error)
    with working(under_test.watch_for_input) as at:
        assert at.call(file, data, kernel=world) == -error
    assert world.watched == ({} if error else {file: (EPOLLIN, data)})


@given(listener=st.integers(20, 2**31 - 1), watched=st.booleans())
def test_ignore_listener(listener: int, watched: bool) -> None:
    """Whether it is heard or not; whatever else is watched stays so."""
    world = World()
    others = {TIMER: (EPOLLIN, int(Own.TIMER)), SIGNALS: (EPOLLIN, int(Own.SIGNALS))}
    world.watched = others | ({listener: (EPOLLIN, int(Own.LISTENER))} if watched else {})
    with working(under_test.ignore_listener) as at:
        at.worker[Workspace.listener] = listener
        at.call(kernel=world)
    assert world.watched == others
    assert world.names == ["epoll_ctl"]
