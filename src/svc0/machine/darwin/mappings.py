"""Memory in pages of 16 KiB: anonymous mappings, and their permissions."""

from __future__ import annotations

import errno

from .. import _darwin as darwin
from ..posix.mappings import pages, within
from ..posix.table import Int, Long, Pointer, Size
from ..process import Process
from ..world import failure
from .table import call

KNOWN = (
    darwin.MAP_SHARED
    | darwin.MAP_PRIVATE
    | darwin.MAP_FIXED
    | darwin.MAP_NORESERVE
    | darwin.MAP_ANON
)
# Where page zero ends, in which nothing can ever be.
LOWEST = 1 << 32


@call("mmap")
def mmap(
    process: Process,
    start: Pointer,
    size: Size,
    protection: Int,
    flags: Int,
    file: Int,
    offset: Long,
) -> int:
    """Anonymous memory; a file cannot be mapped."""
    if flags & ~KNOWN or flags & (darwin.MAP_SHARED | darwin.MAP_PRIVATE) in (0, 3):
        raise failure(errno.EINVAL)
    if not flags & darwin.MAP_ANON:
        process.complain("mmap of a file is not emulated: answered ENODEV")
        raise failure(errno.ENODEV)
    if file != -1 or offset % process.memory.page:
        raise failure(errno.EINVAL)
    memory, size = process.memory, pages(process, size)
    if flags & darwin.MAP_FIXED:
        above_page_zero(process, start, size)
    else:
        start = memory.free(size)
    shared = bool(flags & darwin.MAP_SHARED)
    memory.map(start, size, permissions(protection), "mapping", shared=shared)
    return start


@call("mprotect")
def mprotect(process: Process, start: Pointer, size: Size, protection: Int) -> int:
    wanted = permissions(protection)
    if size:
        process.memory.protect(start, within(process, start, pages(process, size)), wanted)
    elif start % process.memory.page:
        raise failure(errno.EINVAL)
    return 0


@call("madvise")
def madvise(process: Process, start: Pointer, size: Size, advice: Int) -> int:
    """Advice.  Of what is free the kernel may take the content, and so it is taken."""
    if advice == darwin.MADV_FREE and size:
        process.memory.discard(start, within(process, start, pages(process, size)))
    return 0


def above_page_zero(process: Process, start: int, size: int) -> None:
    if within(process, start, size) and start < LOWEST:
        raise failure(errno.ENOMEM)


def permissions(protection: int) -> int:
    """All that matter have the same numbers here.  What can be written or run can also be read,
    and nothing is writable and executable at once."""
    both = darwin.PROT_WRITE | darwin.PROT_EXEC
    if protection & both == both:
        raise failure(errno.EACCES)
    readable = darwin.PROT_READ if protection & both else 0
    return protection & (darwin.PROT_READ | both) | readable
