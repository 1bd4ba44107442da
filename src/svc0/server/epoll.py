"""Epoll: what Linux wakes a worker with (poller.py).  Timer and signals are descriptors too."""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    CLOCK_MONOTONIC,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLIN,
    EPOLLOUT,
    SFD_CLOEXEC,
    SFD_NONBLOCK,
    SIGSET_SIZE,
    SIGTERM,
    TFD_CLOEXEC,
    TFD_NONBLOCK,
)
from svc0.kernel.structs import EpollEvent, Itimerspec, SignalInfo

from .connection import Connection
from .workspace import EVENTS_MAX, Own, Workspace

TERM_ONLY = Data((1 << SIGTERM - 1).to_bytes(8, "little"))
EVERY_SECOND = Data((1).to_bytes(8, "little") + bytes(8) + (1).to_bytes(8, "little") + bytes(8))
assert len(EVERY_SECOND) == Itimerspec.size


@routine
def open_epoll(worker: x28) -> x0:
    """Make epoll, a timer of seconds and a descriptor of SIGTERM, and watch these: 0, or -errno."""
    with frame() as leave:
        mov(w0, EPOLL_CLOEXEC)
        calls.epoll_create1()
        tbnz(x0, 63, leave)
        str_(w0, [worker, Workspace.poller])

        mov(w0, CLOCK_MONOTONIC)
        mov(w1, TFD_NONBLOCK | TFD_CLOEXEC)
        calls.timerfd_create()
        tbnz(x0, 63, leave)
        str_(w0, [worker, Workspace.timer])
        mov(w1, 0)
        adr(x2, EVERY_SECOND)
        mov(x3, 0)
        calls.timerfd_settime()
        tbnz(x0, 63, leave)

        mov(w0, -1)
        adr(x1, TERM_ONLY)
        mov(x2, SIGSET_SIZE)
        mov(w3, SFD_NONBLOCK | SFD_CLOEXEC)
        calls.signalfd4()
        tbnz(x0, 63, leave)
        str_(w0, [worker, Workspace.signals])

        for file, what in (
            (Workspace.timer, Own.TIMER),
            (Workspace.signals, Own.SIGNALS),
        ):
            ldr(w0, [worker, file])
            mov(x1, what)
            bl(add_to_epoll)
            tbnz(x0, 63, leave)
    ret()


@routine
def add_to_epoll(file: w0, data: x1, worker: x28) -> x0:
    """Wait for input on a descriptor from now on; its events carry the data.  0, or -errno."""
    with frame(room=EpollEvent.size):
        mov(x3, sp)
        mov(w9, EPOLLIN)
        str_(w9, [x3, EpollEvent.events])
        str_(data, [x3, EpollEvent.data])
        mov(w2, file)
        mov(w1, EPOLL_CTL_ADD)
        ldr(w0, [worker, Workspace.poller])
        calls.epoll_ctl()
    ret()


@routine
def drop_from_epoll(file: w0, worker: x28) -> None:
    """Wait for nothing from a descriptor any more."""
    mov(w2, file)
    ldr(w0, [worker, Workspace.poller])
    mov(w1, EPOLL_CTL_DEL)
    mov(x3, 0)
    calls.epoll_ctl()
    ret()


@routine
def await_epollin(connection: x27, worker: x28) -> None:
    """Wait until a connection has sent something, and no longer until it takes something."""
    mov(w0, EPOLLIN)
    b(change_events)


@routine
def await_epollout(connection: x27, worker: x28) -> None:
    """Wait until a connection takes something, and no longer until it has sent something."""
    mov(w0, EPOLLOUT)
    b(change_events)


@routine
def change_events(events: w0, connection: x27, worker: x28) -> None:
    """Wait for these events of a connection instead of those before."""
    with frame(room=EpollEvent.size):
        mov(x3, sp)
        str_(events, [x3, EpollEvent.events])
        str_(connection, [x3, EpollEvent.data])
        mov(w1, EPOLL_CTL_MOD)
        ldr(w0, [worker, Workspace.poller])
        ldr(w2, [connection, Connection.socket])
        calls.epoll_ctl()
    ret()


@routine
def wait_for_epoll(milliseconds: w0, worker: x28) -> x0:
    """Wait for events, without end if the time is negative: how many, or -errno."""
    mov(w3, milliseconds)
    ldr(w0, [worker, Workspace.poller])
    add(x1, worker, Workspace.events)
    mov(w2, EVENTS_MAX)
    mov(x4, 0)
    mov(x5, SIGSET_SIZE)
    calls.epoll_pwait()
    ret()


@routine
def read_timer(event: x0, worker: x28) -> x0:
    """How many seconds have passed since it was asked last; 0 if it is not time yet."""
    with frame(room=16):
        str_(xzr, [sp])  # what a read that fails leaves
        ldr(w0, [worker, Workspace.timer])
        mov(x1, sp)
        mov(x2, 8)
        calls.read()
        ldr(x0, [sp])
    ret()


@routine
def read_signal(worker: x28) -> w0:
    """1 if SIGTERM has come, and it is forgotten; else 0."""
    with frame(room=SignalInfo.size):
        ldr(w0, [worker, Workspace.signals])
        mov(x1, sp)
        mov(x2, SignalInfo.size)
        calls.read()
        cmp(x0, SignalInfo.size)
        cset(w0, Condition.eq)
    ret()
