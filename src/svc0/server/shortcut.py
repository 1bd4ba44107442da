"""The shortcut: from a head in the buffer to an answer in the cache, without a detour.

It is for what nearly all requests are: a head as most are (head.py), for what the cache has, from a
client that goes on listening.  Then nothing is decided that was decided before: the answer lies
ready, and only its place is noted.  The places of all answers to what a client sent at once are
handed to the kernel together.

    input   GET /a …  GET /b …  GET /a …
    vector  ─► answer of /a, of /b, of /a     one sendmsg

Everything else goes the long way (conversation.py), and gets the same answer there.

If the kernel does not take all, the answer that it took a part of becomes the connection's, which
goes on with the rest when the client does; and those behind it were never given: their requests are
read again then, and what the log has of them is taken back.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL
from svc0.kernel.errors import Errno
from svc0.kernel.structs import IoVector, MessageHeader

from .cache import Entry, find_entry
from .connection import Buffer, Connection, State, forget_request
from .head import read_head
from .log import LINE_ROOM, log_access
from .macros import point
from .methods import Method
from .request import Kind
from .response import BLOCKED, DATE_SIZE, SENT, write_header
from .target import SUB_DELIMS, UNRESERVED
from .text import LOWER, STEP, Z, copy, nibbles
from .workspace import BATCH_MAX, LOG_ROOM, Queued, Workspace

USUAL = frozenset(
    (
        Kind.HOST,
        Kind.CONNECTION,
        Kind.IF_NONE_MATCH,
        Kind.IF_MODIFIED_SINCE,
        Kind.ACCEPT,
        Kind.REFERER,
        Kind.USER_AGENT,
    )
)
"""Fields that requests may have to come this way."""

UNUSUAL = sum(1 << kind for kind in set(Kind) - USUAL)

PAGE = Data(b"text/html,")
"""How Accept begins of whoever would rather have a page than anything else."""
IN_HOST_HIGH, IN_HOST_LOW = nibbles(UNRESERVED | SUB_DELIMS)
HOST_STEPS = 4
"""Steps of 16 bytes in which a host is looked at; a longer one goes the long way."""

PORT_MAX = 4
"""Digits of a port that cannot be too large."""


# --- a request --------------------------------------------------------------------------


@routine
def answer_shortly(connection: x27, worker: x28) -> w0:
    """Answer a request that lies in the buffer from the cache: 1, and the answer is in the vector.

    0 if it has to go the long way; then nothing was done, but its head may have been read.
    """
    of, entry = x19, x20
    no = label()

    with frame(of, entry) as leave:
        ldr(of, [connection, Connection.buffer])
        ldp(w9, w10, [of, Buffer.start])
        ldr(w11, [of, Buffer.scanned])
        cmp(w9, w11)
        b.ne(no)  # a part of it was read before
        ldr(w9, [connection, Connection.served])
        ldp(w10, w11, [worker, Workspace.requests])
        add(w9, w9, 1)
        cmp(w11, BATCH_MAX)
        ccmp(w9, w10, 2, Condition.lo)
        b.hs(no)
        ldr(w9, [worker, Workspace.log_size])
        mov(w10, LOG_ROOM - LINE_ROOM)
        cmp(w9, w10)
        b.hi(no)
        mov(x0, of)
        ldr(x1, [worker, Workspace.names])
        bl(read_head)
        cbz(x0, no)

        ldr(w9, [of, Buffer.request.seen])
        mov(w10, UNUSUAL)
        tst(w9, w10)
        b.ne(no)
        tbz(w9, Kind.HOST, no)
        ldr(w10, [of, Buffer.request.target])
        add(x0, of, Buffer.input)
        add(x0, x0, x10)
        ldrb(w10, [x0], len("/"))
        sub(x1, x1, len("/"))
        cmp(w10, ord("/"))
        b.ne(no)
        bl(find_entry)
        cbz(x0, no)
        mov(entry, x0)
        ldr(x9, [entry, Entry.epoch])
        ldr(x10, [worker, Workspace.epoch])
        cmp(x9, x10)
        b.ne(no)
        mov(x0, of)
        bl(is_usual)
        cbz(w0, no)
        mov(x0, entry)
        bl(choose_answer)
        cbz(x0, no)
        mov(x4, entry)
        bl(queue_answer)
        mov(w0, 1)
        b(leave)

        here(no)
        mov(w0, 0)
    ret()


assert Buffer.received == Buffer.start + 4
assert Workspace.queued == Workspace.requests + 4


@routine
def is_usual(buffer: x0) -> w0:
    """1 if Host is plainly right, and Connection says nothing but keep-alive; else 0."""
    text, size, count, digits = x9, x10, x11, w12
    next_step, end, port, connection_, fine, no = (label() for _ in range(6))

    adr(x12, IN_HOST_HIGH)
    ldr(v2.q, [x12])
    adr(x12, IN_HOST_LOW)
    ldr(v3.q, [x12])
    movi(v4.b16, 15)
    field_at(text, size, buffer, Kind.HOST)
    mov(count, 0)

    here(next_step)
    ldr(v0.q, [text, count])
    ushr(v1.b16, v0.b16, 4)
    and_(v0.b16, v0.b16, v4.b16)
    tbl(v1.b16, v2.b16, v1.b16)
    tbl(v0.b16, v3.b16, v0.b16)
    cmtst(v1.b16, v1.b16, v0.b16)
    shrn(v1.b8, v1.h8, 4)
    fmov(x13, v1.d)
    mvn(x13, x13)
    cbnz(x13, end)
    add(count, count, STEP)
    cmp(count, HOST_STEPS * STEP)
    b.lo(next_step)
    b(no)

    here(end)
    rbit(x13, x13)
    clz(x13, x13)
    add(count, count, x13, lsr(2))
    cbz(count, no)
    subs(size, size, count)  # what stops it in any case is the CR
    b.ne(port)

    here(connection_)
    ldr(w13, [buffer, Buffer.request.seen])
    tbz(w13, Kind.CONNECTION, fine)
    field_at(text, size, buffer, Kind.CONNECTION)
    adr(x12, KEEP_ALIVE)
    ldr(x13, [x12])
    ldrh(w14, [x12, 8])
    cmp(size, len("keep-alive"))
    b.ne(no)
    ldr(x11, [text])
    ldrh(w12, [text, 8])
    orr(x11, x11, LOWER * 0x0101010101010101)
    orr(w12, w12, LOWER * 0x01010101)
    and_(w12, w12, 0xFFFF)
    cmp(x11, x13)
    ccmp(w12, w14, 0, Condition.eq)
    b.ne(no)

    here(fine)
    mov(w0, 1)
    ret()

    here(port)
    add(text, text, count)
    ldrb(w13, [text])
    sub(size, size, 2)  # the colon, and one digit
    cmp(w13, ord(":"))
    ccmp(size, PORT_MAX - 1, 2, Condition.eq)
    b.hi(no)
    ldur(digits, [text, 1])
    eor(digits, digits, 0x30303030)
    mov(w13, 8 * (PORT_MAX - 1))
    sub(w13, w13, size.w, lsl(3))
    lsl(digits, digits, w13)  # only those that are of the port
    mov(w13, 0x76767676)
    add(w13, digits, w13)
    orr(w13, w13, digits)
    tst(w13, 0x80808080)
    b.eq(connection_)

    here(no)
    mov(w0, 0)
    ret()


KEEP_ALIVE = Data(b"keep-alive", align=8)


def field_at(text: X, size: X, buffer: X, kind: Kind) -> None:
    """Macro: the value of a field that came once: its address and its length."""
    add(size, buffer, Buffer.request.firsts)
    ldp(text.w, size.w, [size, 8 * kind])
    add(text, text, buffer)
    add(text, text, int(Buffer.input))


@routine
def choose_answer(entry: x0, buffer: x19) -> tuple[x0, x1, x2]:
    """What of an entry answers a request: its address, its size, and the size of its head.

    The address is 0 if that is nothing.
    """
    seen, text, size = w9, x10, x11
    other, whole, tag, date, fresh, head, no = (label() for _ in range(7))

    ldr(w12, [entry, Entry.status])
    ldr(seen, [buffer, Buffer.request.seen])
    cmp(w12, 200)
    b.ne(other)
    tbnz(seen, Kind.IF_NONE_MATCH, tag)
    tbnz(seen, Kind.IF_MODIFIED_SINCE, date)
    ldrb(w12, [entry, Entry.shelf])
    cbz(w12, no)  # the body is in a file

    here(whole)
    ldr(w1, [entry, Entry.answer_size])

    here(head)
    ldr(w2, [entry, Entry.head_size])
    ldrb(w12, [buffer, Buffer.request.method])
    ldr(x0, [entry, Entry.answer])
    cmp(w12, Method.HEAD)
    csel(x1, x2, x1, Condition.eq)
    ret()

    here(tag)
    field_at(text, size, buffer, Kind.IF_NONE_MATCH)
    ldr(x12, [entry, Entry.facts.etag_size])
    add(x13, entry, Entry.facts.etag)
    cmp(size, x12)
    b.ne(no)
    equal_bytes(text, x13, size, no)
    b(fresh)

    here(date)
    field_at(text, size, buffer, Kind.IF_MODIFIED_SINCE)
    cmp(size, DATE_SIZE)
    b.ne(no)
    ldr(x13, [entry, Entry.answer])
    ldr(w12, [entry, Entry.fields_at])
    add(x13, x13, x12)
    add(x13, x13, len("\r\nLast-Modified: "))
    equal_bytes(text, x13, size, no)

    here(fresh)
    ldr(w1, [entry, Entry.fresh_size])
    add(x0, entry, Entry.fresh)
    mov(x2, x1)
    ret()

    here(other)  # a page for people, unless the client would rather have another
    ldr(w13, [entry, Entry.key_size])
    ldr(w14, [buffer, Buffer.request.target_size])
    add(w13, w13, len("/"))
    cmp(w12, 404)
    ccmp(w13, w14, Z, Condition.ne)  # where else to go depends on the query
    b.ne(no)
    tbz(seen, Kind.ACCEPT, whole)
    field_at(text, size, buffer, Kind.ACCEPT)
    adr(x12, PAGE)
    cmp(size, len(PAGE))
    b.lo(no)
    ldr(x13, [x12])
    ldr(x14, [text])
    ldrh(w12, [text, 8])  # the last letter, and what stands behind
    mov(w15, int.from_bytes(b"l,", "little"))
    cmp(x13, x14)
    ccmp(w12, w15, 0, Condition.eq)
    b.eq(whole)

    here(no)
    mov(x0, 0)
    mov(x1, 0)
    mov(x2, 0)
    ret()


def equal_bytes(text: X, other: X, size: X, no: Label) -> None:
    """Macro: go on if two texts of one size are equal; x12, x14 and x15 are lost.

    Those of less than eight bytes are not looked at.
    """
    at, part = x12, x14
    again, done = label(), label()

    subs(size, size, 8)
    b.lo(no)
    mov(at, 0)

    here(again)
    ldr(part, [text, at])
    ldr(x15, [other, at])
    cmp(part, x15)
    b.ne(no)
    cmp(at, size)
    b.eq(done)
    add(at, at, 8)
    cmp(at, size)
    csel(at, at, size, Condition.lo)
    b(again)

    here(done)


@routine
def queue_answer(
    address: x0, size: x1, head_size: x2, entry: x4, connection: x27, worker: x28
) -> None:
    """Let an answer of an entry wait in the vector, and log it; the next request can be read."""
    of, record = x19, x20

    with frame(of, record):
        ldr(of, [connection, Connection.buffer])
        ldr(w9, [worker, Workspace.queued])
        add(w10, w9, 1)
        str_(w10, [worker, Workspace.queued])
        point(x11, worker, Workspace.vector)
        add(x11, x11, x9, lsl(4))
        stp(address, size, [x11])
        point(record, worker, Workspace.queue)
        add(record, record, x9, lsl(5))
        ldr(w10, [of, Buffer.start])
        ldr(w11, [worker, Workspace.log_size])
        ldr(w12, [entry, Entry.status])
        str_(entry, [record, Queued.entry])
        stp(w10, w11, [record, Queued.start])
        stp(head_size.w, w12, [record, Queued.head_size])
        ldr(x9, [worker, Workspace.queued_bytes])
        add(x9, x9, size)
        str_(x9, [worker, Workspace.queued_bytes])
        mov(w9, 1)
        strb(w9, [entry, Entry.used])
        strh(w12, [connection, Connection.status])
        sub(x9, size, head_size)
        str_(x9, [connection, Connection.sent])
        ldr(w9, [connection, Connection.served])
        add(w9, w9, 1)
        str_(w9, [connection, Connection.served])
        bl(log_access)
        ldr(w9, [of, Buffer.cursor])
        str_(w9, [of, Buffer.start])
        mov(x0, of)
        bl(forget_request)
    ret()


assert IoVector.size == 1 << 4
assert Queued.size == 1 << 5
assert Queued.log_size == Queued.start + 4
assert Queued.status == Queued.head_size + 4


# --- the batch --------------------------------------------------------------------------


@routine
def send_batch(connection: x27, worker: x28) -> x0:
    """Hand the kernel the answers that wait: SENT, BLOCKED if it does not take all, or -errno.

    Then none waits any more: of what it did not take, the first is the connection's now.
    """
    count, total = x19, x20
    again, one, taken, partly, failed, none = (label() for _ in range(6))

    ldr(w9, [worker, Workspace.queued])
    cbz(w9, none)
    with frame(count, total, room=MessageHeader.size) as leave:
        mov(count, x9)
        ldr(total, [worker, Workspace.queued_bytes])
        str_(wzr, [worker, Workspace.queued])
        str_(xzr, [worker, Workspace.queued_bytes])

        here(again)
        point(x10, worker, Workspace.vector)
        ldr(w0, [connection, Connection.socket])
        cmp(count, 1)
        b.eq(one)
        mov(x1, sp)
        write_header(x1, x10, count)
        mov(w2, MSG_NOSIGNAL)
        calls.sendmsg()
        b(taken)

        here(one)
        ldp(x1, x2, [x10])
        mov(w3, MSG_NOSIGNAL)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()

        here(taken)
        tbnz(x0, 63, failed)
        cmp(x0, total)
        b.ne(partly)
        mov(x0, SENT)
        b(leave)

        here(failed)
        cmn(x0, Errno.EINTR)
        b.eq(again)
        mov(total, x0)
        mov(x0, 0)
        mov(x1, count)
        bl(adopt)
        mov(x0, total)
        cmn(total, Errno.EAGAIN)
        b.ne(leave)
        mov(x0, BLOCKED)
        b(leave)

        here(partly)
        mov(x1, count)
        bl(adopt)
        mov(x0, BLOCKED)
    ret()

    here(none)
    mov(x0, SENT)
    ret()


@routine
def adopt(taken: x0, count: x1, connection: x27, worker: x28) -> None:
    """The kernel took so many bytes of so many answers, not all: the next is the connection's.

    Its request is read again, since its line of the log is written when it is sent; of those behind
    it there is nothing left but their requests.
    """
    vector, record, left, of = x19, x20, x21, x22
    found, done = label(), label()

    with frame(vector, record, left, of):
        point(vector, worker, Workspace.vector)
        point(record, worker, Workspace.queue)

        again = here()
        ldr(x9, [vector, IoVector.length])
        cmp(taken, x9)
        b.lo(found)
        sub(taken, taken, x9)
        add(vector, vector, IoVector.size)
        add(record, record, Queued.size)
        sub(count, count, 1)
        b(again)

        here(found)
        mov(left, taken)
        sub(x9, count, 1)
        ldr(w10, [connection, Connection.served])
        sub(w10, w10, w9)
        str_(w10, [connection, Connection.served])
        ldr(of, [connection, Connection.buffer])
        ldp(w9, w10, [record, Queued.start])
        str_(w9, [of, Buffer.start])
        str_(w10, [worker, Workspace.log_size])
        mov(x0, of)
        bl(forget_request)
        mov(x0, of)
        ldr(x1, [worker, Workspace.names])
        bl(read_head)
        mov(w9, State.SENDING)
        strb(w9, [connection, Connection.state])

        # What is left of the head is copied, since entries get a new Date; the body is not.
        ldp(w9, w10, [record, Queued.head_size])
        strh(w10, [connection, Connection.status])
        ldp(x11, x12, [vector])
        sub(x13, x12, x9)
        str_(x13, [connection, Connection.sent])
        add(x12, x11, x12)
        add(x10, x11, x9)  # where the body begins
        add(x11, x11, left)
        cmp(x11, x10)
        csel(x13, x11, x10, Condition.hi)
        stp(x13, x12, [connection, Connection.rest])
        subs(x2, x10, x11)
        csel(x2, x2, xzr, Condition.hi)
        mov(x1, x11)
        point(x0, of, Buffer.output)
        str_(x0, [connection, Connection.out])
        bl(copy)
        str_(x0, [connection, Connection.out_end])
        ldp(x9, x10, [connection, Connection.rest])
        cmp(x9, x10)
        b.eq(done)
        ldr(x9, [record, Queued.entry])
        str_(x9, [connection, Connection.entry])
        ldr(w10, [x9, Entry.pins])
        add(w10, w10, 1)
        str_(w10, [x9, Entry.pins])

        here(done)
    ret()
