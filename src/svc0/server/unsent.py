"""Unsent: how much the kernel holds for a client that has not taken it yet.

It tells of room for more only when a third of all that has gone, which can be megabytes: by that
alone, a slow client would seem to take nothing.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import SIOCOUTQ, SO_NWRITE, SOL_SOCKET

from .connection import Connection

UNKNOWN = 0xFFFF_FFFF
"""More than a kernel holds: whatever is found then is less."""

LEAST = 16 * 1024
"""Bytes that must have been taken between two looks: who takes one at a time keeps no place."""


def note_taken(connection: X) -> None:
    """Write: the client has just taken something.  Uses w9."""
    mov(w9, UNKNOWN)
    str_(w9, [connection, Connection.unsent])


@routine
def is_taking(connection: x27) -> w0:
    """1 if the client has taken LEAST of what the kernel holds, since this was asked or noted.

    0 if not, if there is nothing left to take, or if the kernel does not say.
    """
    with frame():
        ldr(w0, [connection, Connection.socket])
        bl(unsent)
        ldr(w9, [connection, Connection.unsent])
        str_(w0, [connection, Connection.unsent])
        mov(x10, LEAST)
        add(x10, x10, w0, uxtw())
        cmp(w0, 0)
        ccmp(x9, x10, 0, Condition.ne)  # if there is nothing, it is as if less were taken
        cset(w0, Condition.hs)
    ret()


@routine
def unsent_on_linux(socket: w0) -> w0:
    """Bytes that the client has not acknowledged; 0 if the kernel does not say (tcp(7))."""
    with frame(room=16):
        str_(wzr, [sp])
        mov(x1, SIOCOUTQ)
        mov(x2, sp)
        calls.ioctl()
        ldr(w0, [sp])
    ret()


@routine
def unsent_on_macos(socket: w0) -> w0:
    """The same of Darwin (xnu bsd/kern/uipc_socket.c, sogetoptlock)."""
    with frame(room=16):
        mov(w9, 4)
        stp(wzr, w9, [sp])
        mov(w1, SOL_SOCKET)
        mov(w2, SO_NWRITE)
        mov(x3, sp)
        add(x4, sp, 4)
        calls.getsockopt()
        ldr(w0, [sp])
    ret()


unsent = chosen(linux=unsent_on_linux, macos=unsent_on_macos)
