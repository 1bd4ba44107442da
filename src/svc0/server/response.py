"""Responses: a head in one piece, and what is sent behind it.

The head is written into the connection's buffer, field by field in the order
of docs/behaviour.md; a small body of an error follows it there, a file is sent
by the kernel.  Up to here nothing has been sent, so every answer is whole.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL
from svc0.kernel.errors import Errno
from svc0.kernel.structs import IoVector, MessageHeader

from .accept import accept_weigh, prefers_json
from .cache import Entry, release_entry
from .connection import NO_FILE, Buffer, Connection, Then
from .dates import write_date
from .macros import point, put
from .methods import Method
from .request import Kind, field_value
from .sendfile import announce_more, send_file
from .status import error_body, status_line
from .target import write_escaped
from .text import Z, copy, write_decimal
from .workspace import Workspace

BEFORE_DATE = b"Server: svc0\r\nDate: "
DATE_SIZE = len("Sun, 06 Nov 1994 08:49:37 GMT")
ALLOWED = b"GET, HEAD, OPTIONS"
CONTENT_RANGE = b"\r\nContent-Range: bytes "


@routine
def put_status(out: x0, status: w1, worker: x28) -> x0:
    """Write a status line, Server and Date without its CRLF; leaves where the head goes on."""
    at = x19

    with frame(at):
        mov(at, out)
        mov(w0, status)
        bl(status_line)
        mov(x2, x1)
        mov(x1, x0)
        mov(x0, at)
        bl(copy)
        mov(at, x0)
        put(at, BEFORE_DATE)
        add(x9, worker, Workspace.date)
        ldp(v0.q, v1.q, [x9])
        stp(v0.q, v1.q, [at])
        add(x0, at, DATE_SIZE)
    ret()


@routine
def begin(status: w0, connection: x27, worker: x28) -> x0:
    """Start an answer in the connection's output: its first fields.

    Leaves the address where the head goes on.
    """
    mov(w1, status)
    strh(status, [connection, Connection.status])
    ldr(x9, [connection, Connection.buffer])
    point(x0, x9, Buffer.output)
    str_(x0, [connection, Connection.out])
    b(put_status)


assert DATE_SIZE <= sizeof(Workspace.date) == 32


@routine
def put_connection(out: x0, connection: x27, worker: x28) -> x0:
    """Write Connection, if there is something to say, and the empty line; leaves the head's end."""
    keep, done = label(), label()

    ldrb(w10, [connection, Connection.then])
    tbz(w10, bit(Then.CLOSE), keep)
    put(out, b"\r\nConnection: close\r\n\r\n")
    ret()

    here(keep)
    tbz(w10, bit(Then.SAY_KEPT), done)
    put(out, b"\r\nConnection: keep-alive")

    here(done)
    put(out, b"\r\n\r\n")
    ret()


@routine
def put_type(out: x0, worker: x28) -> x0:
    """Write Content-Type of a file, and Content-Length without its number."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, b"\r\nContent-Type: ")
        mov(x0, at)
        ldr(x1, [worker, Workspace.facts.type])
        ldr(x2, [worker, Workspace.facts.type_size])
        bl(copy)
        mov(at, x0)
        put(at, b"\r\nContent-Length: ")
        mov(x0, at)
    ret()


@routine
def put_validators(out: x0, worker: x28) -> x0:
    """Write Last-Modified and ETag of a file; leaves where the head goes on."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, b"\r\nLast-Modified: ")
        ldr(x1, [worker, Workspace.facts.modified])
        ldr(x9, [worker, Workspace.now])
        cmp(x1, x9)
        csel(x1, x1, x9, Condition.lt)  # never later than Date
        mov(x0, at)
        bl(write_date)
        mov(at, x0)
        put(at, b"\r\nETag: ")
        mov(x0, at)
        add(x1, worker, Workspace.facts.etag)
        ldr(x2, [worker, Workspace.facts.etag_size])
        bl(copy)
    ret()


@routine
def put_ranges(out: x0) -> x0:
    """Write Accept-Ranges; leaves where the head goes on."""
    put(out, b"\r\nAccept-Ranges: bytes")
    ret()


@routine
def send_file_head(status: w0, connection: x27, worker: x28) -> None:
    """Make the answer 200, 206 or 304 of the workspace's file, which the connection takes over."""
    out, code = x19, x20
    validators, bare = label(), label()

    with frame(out, code):
        mov(code.w, status)
        ldr(w9, [worker, Workspace.file])
        str_(w9, [connection, Connection.file])
        bl(begin)
        mov(out, x0)
        cmp(code.w, 304)
        b.eq(validators)
        bl(put_type)
        ldr(x9, [worker, Workspace.first])
        ldr(x1, [worker, Workspace.end])
        sub(x1, x1, x9)
        bl(write_decimal)
        mov(out, x0)

        here(validators)
        mov(x0, out)
        bl(put_validators)
        cmp(code.w, 304)
        b.eq(bare)
        bl(put_ranges)
        cmp(code.w, 206)
        b.ne(bare)
        bl(put_part)

        here(bare)
        bl(put_connection)
        str_(x0, [connection, Connection.out_end])
        mov(w0, code.w)
        bl(choose_body)
        stp(x0, x1, [connection, Connection.file_offset])
        sub(x1, x1, x0)
        str_(x1, [connection, Connection.sent])
    ret()


@routine
def choose_body(status: w0, connection: x27, worker: x28) -> tuple[x0, x1]:
    """Which bytes of the file are the answer's body: the first, and the one behind the last.

    Those that were asked for; or none, for HEAD and 304.
    """
    none = label()

    ldr(x9, [connection, Connection.buffer])
    ldrb(w9, [x9, Buffer.request.method])
    cmp(status, 304)
    ccmp(w9, Method.HEAD, Z, Condition.ne)
    b.eq(none)
    ldr(x0, [worker, Workspace.first])
    ldr(x1, [worker, Workspace.end])
    ret()

    here(none)
    mov(x0, 0)
    mov(x1, 0)
    ret()


assert Connection.file_end == Connection.file_offset + 8


@routine
def send_entry_head(status: w0, entry: x1, connection: x27, worker: x28) -> None:
    """Make the answer 200, 206 or 304 of the file in an entry, whose bytes the connection pins."""
    code, of = x19, x20
    part, fresh, copied, headed, opened = (label() for _ in range(5))

    with frame(code, of) as leave:
        mov(code.w, status)
        mov(of, entry)
        strh(status, [connection, Connection.status])
        ldr(x9, [connection, Connection.buffer])
        point(x0, x9, Buffer.output)
        str_(x0, [connection, Connection.out])
        cmp(code.w, 206)
        b.eq(part)
        b.hi(fresh)
        ldr(x1, [of, Entry.answer])
        ldr(w2, [of, Entry.fields_end])
        b(copied)

        here(fresh)
        add(x1, of, Entry.fresh)
        ldr(w2, [of, Entry.fresh_size])
        sub(x2, x2, len("\r\n\r\n"))

        here(copied)
        bl(copy)
        b(headed)

        here(part)
        mov(x1, of)
        bl(put_part_of_entry)

        here(headed)
        bl(put_connection)
        str_(x0, [connection, Connection.out_end])
        mov(w0, code.w)
        bl(choose_body)
        sub(x9, x1, x0)
        str_(x9, [connection, Connection.sent])
        cbz(x9, leave)
        str_(of, [connection, Connection.entry])
        ldr(w9, [of, Entry.pins])
        add(w9, w9, 1)
        str_(w9, [of, Entry.pins])
        ldr(x9, [of, Entry.answer])
        ldr(w10, [of, Entry.head_size])
        ldr(w11, [of, Entry.answer_size])
        add(x9, x9, x10)
        cmp(w10, w11)
        b.eq(opened)
        add(x0, x9, x0)
        add(x1, x9, x1)
        stp(x0, x1, [connection, Connection.rest])
        b(leave)

        here(opened)
        ldr(w9, [of, Entry.file])
        str_(w9, [connection, Connection.file])
        stp(x0, x1, [connection, Connection.file_offset])
    ret()


@routine
def put_part_of_entry(out: x0, entry: x1, worker: x28) -> x0:
    """Write the head of a part (206) of the file in an entry; leaves where it goes on."""
    of = x19

    with frame(of):
        mov(of, entry)
        mov(w1, 206)
        bl(put_status)
        ldr(x1, [of, Entry.answer])
        ldr(w9, [of, Entry.date_at])
        ldr(w2, [of, Entry.length_at])
        add(x9, x9, DATE_SIZE)
        add(x1, x1, x9)
        sub(x2, x2, x9)
        bl(copy)
        ldp(x9, x1, [worker, Workspace.first])
        sub(x1, x1, x9)
        bl(write_decimal)
        ldr(x1, [of, Entry.rest])
        ldr(w2, [of, Entry.rest_size])
        sub(x2, x2, len(CONTENT_RANGE))
        bl(copy)
        bl(put_part)
    ret()


@routine
def put_part(out: x0, worker: x28) -> x0:
    """Write Content-Range of a part; leaves where the head goes on."""
    at = x19

    with frame(at):
        mov(at, out)
        put(at, CONTENT_RANGE)
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
        ldr(x1, [worker, Workspace.facts.total])
        bl(write_decimal)
    ret()


@routine
def refuse(status: w0, connection: x27, worker: x28) -> None:
    """Make an answer without a file: a redirect, an error, or 204, with the body that explains it.

    The workspace has the file's size for 416, and the path for 301.
    """
    code, body, size = w19, x20, x21
    done = label()

    with frame(code.x, body, size):
        mov(code, status)
        strh(code, [connection, Connection.status])
        bl(wants_json)
        mov(w2, w0)
        mov(w1, code)
        ldr(x9, [connection, Connection.buffer])
        point(x0, x9, Buffer.output)
        str_(x0, [connection, Connection.out])
        bl(put_refusal)
        mov(body, x1)
        mov(size, x2)
        bl(put_connection)
        str_(xzr, [connection, Connection.sent])
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
def put_refusal(out: x0, status: w1, json: w2, connection: x27, worker: x28) -> tuple[x0, x1, x2]:
    """Write the head of an answer without a file, up to Connection: where it goes on.

    Also address and length of its body, as JSON or HTML.
    """
    at, code, form, body, size = x19, w20, w21, x22, x23
    html, sized, bare = label(), label(), label()

    with frame(at, code.x, form.x, body, size):
        mov(code, status)
        mov(form, json)
        bl(put_status)
        mov(at, x0)
        mov(w0, code)
        mov(w1, form)
        bl(error_body)
        mov(body, x0)
        mov(size, x1)
        cbz(size, bare)
        cbz(form, html)
        put(at, b"\r\nContent-Type: application/json")
        b(sized)

        here(html)
        put(at, b"\r\nContent-Type: text/html; charset=utf-8")

        here(sized)
        put(at, b"\r\nContent-Length: ")
        mov(x0, at)
        mov(x1, size)
        bl(write_decimal)
        mov(at, x0)
        put(at, b"\r\nVary: Accept")  # another client may get the other form

        here(bare)
        mov(x0, at)
        mov(w1, code)
        bl(put_extra_fields)
        mov(x1, body)
        mov(x2, size)
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
    ldr(x1, [worker, Workspace.facts.total])
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

JOINED_MAX = 512 << 10
"""Bytes of a file whose first the kernel joins with the head; that of a larger one goes ahead."""

FILE_PIECE = 4 << 20
"""Bytes of a file that are sent at one wake-up: a fast reader does not keep others waiting."""

SENT = 0
BLOCKED = 1


@routine
def send(connection: x27) -> x0:
    """Hand the kernel what it takes of head, kept body and file.

    SENT, BLOCKED if it is not all, or -errno.  A file that ends before its promised length is -EIO:
    nothing true can follow it.
    """
    again, sent, blocked, failed = label(), label(), label(), label()

    with frame() as leave:
        here(again)
        bl(send_memory)
        tbnz(x0, 63, failed)
        cmp(x0, BLOCKED)
        b.eq(leave)

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
def send_memory(connection: x27) -> x0:
    """Hand the kernel what it takes of head and kept body: SENT, BLOCKED, or -errno."""
    head_size, rest_size, header = x19, x20, x21
    head_alone, taken, in_rest, whole = label(), label(), label(), label()

    with frame(head_size, rest_size, header, room=MessageHeader.size + 2 * IoVector.size) as leave:
        ldp(x9, head_size, [connection, Connection.out])
        ldp(x10, rest_size, [connection, Connection.rest])
        sub(head_size, head_size, x9)
        subs(rest_size, rest_size, x10)
        b.eq(head_alone)
        mov(header, sp)
        add(x11, header, MessageHeader.size)
        stp(x9, head_size, [x11])
        stp(x10, rest_size, [x11, IoVector.size])
        write_header(header, x11, 2)
        ldr(w0, [connection, Connection.socket])
        mov(x1, header)
        mov(w2, MSG_NOSIGNAL)
        calls.sendmsg()
        b(taken)

        here(head_alone)
        cbz(head_size, whole)
        ldr(w0, [connection, Connection.socket])
        mov(x1, x9)
        mov(x2, head_size)
        mov(w3, MSG_NOSIGNAL)
        ldr(x9, [connection, Connection.file_offset])
        ldr(x10, [connection, Connection.file_end])
        sub(x10, x10, x9)
        sub(x10, x10, 1)  # none is more than any
        cmp(x10, JOINED_MAX)
        announce_more(w3, Condition.lo)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()

        here(taken)
        tbnz(x0, 63, leave)
        ldr(x9, [connection, Connection.out])
        cmp(x0, head_size)
        b.hi(in_rest)
        add(x9, x9, x0)
        str_(x9, [connection, Connection.out])
        mov(x10, BLOCKED)
        add(x11, head_size, rest_size)
        cmp(x0, x11)
        csel(x0, x10, xzr, Condition.lo)
        b(leave)

        here(in_rest)
        add(x9, x9, head_size)
        str_(x9, [connection, Connection.out])
        sub(x0, x0, head_size)
        ldr(x9, [connection, Connection.rest])
        add(x9, x9, x0)
        str_(x9, [connection, Connection.rest])
        mov(x10, BLOCKED)
        cmp(x0, rest_size)
        csel(x0, x10, xzr, Condition.lo)
        b(leave)

        here(whole)
        mov(x0, SENT)
    ret()


assert SENT == 0
assert Connection.out_end == Connection.out + 8
assert Connection.rest_end == Connection.rest + 8
assert IoVector.length == IoVector.base + 8


def write_header(header: X, vectors: X, count: int | X) -> None:
    """Macro: make the header of a message that consists of so many vectors.  Uses x9."""
    for field in MessageHeader.address, MessageHeader.control, MessageHeader.control_size:
        str_(xzr, [header, field])
    str_(wzr, [header, MessageHeader.address_size])
    str_(vectors, [header, MessageHeader.vectors])
    mov(x9, count)
    str_(x9, [header, MessageHeader.vectors_count])


@routine
def let_go(connection: x27) -> None:
    """Nothing is sent any more of what the connection had open or pinned."""
    pinned, none = label(), label()

    ldr(x0, [connection, Connection.entry])
    cbnz(x0, pinned)
    ldr(w0, [connection, Connection.file])
    tbnz(w0, 31, none)
    mov(w9, NO_FILE)
    str_(w9, [connection, Connection.file])
    calls.close()

    here(none)
    ret()

    here(pinned)
    str_(xzr, [connection, Connection.entry])
    mov(w9, NO_FILE)
    str_(w9, [connection, Connection.file])
    stp(xzr, xzr, [connection, Connection.rest])
    b(release_entry)
