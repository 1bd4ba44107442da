"""Errors: the numbers that a failed call returns, negative, in x0.

Sources: Linux include/uapi/asm-generic/errno-base.h and errno.h; xnu bsd/sys/errno.h.
"""

from typing import Final

from svc0.a64 import either


class Errno:
    """What can go wrong, as each kernel numbers it; a failed call leaves ``-Errno.…`` in x0."""

    EPERM: Final = 1
    ENOENT: Final = 2
    ESRCH: Final = 3
    EINTR: Final = 4
    EIO: Final = 5
    ENXIO: Final = 6
    EBADF: Final = 9
    ECHILD: Final = 10
    EAGAIN: Final = either(linux=11, macos=35)
    ENOMEM: Final = 12
    EACCES: Final = 13
    EFAULT: Final = 14
    EBUSY: Final = 16
    EEXIST: Final = 17
    EXDEV: Final = 18
    ENODEV: Final = 19
    ENOTDIR: Final = 20
    EISDIR: Final = 21
    EINVAL: Final = 22
    ENFILE: Final = 23
    EMFILE: Final = 24
    ENOTTY: Final = 25
    EFBIG: Final = 27
    ENOSPC: Final = 28
    ESPIPE: Final = 29
    EROFS: Final = 30
    EPIPE: Final = 32
    ERANGE: Final = 34
    ENAMETOOLONG: Final = either(linux=36, macos=63)
    ENOSYS: Final = either(linux=38, macos=78)
    ENOTEMPTY: Final = either(linux=39, macos=66)
    ELOOP: Final = either(linux=40, macos=62)
    EOVERFLOW: Final = either(linux=75, macos=84)
    ENOTSOCK: Final = either(linux=88, macos=38)
    EDESTADDRREQ: Final = either(linux=89, macos=39)
    EMSGSIZE: Final = either(linux=90, macos=40)
    EPROTOTYPE: Final = either(linux=91, macos=41)
    ENOPROTOOPT: Final = either(linux=92, macos=42)
    EPROTONOSUPPORT: Final = either(linux=93, macos=43)
    EOPNOTSUPP: Final = either(linux=95, macos=102)
    EAFNOSUPPORT: Final = either(linux=97, macos=47)
    EADDRINUSE: Final = either(linux=98, macos=48)
    EADDRNOTAVAIL: Final = either(linux=99, macos=49)
    ENETDOWN: Final = either(linux=100, macos=50)
    ENETUNREACH: Final = either(linux=101, macos=51)
    ECONNABORTED: Final = either(linux=103, macos=53)
    ECONNRESET: Final = either(linux=104, macos=54)
    ENOBUFS: Final = either(linux=105, macos=55)
    EISCONN: Final = either(linux=106, macos=56)
    ENOTCONN: Final = either(linux=107, macos=57)
    ETIMEDOUT: Final = either(linux=110, macos=60)
    ECONNREFUSED: Final = either(linux=111, macos=61)
    EHOSTUNREACH: Final = either(linux=113, macos=65)
    EILSEQ: Final = either(linux=84, macos=92)
    EALREADY: Final = either(linux=114, macos=37)
    EINPROGRESS: Final = either(linux=115, macos=36)
