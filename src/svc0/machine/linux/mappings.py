"""Memory: anonymous mappings, their permissions, and the heap."""

from __future__ import annotations

import errno

from .. import _linux as linux
from ..posix.mappings import pages, within
from ..posix.table import Int, Pointer, Size
from ..process import Process
from ..world import failure
from .table import call


@call("mmap")
def mmap(
    process: Process, start: Pointer, size: Size, protection: Int, flags: Int, file: Int
) -> int:
    """Anonymous memory; a file cannot be mapped."""
    if not flags & linux.MAP_ANONYMOUS:
        process.complain("mmap of a file is not emulated: answered ENODEV")
        raise failure(errno.ENODEV)
    if not flags & (linux.MAP_SHARED | linux.MAP_PRIVATE):
        raise failure(errno.EINVAL)
    memory, size = process.memory, pages(process, size)
    if flags & (linux.MAP_FIXED | linux.MAP_FIXED_NOREPLACE):
        within(process, start, size)
        if flags & linux.MAP_FIXED_NOREPLACE and memory.overlaps(start, size):
            raise failure(errno.EEXIST)
    else:
        start = memory.free(size)
    shared = bool(flags & linux.MAP_SHARED)
    memory.map(start, size, permissions(protection), "mapping", shared=shared)
    return start


@call("mprotect")
def mprotect(process: Process, start: Pointer, size: Size, protection: Int) -> int:
    if size:
        size = within(process, start, pages(process, size))
        process.memory.protect(start, size, permissions(protection))
    return 0


@call("madvise")
def madvise(process: Process, start: Pointer, size: Size, advice: Int) -> int:
    """Advice, of which only one kind changes what a guest can see."""
    if advice == linux.MADV_DONTNEED and size:
        process.memory.discard(start, within(process, start, pages(process, size)))
    return 0


@call("brk")
def brk(process: Process, end: Pointer) -> int:
    return process.set_heap_end(end)


def permissions(protection: int) -> int:
    """The three that matter have Linux's numbers here."""
    return protection & (linux.PROT_READ | linux.PROT_WRITE | linux.PROT_EXEC)
