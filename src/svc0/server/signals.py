"""Signals: how the supervisor hears them, one at a time, as numbers.

They are blocked before there are workers, which inherit that: so a signal that comes before a
worker listens for it waits for it.

    Linux    signalfd: blocked signals are read
    macOS    a kqueue, which workers do not inherit; it counts signals as they come, blocked too
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    EV_ADD,
    EVFILT_SIGNAL,
    SFD_CLOEXEC,
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGPIPE,
    SIGQUIT,
    SIGSET_SIZE,
    SIGTERM,
)
from svc0.kernel.structs import Kevent, SignalAction, SignalInfo

HEARD = (SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD)


def put_set(*numbers: int) -> None:
    """Write: a set of signals at sp, as kernels take it.  Uses x9."""
    bits = 0
    for number in numbers:
        bits = bits | 1 << number - 1
    mov(x9, bits)
    str_(x9, [sp])


# --- what they do -------------------------------------------------------------------


@routine
def prepare_signals() -> None:
    """Let writing to whoever has gone be an error, and the end of a child be told.

    Whoever started us may have ignored SIGCHLD: then children would end without a word.
    """
    with frame(room=SignalAction.size):
        for signal, handler in (SIGPIPE, SIG_IGN), (SIGCHLD, SIG_DFL):
            for at in range(0, SignalAction.size, 8):
                str_(xzr, [sp, at])
            mov(x9, handler)
            str_(x9, [sp, SignalAction.handler])
            mov(w0, signal)
            mov(x1, sp)
            mov(x2, 0)
            if platform() == "linux":
                mov(x3, SIGSET_SIZE)
                calls.rt_sigaction()
            else:
                calls.sigaction()
    ret()


# --- hearing ------------------------------------------------------------------------


@routine
def open_signalfd() -> x0:
    """Block the supervisor's signals, and make a descriptor from which they are read; or -errno."""
    with frame(room=16):
        put_set(*HEARD)
        mov(w0, SIG_BLOCK)
        mov(x1, sp)
        mov(x2, 0)
        mov(x3, SIGSET_SIZE)
        calls.rt_sigprocmask()
        mov(w0, -1)
        mov(x1, sp)
        mov(x2, SIGSET_SIZE)
        mov(w3, SFD_CLOEXEC)
        calls.signalfd4()
    ret()


@routine
def open_signal_queue() -> x0:
    """Make a queue of the supervisor's signals, and block them: a descriptor, or -errno.

    In this order none is lost: it does not count what was blocked and pending before it.
    """
    queue = x19

    with frame(queue, room=Kevent.size) as leave:
        calls.kqueue()
        tbnz(x0, 63, leave)
        mov(queue, x0)
        for number in HEARD:
            for at in range(0, Kevent.size, 8):
                str_(xzr, [sp, at])
            mov(x9, number)
            str_(x9, [sp, Kevent.ident])
            mov(w9, EVFILT_SIGNAL)
            strh(w9, [sp, Kevent.filter])
            mov(w9, EV_ADD)
            strh(w9, [sp, Kevent.flags])
            mov(w0, queue.w)
            mov(x1, sp)
            mov(w2, 1)
            mov(x3, 0)
            mov(w4, 0)
            mov(x5, 0)
            calls.kevent()
            tbnz(x0, 63, leave)
        put_set(*HEARD)
        mov(w0, SIG_BLOCK)
        mov(x1, sp)
        mov(x2, 0)
        calls.sigprocmask()
        mov(x0, queue)
    ret()


@routine
def read_signalfd(file: w0) -> w0:
    """Wait for a signal: its number, or 0 if something else woke us."""
    with frame(room=SignalInfo.size):
        str_(wzr, [sp, SignalInfo.number])  # what a read that fails leaves
        mov(x1, sp)
        mov(x2, SignalInfo.size)
        calls.read()
        ldr(w0, [sp, SignalInfo.number])
    ret()


@routine
def read_signal_queue(file: w0) -> w0:
    """Wait for a signal: its number, or 0 if something else woke us."""
    with frame(room=Kevent.size):
        str_(xzr, [sp, Kevent.ident])  # what a call that fails leaves
        mov(x1, 0)
        mov(w2, 0)
        mov(x3, sp)
        mov(w4, 1)
        mov(x5, 0)
        calls.kevent()
        ldr(x0, [sp, Kevent.ident])
    ret()


open_signals = chosen(linux=open_signalfd, macos=open_signal_queue)
next_signal = chosen(linux=read_signalfd, macos=read_signal_queue)


@routine
def leave_signals(file: w0) -> None:
    """In a child: hear the supervisor's signals no more.  A kqueue is not inherited anyway."""
    if platform() == "linux":
        calls.close()
    ret()
