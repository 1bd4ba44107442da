"""Memory: anonymous mappings, their permissions, and the heap."""

from __future__ import annotations

import errno

from .. import _linux as linux
from ..memory import PAGE, page_up
from ..process import Process
from ..world import failure
from .table import Int, Pointer, Size, call

LAST = 1 << 40


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
    memory, size = process.memory, pages(size)
    if flags & (linux.MAP_FIXED | linux.MAP_FIXED_NOREPLACE):
        within(start, size)
        if flags & linux.MAP_FIXED_NOREPLACE and memory.overlaps(start, size):
            raise failure(errno.EEXIST)
    else:
        start = memory.free(size)
    shared = bool(flags & linux.MAP_SHARED)
    memory.map(start, size, permissions(protection), "mapping", shared=shared)
    return start


@call("munmap")
def munmap(process: Process, start: Pointer, size: Size) -> int:
    process.memory.unmap(start, within(start, pages(size)))
    return 0


@call("mprotect")
def mprotect(process: Process, start: Pointer, size: Size, protection: Int) -> int:
    if size:
        size = within(start, pages(size))
        process.memory.protect(start, size, permissions(protection))
    return 0


@call("madvise")
def madvise(process: Process, start: Pointer, size: Size, advice: Int) -> int:
    """Advice, of which only one kind changes what a guest can see."""
    if advice == linux.MADV_DONTNEED and size:
        process.memory.discard(start, within(start, pages(size)))
    return 0


@call("brk")
def brk(process: Process, end: Pointer) -> int:
    return process.set_heap_end(end)


def pages(size: int) -> int:
    if not size:
        raise failure(errno.EINVAL)
    if size > LAST:
        raise failure(errno.ENOMEM)
    return page_up(size)


def within(start: int, size: int) -> int:
    """Whole pages, where a guest can have them."""
    if start % PAGE:
        raise failure(errno.EINVAL)
    if start + size > LAST:
        raise failure(errno.ENOMEM)
    return size


def permissions(protection: int) -> int:
    """The three that matter have Linux's numbers here."""
    return protection & (linux.PROT_READ | linux.PROT_WRITE | linux.PROT_EXEC)
