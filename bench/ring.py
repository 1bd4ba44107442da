# pyright: reportReturnType=false
# ruff: noqa: F403, F405
"""The floor by io_uring: calls are rows in memory that is shared with the kernel.

Accepting is asked for once.  For each request that came, a send and, linked behind it, the next
receive are put down; one call hands all of them over and waits for what is next.  A row is 64
bytes, a result 16.  Needs Linux 6.1; qemu-user has no io_uring.

Sources: Linux include/uapi/linux/io_uring.h.
"""

from typing import Never

from bench.floor import INPUT, ROOM, Floor, answer, call, prepare
from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL, PROT_READ, PROT_WRITE

ROWS = 512
SINGLE_ISSUER, DEFER_TASKRUN = 1 << 12, 1 << 13
GETEVENTS = 1
OFFSET_ROWS = 0x1000_0000
MAP_SHARED, MAP_POPULATE = 0x01, 0x8000
MSG_WAITALL = 0x100

ACCEPT, SEND, RECEIVE = 13, 26, 27
MULTISHOT = 1
LINK, SKIP_SUCCESS = 1 << 2, 1 << 6

ACCEPTED, RECEIVED, SENT = 0, 1, 2
"""What a result is of: the low byte of what we gave along; the descriptor is above."""


@call(425)
def io_uring_setup(rows: w0, parameters: x1) -> x0:
    """A new ring: a descriptor."""


@call(426)
def io_uring_enter(ring: w0, count: w1, least: w2, flags: w3, mask: x4, size: x5) -> x0:
    """Hand rows over, and wait for results."""


class Parameters(Struct, size=120):
    """struct io_uring_params: where things are in the shared memory."""

    rows: u32 = at(0)
    flags: u32 = at(8)
    row_tail: u32 = at(40 + 4)
    row_mask: u32 = at(40 + 8)
    row_array: u32 = at(40 + 24)
    result_head: u32 = at(80 + 0)
    result_tail: u32 = at(80 + 4)
    result_mask: u32 = at(80 + 8)
    results: u32 = at(80 + 20)


class Row(Struct, size=64):
    """struct io_uring_sqe."""

    operation: u8 = at(0)
    flags: u8 = at(1)
    priority: u16 = at(2)
    file: u32 = at(4)
    address: u64 = at(16)
    length: u32 = at(24)
    call_flags: u32 = at(28)
    given: u64 = at(32)


class Result(Struct, size=16):
    """struct io_uring_cqe."""

    given: u64
    value: i32
    flags: u32


PARAMETERS = Bss(Parameters.size)


def start(floor: Floor) -> Routine:
    """The first routine of a floor that waits with io_uring."""
    listen_here, open_answer = prepare(floor.port)

    @routine
    def open_ring() -> tuple[x0, x1, x2]:
        """A ring: its descriptor, its memory, its rows."""
        ring, shared = x19, x20
        with frame(ring, shared):
            adr(x1, PARAMETERS)
            mov(w9, SINGLE_ISSUER | DEFER_TASKRUN)
            str_(w9, [x1, Parameters.flags])
            mov(w0, ROWS)
            io_uring_setup()
            mov(ring, x0)

            adr(x9, PARAMETERS)
            ldr(w1, [x9, Parameters.row_array])
            add(x1, x1, 4 * ROWS)
            mov(x0, 0)
            mov(w2, PROT_READ | PROT_WRITE)
            mov(w3, MAP_SHARED | MAP_POPULATE)
            mov(w4, ring.w)
            mov(x5, 0)
            calls.mmap()
            mov(shared, x0)
            mov(x0, 0)
            mov(x1, ROWS * Row.size)
            mov(w2, PROT_READ | PROT_WRITE)
            mov(w3, MAP_SHARED | MAP_POPULATE)
            mov(w4, ring.w)
            mov(x5, OFFSET_ROWS)
            calls.mmap()
            mov(x2, x0)

            adr(x9, PARAMETERS)  # the row of each place is the one of the same number
            ldr(w9, [x9, Parameters.row_array])
            add(x9, shared, x9)
            mov(x10, 0)
            fill = here()
            str_(w10, [x9], 4)
            add(x10, x10, 1)
            cmp(x10, ROWS)
            b.lo(fill)
            mov(x0, ring)
            mov(x1, shared)
        ret()

    @routine
    def start() -> Never:
        """Serve the clients of the port, for ever."""
        ring, shared, rows, tail, head, end = x19, x20, x21, x22, x23, x24
        data, listener, handed, client = x25, x26, x27, x28
        wait, received, following = label(), label(), label()

        def place(field: int) -> None:
            """Write: the address of something shared, in x9.  Uses x10."""
            adr(x10, PARAMETERS)
            ldr(w9, [x10, field])
            add(x9, shared, x9)

        def put(operation: int, what: int, file: X, flags: int = 0) -> None:
            """Write: an empty row of this kind, its address in x9, and the tail moved on."""
            and_(x9, tail, ROWS - 1)
            add(x9, rows, x9, lsl(6))
            for n in range(0, Row.size, 16):
                stp(xzr, xzr, [x9, n])
            mov(w10, operation)
            strb(w10, [x9, Row.operation])
            mov(w10, flags)
            strb(w10, [x9, Row.flags])
            str_(file.w, [x9, Row.file])
            lsl(x10, file, 8)
            add(x10, x10, what)
            str_(x10, [x9, Row.given])
            add(tail, tail, 1)

        def put_receive(file: X) -> None:
            put(RECEIVE, RECEIVED, file)
            adr(x10, INPUT)
            str_(x10, [x9, Row.address])
            mov(w10, ROOM)
            str_(w10, [x9, Row.length])

        bl(listen_here)
        mov(listener, x0)
        mov(x0, len(answer(floor.body)))
        bl(open_answer)
        mov(data, x0)
        bl(open_ring)
        mov(ring, x0)
        mov(shared, x1)
        mov(rows, x2)
        mov(tail, 0)
        mov(handed, 0)
        mov(head, 0)
        put(ACCEPT, ACCEPTED, listener)
        mov(w10, MULTISHOT)
        strh(w10, [x9, Row.priority])

        here(wait)
        place(Parameters.row_tail)
        stlr(tail.w, [x9])
        sub(w1, tail.w, handed.w)
        mov(handed, tail)
        mov(w0, ring.w)
        mov(w2, 1)
        mov(w3, GETEVENTS)
        mov(x4, 0)
        mov(x5, 0)
        io_uring_enter()
        place(Parameters.result_tail)
        ldar(end.w, [x9])

        again = here()
        place(Parameters.result_head)
        stlr(head.w, [x9])
        cmp(head.w, end.w)
        b.eq(wait)
        place(Parameters.result_mask)
        ldr(w11, [x9])
        and_(w11, w11, head.w)
        place(Parameters.results)
        add(x9, x9, x11, lsl(4))
        add(head.w, head.w, 1)
        ldr(client, [x9, Result.given])
        ldrsw(x10, [x9, Result.value])
        and_(x11, client, 0xFF)
        lsr(client, client, 8)
        cmp(x11, RECEIVED)
        b.eq(received)
        b.hi(again)  # a send that failed: the receive behind it fails too
        mov(x12, x10)
        put_receive(x12)
        b(again)

        here(received)
        cmp(x10, 0)
        b.le(following)
        put(SEND, SENT, client, LINK | SKIP_SUCCESS)
        str_(data, [x9, Row.address])
        mov(w10, len(answer(floor.body)))
        str_(w10, [x9, Row.length])
        mov(w10, MSG_NOSIGNAL | MSG_WAITALL)
        str_(w10, [x9, Row.call_flags])
        put_receive(client)
        b(again)

        here(following)
        mov(w0, client.w)
        calls.close()
        b(again)

    return start
