"""Files: finding what a path names below the root, and never anything else.

The kernel itself is asked not to leave the root and to follow no symbolic link.

    Linux    openat2 (5.6) does both.  A kernel without that call, or a container that forbids it,
             gets the path walked: one component at a time, each opened with O_NOFOLLOW from the
             one before.
    macOS    O_NOFOLLOW_ANY refuses links anywhere in a path, so one without ``..`` stays where it
             is; O_RESOLVE_BENEATH (15.4) makes sure.  Older kernels ignore that one silently, so
             it is tried first.
"""

from svc0.a64 import *
from svc0.kernel import calls
from svc0.kernel.constants import (
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOCTTY,
    O_NOFOLLOW,
    O_NOFOLLOW_ANY,
    O_NONBLOCK,
    O_PATH,
    O_RDONLY,
    O_RESOLVE_BENEATH,
    O_SEARCH,
    RESOLVE_BENEATH,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
)
from svc0.kernel.errors import Errno
from svc0.kernel.structs import OpenHow

from .workspace import Workspace

NO_LINKS = either(linux=O_NOFOLLOW, macos=O_NOFOLLOW_ANY)

OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | NO_LINKS
"""To read what is there, without waiting for a FIFO or being given a terminal."""

ROOT_FLAGS = either(linux=O_PATH | O_DIRECTORY, macos=O_SEARCH) | O_CLOEXEC
"""To go on from a directory, also if it may not be read."""

FIND_FLAGS = ROOT_FLAGS | NO_LINKS
"""To know that a directory is there, or to go on from it."""

RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS

TRIES_MAX = 8
"""How often to ask again when a rename somewhere made the kernel unsure (EAGAIN)."""

HERE = Data(b".\0")
ABOVE = Data(b"..\0")


# --- Linux --------------------------------------------------------------------------


@routine
def open_on_linux(path: x0, flags: w1, worker: x28) -> x0:
    """Open what a path (ends with NUL, relative, without dots) names below the root.

    ``flags`` are OPEN_FLAGS or FIND_FLAGS.  Leaves a descriptor, or -errno.
    """
    name, tries, how = x19, x20, x21
    walk, again = label(), label()

    ldrb(w9, [path])
    adr(x10, HERE)
    cmp(w9, 0)
    csel(path, x10, path, Condition.eq)

    with frame(name, tries, how, room=OpenHow.size) as leave:
        ldr(w9, [worker, Workspace.no_confinement])
        cbnz(w9, walk)
        mov(name, path)
        mov(how.w, flags)
        mov(tries, TRIES_MAX)

        here(again)
        mov(x10, RESOLVE)
        mov(x11, sp)
        str_(how, [x11, OpenHow.flags])
        str_(xzr, [x11, OpenHow.mode])
        str_(x10, [x11, OpenHow.resolve])
        ldr(w0, [worker, Workspace.root])
        mov(x1, name)
        mov(x2, x11)
        mov(x3, OpenHow.size)
        calls.openat2()
        cmn(x0, Errno.EAGAIN)
        b.ne(leave)
        subs(tries, tries, 1)
        b.ne(again)
        b(leave)

        here(walk)
        bl(walk_beneath)
    ret()


@routine
def walk_beneath(path: x0, flags: w1, worker: x28) -> x0:
    """What ``open_on_linux`` does, one component at a time.

    The path must not be empty; it is written to, and put right again.
    """
    name, at, slash, how, result = x19, x20, x21, x22, x23
    found, ends, last, close_it, failed = label(), label(), label(), label(), label()

    with frame(name, at, slash, how, result):
        mov(name, path)
        mov(how.w, flags)
        ldr(at.w, [worker, Workspace.root])

        again = here()
        mov(slash, name)

        look = here()
        ldrb(w9, [slash])
        cbz(w9, last)
        cmp(w9, ord("/"))
        b.eq(found)
        add(slash, slash, 1)
        b(look)

        here(found)
        strb(wzr, [slash])
        mov(w0, at.w)
        mov(x1, name)
        mov(w2, FIND_FLAGS)
        mov(w3, 0)
        calls.openat()
        mov(w9, ord("/"))
        strb(w9, [slash])
        mov(result, x0)
        add(name, slash, 1)
        b(close_it)

        here(last)
        mov(slash, 0)
        mov(w0, at.w)
        mov(x1, name)
        mov(w2, how.w)
        mov(w3, 0)
        calls.openat()
        mov(result, x0)

        here(close_it)  # the directory it was opened from, unless that is the root
        ldr(w9, [worker, Workspace.root])
        cmp(w9, at.w)
        b.eq(ends)
        mov(w0, at.w)
        calls.close()

        here(ends)
        mov(at, result)
        cbz(slash, failed)
        tbz(result, 63, again)

        here(failed)
        mov(x0, result)
    ret()


@routine
def find_openat2(worker: x28) -> None:
    """Ask once whether this kernel has openat2, and remember it."""
    missing = label()

    with frame() as leave:
        str_(wzr, [worker, Workspace.no_confinement])
        adr(x0, HERE)
        mov(w1, FIND_FLAGS)
        bl(open_on_linux)
        tbnz(x0, 63, missing)
        calls.close()
        b(leave)

        here(missing)
        mov(w9, 1)
        str_(w9, [worker, Workspace.no_confinement])
    ret()


# --- macOS --------------------------------------------------------------------------


@routine
def open_on_macos(path: x0, flags: w1, worker: x28) -> x0:
    """What ``open_on_linux`` does."""
    ldrb(w9, [path])
    adr(x10, HERE)
    cmp(w9, 0)
    csel(path, x10, path, Condition.eq)
    mov(w10, O_RESOLVE_BENEATH)
    orr(w10, w10, flags)
    ldr(w9, [worker, Workspace.no_confinement])
    cmp(w9, 0)
    csel(w2, w10, flags, Condition.eq)
    mov(x1, path)
    ldr(w0, [worker, Workspace.root])
    mov(w3, 0)
    calls.openat()
    ret()


@routine
def find_resolve_beneath(worker: x28) -> None:
    """Ask once whether this kernel heeds O_RESOLVE_BENEATH, and remember it.

    One that does refuses ``..``: with EACCES up to macOS 15, with ENOTCAPABLE from 26 on.
    """
    with frame() as leave:
        str_(wzr, [worker, Workspace.no_confinement])
        ldr(w0, [worker, Workspace.root])
        adr(x1, ABOVE)
        mov(w2, ROOT_FLAGS | O_RESOLVE_BENEATH)
        mov(w3, 0)
        calls.openat()
        tbnz(x0, 63, leave)
        calls.close()
        mov(w9, 1)
        str_(w9, [worker, Workspace.no_confinement])
    ret()


# --- both ---------------------------------------------------------------------------

open_beneath = chosen(linux=open_on_linux, macos=open_on_macos)
find_confinement = chosen(linux=find_openat2, macos=find_resolve_beneath)


@routine
def status_of(error: x0) -> w0:
    """The status that a failure (-errno) to open a file becomes; 503: there is no room now.

    >>> status_of(-Errno.ENOENT), status_of(-Errno.EACCES), status_of(-Errno.EIO)
    (404, 403, 500)
    """
    nothing = Errno.ENOENT, Errno.ENOTDIR, Errno.ELOOP, Errno.EXDEV, Errno.ENAMETOOLONG
    no_name = Errno.EILSEQ  # on APFS, which has names of UTF-8 only
    statuses = {
        # a socket, a device without its driver
        404: (*nothing, no_name, Errno.ENXIO, Errno.EOPNOTSUPP, Errno.ENODEV),
        403: (Errno.EACCES, Errno.EPERM),
        503: (Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS),
    }
    for status, errors in statuses.items():
        other = label()
        first, *rest = errors
        cmn(error, first)
        for errno in rest:
            neg_compare(error, errno)
        b.ne(other)
        mov(w0, status)
        ret()
        here(other)
    mov(w0, 500)
    ret()


def neg_compare(error: X, errno: int) -> None:
    """Compare with one more -errno, if none was equal so far."""
    mov(x9, -errno)
    ccmp(error, x9, EQUAL, Condition.ne)


EQUAL = 4  # the flag Z alone
