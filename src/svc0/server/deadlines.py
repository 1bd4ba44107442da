"""Deadlines: until when each connection may take for what is waited for.

Everybody who waits for the same thing has the same time for it.  So those who began later are done
later, and a list for each ``Patience`` is in order by itself: who begins to wait is put behind the
last, and those whose time is over stand at the front.

    soonest ◄──► … ◄──► latest        earlier ◄─ connection ─► later

Deadlines are whole ticks, so a connection that waits anew within the same second stays where it is.
"""

from svc0.a64 import *

from .connection import Connection
from .settings import SETTINGS, Settings
from .workspace import Patience, Workspace

LINGER_SECONDS = 2
"""For a client to take the last answer, and to say that it has nothing more."""

FAREWELL_SECONDS = 1
"""For the first request of a client that connected before the worker was told to stop."""


@routine
def set_deadlines(worker: x28) -> None:
    """A tick has passed: note until when who begins to wait now may take."""
    ticks, settings = x9, x10

    ldr(ticks, [worker, Workspace.ticks])
    adr(settings, SETTINGS)
    for patience, field in (
        (Patience.IDLE, Settings.idle_seconds),
        (Patience.HEAD, Settings.head_seconds),
        (Patience.BODY, Settings.body_seconds),
        (Patience.SEND, Settings.send_seconds),
    ):
        ldr(w11, [settings, field])
        add(x11, x11, ticks)
        str_(x11, [worker, Workspace.until[patience]])
    for patience, seconds in (
        (Patience.LINGER, LINGER_SECONDS),
        (Patience.FAREWELL, FAREWELL_SECONDS),
    ):
        add(x11, ticks, seconds)
        str_(x11, [worker, Workspace.until[patience]])
    ret()


@routine
def be_patient(patience: w0, connection: x27, worker: x28) -> None:
    """From now on a connection waits for this, and has its time anew."""
    stays = label()

    add(x9, worker, Workspace.until)
    ldr(x9, [x9, patience, uxtw(3)])
    ldr(x10, [connection, Connection.deadline])
    ldrb(w11, [connection, Connection.patience])
    cmp(x9, x10)
    ccmp(w11, patience, 0, Condition.eq)
    b.eq(stays)
    with frame(x19, x20):
        mov(w19, patience)
        mov(x20, x9)
        bl(leave_list)
        str_(x20, [connection, Connection.deadline])
        mov(w0, w19)
        bl(join_list)

    here(stays)
    ret()


@routine
def join_list(patience: w0, connection: x27, worker: x28) -> None:
    """Put a connection that is in no list behind the last of this one; its deadline is set."""
    first = label()

    strb(patience, [connection, Connection.patience])
    add(x9, worker, Workspace.latest)
    ldr(x10, [x9, patience, uxtw(3)])
    str_(connection, [x9, patience, uxtw(3)])
    stp(x10, xzr, [connection, Connection.earlier])
    cbz(x10, first)
    str_(connection, [x10, Connection.later])
    ret()

    here(first)
    add(x9, worker, Workspace.soonest)
    str_(connection, [x9, patience, uxtw(3)])
    ret()


@routine
def leave_list(connection: x27, worker: x28) -> None:
    """Take a connection out of its list."""
    first, last, behind = label(), label(), label()

    ldrb(w9, [connection, Connection.patience])
    ldp(x10, x11, [connection, Connection.earlier])
    cbz(x10, first)
    str_(x11, [x10, Connection.later])

    here(behind)
    cbz(x11, last)
    str_(x10, [x11, Connection.earlier])
    ret()

    here(first)
    add(x12, worker, Workspace.soonest)
    str_(x11, [x12, x9, lsl(3)])
    b(behind)

    here(last)
    add(x12, worker, Workspace.latest)
    str_(x10, [x12, x9, lsl(3)])
    ret()


assert Connection.later == Connection.earlier + 8
