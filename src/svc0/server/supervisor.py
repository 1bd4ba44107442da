"""The supervisor: parent of the workers.  It starts them, starts them anew, and passes signals on.

    SIGTERM, SIGINT, SIGQUIT   listen no more, tell the workers to finish, and end when they have;
                               a second one ends them at once
    SIGHUP                     start new workers, and tell those before them to finish
    SIGCHLD                    a worker ended: unless it was told to, a new one takes its listener

It holds no client's connection and reads no client's bytes.
"""

from typing import Never

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import SIGCHLD, SIGHUP, SIGKILL, SIGTERM, WNOHANG

from .listeners import LISTENING, Listening, stop_listening
from .options import WORKERS_MAX
from .process import ask_for_signal, choose_cpu, fork, pause
from .signals import leave_signals, next_signal, open_signals
from .terminal import FAILURE, append_number, append_reason, end_line, say
from .worker import run_worker
from .workspace import WORKSPACE, Workspace


class Family(Struct):
    """The workers, by the number of their listener: those that serve it, and those that finish."""

    listeners: u64  # how many workers there shall be
    running: u64  # processes, those that finish too
    stopping: u32
    signals: i32
    root: i32
    children: i32 = array(WORKERS_MAX)  # process numbers; 0: none
    leaving: i32 = array(WORKERS_MAX)  # those that SIGHUP has told to finish


CHILDREN_MAX = 2 * WORKERS_MAX
LEAVING = 4 * WORKERS_MAX
"""From a worker's place to that of the one it took over from."""

assert Family.leaving == Family.children + LEAVING, "both are one table where all are meant"


FAMILY = Bss(Family)


@routine
def supervise(count: x0, root: w1) -> Never:
    """Start a worker for each listener, and keep them running until told to stop."""
    family = x19
    go_on, ended, failed = label(), label(), label()

    adr(family, FAMILY)
    str_(count, [family, Family.listeners])
    str_(root, [family, Family.root])
    bl(open_signals)
    tbnz(x0, 63, failed)
    str_(w0, [family, Family.signals])
    bl(start_missing)

    here(go_on)
    ldr(x9, [family, Family.running])
    cbz(x9, ended)
    ldr(w0, [family, Family.signals])
    bl(next_signal)
    cbz(w0, go_on)
    bl(heed)
    b(go_on)

    here(ended)
    mov(w0, 0)
    calls.exit()

    here(failed)
    bl(give_up)


@routine
def give_up(error: x0) -> Never:
    """Say why there can be no workers, and end."""
    mov(x19, error)
    say("svc0: cannot start workers: ")
    mov(x0, x19)
    bl(append_reason)
    bl(end_line)
    mov(w0, FAILURE)
    calls.exit()


@routine
def heed(signal: w0) -> None:
    """Do what a signal asks for."""
    number = w19
    child, reload, again = label(), label(), label()

    with frame(number.x) as leave:
        mov(number, signal)
        cmp(number, SIGCHLD)
        b.eq(child)
        cmp(number, SIGHUP)
        b.eq(reload)
        adr(x9, FAMILY)
        ldr(w10, [x9, Family.stopping])
        mov(w11, 1)
        str_(w11, [x9, Family.stopping])
        mov(w0, SIGKILL)
        cbnz(w10, again)
        ldr(x0, [x9, Family.listeners])
        bl(stop_listening)
        mov(w0, SIGTERM)

        here(again)
        bl(signal_all)
        b(leave)

        here(reload)
        adr(x9, FAMILY)
        ldr(w9, [x9, Family.stopping])
        cbnz(w9, leave)
        bl(reap)  # the places of those that have ended are free
        bl(replace_all)
        bl(start_missing)
        b(leave)

        here(child)
        bl(reap)
        adr(x9, FAMILY)
        ldr(w9, [x9, Family.stopping])
        cbnz(w9, leave)
        bl(start_missing)
    ret()


@routine
def replace_all() -> None:
    """Tell every worker to finish and leave its place free.

    One that still waits for the worker before it stays: there is a place for one of each.
    """
    at, left = x19, x20
    following = label()

    with frame(at, left):
        adr(at, FAMILY)
        add(at, at, int(Family.children))
        mov(left, WORKERS_MAX)

        again = here()
        ldr(w0, [at])
        cbz(w0, following)
        ldr(w9, [at, LEAVING])
        cbnz(w9, following)
        str_(w0, [at, LEAVING])
        str_(wzr, [at])
        mov(w1, SIGTERM)
        mov(w2, 1)
        calls.kill()

        here(following)
        add(at, at, 4)
        subs(left, left, 1)
        b.ne(again)
    ret()


@routine
def signal_all(signal: w0) -> None:
    """Send a signal to every worker."""
    number, at, left = w19, x20, x21
    none = label()

    with frame(number.x, at, left):
        mov(number, signal)
        adr(at, FAMILY)
        add(at, at, int(Family.children))
        mov(left, CHILDREN_MAX)

        again = here()
        ldr(w0, [at], 4)
        cbz(w0, none)
        mov(w1, number)
        mov(w2, 1)
        calls.kill()

        here(none)
        subs(left, left, 1)
        b.ne(again)
    ret()


@routine
def reap() -> None:
    """Take note of every worker that has ended; after one that failed, pause before a new one."""
    child, status = x19, x20

    with frame(child, status, room=16) as leave:
        again = here()
        mov(w0, -1)
        mov(x1, sp)
        mov(w2, WNOHANG)
        mov(x3, 0)
        calls.wait4()
        cmp(x0, 0)
        b.le(leave)
        mov(child, x0)
        ldr(status.w, [sp])
        mov(x0, child)
        bl(forget_child)
        cbz(w0, again)
        cbz(status.w, again)
        mov(x0, child)
        mov(x1, status)
        bl(report)
        adr(x9, FAMILY)
        ldr(w9, [x9, Family.stopping])
        cbnz(w9, again)
        bl(pause)
        b(again)
    ret()


@routine
def report(child: x0, status: x1) -> None:
    """Say on standard error how a worker ended that should not have."""
    process, how = x19, x20
    exited, said = label(), label()

    with frame(process, how):
        mov(process, child)
        mov(how, status)
        say("svc0: worker ")
        mov(x0, process)
        bl(append_number)
        tst(how, 0x7F)
        b.eq(exited)
        say(" was killed by signal ")
        and_(x0, how, 0x7F)
        b(said)

        here(exited)
        say(" ended with status ")
        ubfx(x0, how, 8, 8)

        here(said)
        bl(append_number)
        bl(end_line)
    ret()


@routine
def forget_child(child: x0) -> w0:
    """Take a process off the list of workers: 1, or 0 if it is none of them."""
    at, left, family = x9, x10, x11
    found = label()

    adr(family, FAMILY)
    add(at, family, int(Family.children))
    mov(left, CHILDREN_MAX)

    again = here()
    ldr(w12, [at])
    cmp(w12, child.w)
    b.eq(found)
    add(at, at, 4)
    subs(left, left, 1)
    b.ne(again)
    mov(w0, 0)
    ret()

    here(found)
    str_(wzr, [at])
    ldr(x12, [family, Family.running])
    sub(x12, x12, 1)
    str_(x12, [family, Family.running])
    mov(w0, 1)
    ret()


@routine
def start_missing() -> None:
    """Start a worker for every listener that has none; where none at all can be started, end.

    While one cannot, the others go on, and a SIGCHLD to ourselves makes us try again.
    """
    at, number, family = x19, x20, x21
    following, failed, alone = label(), label(), label()

    with frame(at, number, family) as leave:
        adr(family, FAMILY)
        add(at, family, Family.children)
        mov(number, 0)

        again = here()
        ldr(x9, [family, Family.listeners])
        cmp(number, x9)
        b.hs(leave)
        ldr(w9, [at, number, lsl(2)])
        cbnz(w9, following)
        mov(x0, number)
        bl(start_worker)
        tbnz(x0, 63, failed)
        str_(w0, [at, number, lsl(2)])
        ldr(x9, [family, Family.running])
        add(x9, x9, 1)
        str_(x9, [family, Family.running])

        here(following)
        add(number, number, 1)
        b(again)

        here(failed)
        ldr(x9, [family, Family.running])
        cbz(x9, alone)
        bl(pause)
        calls.getpid()
        mov(w1, SIGCHLD)
        mov(w2, 1)
        calls.kill()
        b(leave)

        here(alone)
        bl(give_up)
    ret()


@routine
def start_worker(number: x0) -> x0:
    """Make a process that serves a listener: its number, or -errno.  Only the parent comes back."""
    which, parent = x19, x20

    with frame(which, parent) as leave:
        mov(which, number)
        calls.getpid()
        mov(parent, x0)
        bl(fork)
        cbnz(x0, leave)
        mov(x0, which)
        mov(x1, parent)
        bl(become_worker)
    ret()


@routine
def become_worker(number: x0, supervisor: x1) -> Never:
    """In the child: serve a listener, and end when the supervisor does."""
    which, parent, family = x19, x20, x21
    orphan = label()

    mov(which, number)
    mov(parent, supervisor)
    bl(ask_for_signal)
    calls.getppid()
    cmp(x0, parent)
    b.ne(orphan)  # it died before we could ask to be told

    adr(family, FAMILY)
    ldr(w0, [family, Family.signals])
    bl(leave_signals)
    mov(x0, which)
    ldr(x1, [family, Family.listeners])
    bl(choose_cpu)
    adr(x9, LISTENING)
    add(x9, x9, Listening.sockets)
    ldr(w0, [x9, which, lsl(2)])
    ldr(w1, [family, Family.root])
    adr(x28, WORKSPACE)
    str_(parent.w, [x28, Workspace.supervisor])
    bl(run_worker)

    here(orphan)
    mov(w0, FAILURE)
    calls.exit()
