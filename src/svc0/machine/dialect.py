"""A dialect: what one platform means by the numbers and structs of calls that all have.

To one side are registers and bytes in a guest's memory, to the other what a `World` speaks:
Python's own flags, addresses and errors.
"""

from __future__ import annotations

import errno
import struct
from typing import Protocol

from .memory import READ, Memory
from .world import Address, File, failure

IOVEC = struct.Struct("<QQ")
MOST_VECTORS = 1024


class Dialect(Protocol):
    """What fails here, fails with an OSError, as the call does that asked."""

    @property
    def here(self) -> int:
        """The descriptor that stands for the working directory."""
        ...

    @property
    def remove_directory(self) -> int:
        """The flag of unlinkat."""
        ...

    @property
    def message_header(self) -> struct.Struct:
        """name, its size, vectors, their count, control, its size, flags"""
        ...

    @property
    def message_flags(self) -> int:
        """Where they lie in it."""
        ...

    @property
    def fewest_vectors(self) -> int:
        """A message of fewer is too short to be one."""
        ...

    @property
    def infinity(self) -> int:
        """The limit that is none."""
        ...

    def views(self, memory: Memory, start: int, size: int, needed: int) -> list[memoryview]:
        """One buffer, cut to what the kernel moves in one call."""
        ...

    def offered(self, file: File, data: list[memoryview]) -> list[memoryview]:
        """How much of what is to be written the kernel takes at once."""
        ...

    def read_address(self, memory: Memory, start: int, size: int, family: int) -> Address: ...
    def address(self, address: Address, family: int) -> bytes: ...
    def host_message_flags(self, flags: int) -> int: ...
    def guest_message_flags(self, flags: int) -> int: ...
    def host_signal(self, number: int) -> int: ...
    def guest_signal(self, number: int) -> int: ...
    def limit(self, number: int) -> int:
        """A resource, as the host numbers it."""
        ...


def vector(
    dialect: Dialect, memory: Memory, start: int, count: int, needed: int = READ
) -> list[memoryview]:
    """What an array of iovecs points at."""
    if count > MOST_VECTORS:
        raise failure(errno.EINVAL)
    found: list[memoryview] = []
    content = memory.read(start, count * IOVEC.size)
    for number, (base, size) in enumerate(IOVEC.iter_unpack(content)):
        memory.follow(start + number * IOVEC.size)
        found += dialect.views(memory, base, size, needed)
    return found
