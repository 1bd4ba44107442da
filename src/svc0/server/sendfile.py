"""Sendfile: bytes of a file to a client, which the kernel copies and we never see."""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import MSG_MORE
from svc0.kernel.errors import Errno


@routine
def send_linux_file(out: w0, file: w1, offset: x2, count: x3) -> x0:
    """Send so many bytes of a file: how many were taken, or -errno; 0 at the end of the file.

    ``offset`` is where the offset lies, which moves on by as many.
    """
    calls.sendfile()
    ret()


@routine
def send_macos_file(out: w0, file: w1, offset: x2, count: x3) -> x0:
    """What ``send_linux_file`` does.

    A socket that takes a part of it is -EAGAIN on Darwin, and how many bytes that was is stored
    nevertheless; what was sent counts, and the error comes again where nothing is.
    """
    place = x19
    partly, counted = label(), label()

    with frame(place, room=16) as leave:
        mov(place, offset)
        str_(count, [sp])
        mov(w9, out)
        mov(w0, file)
        mov(w1, w9)
        ldr(x2, [place])
        mov(x3, sp)
        mov(x4, 0)
        mov(w5, 0)
        calls.sendfile_counted()
        ldr(x9, [sp])
        cbz(x0, counted)
        cmn(x0, Errno.EAGAIN)
        b.eq(partly)
        cmn(x0, Errno.EINTR)
        b.ne(leave)

        here(partly)
        cbz(x9, leave)

        here(counted)
        mov(x0, x9)
        ldr(x10, [place])
        add(x10, x10, x9)
        str_(x10, [place])
    ret()


send_file = chosen(linux=send_linux_file, macos=send_macos_file)


def announce_more(flags: W, condition: Condition) -> None:
    """Write: if the flags say so, tell the kernel that a file follows at once.  Uses w9.

    Darwin knows no such word; what TCP_NOPUSH holds back there leaves with the next send only.
    """
    if platform() == "linux":
        mov(w9, MSG_MORE)
        orr(w9, w9, flags)
        csel(flags, w9, flags, condition)
