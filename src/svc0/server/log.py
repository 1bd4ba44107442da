"""The access log: a line for every answer, on standard output.

Lines are collected and written together, at the latest a tick after the first,
so that a line is not a system call.  What a client sent is escaped, so a line is
always one line.  Whoever reads them may be slower for a while: lines wait as long
as there is room for them.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.errors import Errno

from .connection import PEER_ROOM, Buffer, Connection
from .dates import write_iso_date, write_log_date
from .escape import write_json_string, write_logged
from .macros import point, put
from .request import Kind, only_value
from .settings import SETTINGS, LogFormat, Settings
from .terminal import STDOUT
from .text import copy, write_decimal
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
    out = x19
    none, room, json, written = label(), label(), label(), label()

    adr(x9, SETTINGS)
    ldrb(w9, [x9, Settings.log])
    cbz(w9, none)
    with frame(out) as leave:
        ldr(w9, [worker, Workspace.log_size])
        mov(w10, LOG_ROOM - LINE_ROOM)
        cmp(w9, w10)
        b.ls(room)
        bl(flush_log)
        ldr(w9, [worker, Workspace.log_size])
        mov(w10, LOG_ROOM - LINE_ROOM)
        cmp(w9, w10)
        b.hi(leave)  # nobody reads them

        here(room)
        point(out, worker, Workspace.log)
        ldr(w9, [worker, Workspace.log_size])
        add(x0, out, x9)
        adr(x9, SETTINGS)
        ldrb(w1, [x9, Settings.log])
        cmp(w1, LogFormat.JSON)
        b.eq(json)
        bl(write_line)
        b(written)

        here(json)
        bl(write_object)

        here(written)
        sub(x9, x0, out)
        str_(w9, [worker, Workspace.log_size])

    here(none)
    ret()


assert LogFormat.NONE == 0


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


@routine
def request_line(connection: x27) -> tuple[x0, x1]:
    """The request line as it came: address and length; the length is 0 if it did not come."""
    ldr(x9, [connection, Connection.buffer])
    ldr(w10, [x9, Buffer.request.line])
    add(x0, x9, Buffer.input)
    add(x0, x0, x10)
    ldr(w1, [x9, Buffer.request.line_size])
    ret()


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


def write_status(out: X, behind: bytes) -> None:
    """Macro: write the answer's status, one byte behind it, and step over them.  Uses x9 to x12."""
    ldrh(w9, [x27, Connection.status])
    mov(w10, 100)
    udiv(w11, w9, w10)
    msub(w9, w11, w10, w9)
    mov(w10, 10)
    udiv(w12, w9, w10)
    msub(w9, w12, w10, w9)
    orr(w11, w11, w12, lsl(8))
    orr(w11, w11, w9, lsl(16))
    mov(w10, int.from_bytes(b"000" + behind, "little"))
    add(w11, w11, w10)
    str_(w11, [out], 4)


@routine
def write_line(out: x0, kind: w1, connection: x27, worker: x28) -> x0:
    """Write a line in the Common Log Format, or Combined; leaves its end."""
    at, form, field = x19, w20, w21
    common, fields = label(), label()

    with frame(at, form.x, field.x):
        mov(form, kind)
        mov(at, out)
        write_client(at)
        add(x10, worker, Workspace.log_time)
        copy_48(at, x10)
        add(at, at, TIME_SIZE)
        bl(request_line)
        mov(x2, x1)
        mov(x1, x0)
        mov(x0, at)
        mov(x3, REQUEST_ROOM)
        bl(write_logged)
        mov(at, x0)
        put_few(at, b'" ')
        write_status(at, b" ")
        bl(body_sent)
        mov(x1, x0)
        mov(x0, at)
        bl(write_decimal)
        mov(at, x0)
        cmp(form, LogFormat.COMBINED)
        b.ne(common)

        mov(field, Kind.REFERER)
        here(fields)
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
        cmp(field, Kind.USER_AGENT)
        mov(field, Kind.USER_AGENT)
        b.ne(fields)

        here(common)
        put_few(at, b"\n")
        mov(x0, at)
    ret()


@routine
def named_field(kind: w1, connection: x27) -> tuple[x0, x1]:
    """The value of a field of the request, if it came once: address and length, else length 0."""
    with frame():
        ldr(x0, [connection, Connection.buffer])
        bl(only_value)
    ret()


@routine
def write_object(out: x0, connection: x27, worker: x28) -> x0:
    """Write a line of JSON; leaves its end."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, b'{"time":"')
        add(x10, worker, Workspace.log_time)
        copy_48(at, x10)
        add(at, at, ISO_SIZE)
        put(at, b'","client":"')
        write_client(at)
        put(at, b'","request":')
        bl(request_line)
        write_string(at, REQUEST_ROOM)
        put(at, b',"status":')
        write_status(at, b",")
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
        put(at, b"}\n")
        mov(x0, at)
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
