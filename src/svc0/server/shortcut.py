"""The shortcut: from a head in the buffer to an answer in the cache, without a detour.

It is for what nearly all requests are: a head as most are (head.py), for what the cache has.  Then
nothing is decided that was decided before: the answer lies ready, and only its place is noted.  The
places of all answers to what a client sent at once are handed to the kernel together.

    input   GET /a …  GET /b …  GET /a …
    vector  ─► answer of /a, of /b, of /a     one sendmsg

A small part of a file is made behind those that wait (parts.py), and waits there as they do.  A
large one, most answers under conditions, and the last one of a connection are made for the one
request, of the entry that was found (``answer_alone``).  Everything else goes the long way
(conversation.py), and gets the same answer there.

If the kernel does not take all, the answer that it took a part of becomes the connection's, which
goes on with the rest when the client does; and those behind it were never given: their requests are
read again then, and what the log has of them is taken back.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL
from svc0.kernel.errors import Errno
from svc0.kernel.structs import IoVector, MessageHeader

from .cache import Entry, find_entry, is_untouched
from .conditional import CONDITIONS
from .connection import Buffer, Connection, State, Then, forget_request
from .head import read_head
from .log import LINE_ROOM, TAIL_MAX, add_line, log_access
from .macros import point
from .methods import Method
from .parts import take_part
from .request import Kind
from .response import BLOCKED, DATE_SIZE, SENT, write_header
from .routes import show_entry
from .target import SUB_DELIMS, UNRESERVED
from .text import LOWER, STEP, Z, copy, nibbles
from .workspace import BATCH_MAX, LOG_ROOM, Queued, Workspace

UNUSUAL = 1 << Kind.CONTENT_LENGTH | 1 << Kind.TRANSFER_ENCODING | 1 << Kind.EXPECT
"""Fields with which a request goes the long way: it has a body, or may."""

RANGE, IF_RANGE = 1 << Kind.RANGE, 1 << Kind.IF_RANGE
"""Fields of which a part may be made, if there are no other conditions."""

assert CONDITIONS & RANGE - 1 == 1 << Kind.IF_NONE_MATCH | 1 << Kind.IF_MODIFIED_SINCE
"""A word of conditions below RANGE has none but those that 304 is for."""

PAGE = Data(b"text/html,")
"""How Accept begins of whoever would rather have a page than anything else."""

IN_HOST = nibbles(UNRESERVED | SUB_DELIMS)
"""What a host is made of, if nothing in it is escaped (RFC 3986 3.2.2): two tables of nibbles."""

HOST_STEPS = 4
"""Steps of 16 bytes in which a host is looked at; a longer one goes the long way."""

PORT_MAX = bytes((6, 5, 5, 3, 5))
"""The digits of the largest port."""


# --- a request --------------------------------------------------------------------------


@routine
def answer_shortly(connection: x27, worker: x28) -> w0:
    """Answer a request that lies in the buffer from the cache.

    QUEUED, and the answer waits in the vector; the request is not forgotten yet.  BEGUN, and it is
    the connection's.  Or NOT_HERE, if the request has to go the long way: then nothing was done,
    but its head may have been read.
    """
    of, entry = x19, x20
    bare, logged, last, special, no = (label() for _ in range(5))

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
        tst(w9, UNUSUAL)
        b.ne(no)
        tbz(w9, Kind.HOST, no)
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
        cmp(w0, LAST)
        b.eq(last)
        b.hi(no)
        mov(x0, entry)
        bl(choose_answer)
        cbz(x0, special)
        queue_answer(of, entry)
        mov(x0, x3)
        mov(x1, x4)
        cbz(x4, bare)
        bl(add_line)

        here(logged)
        ldr(w9, [of, Buffer.cursor])
        str_(w9, [of, Buffer.start])
        mov(w0, QUEUED)
        b(leave)

        here(bare)
        bl(log_access)
        b(logged)

        here(last)
        mov(w0, Then.CLOSE)

        here(special)
        mov(w1, w0)
        mov(x0, entry)
        bl(answer_alone)
        b(leave)

        here(no)
        mov(w0, NOT_HERE)
    ret()


NOT_HERE, QUEUED, BEGUN = 0, 1, 2
assert NOT_HERE == 0
KEPT, LAST, DOUBTFUL = 0, 1, 2


@routine
def answer_alone(entry: x0, then: w1, connection: x27, worker: x28) -> w0:
    """Answer with the file of an entry, as conditions or the end of the connection will have it.

    BEGUN, and the answer is the connection's; or NOT_HERE, if others wait in the vector, which have
    to be sent before, or the entry is no file's, or of one that is not what it was.
    """
    of, how = x19, w20
    no = label()

    ldr(w9, [worker, Workspace.queued])
    ldr(w10, [entry, Entry.status])
    sub(w10, w10, 200)
    orr(w9, w9, w10)
    cbnz(w9, no)
    with frame(of, how.x) as leave:
        mov(of, entry)
        mov(how, then)
        bl(is_untouched)
        cbz(w0, leave)
        strb(how, [connection, Connection.then])
        mov(x0, of)
        bl(show_entry)
        mov(w0, BEGUN)
    ret()

    here(no)
    mov(w0, NOT_HERE)
    ret()


assert Buffer.received == Buffer.start + 4
assert Workspace.queued == Workspace.requests + 4


@routine
def is_usual(buffer: x0) -> w0:
    """Whether Host is plainly right, and Connection says nothing but keep-alive: KEPT.

    LAST if it says close, DOUBTFUL if one of them has to be looked at closely.
    """
    text, size, count, digits = x9, x10, x11, x12
    next_step, end, port, connection_, fine, close, no = (label() for _ in range(7))

    adr(x12, IN_HOST)
    ldp(v2.q, v3.q, [x12])
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
    cmp(size, len("keep-alive"))
    b.ne(close)
    adr(x12, KEEP_ALIVE)
    ldr(x13, [x12])
    ldrh(w14, [x12, 8])
    ldr(x11, [text])
    ldrh(w12, [text, 8])
    orr(x11, x11, LOWER * 0x0101010101010101)
    orr(w12, w12, LOWER * 0x01010101)
    and_(w12, w12, 0xFFFF)
    cmp(x11, x13)
    ccmp(w12, w14, 0, Condition.eq)
    b.ne(no)

    here(fine)
    mov(w0, KEPT)
    ret()

    here(close)
    ldr(w11, [text])
    ldrb(w12, [text, 4])
    orr(w11, w11, LOWER * 0x01010101)
    orr(w12, w12, LOWER)
    mov(w13, int.from_bytes(b"clos", "little"))
    sub(w12, w12, ord("e"))
    cmp(size, len("close"))
    ccmp(w11, w13, 0, Condition.eq)
    ccmp(w12, 0, 0, Condition.eq)
    b.ne(no)
    mov(w0, LAST)
    ret()

    here(port)
    add(text, text, count)
    ldrb(w13, [text])
    sub(size, size, 2)  # the colon, and one digit
    cmp(w13, ord(":"))
    ccmp(size, len(PORT_MAX) - 1, 2, Condition.eq)
    b.hi(no)
    ldur(digits, [text, 1])
    mov(w13, 64 - 8)
    sub(w13, w13, size.w, lsl(3))
    eor(digits, digits, 0x3030303030303030)
    rev(digits, digits)
    lsr(digits, digits, x13)  # only those that are of the port
    mov(x13, 0x0606060606060606)
    add(x13, digits, x13)
    orr(x13, x13, digits)
    tst(x13, 0xF0F0F0F0F0F0F0F0)
    b.ne(no)
    mov(x13, int.from_bytes(PORT_MAX, "big"))
    cmp(digits, x13)
    b.ls(connection_)

    here(no)
    mov(w0, DOUBTFUL)
    ret()


KEEP_ALIVE = Data(b"keep-alive", align=8)


def field_at(text: X, size: X, buffer: X, kind: Kind) -> None:
    """Macro: the value of a field that came once: its address and its length."""
    add(size, buffer, Buffer.request.firsts)
    ldp(text.w, size.w, [size, 8 * kind])
    add(text, text, buffer)
    add(text, text, int(Buffer.input))


@routine
def choose_answer(
    entry: x0, buffer: x19, connection: x27, worker: x28
) -> tuple[x0, x1, x2, x3, x4, x5]:
    """What of an entry answers a request: its address, its size, and the size of its head.

    Also how its line in the log ends: address and size, which is 0 if that is not known; and its
    status.  The first address is 0 if nothing of the entry answers it.
    """
    status, seen, text, size = w5, w4, x10, x11  # where the first two are set, they are results
    conditions = w13
    other, conditional, unconditional, whole, tag, fresh, no = (label() for _ in range(7))
    special, part, another, weak, compare = (label() for _ in range(5))

    ldr(status, [entry, Entry.status])
    ldr(seen, [buffer, Buffer.request.seen])
    cmp(status, 200)
    b.ne(other)
    ands(conditions, seen, CONDITIONS)
    b.ne(conditional)

    here(unconditional)
    ldrb(w12, [entry, Entry.shelf])
    cbz(w12, no)  # the body is in a file

    here(whole)
    ldr(w1, [entry, Entry.answer_size])
    ldr(w2, [entry, Entry.head_size])
    ldrb(w12, [buffer, Buffer.request.method])
    ldr(w4, [entry, Entry.tail_size])
    add(x3, entry, Entry.tail)
    ldr(x0, [entry, Entry.answer])
    cmp(w12, Method.HEAD)
    csel(x1, x2, x1, Condition.eq)
    csel(x4, xzr, x4, Condition.eq)
    ret()

    here(conditional)
    cmp(conditions, RANGE)
    b.eq(part)
    b.hi(special)
    tbnz(seen, Kind.IF_NONE_MATCH, tag)

    field_at(text, size, buffer, Kind.IF_MODIFIED_SINCE)
    ldr(x13, [entry, Entry.rest])
    cmp(size, DATE_SIZE)
    b.ne(no)
    differ_in_date(x12, text, x13)
    cbnz(x12, no)
    b(fresh)

    here(special)
    cmp(conditions, RANGE + IF_RANGE)
    b.ne(no)
    field_at(text, size, buffer, Kind.IF_RANGE)
    same_tag(entry, text, size, no)

    here(part)
    ldrb(w12, [buffer, Buffer.request.method])
    tbz(w12, 0, unconditional)  # a HEAD has no parts
    b(take_part)

    here(another)  # what is weak is compared without its W/, and what is short not at all
    ldr(x12, [entry, Entry.facts.etag_size])
    cmp(x12, STEP)
    b.lo(no)
    ldr(w12, [text])
    mov(w13, WEAK)
    and_(w12, w12, 0xFFFFFF)
    cmp(w12, w13)
    b.eq(weak)
    plain_tag(text, size, no)
    b(unconditional)  # whatever If-Modified-Since says

    here(weak)
    add(text, text, len("W/"))
    sub(size, size, len("W/"))
    b(compare)

    here(tag)
    field_at(text, size, buffer, Kind.IF_NONE_MATCH)

    here(compare)
    same_tag(entry, text, size, another)

    here(fresh)
    ldrb(w12, [entry, Entry.shelf])
    cbz(w12, no)  # the file has to be looked at
    ldr(w1, [entry, Entry.fresh_size])
    add(x0, entry, Entry.fresh)
    mov(x2, x1)
    adr(x3, FRESH_TAIL)
    mov(x4, len('" 304 0'))
    mov(x5, 304)
    ret()

    here(other)  # a page for people, unless the client would rather have another
    ldr(w13, [entry, Entry.key_size])
    ldr(w14, [buffer, Buffer.request.target_size])
    add(w13, w13, len("/"))
    cmp(status, 404)
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
    for register in (x1, x2, x3):
        mov(register, 0)
    ret()


assert Method.GET & 1 > Method.HEAD & 1

FRESH_TAIL = Data(b'" 304 0'.ljust(TAIL_MAX, b"\0"), align=STEP)


WEAK = int.from_bytes(b'W/"', "little")


def same_tag(entry: X, text: X, size: X, no: Label) -> None:
    """Macro: go on if a text is an entry's entity-tag and no more; x12 to x17 are lost.

    Both are compared in two steps of 16 bytes, which overlap; no entity-tag that is kept has more.
    Of a shorter one what stands before it is compared too, and is another.
    """
    end, ours = x17, x12

    ldr(ours, [entry, Entry.facts.etag_size])
    ldp(x13, x14, [text])
    ldp(x15, x16, [entry, Entry.facts.etag])
    add(end, text, size)
    cmp(size, ours)
    ccmp(x13, x15, 0, Condition.eq)
    ccmp(x14, x16, 0, Condition.eq)
    add(ours, entry, ours)
    ldp(x13, x14, [end, -STEP])
    ldp(x15, x16, [ours, int(Entry.facts.etag) - STEP])
    ccmp(x13, x15, 0, Condition.eq)
    ccmp(x14, x16, 0, Condition.eq)
    b.ne(no)


def plain_tag(text: X, size: X, no: Label) -> None:
    """Macro: go on if a text begins with a quote, and the next one, of 32 bytes, ends it.

    So it lists no more than one entity-tag.  x12 to x15 and v0 to v2 are lost.
    """
    ldp(v0.q, v1.q, [text])
    movi(v2.b16, ord('"'))
    for step, quotes in (v0, x12), (v1, x13):
        cmeq(step.b16, step.b16, v2.b16)
        shrn(step.b8, step.h8, 4)
        fmov(quotes, step.d)
    tbz(x12, 0, no)
    ands(x12, x12, ~0xF & 2**64 - 1)
    cset(x14, Condition.eq)
    csel(x12, x13, x12, Condition.eq)
    cbz(x12, no)
    rbit(x12, x12)
    clz(x12, x12)
    add(x12, x12, x14, lsl(6))
    sub(x13, size, 1)
    cmp(x12, x13, lsl(2))
    b.ne(no)


def differ_in_date(different: X, text: X, fields: X) -> None:
    """Macro: what is zero if a date is that of Last-Modified, which fields begin with.

    v0 to v3 are lost.
    """
    ours, last = len("\r\nLast-Modified: "), DATE_SIZE - STEP

    for step, begin, at in (
        (v0, text, 0),
        (v1, text, last),
        (v2, fields, ours),
        (v3, fields, ours + last),
    ):
        ldur(step.q, [begin, at])
    eor(v0.b16, v0.b16, v2.b16)
    eor(v1.b16, v1.b16, v3.b16)
    orr(v0.b16, v0.b16, v1.b16)
    umaxp(v0.s4, v0.s4, v0.s4)
    fmov(different, v0.d)


def queue_answer(buffer: X, entry: X) -> None:
    """Macro: let what choose_answer left wait in the vector.  x0 to x5 are not lost."""
    ldr(w9, [x28, Workspace.queued])
    add(w10, w9, 1)
    str_(w10, [x28, Workspace.queued])
    add(x11, x28, Workspace.vector)
    add(x11, x11, x9, lsl(4))
    stp(x0, x1, [x11])
    add(x11, x28, Workspace.queue)
    add(x11, x11, x9, lsl(5))
    ldr(w9, [buffer, Buffer.start])
    ldr(w10, [x28, Workspace.log_size])
    str_(entry, [x11, Queued.entry])
    stp(w9, w10, [x11, Queued.start])
    stp(w2, w5, [x11, Queued.head_size])
    mov(w9, 1)
    strb(w9, [entry, Entry.used])
    sub(x9, x1, x2)
    strh(w5, [x27, Connection.status])
    strb(wzr, [x27, Connection.then])  # a part of it may have come before
    str_(x9, [x27, Connection.sent])
    ldr(w9, [x27, Connection.served])
    add(w9, w9, 1)
    str_(w9, [x27, Connection.served])


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
    one, none = label(), label()

    ldr(w0, [worker, Workspace.queued])
    cbz(w0, none)
    str_(wzr, [worker, Workspace.queued])
    cmp(w0, 1)
    b.eq(one)
    b(send_several)

    here(one)
    b(send_one)

    here(none)
    mov(x0, SENT)
    ret()


@routine
def send_one(connection: x27, worker: x28) -> x0:
    """Hand the kernel the answer that waits: as send_batch."""
    partly = label()

    with frame() as leave:
        again = here()
        add(x9, worker, Workspace.vector)
        ldp(x1, x2, [x9])
        ldr(w0, [connection, Connection.socket])
        mov(w3, MSG_NOSIGNAL)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()
        ldr(x9, [worker, int(Workspace.vector) + IoVector.length])
        cmp(x0, x9)
        b.ne(partly)
        mov(x0, SENT)
        b(leave)

        here(partly)
        cmn(x0, Errno.EINTR)
        b.eq(again)
        mov(x1, 1)
        bl(adopt)
    ret()


@routine
def send_several(count: x0, connection: x27, worker: x28) -> x0:
    """Hand the kernel so many answers: as send_batch."""
    many, total = x19, x20
    partly = label()

    with frame(many, total, room=MessageHeader.size) as leave:
        mov(many, count)
        add(x10, worker, Workspace.vector)
        mov(total, 0)

        add_up = here()
        ldr(x9, [x10, IoVector.length])
        add(x10, x10, IoVector.size)
        add(total, total, x9)
        subs(count, count, 1)
        b.ne(add_up)

        again = here()
        add(x10, worker, Workspace.vector)
        mov(x1, sp)
        write_header(x1, x10, many)
        ldr(w0, [connection, Connection.socket])
        mov(w2, MSG_NOSIGNAL)
        calls.sendmsg()
        cmp(x0, total)
        b.ne(partly)
        mov(x0, SENT)
        b(leave)

        here(partly)
        cmn(x0, Errno.EINTR)
        b.eq(again)
        mov(x1, many)
        bl(adopt)
    ret()


@routine
def adopt(taken: x0, count: x1, connection: x27, worker: x28) -> x0:
    """The kernel took so many bytes of so many answers, not all: the next is the connection's.

    Its request is read again, since its line of the log is written when it is sent; of those behind
    it there is nothing left but their requests.  Leaves BLOCKED; or -errno, if it was that which
    was taken, and nothing was.
    """
    vector, record, left, of, result = x19, x20, x21, x22, x23
    found, done = label(), label()

    with frame(vector, record, left, of, result):
        mov(result, BLOCKED)
        cmp(taken, 0)
        csel(result, taken, result, Condition.lt)
        cmn(taken, Errno.EAGAIN)
        mov(x9, BLOCKED)
        csel(result, x9, result, Condition.eq)
        bic(taken, taken, taken, asr(63))  # what was not taken is 0
        add(vector, worker, Workspace.vector)
        add(record, worker, Workspace.queue)

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
        mov(x0, result)
    ret()
