"""Pools: connections and buffers, laid out once; what was freed last is used next.

What was used and is free again is a list through its ``next`` field; behind it
is what was never used, up to the end of the table:

    table ─ used or listed ─ fresh ─────────── end

So a table costs no memory before it is used.  It is mapped at the start,
between pages that are not there, and never grows.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    MAP_ANONYMOUS,
    MAP_NORESERVE,
    MAP_PRIVATE,
    PROT_NONE,
    PROT_READ,
    PROT_WRITE,
)

from .connection import NO_FILE, Buffer, Connection, State, forget_request
from .deadlines import be_patient
from .workspace import Patience, Workspace

GUARD = 0x1_0000
"""Bytes without memory before and behind a pool: the largest page of an arm64 kernel."""


@routine
def map_pool(size: x0) -> x0:
    """Memory of zeros, with guards around it: its address, or -errno."""
    inside, start = x19, x20

    with frame(inside, start) as leave:
        mov(x9, GUARD - 1)
        add(inside, size, x9)
        bic(inside, inside, x9)
        mov(x0, 0)
        add(x1, inside, 2 * GUARD)
        mov(w2, PROT_NONE)
        mov(w3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
        mov(w4, -1)
        mov(x5, 0)
        calls.mmap()
        tbnz(x0, 63, leave)
        add(start, x0, GUARD)
        mov(x0, start)
        mov(x1, inside)
        mov(w2, PROT_READ | PROT_WRITE)
        calls.mprotect()
        tbnz(x0, 63, leave)
        mov(x0, start)
    ret()


assert GUARD & GUARD - 1 == 0, "bic rounds down to a power of two"


@routine
def fill_pools(count: x0, worker: x28) -> x0:
    """Make room for so many connections, with a buffer for each: 0, or -errno."""
    many, size = x19, x20

    with frame(many, size) as leave:
        mov(many, count)
        mov(x9, Connection.size)
        mul(size, many, x9)
        mov(x0, size)
        bl(map_pool)
        tbnz(x0, 63, leave)
        str_(x0, [worker, Workspace.connections])
        str_(x0, [worker, Workspace.fresh_connections])
        add(x9, x0, size)
        str_(x9, [worker, Workspace.connections_end])

        mov(x9, Buffer.size)
        mul(size, many, x9)
        mov(x0, size)
        bl(map_pool)
        tbnz(x0, 63, leave)
        str_(x0, [worker, Workspace.fresh_buffers])
        add(x9, x0, size)
        str_(x9, [worker, Workspace.buffers_end])
        mov(x0, 0)
    ret()


def take(free: int, fresh: int, end: int, slot: type[Struct], next_field: int) -> None:
    """Write: x0 = a free slot, or 0 if there is none; x28 holds the workspace.  Uses x9, x10."""
    never_used, out_of_room, done = label(), label(), label()
    ldr(x0, [x28, free])
    cbz(x0, never_used)
    ldr(x9, [x0, next_field])
    str_(x9, [x28, free])
    begins(x0, slot)
    b(done)

    here(never_used)
    ldr(x9, [x28, fresh])
    ldr(x10, [x28, end])
    cmp(x9, x10)
    b.hs(out_of_room)
    mov(x0, x9)
    begins(x0, slot)
    mov(x10, sizeof(slot))
    add(x9, x9, x10)
    str_(x9, [x28, fresh])

    here(out_of_room)  # x0 is 0 still
    here(done)


@routine
def take_buffer(connection: x27, worker: x28) -> x0:
    """Give the connection a buffer: its address, or 0 if there is none."""
    none = label()

    take(
        Workspace.free_buffers, Workspace.fresh_buffers, Workspace.buffers_end, Buffer, Buffer.next
    )
    cbz(x0, none)
    str_(x0, [connection, Connection.buffer])
    stp(wzr, wzr, [x0, Buffer.start])
    b(forget_request)

    here(none)
    ret()


assert Buffer.received == Buffer.start + 4


def give_back(buffer: X) -> None:
    """Macro: a buffer that its connection does not hold any more is free.  Uses x10."""
    ldr(x10, [x28, Workspace.free_buffers])
    str_(x10, [buffer, Buffer.next])
    ends(buffer, Buffer, links=[Buffer.next])
    str_(buffer, [x28, Workspace.free_buffers])


@routine
def give_buffer(connection: x27, worker: x28) -> None:
    """Take the connection's buffer away, if it has one."""
    none = label()

    ldr(x9, [connection, Connection.buffer])
    cbz(x9, none)
    str_(xzr, [connection, Connection.buffer])
    give_back(x9)

    here(none)
    ret()


@routine
def give_and_rest(buffer: x0, connection: x27, worker: x28) -> None:
    """Take the connection's buffer away, which is used up: it is idle from now on."""
    str_(xzr, [connection, Connection.buffer])
    give_back(buffer)
    mov(w0, Patience.IDLE)
    b(be_patient)


@routine
def take_connection(worker: x28) -> x0:
    """A free connection, waiting for a head, with nothing else known of it; 0 if there is none."""
    none = label()

    take(
        Workspace.free_connections,
        Workspace.fresh_connections,
        Workspace.connections_end,
        Connection,
        Connection.next,
    )
    cbz(x0, none)
    for at in range(0, Connection.size, 16):
        stp(xzr, xzr, [x0, at])
    mov(w9, State.HEAD)
    strb(w9, [x0, Connection.state])
    mov(w9, NO_FILE)
    str_(w9, [x0, Connection.file])
    ldr(w9, [worker, Workspace.active])
    add(w9, w9, 1)
    str_(w9, [worker, Workspace.active])

    here(none)
    ret()


@routine
def give_connection(connection: x27, worker: x28) -> None:
    """The connection is over: its slot is free, and so is its buffer."""
    with frame():
        bl(give_buffer)
        mov(w9, State.FREE)
        strb(w9, [connection, Connection.state])
        ldr(x9, [worker, Workspace.free_connections])
        str_(x9, [connection, Connection.next])
        str_(connection, [worker, Workspace.free_connections])
        ends(connection, Connection, keeps=[Connection.state], links=[Connection.next])
        ldr(w9, [worker, Workspace.active])
        sub(w9, w9, 1)
        str_(w9, [worker, Workspace.active])
    ret()


assert Connection.size % 16 == 0
