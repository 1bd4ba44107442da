"""Memory that is given back, and what the addresses of all mappings have in common."""

from __future__ import annotations

import errno

from ..process import Process
from ..world import failure
from .table import Pointer, Size, call

LAST = 1 << 40


@call("munmap")
def munmap(process: Process, start: Pointer, size: Size) -> int:
    process.memory.unmap(start, within(process, start, pages(process, size)))
    return 0


def pages(process: Process, size: int) -> int:
    """A size, rounded up."""
    if not size:
        raise failure(errno.EINVAL)
    if size > LAST:
        raise failure(errno.ENOMEM)
    return -(-size // process.memory.page) * process.memory.page


def within(process: Process, start: int, size: int) -> int:
    """The size, if these are whole pages where a guest can have them."""
    if start % process.memory.page:
        raise failure(errno.EINVAL)
    if start + size > LAST:
        raise failure(errno.ENOMEM)
    return size
