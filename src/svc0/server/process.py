"""The process: what it asks of its kernel about itself, and how it makes another."""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    CTL_HW,
    HW_NCPU,
    PR_SET_PDEATHSIG,
    RLIMIT_NOFILE,
    SIGCHLD,
    SIGTERM,
)
from svc0.kernel.structs import Rlimit, Timespec, Timeval

CPUS_MAX = 8192
"""CPUs that are counted: as many as the largest Linux kernels are built for."""

PAUSE_MILLISECONDS = 100
"""How long to wait before what failed is tried again."""


# --- descriptors --------------------------------------------------------------------


@routine
def raise_linux_limit() -> None:
    """Have all descriptors that we may."""
    with frame(room=Rlimit.size) as leave:
        mov(w0, 0)
        mov(w1, RLIMIT_NOFILE)
        mov(x2, 0)
        mov(x3, sp)
        calls.prlimit64()
        tbnz(x0, 63, leave)
        ldr(x9, [sp, Rlimit.maximum])
        str_(x9, [sp, Rlimit.current])
        mov(w0, 0)
        mov(w1, RLIMIT_NOFILE)
        mov(x2, sp)
        mov(x3, 0)
        calls.prlimit64()
    ret()


@routine
def raise_macos_limit() -> None:
    """Have all descriptors that we may: of a limit above the system's, the kernel takes that."""
    with frame(room=Rlimit.size) as leave:
        mov(w0, RLIMIT_NOFILE)
        mov(x1, sp)
        calls.getrlimit()
        tbnz(x0, 63, leave)
        ldr(x9, [sp, Rlimit.maximum])
        str_(x9, [sp, Rlimit.current])
        mov(w0, RLIMIT_NOFILE)
        mov(x1, sp)
        calls.setrlimit()
    ret()


raise_file_limit = chosen(linux=raise_linux_limit, macos=raise_macos_limit)


# --- processors ---------------------------------------------------------------------


@routine
def count_allowed() -> w0:
    """On how many CPUs we may run; 0 if nobody can say."""
    at, left, count = x9, x10, w11
    counted = label()

    with frame(room=CPUS_MAX // 8):
        mov(w0, 0)
        mov(x1, CPUS_MAX // 8)
        mov(x2, sp)
        calls.sched_getaffinity()
        mov(count, 0)
        mov(at, sp)
        subs(left, x0, 8)
        b.lt(counted)  # -errno: it has more CPUs than we can hear of

        again = here()
        ldr(v0.d, [at], 8)
        cnt(v0.b8, v0.b8)
        addv(v0.b, v0.b8)
        umov(w0, v0.b[0])
        add(count, count, w0)
        subs(left, left, 8)
        b.ge(again)

        here(counted)
        mov(w0, count)
    ret()


assert CPUS_MAX % 64 == 0, "the kernel writes whole words"


@routine
def count_all() -> w0:
    """How many CPUs there are; 0 if nobody can say."""
    with frame(room=32):
        mov(w9, CTL_HW)
        mov(w10, HW_NCPU)
        stp(w9, w10, [sp])
        mov(x9, 4)
        str_(x9, [sp, 8])
        str_(xzr, [sp, 16])  # what a call that fails leaves
        mov(x0, sp)
        mov(w1, 2)
        add(x2, sp, 16)
        add(x3, sp, 8)
        mov(x4, 0)
        mov(x5, 0)
        calls.sysctl()
        ldr(w0, [sp, 16])
    ret()


count_cpus = chosen(linux=count_allowed, macos=count_all)


@routine
def choose_cpu(number: x0, workers: x1) -> None:
    """Run on one CPU from now on: the n-th of so many workers on the n-th that we may use.

    So what a worker has in its CPU's caches is still there when it goes on.  With one worker alone,
    or fewer CPUs than workers, the kernel knows better; so it does if it refuses.  On macOS it is
    not asked: Darwin has no call for that, and what Mach had instead, a hint about threads that
    share a cache (THREAD_AFFINITY_POLICY), is not supported on Apple Silicon.
    """
    if platform() == "linux":
        which, many = x19, x20
        at, left, word, others = x9, x10, x11, x12
        none, found = label(), label()

        with frame(which, many, room=CPUS_MAX // 8) as leave:
            mov(which, number)
            mov(many, workers)
            cmp(many, 2)
            b.lo(leave)
            bl(count_allowed)
            cmp(many.w, w0)
            b.hi(leave)
            mov(w0, 0)
            mov(x1, CPUS_MAX // 8)
            mov(x2, sp)
            calls.sched_getaffinity()
            mov(at, sp)
            subs(left, x0, 8)
            b.lt(leave)  # -errno

            again = here()
            ldr(word, [at])
            each = here()
            cbz(word, none)
            sub(others, word, 1)
            and_(others, word, others)  # all but the lowest
            cbz(which, found)
            sub(which, which, 1)
            mov(word, others)
            b(each)

            here(none)
            str_(xzr, [at], 8)
            subs(left, left, 8)
            b.ge(again)
            b(leave)  # there are fewer than a moment ago

            here(found)
            bic(word, word, others)
            str_(word, [at], 8)
            mov(x2, sp)
            sub(x1, at, x2)  # what the kernel is not given, it takes for zeros
            mov(w0, 0)
            calls.sched_setaffinity()
    ret()


# --- children -----------------------------------------------------------------------


@routine
def clone_process() -> x0:
    """Make a copy of this process: its number, 0 in the copy, or -errno."""
    mov(x0, SIGCHLD)
    mov(x1, 0)
    mov(x2, 0)
    mov(x3, 0)
    mov(x4, 0)
    calls.clone()
    ret()


@routine
def fork_process() -> x0:
    """Make a copy of this process: its number, 0 in the copy, or -errno."""
    calls.fork()
    cmp(x1, 0)
    csel(x0, x0, xzr, Condition.eq)  # in the copy x0 is its own number, and x1 is 1
    ret()


fork = chosen(linux=clone_process, macos=fork_process)


@routine
def ask_for_signal() -> None:
    """Let the parent's end be a SIGTERM for us.  On macOS the worker's poller sees to that."""
    if platform() == "linux":
        mov(w0, PR_SET_PDEATHSIG)
        mov(x1, SIGTERM)
        mov(x2, 0)
        mov(x3, 0)
        mov(x4, 0)
        calls.prctl()
    ret()


# --- time ---------------------------------------------------------------------------


@routine
def pause() -> None:
    """Wait a moment, so that what fails again and again does not take all there is."""
    with frame(room=Timespec.size):
        if platform() == "linux":
            mov(x9, PAUSE_MILLISECONDS * 1_000_000)
            stp(xzr, x9, [sp])
            mov(x0, sp)
            mov(x1, 0)
            calls.nanosleep()
        else:
            mov(x9, PAUSE_MILLISECONDS * 1_000)
            stp(xzr, x9, [sp])
            mov(w0, 0)
            mov(x1, 0)
            mov(x2, 0)
            mov(x3, 0)
            mov(x4, sp)
            calls.select()
    ret()


assert Timespec.nanoseconds == Timeval.microseconds == 8
