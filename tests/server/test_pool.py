"""Pools, against lists: taken and given back in any order, and kernels that have no room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc0.a64 import *
from svc0.kernel.constants import (
    MAP_ANONYMOUS,
    MAP_NORESERVE,
    MAP_PRIVATE,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)
from svc0.kernel.errors import Errno
from svc0.machine.call import Caller, caller
from svc0.server import pool as under_test
from svc0.server.connection import NO_FILE, Buffer, Connection, State
from svc0.server.pool import GUARD
from svc0.server.workspace import Workspace
from tests.server.kernel import Kernel
from tests.server.memory import Memory

BASE = 0x40_0000_0000
NO_ROOM = -Errno.ENOMEM


class Mapper(Kernel):
    """Maps addresses that nobody touches; the calls in ``failing``, counted from 0, fail."""

    def __init__(self, *failing: int) -> None:
        super().__init__()
        self.failing = failing
        self.end = BASE
        self.mapped: list[tuple[int, int]] = []
        self.usable: list[tuple[int, int]] = []

    @property
    def fails(self) -> bool:
        return len(self.names) - 1 in self.failing

    def mmap(
        self, _: Caller, address: int, length: int, protection: int, flags: int, *rest: int
    ) -> int:
        assert (address, length % GUARD, protection) == (0, 0, PROT_NONE)
        assert flags == MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        assert rest == (0xFFFF_FFFF, 0), "of no file"
        if self.fails:
            return NO_ROOM
        self.mapped.append((self.end, length))
        self.end += length
        return self.end - length

    def mprotect(self, _: Caller, address: int, length: int, protection: int) -> int:
        assert protection == PROT_READ | PROT_WRITE
        if self.fails:
            return NO_ROOM
        self.usable.append((address, length))
        return 0


@given(size=st.integers(1, 1 << 32))
def test_map_pool(size: int) -> None:
    """All of it can be used, and what is right before and behind it cannot."""
    kernel = Mapper()
    with caller(under_test.map_pool) as machine:
        start = machine.call(size, kernel=kernel)
    [(first, length)], [(usable, room)] = kernel.mapped, kernel.usable
    assert start == usable == first + GUARD
    assert usable + room + GUARD == first + length
    assert size <= room < size + GUARD


@pytest.mark.parametrize("failing", [0, 1])
def test_map_pool_without_room(failing: int) -> None:
    with caller(under_test.map_pool) as machine:
        assert machine.call(1, kernel=Mapper(failing)) == NO_ROOM


@given(count=st.integers(1, 65536))
def test_fill_pools(count: int) -> None:
    kernel = Mapper()
    with caller(under_test.fill_pools) as machine:
        worker = Memory(machine, Workspace)
        assert machine.call(count, int(worker), kernel=kernel) == 0
        for (start, room), fresh, end, slot in (
            (kernel.usable[0], Workspace.fresh_connections, Workspace.connections_end, Connection),
            (kernel.usable[1], Workspace.fresh_buffers, Workspace.buffers_end, Buffer),
        ):
            assert (worker[fresh], worker[end]) == (start, start + count * sizeof(slot))
            assert count * sizeof(slot) <= room
        assert worker[Workspace.connections] == worker[Workspace.fresh_connections]
        assert worker[Workspace.free_connections] == worker[Workspace.free_buffers] == 0


@pytest.mark.parametrize("failing", range(4))
def test_fill_pools_without_room(failing: int) -> None:
    with caller(under_test.fill_pools) as machine:
        worker = Memory(machine, Workspace)
        assert machine.call(8, int(worker), kernel=Mapper(failing)) == NO_ROOM


# --- taking and giving -----------------------------------------------------------------


ROUTINES = (
    under_test.take_connection,
    under_test.give_connection,
    under_test.take_buffer,
    under_test.give_buffer,
)


@routine
def use(which: x0, connection: x27, worker: x28) -> x0:
    """Call one of ROUTINES; 0 if it leaves nothing."""
    with frame() as leave:
        for number, used in enumerate(ROUTINES):
            other = label()
            cmp(which, number)
            b.ne(other)
            bl(used)
            if not used.results:
                mov(x0, 0)
            b(leave)

            here(other)
        mov(x0, 0)
    ret()


COUNT = 4


class Pools:
    """Room for COUNT connections and COUNT buffers, full of what nobody asked for."""

    def __init__(self, machine: Caller) -> None:
        self.machine = machine
        self.worker = Memory(machine, Workspace)
        for slot, fresh, end in (
            (Connection, Workspace.fresh_connections, Workspace.connections_end),
            (Buffer, Workspace.fresh_buffers, Workspace.buffers_end),
        ):
            size = COUNT * sizeof(slot)
            self.worker[fresh] = machine.place(bytearray(b"\xee" * size))
            self.worker[end] = self.worker[fresh] + size

    def use(self, used: Routine, connection: int = 0) -> int:
        return self.machine.call(ROUTINES.index(used), connection, int(self.worker))

    def connection(self, address: int) -> Memory:
        return Memory(self.machine, Connection, address)


steps = st.lists(st.tuples(st.sampled_from(range(4)), st.integers(0, 9)), max_size=40)


@given(steps=steps)
def test_any_order(steps: list[tuple[int, int]]) -> None:
    """No slot is given twice, the last one freed is the next, and all can be had."""
    with caller(use) as machine:
        pools = Pools(machine)
        taken: list[int] = []
        freed: list[int] = []
        buffers: dict[int, int] = {}
        for which, pick in steps:
            used = ROUTINES[which]
            chosen = taken[pick % len(taken)] if taken else 0
            if used is under_test.take_connection:
                made = pools.use(used)
                assert (made == 0) == (len(taken) == COUNT)
                if made:
                    assert made not in taken
                    assert not freed or made == freed.pop()
                    taken.append(made)
                    check_fresh(pools.connection(made))
            elif not chosen:
                continue
            elif used is under_test.give_connection:
                pools.use(used, chosen)
                taken.remove(chosen)
                freed.append(chosen)
                buffers.pop(chosen, None)
                assert pools.connection(chosen)[Connection.state] == State.FREE
                assert pools.connection(chosen)[Connection.buffer] == 0
            elif used is under_test.give_buffer:
                pools.use(used, chosen)
                buffers.pop(chosen, None)
                assert pools.connection(chosen)[Connection.buffer] == 0
            elif chosen not in buffers:
                made = pools.use(used, chosen)
                assert made not in (0, *buffers.values())
                assert pools.connection(chosen)[Connection.buffer] == made
                buffers[chosen] = made
                check_empty(Memory(machine, Buffer, made))
            assert pools.worker[Workspace.active] == len(taken)


def check_fresh(connection: Memory) -> None:
    """Nothing is known of a connection but that it waits for a head."""
    assert connection[Connection.state] == State.HEAD
    assert connection[Connection.file] == NO_FILE
    content = bytearray(connection.bytes(Connection.socket, Connection.size))
    content[Connection.state] = 0
    content[Connection.file : Connection.file + 4] = bytes(4)
    assert not any(content)


def check_empty(buffer: Memory) -> None:
    """Nothing was received, and nothing is known of a request."""
    for field in (Buffer.start, Buffer.received, Buffer.cursor, Buffer.scanned):
        assert buffer[field] == 0
    known = Buffer.request.firsts - Buffer.request
    assert not any(buffer.bytes(Buffer.request, known))


def test_no_buffer_is_left() -> None:
    with caller(use) as machine:
        pools = Pools(machine)
        connections = [pools.use(under_test.take_connection) for _ in range(COUNT)]
        made = {pools.use(under_test.take_buffer, connection) for connection in connections}
        assert len(made) == COUNT
        pools.connection(connections[0])[Connection.buffer] = 0
        assert pools.use(under_test.take_buffer, connections[0]) == 0
        assert pools.connection(connections[0])[Connection.buffer] == 0
