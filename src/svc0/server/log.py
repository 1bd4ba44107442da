"""The access log: a line for every answer, on standard output.

Lines are collected and written together, at the latest a tick after the first,
so that a line is not a system call.  What a client sent is escaped, so a line is
always one line.  Whoever reads them may be slower for a while: lines wait as long
as there is room for them.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.errors import Errno

from .address import write_address
from .connection import Buffer, Connection
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
        (Connection.file_offset, Connection.file_end),
    ):
        ldr(x9, [connection, next_one])
        ldr(x10, [connection, end])
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
def write_line(out: x0, kind: w1, connection: x27, worker: x28) -> x0:
    """Write a line in the Common Log Format, or Combined; leaves its end."""
    at, form, field = x19, w20, w21
    common, fields = label(), label()

    with frame(at, form.x, field.x):
        mov(form, kind)
        add(x1, connection, Connection.peer)
        bl(write_address)
        mov(at, x0)
        put(at, b" - - [")
        mov(x0, at)
        ldr(x1, [worker, Workspace.now])
        bl(write_log_date)
        mov(at, x0)
        put(at, b'] "')
        bl(request_line)
        mov(x2, x1)
        mov(x1, x0)
        mov(x0, at)
        mov(x3, REQUEST_ROOM)
        bl(write_logged)
        mov(at, x0)
        put(at, b'" ')
        mov(x0, at)
        ldrh(w1, [connection, Connection.status])
        bl(write_decimal)
        mov(w9, ord(" "))
        strb(w9, [x0], 1)
        mov(at, x0)
        bl(body_sent)
        mov(x1, x0)
        mov(x0, at)
        bl(write_decimal)
        mov(at, x0)
        cmp(form, LogFormat.COMBINED)
        b.ne(common)

        mov(field, Kind.REFERER)
        here(fields)
        put(at, b' "')
        mov(w1, field)
        bl(named_field)
        mov(x2, x1)
        mov(x1, x0)
        mov(x0, at)
        mov(x3, FIELD_ROOM)
        bl(write_logged)
        mov(at, x0)
        put(at, b'"')
        cmp(field, Kind.USER_AGENT)
        mov(field, Kind.USER_AGENT)
        b.ne(fields)

        here(common)
        put(at, b"\n")
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
        mov(x0, at)
        ldr(x1, [worker, Workspace.now])
        bl(write_iso_date)
        mov(at, x0)
        put(at, b'","client":"')
        mov(x0, at)
        add(x1, connection, Connection.peer)
        bl(write_address)
        mov(at, x0)
        put(at, b'","request":')
        bl(request_line)
        write_string(at, REQUEST_ROOM)
        put(at, b',"status":')
        mov(x0, at)
        ldrh(w1, [connection, Connection.status])
        bl(write_decimal)
        mov(at, x0)
        put(at, b',"bytes":')
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
