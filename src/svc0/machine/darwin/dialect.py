"""What Darwin means by the numbers and structs that all Unixes have."""

from __future__ import annotations

import errno
import os
import resource as resources
import socket

from .. import _darwin as darwin
from ..memory import Memory
from ..posix import addresses
from ..process import Process
from ..world import Address, File, Socket, failure
from .buffers import guest_signal, host_signal
from .failures import DarwinError
from .kqueue import Kqueue

FAMILIES = {guest: int(getattr(socket, name)) for name, guest in darwin.FAMILIES.items()}
GUEST_FAMILIES = {host: guest for guest, host in FAMILIES.items()}
# A flag that the host does not have is one that it can only ignore.
FLAGS = {guest: int(getattr(socket, name, 0)) for name, guest in darwin.MESSAGE_FLAGS.items()}
LIMITS = {
    guest: int(getattr(resources, name))
    for name, guest in darwin.LIMITS.items()
    if hasattr(resources, name)
}
POSIX_LIMIT = 0x1000
LARGEST_ADDRESS = 128
UNNAMED = bytes(14)
# What a socket that does not block takes at once: less than most bodies, and not whole pages, so
# that whoever believes that all was taken does not get away with it.
MOST_TAKEN = 24_571


class DarwinDialect:
    """One for each process, whose kqueues it knows."""

    here = darwin.AT_FDCWD
    remove_directory = darwin.AT_REMOVEDIR
    message_header = darwin.MSGHDR
    message_flags = 44
    fewest_vectors = 1
    infinity = darwin.INFINITY

    def __init__(self) -> None:
        self.queues: list[Kqueue] = []

    def views(self, memory: Memory, start: int, size: int, needed: int) -> list[memoryview]:
        if size > darwin.MOST_BYTES:
            raise failure(errno.EINVAL)
        return memory.views(start, size, needed)

    def offered(self, file: File, data: list[memoryview]) -> list[memoryview]:
        """A socket that does not block takes MOST_TAKEN, and has room again at once."""
        if sum(map(len, data)) <= MOST_TAKEN or not isinstance(file, Socket):
            return data
        if not file.flags() & os.O_NONBLOCK:
            return data
        self.has_room(file)
        left, taken = MOST_TAKEN, list[memoryview]()
        for view in data:
            taken.append(view[:left])
            left -= len(taken[-1])
        return taken

    def has_room(self, file: File) -> None:
        """Whoever waits for that is told once more, even if nothing has changed."""
        for queue in self.queues:
            queue.rearm(file)

    def read_address(self, memory: Memory, start: int, size: int, family: int) -> Address:
        """A sockaddr of the socket's own family; its length byte means nothing."""
        if size > LARGEST_ADDRESS:
            raise failure(errno.ENAMETOOLONG)
        if size < 2:
            raise failure(errno.EINVAL)
        content = memory.read(start, size)
        if FAMILIES.get(content[1]) != family:
            raise DarwinError("EAFNOSUPPORT")
        return addresses.unpack(content[2:], family)

    def address(self, address: Address, family: int) -> bytes:
        rest = addresses.pack(address, family) or UNNAMED
        return bytes([2 + len(rest), GUEST_FAMILIES[family]]) + rest

    def host_message_flags(self, flags: int) -> int:
        if flags & ~sum(FLAGS):
            raise DarwinError("EOPNOTSUPP")
        return sum(host for guest, host in FLAGS.items() if flags & guest)

    def guest_message_flags(self, flags: int) -> int:
        return sum(guest for guest, host in FLAGS.items() if host and flags & host)

    def host_signal(self, number: int) -> int:
        return host_signal(number)

    def guest_signal(self, number: int) -> int:
        return guest_signal(number)

    def limit(self, number: int) -> int:
        """The C library adds a flag, which the kernel takes off."""
        if number & ~POSIX_LIMIT not in LIMITS:
            raise failure(errno.EINVAL)
        return LIMITS[number & ~POSIX_LIMIT]


def queues_of(process: Process) -> list[Kqueue]:
    """Those of a Darwin process."""
    dialect = process.dialect
    assert isinstance(dialect, DarwinDialect)
    return dialect.queues
