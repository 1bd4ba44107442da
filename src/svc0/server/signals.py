"""Signals: how the supervisor hears them, one at a time, as numbers.

They are blocked before there are workers, which inherit that: so a signal that comes before a
worker listens for it waits for it.

    Linux    signalfd: blocked signals are read
    macOS    a kqueue, which workers do not inherit; it counts blocked signals as they come
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    EV_ADD,
    EVFILT_SIGNAL,
    SFD_CLOEXEC,
    SIG_BLOCK,
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


# --- ignoring -----------------------------------------------------------------------


@routine
def ignore_sigpipe() -> None:
    """Let writing to whoever has gone be an error, not a signal."""
    with frame(room=SignalAction.size):
        for at in range(0, SignalAction.size, 8):
            str_(xzr, [sp, at])
        mov(x9, SIG_IGN)
        str_(x9, [sp, SignalAction.handler])
        mov(w0, SIGPIPE)
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
    """Block the supervisor's signals, and make a queue of them: a descriptor, or -errno."""
    queue = x19

    with frame(queue, room=Kevent.size) as leave:
        put_set(*HEARD)
        mov(w0, SIG_BLOCK)
        mov(x1, sp)
        mov(x2, 0)
        calls.sigprocmask()
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
        mov(x0, queue)
    ret()


@routine
def read_signalfd(file: w0) -> w0:
    """Wait for a signal: its number, or 0 if something else woke us."""
    with frame(room=SignalInfo.size):
        mov(x1, sp)
        mov(x2, SignalInfo.size)
        calls.read()
        cmp(x0, SignalInfo.size)
        ldr(w9, [sp, SignalInfo.number])
        csel(w0, w9, wzr, Condition.eq)
    ret()


@routine
def read_signal_queue(file: w0) -> w0:
    """Wait for a signal: its number, or 0 if something else woke us."""
    with frame(room=Kevent.size):
        mov(x1, 0)
        mov(w2, 0)
        mov(x3, sp)
        mov(w4, 1)
        mov(x5, 0)
        calls.kevent()
        cmp(x0, 1)
        ldr(x9, [sp, Kevent.ident])
        csel(w0, w9, wzr, Condition.eq)
    ret()


open_signals = chosen(linux=open_signalfd, macos=open_signal_queue)
next_signal = chosen(linux=read_signalfd, macos=read_signal_queue)
