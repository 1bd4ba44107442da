"""What Linux means by the numbers and structs that all Unixes have."""

from __future__ import annotations

import errno
import resource as resources
import socket

from .. import _linux as linux
from ..memory import Memory
from ..posix import addresses
from ..world import Address, File, failure
from .buffers import guest_signal, host_signal

FAMILIES = {guest: int(getattr(socket, name)) for name, guest in linux.FAMILIES.items()}
GUEST_FAMILIES = {host: guest for guest, host in FAMILIES.items()}
# A flag that the host does not have is one that it can only ignore.
FLAGS = {guest: int(getattr(socket, name, 0)) for name, guest in linux.MESSAGE_FLAGS.items()}
LIMITS = {
    guest: int(getattr(resources, name))
    for name, guest in linux.LIMITS.items()
    if hasattr(resources, name)
}


class LinuxDialect:
    """There is nothing in it that could change."""

    here = linux.AT_FDCWD
    remove_directory = linux.AT_REMOVEDIR
    message_header = linux.MSGHDR
    message_flags = 48
    fewest_vectors = 0
    infinity = linux.INFINITY

    def views(self, memory: Memory, start: int, size: int, needed: int) -> list[memoryview]:
        if size >> 63:
            raise failure(errno.EINVAL)
        return memory.views(start, min(size, linux.MOST_BYTES), needed)

    def offered(self, file: File, data: list[memoryview]) -> list[memoryview]:
        return data

    def read_address(self, memory: Memory, start: int, size: int, family: int) -> Address:
        """A sockaddr of the socket's own family."""
        if not 2 <= size <= 128:
            raise failure(errno.EINVAL)
        content = memory.read(start, size)
        if FAMILIES.get(int.from_bytes(content[:2], "little")) != family:
            raise failure(errno.EAFNOSUPPORT if family == socket.AF_INET else errno.EINVAL)
        return addresses.unpack(content[2:], family)

    def address(self, address: Address, family: int) -> bytes:
        return GUEST_FAMILIES[family].to_bytes(2, "little") + addresses.pack(address, family)

    def host_message_flags(self, flags: int) -> int:
        return sum(host for guest, host in FLAGS.items() if flags & guest)

    def guest_message_flags(self, flags: int) -> int:
        return sum(guest for guest, host in FLAGS.items() if host and flags & host)

    def host_signal(self, number: int) -> int:
        return host_signal(number)

    def guest_signal(self, number: int) -> int:
        return guest_signal(number)

    def limit(self, number: int) -> int:
        if number not in LIMITS:
            raise failure(errno.EINVAL)
        return LIMITS[number]
