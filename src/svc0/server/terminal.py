"""The terminal: one plain line on standard error for whoever started the server."""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.errors import Errno

from .macros import constant
from .text import copy, write_decimal

LINE_MAX = 2048
STDOUT, STDERR = 1, 2
FAILURE = 1
"""The status of a process that could not do what it was started for."""


class Line(Struct):
    """A line that is being put together; behind its text there is room for its end."""

    used: u64
    text: u8 = array(LINE_MAX + 1)


LINE = Bss(Line)


def say(text: str) -> None:
    """Write: a constant goes on the line.  Uses what a call may use."""
    content = text.encode()
    adr(x0, constant(content))
    mov(x1, len(content))
    bl(append)


@routine
def append(text: x0, size: x1) -> None:
    """Put text on the line; what does not fit is cut."""
    with frame(x19):
        adr(x19, LINE)
        ldr(x9, [x19, Line.used])
        mov(x10, LINE_MAX)
        sub(x10, x10, x9)
        cmp(size, x10)
        csel(x2, size, x10, Condition.lo)
        add(x10, x9, x2)
        str_(x10, [x19, Line.used])
        mov(x1, text)
        add(x0, x19, x9)
        add(x0, x0, Line.text)
        bl(copy)
    ret()


@routine
def append_name(text: x0) -> None:
    """Put text that ends with NUL on the line."""
    with frame(x19):
        mov(x19, text)
        bl(length_of)
        mov(x1, x0)
        mov(x0, x19)
        bl(append)
    ret()


@routine
def length_of(text: x0) -> x0:
    """How long a text that ends with NUL is; only for what the kernel or the builder made.

    >>> length_of(b"svc0\\0")
    4
    """
    at = x9

    mov(at, text)

    again = here()
    ldrb(w10, [at], 1)
    cbnz(w10, again)
    sub(x0, at, text)
    sub(x0, x0, 1)
    ret()


@routine
def append_number(number: x0) -> None:
    """Put a number on the line."""
    with frame(room=32):
        mov(x1, number)
        mov(x0, sp)
        bl(write_decimal)
        mov(x9, sp)
        sub(x1, x0, x9)
        mov(x0, x9)
        bl(append)
    ret()


REASONS = {
    Errno.ENOENT: "there is no such file or directory",
    Errno.ENOTDIR: "it is not a directory",
    Errno.EACCES: "permission denied",
    Errno.EPERM: "permission denied",
    Errno.EADDRINUSE: "the port is taken",
    Errno.EADDRNOTAVAIL: "the address is not one of this machine's",
    Errno.EAFNOSUPPORT: "this machine does not speak that kind of address",
    Errno.EMFILE: "too many files are open",
    Errno.ENOMEM: "there is not enough memory",
}


@routine
def append_reason(error: x0) -> None:
    """Put what an error (-errno) means on the line."""
    why = x19

    with frame(why) as leave:
        mov(why, error)
        for errno, text in REASONS.items():
            other = label()
            cmn(why, errno)
            b.ne(other)
            say(text)
            b(leave)
            here(other)
        say("error ")
        neg(x0, why)
        bl(append_number)
    ret()


@routine
def end_line() -> None:
    """Write the line to standard error, and begin an empty one."""
    with frame():
        adr(x9, LINE)
        ldr(x2, [x9, Line.used])
        str_(xzr, [x9, Line.used])
        add(x1, x9, Line.text)
        mov(w10, ord("\n"))
        strb(w10, [x1, x2])
        add(x2, x2, 1)
        mov(w0, STDERR)
        calls.write()
    ret()
