"""Start: from the first instruction to the supervisor's loop.

Linux    the kernel enters, and has put the arguments on the stack, above their number:
         sp → number of arguments | argument 0 | argument 1 | … | 0 | environment … | 0 | …
macOS    dyld calls it like a C function: how many arguments, and where they are
"""

from typing import Never

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import AT_FDCWD

from .address import write_address
from .file import ROOT_FLAGS
from .listeners import BAD_ADDRESS, LISTENING, Listening, is_ipv6, open_listeners
from .options import OPTIONS, WORKERS_MAX, Options, read_options
from .process import count_cpus, raise_file_limit
from .signals import prepare_signals
from .supervisor import supervise
from .terminal import FAILURE, append, append_name, append_number, append_reason, end_line, say


@routine
def start(count: x0, arguments: x1) -> Never:
    """Where the server begins: options, root, listeners, one line for people, workers."""
    root, workers = x19, x20

    if platform() == "linux":
        add(arguments, sp, 8)
    mov(x0, arguments)
    bl(read_options)
    bl(prepare_signals)
    bl(raise_file_limit)
    bl(open_root)
    mov(root, x0)
    bl(count_workers)
    mov(workers, x0)
    bl(open_listeners)
    bl(check_listeners)
    bl(greet)
    mov(x0, workers)
    mov(w1, root.w)
    bl(supervise)


@routine
def open_root() -> x0:
    """Open the directory that is served: a descriptor; where there is none, say so and end."""
    with frame() as leave:
        mov(w0, AT_FDCWD)
        adr(x9, OPTIONS)
        ldr(x1, [x9, Options.root])
        mov(w2, ROOT_FLAGS)
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
    calls.exit()


@routine
def count_workers() -> x0:
    """How many workers there shall be: as asked for, or one for each CPU we may run on."""
    asked = label()

    with frame():
        adr(x9, OPTIONS)
        ldr(w0, [x9, Options.workers])
        cbnz(w0, asked)
        bl(count_cpus)
        cmp(w0, 1)
        csinc(w0, w0, wzr, Condition.hs)

        here(asked)
        mov(w9, WORKERS_MAX)
        cmp(w0, w9)
        csel(w0, w0, w9, Condition.ls)
    ret()


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
    calls.exit()


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
