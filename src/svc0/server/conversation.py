"""Conversations: one client's bytes in, answers out, until both are used up.

``advance`` goes from state to state (connection.py) as far as the bytes at hand
allow, and stops where it has to wait for the client.  It never waits itself.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import SHUT_WR
from svc0.kernel.errors import Errno

from . import body
from .connection import STOP, Buffer, Connection, State, Then, forget_request
from .deadlines import be_patient
from .framing import Framing, judge
from .limits import HEAD_MAX, INPUT_MAX
from .log import log_access
from .poller import await_input, await_output
from .pool import give_and_rest, take_buffer
from .request import Kind, field_value, parse
from .response import BLOCKED, SENT, let_go, refuse, send
from .routes import dispatch
from .shortcut import QUEUED, answer_shortly, send_batch
from .text import copy, list_has
from .unsent import is_taking, note_taken
from .workspace import Patience, Workspace

WAIT = 0
CLOSE = 1
GO_ON = 2

CLOSE_TOKEN = Data(b"close")
KEEP_TOKEN = Data(b"keep-alive")


def set_state(connection: X, state: State) -> None:
    """Write: the connection's state.  Uses w9."""
    mov(w9, state)
    strb(w9, [connection, Connection.state])


def add_then(connection: X, then: Then) -> None:
    """Write: more of what happens after the answer.  Uses w9 and w10."""
    ldrb(w9, [connection, Connection.then])
    mov(w10, then)
    orr(w9, w9, w10)
    strb(w9, [connection, Connection.then])


# --- receiving --------------------------------------------------------------------


@routine
def receive(connection: x27, worker: x28) -> x0:
    """Take what the client sent: how many bytes, 0 at the end of its input, or -errno.

    -ENOBUFS if no buffer is free.  What was used up makes room first.
    """
    empty, used, room, failed = label(), label(), label(), label()

    with frame() as leave:
        ldr(x9, [connection, Connection.buffer])
        cbz(x9, empty)
        ldr(w10, [x9, Buffer.start])
        ldrb(w11, [connection, Connection.state])
        cmp(w11, State.HEAD)
        ccmp(w10, 0, 0, Condition.eq)
        b.ne(used)

        here(room)
        ldr(x9, [connection, Connection.buffer])
        ldr(w10, [x9, Buffer.received])
        add(x1, x9, Buffer.input)
        add(x1, x1, x10)
        mov(x2, INPUT_MAX)
        sub(x2, x2, x10)
        take_input()
        tbnz(x0, 63, failed)
        ldr(x9, [connection, Connection.buffer])
        ldr(w10, [x9, Buffer.received])
        add(w10, w10, w0)
        str_(w10, [x9, Buffer.received])
        add(x9, x9, Buffer.input)
        add(x9, x9, x10)
        put_stop(x9)
        b(leave)

        here(failed)
        cmn(x0, Errno.EINTR)
        b.eq(room)
        b(leave)

        here(empty)
        bl(take_buffer)
        cbnz(x0, room)
        mov(x0, -Errno.ENOBUFS)
        b(leave)

        here(used)
        bl(make_room)
        b(room)
    ret()


def put_stop(end: X) -> None:
    """Macro: zeros stand behind what was received."""
    movi(v0.b16, 0)
    stp(v0.q, v0.q, [end])


assert STOP == 32


def take_input() -> None:
    """Macro: read up to x2 bytes from the connection's client to x1: how many, or -errno."""
    ldr(w0, [x27, Connection.socket])
    mov(w3, 0)
    mov(x4, 0)
    mov(x5, 0)
    calls.recvfrom()


@routine
def make_room(connection: x27) -> None:
    """Move the bytes that still count down: to the start, or to the end of a head with a body."""
    of, begin, keep = x19, x20, x21
    of_body = label()

    with frame(of, begin, keep) as leave:
        ldr(of, [connection, Connection.buffer])
        ldrb(w9, [connection, Connection.state])
        cmp(w9, State.BODY)
        b.eq(of_body)

        # A head that came in part behind other requests is read anew, from the start.
        ldr(keep.w, [of, Buffer.start])
        cbz(keep, leave)
        mov(begin, 0)
        move_down(of, begin, keep)
        str_(wzr, [of, Buffer.start])
        mov(x0, of)
        bl(forget_request)
        b(leave)

        here(of_body)
        ldr(keep.w, [of, Buffer.cursor])
        ldr(begin.w, [of, Buffer.request.head_end])
        cmp(keep, begin)
        b.eq(leave)

        move_down(of, begin, keep)
        str_(begin.w, [of, Buffer.cursor])
        str_(begin.w, [of, Buffer.scanned])
    ret()


def move_down(buffer: X, begin: X, keep: X) -> None:
    """Write: move the received bytes from ``keep`` on down to ``begin``.

    What they have left behind must not be taken for what was received.
    """
    add(x9, buffer, Buffer.input)
    ldr(w2, [buffer, Buffer.received])
    sub(w2, w2, keep.w)
    add(w10, w2, begin.w)
    str_(w10, [buffer, Buffer.received])
    add(x0, x9, begin)
    add(x1, x9, keep)
    bl(copy)
    put_stop(x0)


# --- going on ---------------------------------------------------------------------


@routine
def advance(connection: x27, worker: x28) -> x0:
    """Go on with the bytes at hand, up to where only the client can: WAIT for it, or CLOSE."""
    again, head, further, answer, begun, sending, refused = (label() for _ in range(7))
    sent, used_up, flushed, wait, done = (label() for _ in range(5))

    with frame() as leave:
        here(again)
        ldrb(w9, [connection, Connection.state])
        cmp(w9, State.BODY)
        b.lo(head)
        b.hi(sending)

        ldr(x0, [connection, Connection.buffer])
        bl(body.drop)
        tbnz(x0, 63, refused)
        cbz(x0, wait)
        b(answer)

        here(further)
        ldr(x0, [connection, Connection.buffer])
        ldp(w10, w11, [x0, Buffer.start])
        cmp(w10, w11)
        b.eq(used_up)
        bl(forget_request)

        here(head)
        bl(answer_shortly)
        cmp(w0, QUEUED)
        b.eq(further)
        b.hi(begun)
        bl(send_batch)  # it has to go the long way, behind those that did not
        cbnz(x0, flushed)
        ldr(x0, [connection, Connection.buffer])
        bl(parse)
        tbnz(x0, 63, refused)
        cbz(x0, wait)
        ldr(x0, [connection, Connection.buffer])
        bl(judge)
        tbnz(x0, 63, refused)
        bl(decide_persistence)
        bl(expect_body)
        cbnz(w0, again)

        here(answer)
        bl(dispatch)

        here(begun)
        bl(start_sending)

        here(sending)
        bl(send)
        tbnz(x0, 63, done)
        cmp(x0, BLOCKED)
        b.eq(wait)
        bl(finish)
        cmp(x0, GO_ON)
        b.eq(sent)
        b(leave)

        here(refused)
        neg(w0, w0)
        bl(refuse_reading)
        b(sending)

        here(sent)
        ldr(x9, [connection, Connection.buffer])
        ldp(w10, w11, [x9, Buffer.start])
        cmp(w10, w11)
        b.ne(head)

        here(used_up)
        bl(send_batch)

        here(flushed)
        tbz(x0, 63, wait)

        here(done)  # the client is gone, or the file is shorter than it was
        bl(log_access)
        mov(x0, CLOSE)
        b(leave)

        here(wait)
        bl(await_client)
        mov(x0, WAIT)
    ret()


assert SENT == 0


@routine
def decide_persistence(connection: x27, worker: x28) -> None:
    """Decide whether the connection stays open after the answer (RFC 9112, 9.3)."""
    then, minor, served = w19, w20, w21
    old, decided, keep = label(), label(), label()

    with frame(then.x, minor.x, served.x):
        ldr(x9, [connection, Connection.buffer])
        ldrb(minor, [x9, Buffer.request.minor])
        mov(then, Then.CLOSE)
        adr(x0, CLOSE_TOKEN)
        mov(x1, len(CLOSE_TOKEN))
        bl(connection_lists)
        cbnz(w0, decided)
        mov(then, 0)
        cbz(minor, old)

        here(keep)
        ldr(served, [connection, Connection.served])
        ldr(w10, [worker, Workspace.requests])
        add(w11, served, 1)
        cmp(w11, w10)
        b.lo(decided)
        mov(then, Then.CLOSE | Then.LINGER)  # the client cannot know, and may have asked for more
        b(decided)

        here(old)
        mov(then, Then.CLOSE)
        adr(x0, KEEP_TOKEN)
        mov(x1, len(KEEP_TOKEN))
        bl(connection_lists)
        cbz(w0, decided)
        mov(then, Then.SAY_KEPT)
        b(keep)

        here(decided)
        strb(then, [connection, Connection.then])
    ret()


@routine
def connection_lists(token: x0, size: x1, connection: x27) -> w0:
    """1 if a Connection field of the request lists a token (in lower case), else 0."""
    text, length, after = x19, x20, x21
    none = label()

    with frame(text, length, after) as leave:
        mov(text, token)
        mov(length, size)
        mov(after, 0)

        again = here()
        ldr(x0, [connection, Connection.buffer])
        mov(w1, Kind.CONNECTION)
        mov(x2, after)
        bl(field_value)
        cbz(x0, none)
        mov(after, x2)
        mov(x2, text)
        mov(x3, length)
        bl(list_has)
        cbz(w0, again)
        b(leave)

        here(none)
        mov(w0, 0)
    ret()


@routine
def expect_body(connection: x27, worker: x28) -> w0:
    """1 if there is more to be read before the answer: a body; else 0.

    A client that waits for 100 (Continue) is answered at once, and sends no body;
    whether it will cannot be known, so the connection is closed after the answer.
    Behind other requests a head may end where the input does: then it moves to the
    start, and is read anew, since the body needs the room behind it.
    """
    waits, none, has_room = label(), label(), label()

    ldr(x10, [connection, Connection.buffer])
    ldrb(w9, [x10, Buffer.request.framing])
    cmp(w9, Framing.NONE)
    b.eq(none)
    ldrb(w9, [x10, Buffer.request.waits])
    cbnz(w9, waits)
    ldr(w9, [x10, Buffer.start])
    cbz(w9, has_room)
    ldr(w9, [x10, Buffer.request.head_end])
    mov(w11, HEAD_MAX)
    cmp(w9, w11)
    b.ls(has_room)
    with frame():
        bl(make_room)
        mov(w0, 1)
    ret()

    here(has_room)
    set_state(connection, State.BODY)
    with frame():
        mov(w0, Patience.BODY)
        bl(be_patient)
        mov(w0, 1)
    ret()

    here(waits)
    mov(w9, Then.CLOSE | Then.LINGER)
    strb(w9, [connection, Connection.then])

    here(none)
    mov(w0, 0)
    ret()


@routine
def start_sending(connection: x27, worker: x28) -> None:
    """An answer lies in the buffer: from here on it is sent."""
    set_state(connection, State.SENDING)
    ldr(w9, [connection, Connection.served])
    add(w9, w9, 1)
    str_(w9, [connection, Connection.served])
    ret()


@routine
def refuse_reading(status: w0, connection: x27, worker: x28) -> None:
    """Answer what cannot be read; nor can what follows it, so this answer is the last."""
    with frame():
        mov(w9, Then.CLOSE | Then.LINGER)
        strb(w9, [connection, Connection.then])
        bl(refuse)
        bl(start_sending)
    ret()


# --- after an answer, and in between --------------------------------------------------


@routine
def finish(connection: x27, worker: x28) -> x0:
    """An answer was sent whole: GO_ON with the next request, WAIT for the last bytes, or CLOSE."""
    then, of = w19, x20
    closing, linger, watched = label(), label(), label()

    with frame(then.x, of) as leave:
        bl(log_access)
        bl(let_go)
        ldr(of, [connection, Connection.buffer])
        ldrb(then, [connection, Connection.then])
        tbnz(then, bit(Then.CLOSE), closing)
        ldr(w9, [worker, Workspace.stopping])
        cbnz(w9, linger)

        ldr(w9, [of, Buffer.cursor])
        str_(w9, [of, Buffer.start])
        mov(x0, of)
        bl(forget_request)
        strb(wzr, [connection, Connection.then])
        set_state(connection, State.HEAD)
        tbz(then, bit(Then.WRITABLE), watched)
        bl(await_input)

        here(watched)
        mov(x0, GO_ON)
        b(leave)

        here(closing)
        ldr(w9, [of, Buffer.cursor])
        ldr(w10, [of, Buffer.received])
        cmp(w9, w10)
        b.lo(linger)
        tbnz(then, bit(Then.LINGER), linger)
        mov(x0, CLOSE)
        b(leave)

        here(linger)
        bl(start_lingering)
        mov(x0, WAIT)
    ret()


@routine
def start_lingering(connection: x27, worker: x28) -> None:
    """Say that nothing more will come, and wait: closing now could destroy the answer."""
    reading = label()

    with frame():
        ldr(w0, [connection, Connection.socket])
        mov(w1, SHUT_WR)
        calls.shutdown()
        set_state(connection, State.LINGERING)
        note_taken(connection)
        mov(w0, Patience.LINGER)
        bl(be_patient)
        ldrb(w9, [connection, Connection.then])
        tbz(w9, bit(Then.WRITABLE), reading)
        bl(await_input)

        here(reading)
    ret()


@routine
def await_client(connection: x27, worker: x28) -> None:
    """Set the deadline, give an empty buffer back, and ask for the event that is waited for."""
    in_head, empty, other = label(), label(), label()

    ldrb(w9, [connection, Connection.state])
    cmp(w9, State.HEAD)
    b.ne(other)
    ldr(x0, [connection, Connection.buffer])
    cbz(x0, empty)
    ldp(w10, w11, [x0, Buffer.start])
    cmp(w10, w11)
    b.ne(in_head)
    b(give_and_rest)

    here(empty)
    mov(w0, Patience.IDLE)
    b(be_patient)

    here(in_head)
    b(await_head)

    here(other)
    b(await_room)


@routine
def await_head(connection: x27, worker: x28) -> None:
    """A part of a head has come: its time runs from its first byte."""
    running = label()

    ldrb(w9, [connection, Connection.then])
    tbnz(w9, bit(Then.STARTED), running)
    add_then(connection, Then.STARTED)
    mov(w0, Patience.HEAD)
    b(be_patient)

    here(running)
    ret()


@routine
def await_room(connection: x27, worker: x28) -> None:
    """If an answer is being sent, the client took less than all: it has its time anew."""
    with frame() as leave:
        ldrb(w9, [connection, Connection.state])
        cmp(w9, State.SENDING)
        b.ne(leave)
        note_taken(connection)
        mov(w0, Patience.SEND)
        bl(be_patient)
        ldrb(w9, [connection, Connection.then])
        tbnz(w9, bit(Then.WRITABLE), leave)
        add_then(connection, Then.WRITABLE)
        ldrb(w9, [connection, Connection.watched])
        cbz(w9, leave)  # the poller will be told when it gets to know the connection
        bl(await_output)
    ret()


# --- what a wake-up leads to --------------------------------------------------------


@routine
def wake(connection: x27, worker: x28) -> x0:
    """Something happened to a connection: do what can be done, then WAIT or CLOSE."""
    lingering, sending, nothing, free = label(), label(), label(), label()

    ldrb(w9, [connection, Connection.state])
    cbz(w9, free)  # it was closed by what happened before in the same batch
    cmp(w9, State.SENDING)
    b.eq(sending)
    b.hi(lingering)
    with frame():
        bl(receive)
    cmp(x0, 0)
    b.le(nothing)

    here(sending)
    b(advance)

    here(lingering)
    b(drop_rest)

    here(nothing)
    b(hear_nothing)

    here(free)
    mov(x0, WAIT)
    ret()


@routine
def hear_nothing(result: x0, connection: x27, worker: x28) -> x0:
    """Nothing was received, and this is why: WAIT if it may come yet, else CLOSE."""
    close = label()

    with frame() as leave:
        cmn(result, Errno.EAGAIN)
        b.ne(close)
        bl(await_client)
        mov(x0, WAIT)
        b(leave)

        here(close)
        mov(x0, CLOSE)
    ret()


@routine
def drop_rest(connection: x27, worker: x28) -> x0:
    """Read what comes behind the last answer, and forget it: WAIT for more, or CLOSE."""
    more, close = label(), label()

    with frame() as leave:
        ldr(x1, [connection, Connection.buffer])
        add(x1, x1, Buffer.input)
        mov(x2, INPUT_MAX)
        take_input()
        cmp(x0, 0)
        b.eq(close)
        b.gt(more)
        cmn(x0, Errno.EAGAIN)
        b.eq(more)
        cmn(x0, Errno.EINTR)
        b.ne(close)

        here(more)
        mov(x0, WAIT)
        b(leave)

        here(close)
        mov(x0, CLOSE)
    ret()


@routine
def expire(connection: x27, worker: x28) -> x0:
    """A connection took too long: 408 if a request has begun, then WAIT; else CLOSE.

    WAIT, too, for a client that takes an answer slowly: what the kernel holds for it gets less.
    That may be so behind the answer as well, when a request is waited for.
    """
    taking, goes_on, sent, resting, known, close = (label() for _ in range(6))

    with frame() as leave:
        ldrb(w9, [connection, Connection.state])
        cmp(w9, State.SENDING)
        b.hs(sent)
        ldr(x9, [connection, Connection.buffer])
        cbz(x9, resting)
        mov(w0, 408)
        bl(refuse_reading)
        bl(advance)
        b(leave)

        here(resting)
        ldrb(w9, [connection, Connection.patience])
        cmp(w9, Patience.SEND)
        b.eq(known)
        note_taken(connection)

        here(known)
        bl(is_taking)
        cbz(w0, close)
        mov(w0, Patience.SEND)
        b(goes_on)

        here(taking)
        ldrb(w0, [connection, Connection.patience])

        here(goes_on)
        bl(be_patient)
        mov(x0, WAIT)
        b(leave)

        here(sent)
        bl(is_taking)
        cbnz(w0, taking)
        ldrb(w9, [connection, Connection.state])
        cmp(w9, State.SENDING)
        b.ne(close)
        bl(log_access)

        here(close)
        mov(x0, CLOSE)
    ret()
