"""Responses: a head in one piece, and what is sent behind it.

The head is written into the connection's buffer, field by field in the order
of docs/behaviour.md; a small body of an error follows it there, a file is sent
by the kernel.  Up to here nothing has been sent, so every answer is whole.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL
from svc0.kernel.errors import Errno

from .accept import accept_weigh, prefers_json
from .connection import NO_FILE, Buffer, Connection, Then
from .dates import write_date
from .macros import point, put
from .methods import Method
from .request import Kind, field_value
from .sendfile import announce_more, send_file
from .status import error_body, status_line
from .target import write_escaped
from .text import copy, write_decimal
from .workspace import Workspace

DATE_SIZE = len("Sun, 06 Nov 1994 08:49:37 GMT")
ALLOWED = b"GET, HEAD, OPTIONS"


@routine
def begin(status: w0, connection: x27, worker: x28) -> x0:
    """Start an answer: its status goes into the workspace, the first fields into the output.

    Leaves the address where the head goes on.
    """
    out = x19

    with frame(out):
        str_(status, [worker, Workspace.status])
        strh(status, [connection, Connection.status])
        ldr(x9, [connection, Connection.buffer])
        point(out, x9, Buffer.output)
        str_(out, [connection, Connection.out])
        bl(status_line)
        mov(x2, x1)
        mov(x1, x0)
        mov(x0, out)
        bl(copy)
        mov(out, x0)
        put(out, b"Server: svc0\r\nDate: ")
        add(x9, worker, Workspace.date)
        ldr(v0.q, [x9])
        ldr(v1.q, [x9, 16])
        str_(v0.q, [out])
        str_(v1.q, [out, 16])
        add(x0, out, DATE_SIZE)
    ret()


assert DATE_SIZE <= sizeof(Workspace.date) == 32


@routine
def put_connection(out: x0, connection: x27, worker: x28) -> x0:
    """Write Connection, if there is something to say, and the empty line; leaves the head's end."""
    keep, done = label(), label()

    put(out, b"\r\n")
    ldrb(w10, [connection, Connection.then])
    tbz(w10, bit(Then.CLOSE), keep)
    put(out, b"Connection: close\r\n\r\n")
    ret()

    here(keep)
    tbz(w10, bit(Then.SAY_KEPT), done)
    put(out, b"Connection: keep-alive\r\n")

    here(done)
    put(out, b"\r\n")
    ret()


@routine
def put_file_fields(out: x0, worker: x28) -> x0:
    """Write Last-Modified, ETag and Accept-Ranges of a file; leaves where the head goes on."""
    at = x19

    with frame(at) as leave:
        mov(at, out)
        put(at, b"\r\nLast-Modified: ")
        ldr(x1, [worker, Workspace.modified])
        ldr(x9, [worker, Workspace.now])
        cmp(x1, x9)
        csel(x1, x1, x9, Condition.lt)  # never later than Date
        mov(x0, at)
        bl(write_date)
        mov(at, x0)
        put(at, b"\r\nETag: ")
        mov(x0, at)
        add(x1, worker, Workspace.etag)
        ldr(x2, [worker, Workspace.etag_size])
        bl(copy)
        ldr(w9, [worker, Workspace.status])
        cmp(w9, 304)
        b.eq(leave)
        mov(at, x0)
        put(at, b"\r\nAccept-Ranges: bytes")
        mov(x0, at)
    ret()


@routine
def send_file_head(status: w0, connection: x27, worker: x28) -> None:
    """Make the answer 200, 206 or 304 of the workspace's file, which the connection takes over."""
    out, code = x19, x20
    validators, no_part, no_body = label(), label(), label()

    with frame(out, code) as leave:
        mov(code.w, status)
        bl(begin)
        mov(out, x0)
        cmp(code.w, 304)
        b.eq(validators)
        put(out, b"\r\nContent-Type: ")
        mov(x0, out)
        ldr(x1, [worker, Workspace.type])
        ldr(x2, [worker, Workspace.type_size])
        bl(copy)
        mov(out, x0)
        put(out, b"\r\nContent-Length: ")
        mov(x0, out)
        ldr(x9, [worker, Workspace.first])
        ldr(x1, [worker, Workspace.end])
        sub(x1, x1, x9)
        bl(write_decimal)
        mov(out, x0)

        here(validators)
        mov(x0, out)
        bl(put_file_fields)
        cmp(code.w, 206)
        b.ne(no_part)
        bl(put_part)

        here(no_part)
        bl(put_connection)
        str_(x0, [connection, Connection.out_end])

        # The file is sent for GET, unless there is nothing of it to be sent.
        ldr(w10, [worker, Workspace.file])
        str_(w10, [connection, Connection.file])
        ldr(x11, [connection, Connection.buffer])
        ldrb(w11, [x11, Buffer.request.method])
        ldr(x9, [worker, Workspace.first])
        ldr(x10, [worker, Workspace.end])
        cmp(w11, Method.HEAD)
        b.eq(no_body)
        cmp(code.w, 304)
        b.eq(no_body)
        str_(x9, [connection, Connection.file_offset])
        str_(x10, [connection, Connection.file_end])
        sub(x9, x10, x9)
        str_(x9, [connection, Connection.sent])
        b(leave)

        here(no_body)
        str_(xzr, [connection, Connection.file_offset])
        str_(xzr, [connection, Connection.file_end])
        str_(xzr, [connection, Connection.sent])
    ret()


@routine
def put_part(out: x0, worker: x28) -> x0:
    """Write Content-Range of a part; leaves where the head goes on."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, b"\r\nContent-Range: bytes ")
        mov(x0, at)
        ldr(x1, [worker, Workspace.first])
        bl(write_decimal)
        mov(w9, ord("-"))
        strb(w9, [x0], 1)
        ldr(x1, [worker, Workspace.end])
        sub(x1, x1, 1)
        bl(write_decimal)
        mov(w9, ord("/"))
        strb(w9, [x0], 1)
        ldr(x1, [worker, Workspace.file_size])
        bl(write_decimal)
    ret()


@routine
def refuse(status: w0, connection: x27, worker: x28) -> None:
    """Make an answer without a file: a redirect, an error, or 204, with the body that explains it.

    The workspace has the file's size for 416, and the path for 301.
    """
    out, code, json, body, size = x19, w20, w21, x22, x23
    html, sized, bare, done = label(), label(), label(), label()

    with frame(out, code.x, json.x, body, size):
        mov(code, status)
        bl(begin)
        mov(out, x0)
        bl(wants_json)
        mov(json, w0)
        mov(w1, w0)
        mov(w0, code)
        bl(error_body)
        mov(body, x0)
        mov(size, x1)
        cbz(size, bare)
        cbz(json, html)
        put(out, b"\r\nContent-Type: application/json")
        b(sized)

        here(html)
        put(out, b"\r\nContent-Type: text/html; charset=utf-8")

        here(sized)
        put(out, b"\r\nContent-Length: ")
        mov(x0, out)
        mov(x1, size)
        bl(write_decimal)
        mov(out, x0)
        put(out, b"\r\nVary: Accept")  # another client may get the other form

        here(bare)
        mov(x0, out)
        mov(w1, code)
        bl(put_extra_fields)
        bl(put_connection)
        str_(xzr, [connection, Connection.sent])
        str_(xzr, [connection, Connection.file_offset])
        str_(xzr, [connection, Connection.file_end])
        ldr(x9, [connection, Connection.buffer])
        ldrb(w9, [x9, Buffer.request.method])
        cmp(w9, Method.HEAD)
        b.eq(done)
        str_(size, [connection, Connection.sent])
        mov(x1, body)
        mov(x2, size)
        bl(copy)

        here(done)
        str_(x0, [connection, Connection.out_end])
    ret()


@routine
def wants_json(connection: x27) -> w0:
    """1 if the client would rather have JSON than HTML; 0 if not, or if its head is not whole."""
    of, after, html, json = x19, x20, x21, x22
    done, no = label(), label()

    with frame(of, after, html, json) as leave:
        ldr(of, [connection, Connection.buffer])
        ldr(w9, [of, Buffer.request.head_end])
        cbz(w9, no)
        mov(after, 0)
        mov(html, 0)
        mov(json, 0)

        again = here()
        mov(x0, of)
        mov(w1, Kind.ACCEPT)
        mov(x2, after)
        bl(field_value)
        cbz(x0, done)
        mov(after, x2)
        mov(x2, html)
        mov(x3, json)
        bl(accept_weigh)
        mov(html, x0)
        mov(json, x1)
        b(again)

        here(done)
        mov(x0, html)
        mov(x1, json)
        bl(prefers_json)
        b(leave)

        here(no)
        mov(w0, 0)
    ret()


@routine
def put_extra_fields(out: x0, status: w1, connection: x27, worker: x28) -> x0:
    """Write what goes with some statuses: Content-Range, Location, Allow, Retry-After."""
    size, location, allow, retry = label(), label(), label(), label()

    cmp(status, 416)
    b.eq(size)
    cmp(status, 301)
    b.eq(location)
    cmp(status, 204)
    b.eq(allow)
    cmp(status, 405)
    b.eq(allow)
    cmp(status, 503)
    b.eq(retry)
    ret()

    here(size)
    put(out, b"\r\nContent-Range: bytes */")
    ldr(x1, [worker, Workspace.file_size])
    b(write_decimal)

    here(location)
    b(put_location)

    here(allow)
    put(out, b"\r\nAllow: " + ALLOWED)
    ret()

    here(retry)
    put(out, b"\r\nRetry-After: 1")
    ret()


@routine
def put_location(out: x0, connection: x27, worker: x28) -> x0:
    """Write Location: the normalized path with a slash at its end, and the query as it came."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, b"\r\nLocation: /")
        mov(x0, at)
        point(x1, worker, Workspace.path)
        ldr(x2, [worker, Workspace.path_size])
        bl(write_escaped)
        mov(w9, ord("/"))
        strb(w9, [x0], 1)
        ldr(x9, [connection, Connection.buffer])
        add(x9, x9, int(Buffer.request.query))
        ldp(x1, x2, [x9])
        bl(copy)
    ret()


assert Buffer.request.query_size == Buffer.request.query + 8


# --- sending ----------------------------------------------------------------------

FILE_PIECE = 4 << 20
"""Bytes of a file that are sent at one wake-up: a fast reader does not keep others waiting."""

SENT = 0
BLOCKED = 1


@routine
def send(connection: x27) -> x0:
    """Hand the kernel what it takes of head and file: SENT, BLOCKED if it is not all, or -errno.

    A file that ends before its promised length is -EIO: nothing true can follow it.
    """
    again, file, sent, blocked, failed = label(), label(), label(), label(), label()

    with frame() as leave:
        here(again)
        ldr(x1, [connection, Connection.out])
        ldr(x2, [connection, Connection.out_end])
        subs(x2, x2, x1)
        b.eq(file)
        ldr(x9, [connection, Connection.file_offset])
        ldr(x10, [connection, Connection.file_end])
        mov(w3, MSG_NOSIGNAL)
        cmp(x9, x10)
        announce_more(w3, Condition.lo)
        ldr(w0, [connection, Connection.socket])
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()
        tbnz(x0, 63, failed)
        ldr(x9, [connection, Connection.out])
        ldr(x10, [connection, Connection.out_end])
        add(x9, x9, x0)
        str_(x9, [connection, Connection.out])
        cmp(x9, x10)
        b.lo(blocked)

        here(file)
        ldr(x9, [connection, Connection.file_offset])
        ldr(x3, [connection, Connection.file_end])
        subs(x3, x3, x9)
        b.eq(sent)
        mov(x10, FILE_PIECE)
        cmp(x3, x10)
        csel(x3, x3, x10, Condition.lo)
        ldr(w0, [connection, Connection.socket])
        ldr(w1, [connection, Connection.file])
        add(x2, connection, int(Connection.file_offset))
        bl(send_file)
        mov(x9, -Errno.EIO)
        cmp(x0, 0)
        csel(x0, x9, x0, Condition.eq)
        b.le(failed)
        ldr(x9, [connection, Connection.file_offset])
        ldr(x10, [connection, Connection.file_end])
        cmp(x9, x10)
        b.lo(blocked)

        here(sent)
        mov(x0, SENT)
        b(leave)

        here(failed)
        cmn(x0, Errno.EINTR)
        b.eq(again)
        cmn(x0, Errno.EAGAIN)
        b.ne(leave)

        here(blocked)
        mov(x0, BLOCKED)
    ret()


@routine
def close_file(connection: x27) -> None:
    """Give back the file that was sent, if there is one."""
    none = label()

    ldr(w0, [connection, Connection.file])
    tbnz(w0, 31, none)
    mov(w9, NO_FILE)
    str_(w9, [connection, Connection.file])
    calls.close()

    here(none)
    ret()
