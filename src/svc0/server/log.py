"""The access log: a line for every answer, on standard output.

Lines are collected and written together, at the latest a tick after the first,
so that a line is not a system call.  What a client sent is escaped, so a line is
always one line.  Whoever reads them may be slower for a while: lines wait as long
as there is room for them.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.errors import Errno

from .cache import Entry
from .connection import PEER_ROOM, Buffer, Connection
from .dates import write_iso_date, write_log_date
from .escape import write_json_string, write_logged
from .macros import point, put
from .request import Kind, Phase, only_value
from .settings import SETTINGS, LogFormat, Settings
from .terminal import STDOUT
from .text import DECIMAL_MAX, STEP, copy, write_decimal
from .workspace import LOG_ROOM, Workspace

REQUEST_ROOM = 4096
"""Bytes of a line for the request line; what is longer is cut."""

FIELD_ROOM = 1024
"""Bytes of a line for Referer, and for User-Agent."""

LINE_ROOM = REQUEST_ROOM + 2 * FIELD_ROOM + 512
assert LINE_ROOM * 4 < LOG_ROOM


@routine
def log_access(connection: x27, worker: x28) -> None:
    """Add a line about the answer of this connection to the log, if it is kept and has room."""
    with frame():
        bl(body_sent)
        mov(x2, x0)
        ldrh(w1, [connection, Connection.status])
        add(x0, worker, Workspace.tail)
        bl(write_tail)
        add(x9, worker, Workspace.tail)
        sub(x1, x0, x9)
        mov(x0, x9)
        bl(log_line)
    ret()


@routine
def log_line(tail: x0, size: x1, connection: x27, worker: x28) -> None:
    """The same, where it is known how the line ends (``write_tail``)."""
    full = label()

    ldr(w9, [worker, Workspace.log_size])
    mov(w10, LOG_ROOM - LINE_ROOM)
    cmp(w9, w10)
    b.hi(full)
    b(add_line)

    here(full)
    b(log_later)


@routine
def add_line(tail: x0, size: x1, connection: x27, worker: x28) -> None:
    """The same, where it is known that there is room, too."""
    other, combined, none = label(), label(), label()

    adr(x9, SETTINGS)
    ldrb(w9, [x9, Settings.log])
    cmp(w9, LogFormat.COMMON)
    b.ne(other)
    b(write_line)

    here(other)
    cbz(w9, none)
    cmp(w9, LogFormat.COMBINED)
    b.eq(combined)
    b(write_object)

    here(combined)
    b(write_combined)

    here(none)
    ret()


assert LogFormat.NONE == 0


@routine
def log_later(tail: x0, size: x1, connection: x27, worker: x28) -> None:
    """Make room for a line, and add it; if nobody reads them, there is none, and no line."""
    text, length = x19, x20

    with frame(text, length) as leave:
        mov(text, tail)
        mov(length, size)
        bl(flush_log)
        ldr(w9, [worker, Workspace.log_size])
        mov(w10, LOG_ROOM - LINE_ROOM)
        cmp(w9, w10)
        b.hi(leave)
        mov(x0, text)
        mov(x1, length)
        bl(log_line)
    ret()


@routine
def write_tail(out: x0, status: w1, sent: x2) -> x0:
    """Write how a line goes on behind the request: status and bytes, TAIL_MAX bytes at most.

    >>> out = bytearray(TAIL_MAX)
    >>> end = write_tail(out, 404, 379)
    >>> bytes(out).rstrip(b"\\0")
    b'" 404 379'
    """
    with frame():
        put_few(x0, b'" ')
        write_status(x0, w1, b" ")
        mov(x1, sent)
        bl(write_decimal)
    ret()


TAIL_MAX = 32
assert TAIL_MAX == sizeof(Workspace.tail) == sizeof(Entry.tail)
assert len('" 200 ') + DECIMAL_MAX <= TAIL_MAX


@routine
def body_sent(connection: x27) -> x0:
    """How many bytes of body the kernel took: all, without what is left of head and body."""
    ldr(x0, [connection, Connection.sent])
    for next_one, end in (
        (Connection.out, Connection.out_end),
        (Connection.rest, Connection.rest_end),
        (Connection.file_offset, Connection.file_end),
    ):
        assert end == next_one + 8
        ldp(x9, x10, [connection, next_one])
        sub(x10, x10, x9)
        subs(x0, x0, x10)
        csel(x0, x0, xzr, Condition.hs)
    ret()


def request_line(text: X, size: X) -> None:
    """Macro: the request line as it came: address and length; 0 if it did not come.  Uses x9."""
    ldr(x9, [x27, Connection.buffer])
    add(text, x9, Buffer.input)
    ldr(size.w, [x9, Buffer.request.line])
    add(text, text, size)
    ldr(size.w, [x9, Buffer.request.line_size])


@routine
def write_log_times(worker: x28) -> None:
    """Write what stands between client and request in every line until the next tick."""
    at, json = x19, label()

    with frame(at) as leave:
        adr(x9, SETTINGS)
        ldrb(w9, [x9, Settings.log])
        add(at, worker, Workspace.log_time)
        cmp(w9, LogFormat.JSON)
        b.eq(json)
        put(at, BEFORE_TIME)
        mov(x0, at)
        ldr(x1, [worker, Workspace.now])
        bl(write_log_date)
        mov(at, x0)
        put_few(at, BEHIND_TIME)
        b(leave)

        here(json)
        mov(x0, at)
        ldr(x1, [worker, Workspace.now])
        bl(write_iso_date)
    ret()


BEFORE_TIME, BEHIND_TIME = b" - - [", b'] "'
TIME_SIZE = len(BEFORE_TIME) + len("22/Nov/2026:00:00:00 +0000") + len(BEHIND_TIME)
ISO_SIZE = len("2026-11-22T00:00:00Z")
assert max(TIME_SIZE, ISO_SIZE) <= sizeof(Workspace.log_time) == PEER_ROOM == 48


def put_few(out: X, text: bytes) -> None:
    """Macro: write up to four bytes, and step over them.  Uses w9."""
    for byte in text:
        mov(w9, byte)
        strb(w9, [out], 1)


def copy_48(out: X, text: X) -> None:
    """Macro: copy 48 bytes.  Uses v0 to v2."""
    ldp(v0.q, v1.q, [text])
    ldr(v2.q, [text, 32])
    stp(v0.q, v1.q, [out])
    str_(v2.q, [out, 32])


def write_client(out: X) -> None:
    """Macro: write the client's address, and step over it.  Uses w9 and x10."""
    add(x10, x27, Connection.peer)
    ldrh(w9, [x27, Connection.peer_size])
    copy_48(out, x10)
    add(out, out, x9)


def write_status(out: X, status: W, behind: bytes) -> None:
    """Macro: write a status, one byte behind it, and step over them.  Uses x9 to x12."""
    mov(w10, 100)
    udiv(w11, status, w10)
    msub(w9, w11, w10, status)
    mov(w10, 10)
    udiv(w12, w9, w10)
    msub(w9, w12, w10, w9)
    orr(w11, w11, w12, lsl(8))
    orr(w11, w11, w9, lsl(16))
    mov(w10, int.from_bytes(b"000" + behind, "little"))
    add(w11, w11, w10)
    str_(w11, [out], 4)


def copy_tail(out: X, tail: X, size: X) -> None:
    """Macro: write how a line goes on, and step over it.  Uses v0 and v1."""
    ldp(v0.q, v1.q, [tail])
    stp(v0.q, v1.q, [out])
    add(out, out, size)


def begin_line(out: X, log: X) -> None:
    """Macro: where the next line is written, and where the first one is.  Uses w9."""
    point(log, x28, Workspace.log)
    ldr(w9, [x28, Workspace.log_size])
    add(out, log, x9)


def end_line(out: X, log: X) -> None:
    """Macro: the line ends here, and is one of those that wait.  Uses w9; out is lost."""
    mov(w9, ord("\n"))
    strb(w9, [out], 1)
    sub(out, out, log)
    str_(out.w, [x28, Workspace.log_size])


@routine
def write_line(tail: x0, size: x1, connection: x27, worker: x28) -> None:
    """Add a line in the Common Log Format; there is room, also for what is copied by steps."""
    at, log, text, length, end = x2, x11, x3, x4, x5
    closely = label()

    begin_line(at, log)
    write_client(at)
    add(x10, worker, Workspace.log_time)
    copy_48(at, x10)
    add(at, at, TIME_SIZE)
    request_line(text, length)
    ldrb(w9, [x9, Buffer.request.phase])
    mov(x10, REQUEST_ROOM)
    cmp(w9, Phase.BEYOND)
    ccmp(length, x10, 2, Condition.eq)
    b.hs(closely)
    add(end, at, length)

    again = here()
    ldr(v0.q, [text], STEP)
    str_(v0.q, [at], STEP)
    subs(length, length, STEP)
    b.hi(again)
    copy_tail(end, tail, size)
    end_line(end, log)
    ret()

    here(closely)
    b(write_odd_line)


@routine
def write_odd_line(
    tail: x0, size: x1, out: x2, text: x3, length: x4, connection: x27, worker: x28
) -> None:
    """Go on with a line whose request may have to be escaped, or cut."""
    behind, count = x19, x20

    with frame(behind, count):
        mov(behind, tail)
        mov(count, size)
        mov(x0, out)
        mov(x1, text)
        mov(x2, length)
        mov(x3, REQUEST_ROOM)
        bl(write_logged)
        copy_tail(x0, behind, count)
        point(x10, worker, Workspace.log)
        end_line(x0, x10)
    ret()


@routine
def write_combined(tail: x0, size: x1, connection: x27, worker: x28) -> None:
    """Add a line in the Combined Log Format: a common one with two fields; there is room."""
    at = x19

    with frame(at):
        bl(write_line)
        begin_line(at, x10)
        sub(at, at, len("\n"))
        for field in Kind.REFERER, Kind.USER_AGENT:
            put_few(at, b' "')
            mov(w1, field)
            bl(named_field)
            mov(x2, x1)
            mov(x1, x0)
            mov(x0, at)
            mov(x3, FIELD_ROOM)
            bl(write_logged)
            mov(at, x0)
            put_few(at, b'"')
        point(x10, worker, Workspace.log)
        end_line(at, x10)
    ret()


@routine
def named_field(kind: w1, connection: x27) -> tuple[x0, x1]:
    """The value of a field of the request, if it came once: address and length, else length 0."""
    with frame():
        ldr(x0, [connection, Connection.buffer])
        bl(only_value)
    ret()


@routine
def write_object(connection: x27, worker: x28) -> None:
    """Add a line of JSON; there is room."""
    at = x19

    with frame(at):
        begin_line(at, x10)
        put(at, b'{"time":"')
        add(x10, worker, Workspace.log_time)
        copy_48(at, x10)
        add(at, at, ISO_SIZE)
        put(at, b'","client":"')
        write_client(at)
        put(at, b'","request":')
        request_line(x0, x1)
        write_string(at, REQUEST_ROOM)
        put(at, b',"status":')
        ldrh(w13, [connection, Connection.status])
        write_status(at, w13, b",")
        put(at, b'"bytes":')
        bl(body_sent)
        mov(x1, x0)
        mov(x0, at)
        bl(write_decimal)
        mov(at, x0)
        put(at, b',"referer":')
        mov(w1, Kind.REFERER)
        bl(named_field)
        write_string(at, FIELD_ROOM)
        put(at, b',"agent":')
        mov(w1, Kind.USER_AGENT)
        bl(named_field)
        write_string(at, FIELD_ROOM)
        put(at, b"}")
        point(x10, worker, Workspace.log)
        end_line(at, x10)
    ret()


def write_string(at: X, room: int) -> None:
    """Write: the text at x0, x1 as a JSON string of at most so many bytes."""
    mov(x2, x1)
    mov(x1, x0)
    mov(x0, at)
    mov(x3, room)
    bl(write_json_string)
    mov(at, x0)


@routine
def flush_log(worker: x28) -> None:
    """Write the lines that wait.

    What is not taken now (EAGAIN) goes on waiting; where writing fails, all is dropped.
    """
    at, left = x19, x20
    done, failed = label(), label()

    with frame(at, left):
        point(at, worker, Workspace.log)
        ldr(left.w, [worker, Workspace.log_size])
        str_(wzr, [worker, Workspace.log_size])

        again = here()
        cbz(left, done)
        mov(w0, STDOUT)
        mov(x1, at)
        mov(x2, left)
        calls.write()
        tbnz(x0, 63, failed)
        add(at, at, x0)
        sub(left, left, x0)
        b(again)

        here(failed)
        cmn(x0, Errno.EINTR)
        b.eq(again)
        cmn(x0, Errno.EAGAIN)
        b.ne(done)
        str_(left.w, [worker, Workspace.log_size])
        mov(x1, at)
        mov(x2, left)
        point(x0, worker, Workspace.log)
        bl(copy)

        here(done)
    ret()
