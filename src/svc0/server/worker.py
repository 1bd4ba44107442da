"""The worker: wait for events, go on with whom they concern, keep the time.

    ┌─► wait ──► listener: take who has come, and answer what they have sent already
    │        ├─► connection: go on with it (conversation.py)
    │        ├─► timer: a second has passed: the date, deadlines, the log
    │        └─► signals: finish what is in flight, then end
    └─────────────┘

What an event carries is the address of its connection; the numbers below 16 are
the worker's own (``Own``).
"""

from typing import Never

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_NOSIGNAL

from .address import write_address
from .cache import open_cache
from .clock import seconds_now
from .connection import Connection, State, Then
from .conversation import CLOSE, expire, wake
from .dates import write_date
from .deadlines import be_patient, join_list, leave_list, set_deadlines
from .file import find_confinement, status_of
from .head import FEW_NAMES, NAMES
from .limits import HEAD_MAX
from .listeners import take_client
from .log import flush_log, write_log_times
from .poller import (
    EVENT_SHIFT,
    EVENT_SIZE,
    Event,
    await_output,
    ignore_input,
    open_poller,
    seconds_passed,
    told_to_stop,
    wait_for_events,
    watch_for_input,
)
from .pool import fill_pools, give_connection, take_connection
from .response import let_go
from .settings import SETTINGS, LogFormat, Settings
from .status import STATUSES
from .terminal import FAILURE
from .watch import open_watch, take_changes
from .workspace import Own, Patience, Workspace

LOG_PATIENCE = 100
"""Milliseconds that log lines wait for company when nothing else happens."""

FOREVER = -1

ACCEPTS_MAX = 32
"""Clients that are taken at once, so that those who are served already do not wait for long."""


def busy_answer() -> bytes:
    """The whole answer to a client for whom there is no room."""
    [status] = [status for status in STATUSES if status.number == 503]
    fields = f"Content-Type: text/html; charset=utf-8\r\nContent-Length: {len(status.page)}\r\n"
    head = f"Server: svc0\r\n{fields}Vary: Accept\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    return status.line + head.encode() + status.page


BUSY = Data(busy_answer())


# --- the start --------------------------------------------------------------------


@routine
def run_worker(listener: w0, root: w1, worker: x28) -> Never:
    """Serve the clients of a listener from a root, until told to stop."""
    failed = label()

    str_(listener, [worker, Workspace.listener])
    str_(root, [worker, Workspace.root])
    bl(find_confinement)
    bl(use_settings)
    adr(x9, SETTINGS)
    ldr(w0, [x9, Settings.connections])
    bl(fill_pools)
    tbnz(x0, 63, failed)
    bl(open_cache)
    tbnz(x0, 63, failed)
    bl(open_poller)
    tbnz(x0, 63, failed)
    bl(open_watch)
    ldr(w0, [worker, Workspace.listener])
    mov(x1, Own.LISTENER)
    bl(watch_for_input)
    tbnz(x0, 63, failed)
    bl(take_time)

    again = here()
    bl(wait)
    bl(handle_events)
    ldr(w9, [worker, Workspace.stopping])
    cbz(w9, again)
    bl(stop_when_done)
    b(again)

    here(failed)
    mov(w0, FAILURE)
    calls.exit()


@routine
def use_settings(worker: x28) -> None:
    """Note what follows from the settings: how long connections live, and what is logged."""
    adr(x9, SETTINGS)
    ldr(w10, [x9, Settings.requests])
    str_(w10, [worker, Workspace.requests])
    ldrb(w10, [x9, Settings.log])
    mov(x11, NAMES)
    mov(x12, FEW_NAMES)
    cmp(w10, LogFormat.COMMON)
    csel(x11, x11, x12, Condition.hi)
    str_(x11, [worker, Workspace.names])
    ret()


assert max(LogFormat.NONE, LogFormat.COMMON) < min(LogFormat.COMBINED, LogFormat.JSON)


# --- the loop -----------------------------------------------------------------------


@routine
def wait(worker: x28) -> x0:
    """Wait for events: how many there are.  Log lines do not wait longer than LOG_PATIENCE."""
    some = label()

    with frame():
        ldr(w9, [worker, Workspace.log_size])
        cmp(w9, 0)
        mov(w10, LOG_PATIENCE)
        mov(w0, FOREVER)
        csel(w0, w10, w0, Condition.ne)
        bl(wait_for_events)
        cmp(x0, 0)
        b.gt(some)
        bl(flush_log)  # nothing happened for a while, or a signal came
        mov(x0, 0)

        here(some)
    ret()


@routine
def handle_events(count: x0, worker: x28) -> None:
    """Do what each event asks for; changes come first, so that all answers know of them."""
    event, end, connection, crowd = x19, x20, x27, x21
    own, timer, signals, changes, ready, again = (label() for _ in range(6))

    with frame(event, end, connection, crowd) as leave:
        mov(crowd, count)
        add(event, worker, Workspace.events)
        add(end, event, count, lsl(int(EVENT_SHIFT)))
        cmp(count, 1)
        b.ls(again)

        look = here()
        cmp(event, end)
        b.hs(ready)
        ldr(x9, [event, Event.data])
        add(event, event, EVENT_SIZE)
        cmp(x9, Own.CHANGES)
        b.ne(look)
        take_changes(crowd)

        here(ready)
        add(event, worker, Workspace.events)

        here(again)
        cmp(event, end)
        b.hs(leave)
        ldr(connection, [event, Event.data])
        add(event, event, EVENT_SIZE)
        cmp(connection, 16)
        b.lo(own)
        bl(wake)
        cmp(x0, CLOSE)
        b.ne(again)
        bl(close_connection)
        b(again)

        here(own)
        cmp(connection, Own.TIMER)
        b.eq(timer)
        b.hi(signals)
        mov(x0, crowd)
        bl(accept_clients)
        b(again)

        here(timer)
        sub(x0, event, EVENT_SIZE)
        bl(seconds_passed)
        bl(tick)
        b(again)

        here(signals)
        cmp(connection, Own.SIGNALS)
        b.ne(changes)
        bl(begin_to_stop)
        b(again)

        here(changes)
        cmp(crowd, 1)
        b.hi(again)  # of several it was the first
        take_changes(crowd)
        b(again)
    ret()


assert Own.LISTENER < Own.TIMER < Own.SIGNALS < Own.CHANGES < 16


@routine
def close_connection(connection: x27, worker: x28) -> None:
    """Close a connection and all it holds."""
    with frame():
        bl(let_go)
        ldr(w0, [connection, Connection.socket])
        calls.close()
        bl(leave_list)
        bl(give_connection)
    ret()


# --- clients ------------------------------------------------------------------------


@routine
def accept_clients(events: x0, worker: x28) -> None:
    """Take clients from the listener: one if it is the only event, up to ACCEPTS_MAX in a crowd.

    If there are more, they make an event of their own.
    """
    left = x19
    crowd = label()

    with frame(left) as leave:
        mov(left, 1)
        cmp(events, 1)
        b.ls(crowd)
        mov(left, ACCEPTS_MAX)

        here(crowd)
        bl(accept_client)
        cbz(w0, leave)
        subs(left, left, 1)
        b.ne(crowd)
    ret()


@routine
def accept_client(worker: x28) -> w0:
    """Take one client, and what it has sent already: 1; 0 if there was none.

    An error of the client's connection is the client's, and there is always a next one; but
    without a descriptor for it the event would come again at once, and so for ever.
    """
    socket, connection = x19, x27
    failed, busy, taken = label(), label(), label()

    with frame(socket, connection) as leave:
        ldr(w0, [worker, Workspace.listener])
        add(x1, worker, Workspace.peer)
        bl(take_client)
        tbnz(x0, 63, failed)
        mov(socket, x0)
        bl(take_connection)
        cbz(x0, busy)
        mov(connection, x0)
        str_(socket.w, [connection, Connection.socket])
        bl(welcome)
        bl(wake)
        cmp(x0, CLOSE)
        b.eq(taken)
        bl(watch_connection)
        cmp(x0, 0)
        mov(w0, 1)
        b.eq(leave)

        here(taken)
        bl(close_connection)
        mov(w0, 1)
        b(leave)

        here(failed)
        bl(status_of)
        cmp(w0, 503)
        mov(w0, 0)
        b.ne(leave)
        mov(w9, 1)
        str_(w9, [worker, Workspace.deaf])
        ldr(w0, [worker, Workspace.listener])
        bl(ignore_input)
        mov(w0, 0)
        b(leave)

        here(busy)
        mov(w0, socket.w)
        bl(turn_away)
        mov(w0, 1)
    ret()


@routine
def welcome(connection: x27, worker: x28) -> None:
    """A new connection: who it is, and that it has its time for a first request."""
    with frame():
        add(x0, connection, Connection.peer)
        add(x1, worker, Workspace.peer)
        bl(write_address)
        add(x9, connection, Connection.peer)
        sub(x9, x0, x9)
        strh(w9, [connection, Connection.peer_size])
        ldr(x9, [worker, Workspace.until[Patience.IDLE]])
        str_(x9, [connection, Connection.deadline])
        mov(w0, Patience.IDLE)
        bl(join_list)
    ret()


@routine
def watch_connection(connection: x27, worker: x28) -> x0:
    """Let the poller tell of a connection, of which it did not know: 0, or -errno."""
    done = label()

    with frame() as leave:
        ldr(w0, [connection, Connection.socket])
        mov(x1, connection)
        bl(watch_for_input)
        tbnz(x0, 63, leave)
        mov(w9, 1)
        strb(w9, [connection, Connection.watched])
        ldrb(w9, [connection, Connection.then])
        tbz(w9, bit(Then.WRITABLE), done)
        bl(await_output)

        here(done)
        mov(x0, 0)
    ret()


@routine
def hear_listener(worker: x28) -> None:
    """If the listener was ignored for want of descriptors, hear it again."""
    hearing = label()

    ldr(w9, [worker, Workspace.deaf])
    cbz(w9, hearing)
    with frame() as leave:
        ldr(w0, [worker, Workspace.listener])
        mov(x1, Own.LISTENER)
        bl(watch_for_input)
        tbnz(x0, 63, leave)
        str_(wzr, [worker, Workspace.deaf])

    here(hearing)
    ret()


DROPPED = 2048
"""Bytes that are dropped at once of what a client says for whom there is no room,"""

DROPS_MAX = HEAD_MAX // DROPPED
"""and how often: a whole head may be there when it connects."""


@routine
def turn_away(socket: w0) -> None:
    """Tell a client that there is no room (503), and close.

    Its request is read before, as far as it is there: closing over it would be a reset, which may
    destroy the answer.
    """
    client, left = x19, x20
    close = label()

    with frame(client, left, room=DROPPED):
        mov(client.w, socket)
        adr(x1, BUSY)
        mov(x2, len(BUSY))
        mov(w3, MSG_NOSIGNAL)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendto()
        mov(left, DROPS_MAX)

        again = here()
        mov(w0, client.w)
        mov(x1, sp)
        mov(x2, DROPPED)
        mov(w3, 0)
        mov(x4, 0)
        mov(x5, 0)
        calls.recvfrom()
        cmp(x0, 0)
        b.le(close)
        subs(left, left, 1)
        b.ne(again)

        here(close)
        mov(w0, client.w)
        calls.close()
    ret()


# --- time ---------------------------------------------------------------------------


@routine
def take_time(worker: x28) -> None:
    """Ask the clock, and write what follows from it until the next tick: dates, and deadlines."""
    with frame():
        bl(seconds_now)
        mov(x1, x0)
        str_(x1, [worker, Workspace.now])
        ldr(x9, [worker, Workspace.epoch])
        add(x9, x9, 1)
        str_(x9, [worker, Workspace.epoch])
        add(x0, worker, Workspace.date)
        bl(write_date)
        bl(write_log_times)
        bl(set_deadlines)
    ret()


@routine
def tick(seconds: x0, worker: x28) -> None:
    """So many seconds have passed: the date, the log, the listener and the deadlines."""
    with frame() as leave:
        cbz(seconds, leave)
        ldr(x10, [worker, Workspace.ticks])
        add(x10, x10, seconds)
        str_(x10, [worker, Workspace.ticks])
        bl(take_time)
        bl(flush_log)
        bl(hear_listener)
        bl(expire_late)
    ret()


@routine
def expire_late(worker: x28) -> None:
    """End what took too long.  Each has at least its seconds, since the first of them had begun."""
    connection, patience = x27, x19
    again, next_one = label(), label()

    with frame(connection, patience):
        mov(patience, 0)

        here(again)
        add(x9, worker, Workspace.soonest)
        ldr(connection, [x9, patience, lsl(3)])
        cbz(connection, next_one)
        ldr(x9, [connection, Connection.deadline])
        ldr(x10, [worker, Workspace.ticks])
        cmp(x9, x10)
        b.hs(next_one)
        bl(expire)
        cmp(x0, CLOSE)
        b.ne(again)
        bl(close_connection)
        b(again)

        here(next_one)
        add(patience, patience, 1)
        cmp(patience, len(Patience))
        b.lo(again)
    ret()


# --- the end ------------------------------------------------------------------------


@routine
def begin_to_stop(worker: x28) -> None:
    """SIGTERM: take no more clients, let the idle go, and finish what is in flight.

    A second one says nothing new: it may come of whoever stops all processes of a service.
    """
    with frame() as leave:
        bl(told_to_stop)
        cbz(w0, leave)
        ldr(w9, [worker, Workspace.stopping])
        cbnz(w9, leave)
        mov(w9, 1)
        str_(w9, [worker, Workspace.stopping])
        str_(wzr, [worker, Workspace.requests])
        str_(wzr, [worker, Workspace.deaf])
        adr(x9, SETTINGS)
        ldr(w9, [x9, Settings.stop_seconds])
        ldr(x10, [worker, Workspace.ticks])
        add(x9, x9, x10)
        str_(x9, [worker, Workspace.stop_tick])
        ldr(w0, [worker, Workspace.listener])
        bl(ignore_input)
        ldr(w0, [worker, Workspace.listener])
        mov(w9, -1)  # an event of it may have come with this one
        str_(w9, [worker, Workspace.listener])
        calls.close()
        bl(close_idle)
    ret()


@routine
def close_idle(worker: x28) -> None:
    """Close every connection that waits for a request; one that never asked has a moment more."""
    connection, end = x27, x19
    over, fresh, quiet = label(), label(), label()

    with frame(connection, end) as leave:
        ldr(connection, [worker, Workspace.connections])
        ldr(end, [worker, Workspace.fresh_connections])

        again = here()
        cmp(connection, end)
        b.hs(leave)
        bl(is_idle)
        cbz(w0, quiet)
        bl(wake)  # its next request may be there already
        cmp(x0, CLOSE)
        b.eq(over)
        bl(is_idle)
        cbz(w0, quiet)
        ldr(w9, [connection, Connection.served])
        cbz(w9, fresh)

        here(over)
        bl(close_connection)
        b(quiet)

        here(fresh)  # its first request is on its way, or it never comes
        mov(w0, Patience.FAREWELL)
        bl(be_patient)

        here(quiet)
        add(connection, connection, Connection.size)
        b(again)
    ret()


@routine
def is_idle(connection: x27) -> w0:
    """1 if a connection waits for a request of which no byte has come, else 0."""
    busy = label()

    mov(w0, 0)
    ldrb(w9, [connection, Connection.state])
    cmp(w9, State.HEAD)
    b.ne(busy)  # or free: then nothing else of it means anything
    ldr(x9, [connection, Connection.buffer])
    cmp(x9, 0)
    cset(w0, Condition.eq)

    here(busy)
    ret()


@routine
def stop_when_done(worker: x28) -> None:
    """The worker was told to stop: end it if it has nothing left to do, or no time."""
    end = label()

    ldr(w9, [worker, Workspace.active])
    cbz(w9, end)
    ldr(x9, [worker, Workspace.ticks])
    ldr(x10, [worker, Workspace.stop_tick])
    cmp(x9, x10)
    b.hi(end)
    ret()

    here(end)
    b(end_worker)


@routine
def end_worker(worker: x28) -> Never:
    """Write the lines of the log that wait, and end."""
    bl(flush_log)
    mov(w0, 0)
    calls.exit()
