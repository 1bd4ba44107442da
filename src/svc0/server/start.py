"""Start: from the first instruction to the supervisor's loop.

The kernel gives a new process its arguments on the stack, above their number:

    sp → number of arguments | argument 0 | argument 1 | … | 0 | environment … | 0 | …
"""

from typing import Never

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    AT_FDCWD,
    O_CLOEXEC,
    O_DIRECTORY,
    O_PATH,
    RLIMIT_NOFILE,
    SIG_IGN,
    SIGPIPE,
    SIGSET_SIZE,
)
from svc0.kernel.structs import Rlimit, SignalAction

from .address import write_address
from .listeners import BAD_ADDRESS, LISTENING, Listening, is_ipv6, open_listeners
from .options import OPTIONS, WORKERS_MAX, Options, read_options
from .supervisor import supervise
from .terminal import FAILURE, append, append_name, append_number, append_reason, end_line, say

IGNORE = Data(SIG_IGN.to_bytes(8, "little").ljust(SignalAction.size, b"\0"))
CPUS_MAX = 8192
"""CPUs that are counted: as many as the largest kernels are built for."""


@routine
def start() -> Never:
    """Where the kernel enters: options, root, listeners, one line for people, workers."""
    root, count = x19, x20

    mov(x0, sp)
    bl(read_options)
    bl(prepare_process)
    bl(open_root)
    mov(root, x0)
    bl(count_workers)
    mov(count, x0)
    bl(open_listeners)
    bl(check_listeners)
    bl(greet)
    mov(x0, count)
    mov(w1, root.w)
    bl(supervise)


@routine
def prepare_process() -> None:
    """Let writing to who has gone be an error, not a signal; have all descriptors that we may."""
    with frame(room=Rlimit.size) as leave:
        mov(w0, SIGPIPE)
        adr(x1, IGNORE)
        mov(x2, 0)
        mov(x3, SIGSET_SIZE)
        calls.rt_sigaction()
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
def open_root() -> x0:
    """Open the directory that is served: a descriptor; where there is none, say so and end."""
    with frame() as leave:
        mov(w0, AT_FDCWD)
        adr(x9, OPTIONS)
        ldr(x1, [x9, Options.root])
        mov(w2, O_PATH | O_DIRECTORY | O_CLOEXEC)
        mov(w3, 0)
        calls.openat()
        tbz(x0, 63, leave)
        bl(no_root)
    ret()


@routine
def no_root(error: x0) -> Never:
    """Say why the root cannot be served, and end."""
    mov(x19, error)
    say("svc0: cannot serve ")
    adr(x9, OPTIONS)
    ldr(x0, [x9, Options.root])
    bl(append_name)
    say(": ")
    mov(x0, x19)
    bl(append_reason)
    bl(end_line)
    mov(w0, FAILURE)
    calls.exit_group()


@routine
def count_workers() -> x0:
    """How many workers there shall be: as asked for, or one for each CPU we may run on."""
    at, left, count = x9, x10, w11
    counted, asked = label(), label()

    with frame(room=CPUS_MAX // 8):
        adr(x9, OPTIONS)
        ldr(w0, [x9, Options.workers])
        cbnz(w0, asked)
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
        cmp(count, 1)
        csinc(w0, count, wzr, Condition.hs)

        here(asked)
        mov(w9, WORKERS_MAX)
        cmp(w0, w9)
        csel(w0, w0, w9, Condition.ls)
    ret()


assert CPUS_MAX % 64 == 0, "the kernel writes whole words"


@routine
def check_listeners(error: x0) -> None:
    """Nothing if the listeners are open; else say why not, and end."""
    failed = label()

    tbnz(error, 63, failed)
    ret()

    here(failed)
    b(not_listening)


@routine
def not_listening(error: x0) -> Never:
    """Say why nobody can connect, and end."""
    reason, said = label(), label()

    mov(x19, error)
    say("svc0: cannot listen on ")
    adr(x9, OPTIONS)
    ldr(x0, [x9, Options.address])
    bl(append_name)
    say(" port ")
    adr(x9, OPTIONS)
    ldr(w0, [x9, Options.port])
    bl(append_number)
    say(": ")
    mov(x9, BAD_ADDRESS)
    cmp(x19, x9)
    b.ne(reason)
    say("that is not an IPv4 or IPv6 address")
    b(said)

    here(reason)
    mov(x0, x19)
    bl(append_reason)

    here(said)
    bl(end_line)
    mov(w0, FAILURE)
    calls.exit_group()


@routine
def greet() -> None:
    """Say on standard error what is served and where, with the port that it really is."""
    opened, closed = label(), label()

    with frame(x19, room=64):
        say("svc0: serving ")
        adr(x9, OPTIONS)
        ldr(x0, [x9, Options.root])
        bl(append_name)
        say(" at http://")
        bl(is_ipv6)
        mov(w19, w0)
        cbz(w19, opened)
        say("[")

        here(opened)
        mov(x0, sp)
        adr(x1, LISTENING)
        bl(write_address)
        mov(x9, sp)
        sub(x1, x0, x9)
        mov(x0, x9)
        bl(append)
        cbz(w19, closed)
        say("]")

        here(closed)
        say(":")
        adr(x9, LISTENING)
        ldrh(w0, [x9, Listening.address.port])
        rev16(w0, w0)
        bl(append_number)
        say("/")
        bl(end_line)
    ret()
