"""Kqueue: what macOS wakes a worker with (poller.py).  It counts seconds and signals itself.

Signals are blocked and not ignored: the queue counts a blocked one as it comes, and one that came
before the queue was asked is still pending (xnu bsd/kern/kern_sig.c, ``psignal_internal``).
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    EV_ADD,
    EV_CLEAR,
    EV_DELETE,
    EVFILT_PROC,
    EVFILT_READ,
    EVFILT_SIGNAL,
    EVFILT_TIMER,
    EVFILT_VNODE,
    EVFILT_WRITE,
    NOTE_ATTRIB,
    NOTE_DELETE,
    NOTE_EXIT,
    NOTE_EXTEND,
    NOTE_LINK,
    NOTE_RENAME,
    NOTE_REVOKE,
    NOTE_SECONDS,
    NOTE_WRITE,
    SIGTERM,
)
from svc0.kernel.structs import Kevent, Timespec

from .connection import Connection
from .workspace import EVENTS_MAX, Own, Workspace

MILLISECOND = 1_000_000  # nanoseconds

WHATEVER_CHANGES = (
    NOTE_DELETE | NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK | NOTE_RENAME | NOTE_REVOKE
)
"""Of a file what it holds, of a directory its names; of both their rights, and their own names."""


def put_change(
    at: int, ident: X, filter: int, flags: int, udata: X | int, fflags: int = 0, data: int = 0
) -> None:
    """Write: a change to a queue at sp, the ``at``-th there.  Uses x9."""

    def store(field: Field, value: X | int) -> None:
        if isinstance(value, X):
            str_(value, [sp, Kevent.size * at + field])
        elif field.width == 8:
            mov(x9, value)
            str_(x9, [sp, Kevent.size * at + field])
        else:
            mov(w9, value)
            (strh if field.width == 2 else str_)(w9, [sp, Kevent.size * at + field])

    store(Kevent.ident, ident)
    store(Kevent.filter, filter)
    store(Kevent.flags, flags)
    store(Kevent.fflags, fflags)
    store(Kevent.data, data)
    store(Kevent.udata, udata)


def make_changes(count: int) -> None:
    """Write: x0 = 0 when the changes at sp are made, or -errno.  x28 holds the workspace."""
    ldr(w0, [x28, Workspace.poller])
    mov(x1, sp)
    mov(w2, count)
    mov(x3, 0)
    mov(w4, 0)
    mov(x5, 0)
    calls.kevent()


@routine
def open_kqueue(worker: x28) -> x0:
    """Make a queue that counts seconds, and hears SIGTERM and the supervisor's end: 0, or -errno.

    That of a supervisor that has ended already is -ESRCH.
    """
    with frame(room=3 * Kevent.size) as leave:
        calls.kqueue()
        tbnz(x0, 63, leave)
        str_(w0, [worker, Workspace.poller])
        mov(x10, Own.TIMER)
        mov(x11, Own.SIGNALS)
        mov(x12, SIGTERM)
        ldr(w13, [worker, Workspace.supervisor])
        put_change(0, x10, EVFILT_TIMER, EV_ADD, x10, NOTE_SECONDS, 1)
        put_change(1, x12, EVFILT_SIGNAL, EV_ADD, x11)
        put_change(2, x13, EVFILT_PROC, EV_ADD, x11, NOTE_EXIT)
        make_changes(3)
        tbnz(x0, 63, leave)
        bl(repeat_pending)
        mov(x0, 0)
    ret()


@routine
def repeat_pending() -> None:
    """If SIGTERM came before the queue could count it, let it come again."""
    with frame(room=16) as leave:
        mov(x0, sp)
        calls.sigpending()
        tbnz(x0, 63, leave)
        ldr(w9, [sp])
        tbz(w9, SIGTERM - 1, leave)
        calls.getpid()
        mov(w1, SIGTERM)
        mov(w2, 1)
        calls.kill()
    ret()


@routine
def add_to_kqueue(file: w0, data: x1, worker: x28) -> x0:
    """Wait for input on a descriptor from now on; its events carry the data.  0, or -errno."""
    with frame(room=Kevent.size):
        mov(w10, file)
        put_change(0, x10, EVFILT_READ, EV_ADD, data)
        make_changes(1)
    ret()


@routine
def drop_from_kqueue(file: w0, worker: x28) -> None:
    """Wait for nothing from a descriptor any more."""
    with frame(room=Kevent.size):
        mov(w10, file)
        put_change(0, x10, EVFILT_READ, EV_DELETE, 0)
        make_changes(1)
    ret()


@routine
def tell_of_changes(file: w0, worker: x28) -> x0:
    """Tell, until it is closed, of what becomes of an open file or directory.  0, or -errno."""
    with frame(room=Kevent.size):
        mov(w10, file)
        put_change(0, x10, EVFILT_VNODE, EV_ADD | EV_CLEAR, Own.CHANGES, WHATEVER_CHANGES)
        make_changes(1)
    ret()


@routine
def await_readable(connection: x27, worker: x28) -> None:
    """Wait until a connection has sent something, and no longer until it takes something."""
    with frame(room=2 * Kevent.size):
        ldr(w10, [connection, Connection.socket])
        put_change(0, x10, EVFILT_READ, EV_ADD, connection)
        put_change(1, x10, EVFILT_WRITE, EV_DELETE, 0)
        make_changes(2)
    ret()


@routine
def await_writable(connection: x27, worker: x28) -> None:
    """Wait until a connection takes something, and no longer until it has sent something."""
    with frame(room=2 * Kevent.size):
        ldr(w10, [connection, Connection.socket])
        put_change(0, x10, EVFILT_WRITE, EV_ADD, connection)
        put_change(1, x10, EVFILT_READ, EV_DELETE, 0)
        make_changes(2)
    ret()


@routine
def wait_for_kqueue(milliseconds: w0, worker: x28) -> x0:
    """Wait for events, without end if the time is negative: how many, or -errno."""
    forever = label()

    with frame(room=Timespec.size):
        mov(x5, 0)
        tbnz(milliseconds, 31, forever)
        mov(w9, 1000)
        udiv(w10, milliseconds, w9)
        msub(w11, w10, w9, milliseconds)
        mov(w9, MILLISECOND)
        mul(w11, w11, w9)
        mov(x5, sp)
        str_(x10, [x5, Timespec.seconds])
        str_(x11, [x5, Timespec.nanoseconds])

        here(forever)
        ldr(w0, [worker, Workspace.poller])
        mov(x1, 0)
        mov(w2, 0)
        add(x3, worker, Workspace.events)
        mov(w4, EVENTS_MAX)
        calls.kevent()
    ret()


@routine
def count_seconds(event: x0, worker: x28) -> x0:
    """How many seconds have passed since the timer's event before this one.

    The kernel notes that a signal is pending a moment after it has told the queues: one that fell
    into that moment while ours was made is found now.
    """
    seconds = x19

    with frame(seconds):
        ldr(seconds, [event, Kevent.data])
        bl(repeat_pending)
        mov(x0, seconds)
    ret()


@routine
def hear_signal(worker: x28) -> w0:
    """1: the event itself was the signal, or the end of the supervisor."""
    mov(w0, 1)
    ret()
