"""The worker's loop, one routine at a time: events, clients, time, and the end."""

from __future__ import annotations

import random
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
    SIOCOUTQ,
    SO_NWRITE,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOL_SOCKET,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import SocketAddress
from svc0.machine.call import Caller, caller
from svc0.server import worker as under_test
from svc0.server.connection import NO_FILE, Buffer, Connection, State, Then
from svc0.server.deadlines import FAREWELL_SECONDS, LINGER_SECONDS
from svc0.server.head import FEW_NAMES, NAMES
from svc0.server.limits import HEAD_MAX
from svc0.server.settings import SETTINGS, LogFormat, packed
from svc0.server.worker import ACCEPTS_MAX, BUSY, LOG_PATIENCE, Own
from svc0.server.workspace import EVENTS_MAX, Patience, Workspace
from tests.model.conditions import format_date
from tests.model.respond import error
from tests.server.kernel import told_by_inotify
from tests.server.memory import Memory
from tests.server.poller import (
    CHANGES,
    LISTENER,
    POLLER,
    ROOT,
    SIGNALS,
    SUPERVISOR,
    TIMER,
    Poller,
)
from tests.server.process import NOW, Ended

SLOTS, TICKS = 4, 1000
SECONDS = {"idle_seconds": 60, "stop_seconds": 10}
PATIENCE = {
    Patience.IDLE: 60,
    Patience.HEAD: 20,
    Patience.BODY: 60,
    Patience.SEND: 60,
    Patience.LINGER: LINGER_SECONDS,
    Patience.FAREWELL: FAREWELL_SECONDS,
}


class World(Poller):
    """What a worker's descriptors have to say; taking clients is what may fail here, too."""

    def __init__(self, **trouble: int) -> None:
        super().__init__(**trouble)
        self.clients: deque[int] = deque()
        self.shut: list[int] = []
        self.closed: list[int] = []
        self.sent: dict[int, bytes] = {}
        self.readable: dict[int, list[bytes]] = {}
        """What clients have sent; behind that they wait.  All others are gone."""
        self.takes: dict[int, int] = {}
        """How many bytes of the next message a client takes; all, unless it is here."""

    def ioctl(self, machine: Caller, socket: int, request: int, answer: int) -> int:
        """Nothing is held for anybody."""
        assert request == SIOCOUTQ
        return 0

    def getsockopt(
        self, machine: Caller, socket: int, level: int, option: int, answer: int, size: int
    ) -> int:
        assert (level, option) == (SOL_SOCKET, SO_NWRITE)
        return 0

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
        if not self.clients:
            return -Errno.EAGAIN
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
        size = self.takes.pop(socket, size)
        self.sent[socket] = self.sent.get(socket, b"") + machine.read(data, size)
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
        self.watched.pop(("output", file), None)
        return 0

    def recvfrom(self, machine: Caller, socket: int, data: int, size: int, *others: int) -> int:
        assert others == (0, 0, 0)
        assert socket not in self.closed
        if socket not in self.readable:
            return 0
        if not self.readable[socket]:
            return -Errno.EAGAIN
        content = self.readable[socket].pop(0)
        if content[size:]:
            self.readable[socket].insert(0, content[size:])
        machine.write(data, content[:size])
        return len(content[:size])


def peer(client: int) -> bytes:
    """Where a client comes from."""
    address = bytearray(16)
    address[int(SocketAddress.family)] = AF_INET
    address[2:8] = client.to_bytes(2, "big") + bytes([127, 0, 0, 1])
    return bytes(address)


class Working:
    """A workspace with a small table of connections, in a machine for one routine."""

    def __init__(self, machine: Caller, slots: int) -> None:
        self.machine = machine
        if SETTINGS in machine.program.addresses:
            machine.write(machine.address(SETTINGS), packed(**SECONDS))
        self.worker = Memory(machine, Workspace)
        self.table = machine.place(bytearray(slots * sizeof(Connection)))
        self.buffer = machine.place(bytearray(2 * sizeof(Buffer)))
        for field, value in {
            Workspace.poller: POLLER,
            Workspace.listener: LISTENER,
            Workspace.timer: TIMER,
            Workspace.signals: SIGNALS,
            Workspace.root: ROOT,
            Workspace.changes: CHANGES if platform() == "linux" else -1,
            Workspace.ticks: TICKS,
            Workspace.requests: 1000,
            Workspace.connections: self.table,
            Workspace.fresh_connections: self.table,
            Workspace.connections_end: self.table + slots * sizeof(Connection),
            Workspace.fresh_buffers: self.buffer + sizeof(Buffer),
            Workspace.buffers_end: self.buffer + 2 * sizeof(Buffer),
        }.items():
            self.worker[field] = value
        self.worker[Workspace.names] = NAMES
        for patience, seconds in PATIENCE.items():
            self.worker[Workspace.until[patience]] = TICKS + seconds

    def call(self, *arguments: int, kernel: World) -> int:
        return self.machine.call(*arguments, int(self.worker), kernel=kernel)

    def slot(self, number: int) -> Memory:
        return Memory(self.machine, Connection, self.table + number * sizeof(Connection))

    def add(
        self,
        state: State,
        deadline: int = 0,
        *,
        buffer: bool = False,
        patience: Patience = Patience.IDLE,
    ) -> Memory:
        """One more connection, whose socket is its place and 20, at the end of its list."""
        fresh = self.worker[Workspace.fresh_connections]
        number = (fresh - self.table) // sizeof(Connection)
        slot = self.slot(number)
        slot[Connection.state] = state
        slot[Connection.deadline] = deadline
        slot[Connection.socket] = 20 + number
        slot[Connection.file] = NO_FILE
        slot[Connection.buffer] = self.buffer if buffer else 0
        slot[Connection.watched] = 1
        if state != State.FREE:
            self.join(slot, patience)
        self.worker[Workspace.fresh_connections] = fresh + sizeof(Connection)
        self.worker[Workspace.active] = self.worker[Workspace.active] + (state != State.FREE)
        return slot

    def join(self, slot: Memory, patience: Patience) -> None:
        """Put it behind the last of a list."""
        before = self.worker[Workspace.latest[patience]]
        slot[Connection.patience] = patience
        slot[Connection.earlier] = before
        self.worker[Workspace.latest[patience]] = int(slot)
        if before:
            Memory(self.machine, Connection, before)[Connection.later] = int(slot)
        else:
            self.worker[Workspace.soonest[patience]] = int(slot)

    def waiting(self, patience: Patience) -> list[int]:
        """The connections of a list, from the front; from the end it must be the same."""
        ways: list[list[int]] = []
        for start, link in (
            (Workspace.soonest, Connection.later),
            (Workspace.latest, Connection.earlier),
        ):
            way: list[int] = []
            at = self.worker[start[patience]]
            while at:
                assert at not in way, "it goes round and round"
                way.append(at)
                at = Memory(self.machine, Connection, at)[link]
            ways.append(way)
        assert ways[0] == ways[1][::-1]
        return ways[0]

    @property
    def lists(self) -> dict[Patience, list[int]]:
        """All that are not empty."""
        return {patience: all_ for patience in Patience if (all_ := self.waiting(patience))}


@contextmanager
def working(routine: Routine, slots: int = SLOTS) -> Generator[Working]:
    with caller(routine) as machine:
        yield Working(machine, slots)


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
    world.readable[40] = []
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
        assert at.lists == {Patience.FAREWELL: [int(at.slot(2))]}
        assert at.worker[Workspace.active] == 1, "the client that was accepted has a moment"
    assert world.closed == [20, LISTENER]


EVENTS = [
    [Own.CHANGES],
    [Own.CHANGES, 20],
    [20, Own.CHANGES],
    [20, Own.LISTENER, Own.CHANGES, 20],
    [20],
    [20, 20],
]


@pytest.mark.parametrize("events", EVENTS, ids=str)
def test_changes_are_heard_first(events: list[int]) -> None:
    """Whichever place it has: what is answered behind it knows of it."""
    world = World()
    world.told = told_by_inotify(1, 2, b"name")
    world.readable[20] = [b"GET", b"GET"]
    world.watched["input", LISTENER] = Own.LISTENER
    with working(under_test.handle_events) as at:
        slot = at.add(State.HEAD, TICKS + 60)
        what = [int(slot) if event == 20 else event for event in events]
        epoch = at.worker[Workspace.epoch]
        at.call(put_events(at, world, *what), kernel=world)
        told = Own.CHANGES in events
        assert at.worker[Workspace.epoch] == epoch + told
        assert at.worker[Workspace.changed] == (epoch + 1 if told else 0)
        assert slot[Connection.state] == State.HEAD
    expected = ["read"] * (told and platform() == "linux") + ["recvfrom"] * events.count(20)
    assert [name for name in world.names if name in ("read", "recvfrom")] == expected


@pytest.mark.parametrize(("events", "taken"), [(1, 1), (2, 3), (EVENTS_MAX, 3)])
def test_a_crowd_of_events(events: int, taken: int) -> None:
    """Alone, the listener's event is of one client, or comes again; else all are taken."""
    world = World()
    world.clients.extend([40, 41, 42])
    world.readable = {40: [], 41: [], 42: []}
    with working(under_test.handle_events) as at:
        what = [Own.LISTENER] + [Own.TIMER] * (events - 1)
        at.call(put_events(at, world, *what), kernel=world)
        assert at.worker[Workspace.active] == taken


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
        others = [at.add(State.SENDING), at.add(State.SENDING)]
        slot = at.add(State.SENDING, buffer=buffer)
        slot[Connection.file] = file
        at.machine.call(int(slot), int(at.worker), kernel=world)
        assert slot[Connection.state] == State.FREE
        assert at.worker[Workspace.active] == 2
        assert at.worker[Workspace.free_connections] == int(slot)
        assert at.worker[Workspace.free_buffers] == (at.buffer if buffer else 0)
        assert at.lists == {Patience.IDLE: [int(other) for other in others]}
    assert world.closed == ([22] if file == NO_FILE else [30, 22])


# --- clients --------------------------------------------------------------------------


def test_accept_client() -> None:
    world = World()
    world.clients.append(40)
    world.readable[40] = []
    with working(under_test.accept_client) as at:
        assert at.call(kernel=world) == 1
        slot = at.slot(0)
        assert slot[Connection.state] == State.HEAD
        assert slot[Connection.socket] == 40
        assert slot[Connection.deadline] == TICKS + SECONDS["idle_seconds"]
        assert slot.bytes(Connection.peer, slot[Connection.peer_size]) == b"127.0.0.1"
        assert slot[Connection.buffer] == 0, "who says nothing costs a slot and no more"
        assert slot[Connection.watched] == 1
        assert at.lists == {Patience.IDLE: [int(slot)]}
        assert world.watched == {("input", 40): int(slot)}
        assert at.worker[Workspace.active] == 1
        assert at.call(kernel=world) == 0, "there is no other"


LAST = b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "patience"),
    [
        ([], Patience.IDLE),
        ([b"GET"], Patience.HEAD),
        ([LAST], None),
        ([LAST + b"more"], Patience.LINGER),
        (None, None),
    ],
    ids=["nothing", "a part", "all of it", "more", "gone"],
)
def test_a_client_is_woken_at_once(content: list[bytes] | None, patience: Patience | None) -> None:
    """The poller hears of it only if it has to wait: most have asked already."""
    world = World()
    world.clients.append(40)
    if content is not None:
        world.readable[40] = [*content]
    with working(under_test.accept_client) as at:
        assert at.call(kernel=world) == 1
        slot = int(at.slot(0))
        if patience is None:
            assert at.lists == world.watched == {}
            assert not {"epoll_ctl", "kevent"} & {*world.names}
        else:
            assert at.lists == {patience: [slot]}
            assert world.watched == {("input", 40): slot}
        assert at.worker[Workspace.active] == (patience is not None)
    assert world.closed == ([40] if patience is None else [])
    answered = bool(content) and LAST in content[0]
    assert (40 in world.sent) == answered


def test_a_client_that_takes_a_part_at_once() -> None:
    """It is watched for what it waits for now, and for nothing else."""
    world = World()
    world.clients.append(40)
    world.readable[40], world.takes[40] = [LAST], 5
    with working(under_test.accept_client) as at:
        assert at.call(kernel=world) == 1
        slot = at.slot(0)
        assert slot[Connection.state] == State.SENDING
        assert world.watched == {("output", 40): int(slot)}
        assert at.lists == {Patience.SEND: [int(slot)]}


@pytest.mark.parametrize("then", [0, Then.WRITABLE, Then.CLOSE | Then.WRITABLE])
@pytest.mark.parametrize("trouble", [{}, {"input": Errno.ENOSPC}, {"output": Errno.ENOSPC}])
def test_watch_connection(then: int, trouble: dict[str, int]) -> None:
    world = World(**trouble)
    with working(under_test.watch_connection) as at:
        slot = at.add(State.SENDING)
        slot[Connection.then] = then
        slot[Connection.watched] = 0
        result = at.machine.call(int(slot), int(at.worker), kernel=world)
        assert result == -trouble.get("input", 0)
        assert slot[Connection.watched] == ("input" not in trouble)
        if not trouble:
            what = "output" if then & Then.WRITABLE else "input"
            assert world.watched == {(what, 20): int(slot)}


@pytest.mark.parametrize("events", [1, 2, EVENTS_MAX])
@pytest.mark.parametrize("clients", [0, 1, 2, ACCEPTS_MAX, ACCEPTS_MAX + 3])
def test_accept_clients(events: int, clients: int) -> None:
    """One if nothing else has happened, else as many as there are up to a limit."""
    world = World()
    world.clients.extend(range(40, 40 + clients))
    world.readable = {client: [] for client in world.clients}
    taken = min(clients, 1 if events == 1 else ACCEPTS_MAX)
    with working(under_test.accept_clients, slots=64) as at:
        at.call(events, kernel=world)
        assert at.worker[Workspace.active] == taken
        slots = [int(at.slot(number)) for number in range(taken)]
        assert at.lists == ({Patience.IDLE: slots} if taken else {})
    assert len(world.clients) == clients - taken
    assert set(world.watched) == {("input", 40 + number) for number in range(taken)}


def test_welcome() -> None:
    """Who came before is further in front, and has not more time."""
    with working(under_test.welcome) as at:
        first = at.add(State.HEAD, TICKS + 59)
        second = at.add(State.FREE)
        at.worker[Workspace.peer] = peer(4660)
        at.machine.call(int(second), int(at.worker), kernel=World())
        assert second.bytes(Connection.peer, second[Connection.peer_size]) == b"127.0.0.1"
        assert second[Connection.deadline] == TICKS + SECONDS["idle_seconds"]
        assert at.lists == {Patience.IDLE: [int(first), int(second)]}


def test_a_full_table() -> None:
    """Who comes too late is told so at once, without being read; those who are there stay."""
    world = World()
    world.clients.extend([40, 41])
    world.readable[41] = []
    with working(under_test.accept_client) as at:
        slots = [at.add(State.HEAD) for _ in range(SLOTS - 1)]
        free = at.add(State.FREE)
        assert at.call(kernel=world) == 1
        assert world.closed == [40]
        at.worker[Workspace.free_connections] = int(free)
        assert at.call(kernel=world) == 1
        assert free[Connection.socket] == 41
        assert at.lists == {Patience.IDLE: [int(slot) for slot in [*slots, free]]}
    assert world.sent == {40: bytes(BUSY)}
    assert world.closed == [40]


@pytest.mark.parametrize("sizes", [[], [1], [300], [3000], [9, 7000, 1], [1] * 40, [100_000]])
def test_who_is_turned_away_is_heard_first(sizes: list[int]) -> None:
    """What is unread when it is closed would be a reset; a head is read, and not without end."""
    world = World()
    world.readable[40] = [b"x" * size for size in sizes]
    with caller(under_test.turn_away) as machine:
        machine.call(40, kernel=world)
    assert world.sent == {40: bytes(BUSY)}
    assert world.closed == [40]
    assert world.names[0] == "sendto"
    assert world.names[-1] == "close"
    reads = world.names.count("recvfrom")
    assert len(world.names) == reads + 2
    assert reads <= 8
    assert not world.readable[40] or reads == 8
    assert sum(sizes) - sum(map(len, world.readable[40])) >= min(sum(sizes), HEAD_MAX, reads)


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
        assert at.call(kernel=world) == 0
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
    world.readable[40] = []
    with working(under_test.accept_client) as at:
        assert at.call(kernel=world) == 1
        assert at.worker[Workspace.active] == 0
        assert at.lists == {}
        assert at.slot(0)[Connection.state] == State.FREE
    assert world.closed == [40]


# --- time -----------------------------------------------------------------------------


def test_take_time() -> None:
    with working(under_test.take_time) as at:
        epoch = at.worker[Workspace.epoch]
        at.call(kernel=World())
        assert at.worker[Workspace.now] == NOW
        assert at.worker[Workspace.epoch] == epoch + 1, "what is kept has to be dated anew"
        assert at.worker.bytes(Workspace.date, 29) == format_date(NOW)
        date = b" - - [14/Nov/2023:22:13:20 +0000] "
        assert at.worker.bytes(Workspace.log_time, len(date)) == date
        for patience, seconds in PATIENCE.items():
            assert at.worker[Workspace.until[patience]] == TICKS + seconds


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
        assert at.worker[Workspace.until[0]] == TICKS + seconds + SECONDS["idle_seconds"]
        assert at.worker[Workspace.now] == NOW
        assert at.worker[Workspace.deaf] == 0
    assert world.said == [(1, b"line\n")]


def test_a_tick_that_is_none() -> None:
    world = World()
    with working(under_test.tick) as at:
        at.call(0, kernel=world)
        assert at.worker[Workspace.ticks] == TICKS
    assert world.names == []


late = st.tuples(
    st.sampled_from([State.HEAD, State.SENDING, State.LINGERING]),
    st.sampled_from(Patience),
    st.integers(TICKS - 2, TICKS + 2),
)


@given(table=st.lists(late, max_size=2 * SLOTS), order=st.randoms())
def test_expire_late(table: list[tuple[State, Patience, int]], order: random.Random) -> None:
    """Whose deadline is over is closed, exactly; nobody is forgotten, and nobody else is met."""
    world = World()
    table.sort(key=lambda each: each[2])
    with working(under_test.expire_late, slots=2 * SLOTS) as at:
        places = list(range(len(table)))
        order.shuffle(places)
        empty = [at.add(State.FREE) for _ in table]
        buffers = at.machine.place(bytearray(2 * SLOTS * sizeof(Buffer)))
        lists: dict[Patience, list[int]] = {patience: [] for patience in Patience}
        closed: dict[Patience, list[int]] = {patience: [] for patience in Patience}
        for place, (state, patience, deadline) in zip(places, table, strict=True):
            slot = empty[place]
            slot[Connection.state], slot[Connection.deadline] = state, deadline
            slot[Connection.buffer] = buffers + place * sizeof(Buffer) if state > State.HEAD else 0
            at.join(slot, patience)
            if deadline < TICKS:
                closed[patience].append(slot[Connection.socket])
            else:
                lists[patience].append(int(slot))
        at.worker[Workspace.active] = len(table)
        at.call(kernel=world)
        for place, (state, _, deadline) in zip(places, table, strict=True):
            expected = State.FREE if deadline < TICKS else state
            assert empty[place][Connection.state] == expected
        assert at.lists == {patience: slots for patience, slots in lists.items() if slots}
        assert at.worker[Workspace.active] == sum(map(len, lists.values()))
    assert world.closed == [socket for sockets in closed.values() for socket in sockets]


def test_who_is_late_with_a_request_is_told_so() -> None:
    """And is not closed before the answer can have come."""
    world = World()
    with working(under_test.expire_late) as at:
        slot = at.add(State.HEAD, TICKS - 1, buffer=True, patience=Patience.HEAD)
        at.call(kernel=world)
        assert slot[Connection.state] == State.LINGERING
        assert slot[Connection.deadline] == TICKS + LINGER_SECONDS
        assert at.lists == {Patience.LINGER: [int(slot)]}
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
        world.readable[20] = [content] * bool(content)
    with working(under_test.close_idle) as at:
        slot = at.add(State.HEAD, TICKS + 60)
        slot[Connection.served] = served
        sending = at.add(State.SENDING, TICKS + 7, buffer=True, patience=Patience.SEND)
        others = [sending, at.add(State.FREE)]
        at.call(kernel=world)
        assert slot[Connection.state] == (State.HEAD if stays else State.FREE)
        lists = {Patience.SEND: [int(sending)]}
        if stays:
            patience = Patience.HEAD if content else Patience.FAREWELL
            lists[patience] = [int(slot)]
            assert slot[Connection.deadline] == TICKS + PATIENCE[patience]
        assert at.lists == lists
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
            assert at.worker[Workspace.requests] == 0, "each is its connection's last"
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


@pytest.mark.parametrize("active", [0, 1])
@pytest.mark.parametrize("left", [-1, 0, 1])
def test_stop_when_done(active: int, left: int) -> None:
    """It ends when nothing is in flight any more, or there is no time left; with its log."""
    world = World()
    with working(under_test.stop_when_done) as at:
        at.worker[Workspace.stopping] = 1
        at.worker[Workspace.active] = active
        at.worker[Workspace.stop_tick] = TICKS + left
        at.worker[Workspace.log] = b"line\n"
        at.worker[Workspace.log_size] = 5
        if not active or left < 0:
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
        self.most_maps = 0
        """The call for memory that fails."""

    def openat2(self, machine: Caller, *arguments: int) -> int:
        return -Errno.ENOSYS

    def openat(self, machine: Caller, *arguments: int) -> int:
        return -Errno.ENOENT

    def mmap(self, machine: Caller, address: int, length: int, *others: int) -> int:
        if self.names.count("mmap") == self.most_maps:
            return -Errno.ENOMEM
        return self.fails() or machine.place(bytearray(length))

    def mprotect(self, machine: Caller, *arguments: int) -> int:
        return self.fails()

    def wait(self, machine: Caller, events: int, most: int, milliseconds: int) -> int:
        self.happens = self.batches.popleft()
        if platform() == "macos":
            self.seconds = 0  # of each event, and not since they were read
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
        teller = CHANGES if platform() == "linux" else POLLER
        watches = not {"inotify_init1", "getrlimit"} & set(life.trouble)
        if life.timeouts:
            assert worker[Workspace.changes] == (teller if watches else -1)
    return ended.value.status


def test_run_worker() -> None:
    """A client comes, another finds no room, the first one says nothing, and the end comes."""
    life = Life(
        [
            [],
            [Own.LISTENER],
            [Own.LISTENER, Own.TIMER],
            [Own.CHANGES],
            [Own.SIGNALS],
            [Own.TIMER],
            [Own.TIMER],
        ]
    )
    life.clients.extend([40, 41])
    life.readable[40] = []
    assert live(life) == 0
    assert life.closed == [41, LISTENER, 40]
    assert not life.batches
    assert 40 not in life.sent


@pytest.mark.parametrize("what", ["mmap", "mprotect", "seconds", "signal", "input"])
def test_a_worker_that_cannot_begin(what: str) -> None:
    assert live(Life([], **{what: Errno.ENOMEM})) == 1


@pytest.mark.parametrize("most", [1, 2, 3, 12])
def test_a_worker_without_memory(most: int) -> None:
    """For connections, for buffers, and for each shelf of the cache."""
    life = Life([])
    life.most_maps = most
    assert live(life) == 1
    assert life.names.count("mmap") == most


def test_a_worker_that_nobody_tells_of_changes() -> None:
    """It serves all the same, and looks for itself."""
    what = "inotify_init1" if platform() == "linux" else "getrlimit"
    assert live(Life([[Own.SIGNALS]], **{what: Errno.EMFILE})) == 0


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize("requests", [1, 1000])
def test_use_settings(form: LogFormat, requests: int) -> None:
    """Heads are searched for what is logged, and for no more."""
    with caller(under_test.use_settings) as machine:
        content = packed(log=form, requests=requests)
        machine.write(machine.address(SETTINGS), content)
        try:
            worker = Memory(machine, Workspace)
            machine.call(int(worker))
            logs_fields = form in (LogFormat.COMBINED, LogFormat.JSON)
            names = NAMES if logs_fields else FEW_NAMES
            assert worker[Workspace.names] == names
            assert worker[Workspace.requests] == requests
        finally:
            machine.write(machine.address(SETTINGS), bytes(SETTINGS))


@pytest.mark.platform("macos")
def test_a_worker_whose_supervisor_has_ended() -> None:
    assert live(Life([], end=Errno.ESRCH)) == 1
