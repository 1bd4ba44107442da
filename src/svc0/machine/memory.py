"""The guest's memory: regions of pages, each with its permissions and the host memory behind it.

Every region is a piece of a *backing*, an anonymous mapping of the host that both sides see: the
processor translates loads and stores to it, and system calls read and write it through views,
without a copy.  Shared memory of the guest is shared memory of the host, so it survives `fork` as
Linux promises.

Permissions are kept twice: by the processor for the guest's own accesses, and here for those that
the kernel makes on its behalf.  Where a kernel would copy what it can and stop at the bad page, a
call here fails as a whole: a buffer that is not all there is a mistake, and is told at once.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from .cpu import EXECUTE, READ, WRITE, Cpu

PAGE = 0x1000
# Where new mappings go.  Below 2**40, which every ARM64 processor can address.
FIRST, LAST = 0x40_0000_0000, 0x7E_0000_0000
LONGEST_STRING = 4096
# A guest may reserve more than it will use, as it may on Linux.
UNRESERVED = int(getattr(mmap, "MAP_NORESERVE", 0))

__all__ = ["EXECUTE", "PAGE", "READ", "WRITE", "Memory", "Region", "page_down", "page_up"]


def page_down(address: int) -> int:
    return address & -PAGE


def page_up(address: int) -> int:
    return -(-address // PAGE) * PAGE


def bad_address() -> OSError:
    return OSError(errno.EFAULT, "Bad address")


class Backing:
    """Host memory, zeroed; `address` is the host's."""

    def __init__(self, size: int, shared: bool) -> None:
        sharing = mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE
        self.shared = shared
        self._map = mmap.mmap(-1, size, flags=sharing | mmap.MAP_ANONYMOUS | UNRESERVED)
        self.view = memoryview(self._map)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))


@dataclass(frozen=True)
class Region:
    """Neighbouring pages with one set of permissions."""

    start: int
    size: int
    permissions: int
    backing: Backing
    offset: int
    name: str

    @property
    def end(self) -> int:
        return self.start + self.size

    def view(self, start: int, end: int) -> memoryview:
        base = self.offset - self.start
        return self.backing.view[base + start : base + end]

    def cut(self, start: int, end: int) -> Region:
        """The part of it between two addresses, of which at least one byte is in it."""
        first, last = max(start, self.start), min(end, self.end)
        offset = self.offset + first - self.start
        return replace(self, start=first, size=last - first, offset=offset)


class Guard(Protocol):
    """Who is told what becomes of memory, and of what a kernel does to it; it may raise."""

    def mapped(self, start: int, size: int) -> None: ...
    def unmapped(self, start: int, size: int) -> None: ...
    def opened(self, start: int, size: int) -> None: ...
    def reads(self, address: int, size: int) -> None: ...
    def writes(self, address: int, content: bytes) -> None: ...
    def lends(self, address: int, size: int) -> None: ...
    def follows(self, place: int) -> None: ...


class Memory:
    """All regions, in order of their addresses."""

    def __init__(self, cpu: Cpu, page: int = PAGE) -> None:
        self._cpu = cpu
        self.page = page  # the kernel's; the processor's are never larger
        self.guard: Guard | None = None
        self._regions: list[Region] = []
        self._starts: list[int] = []

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def region(self, address: int) -> Region | None:
        place = bisect_right(self._starts, address) - 1
        if place >= 0 and address < self._regions[place].end:
            return self._regions[place]
        return None

    # Mapping

    def map(
        self, start: int, size: int, permissions: int, name: str, *, shared: bool = False
    ) -> None:
        """New zeroed pages; whatever was there before is gone."""
        self.unmap(start, size)
        self._add(Region(start, size, permissions, Backing(size, shared), 0, name))
        if self.guard:
            self.guard.mapped(start, size)

    def unmap(self, start: int, size: int) -> None:
        if self.guard:
            self.guard.unmapped(start, size)
        for region in self._overlapping(start, start + size):
            self._remove(region)
            self._keep_outside(region, start, start + size)

    def protect(self, start: int, size: int, permissions: int) -> None:
        end, here = start + size, start
        regions = self._overlapping(start, end)
        for region in regions:
            if region.start > here:
                break
            here = region.end
        if here < end:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        for region in regions:
            self._remove(region)
            self._keep_outside(region, start, end)
            self._add(replace(region.cut(start, end), permissions=permissions))
        if self.guard and permissions:
            self.guard.opened(start, size)

    def free(self, size: int) -> int:
        """The lowest place for so many pages, with a missing page on either side of them."""
        start = FIRST
        for region in self._overlapping(FIRST, LAST):
            if region.start - start >= size + self.page:
                break
            start = region.end + self.page
        if start + size > LAST:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return start

    def overlaps(self, start: int, size: int) -> bool:
        return bool(self._overlapping(start, start + size))

    def discard(self, start: int, size: int) -> None:
        """Private pages are as if new; shared ones keep what they have."""
        for region in self._overlapping(start, start + size):
            if not region.backing.shared:
                part = region.cut(start, start + size)
                part.view(part.start, part.end)[:] = bytes(part.size)

    def _overlapping(self, start: int, end: int) -> list[Region]:
        return [region for region in self._regions if region.start < end and start < region.end]

    def _keep_outside(self, region: Region, start: int, end: int) -> None:
        if region.start < start:
            self._add(region.cut(region.start, start))
        if region.end > end:
            self._add(region.cut(end, region.end))

    def _add(self, region: Region) -> None:
        place = bisect_right(self._starts, region.start)
        self._regions.insert(place, region)
        self._starts.insert(place, region.start)
        if region.permissions:
            host = region.backing.address + region.offset
            self._cpu.map(region.start, region.size, region.permissions, host)

    def _remove(self, region: Region) -> None:
        place = self._regions.index(region)
        del self._regions[place], self._starts[place]
        if region.permissions:
            self._cpu.unmap(region.start, region.size)

    # What system calls see

    def views(self, start: int, size: int, needed: int = READ) -> list[memoryview]:
        """The bytes themselves, to be read or (with WRITE) filled; EFAULT if one is missing."""
        found = self._views(start, size, needed)
        if self.guard and needed & WRITE:
            self.guard.lends(start, size)
        elif self.guard:
            self.guard.reads(start, size)
        return found

    def _views(self, start: int, size: int, needed: int) -> list[memoryview]:
        found: list[memoryview] = []
        end = start + size
        while start < end:
            region = self.region(start)
            if region is None or region.permissions & needed != needed:
                raise bad_address()
            stop = min(end, region.end)
            found.append(region.view(start, stop))
            start = stop
        return found

    def follow(self, place: int) -> None:
        """What is asked for next, the guest has led to by the address that lies at this place."""
        if self.guard:
            self.guard.follows(place)

    def read(self, start: int, size: int) -> bytes:
        return b"".join(self.views(start, size))

    def write(self, start: int, content: bytes) -> None:
        """Store as the kernel would: only where the guest may write."""
        self._store(start, content, WRITE)

    def load(self, start: int, content: bytes) -> None:
        """Store as the loader does: anywhere that there is memory."""
        self._store(start, content, 0)

    def _store(self, start: int, content: bytes, needed: int) -> None:
        place = 0
        if self.guard and needed:
            self.guard.writes(start, content)
        for view in self._views(start, len(content), needed):
            view[:] = content[place : place + len(view)]
            place += len(view)

    def integer(self, start: int, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.read(start, size), "little", signed=signed)

    def string(self, start: int) -> bytes:
        """A path: the bytes up to the zero."""
        found = bytearray()
        while len(found) < LONGEST_STRING:
            here = start + len(found)
            piece = b"".join(self._views(here, PAGE - here % PAGE, READ))
            text, zero, _ = piece.partition(b"\0")
            found += text
            if zero:
                break
        if len(found) >= LONGEST_STRING:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        if self.guard:
            self.guard.reads(start, len(found) + 1)
        return bytes(found)
