"""Sockets: how they are opened and their options, by the names that Python gives them too."""

from __future__ import annotations

import errno
import socket
import sys

from .. import _linux as linux
from ..memory import WRITE
from ..posix.files import write_pair
from ..posix.sockets import give_address
from ..posix.table import Int, OpenSocket, Pointer, Unsigned
from ..process import Process
from ..world import Socket, failure
from .dialect import FAMILIES
from .table import call

TYPES = {guest: int(getattr(socket, name)) for name, guest in linux.SOCKET_TYPES.items()}


def option_numbers() -> dict[tuple[int, int], tuple[int, int]]:
    """(level, name) of the guest to those of the host, as far as the host knows them."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for level, options in linux.OPTIONS.items():
        for name, guest in options.items():
            same = guest if name in linux.LINUX_ONLY and sys.platform == "linux" else None
            host = getattr(socket, name, same)
            if host is not None:
                found[linux.LEVELS[level], guest] = (int(getattr(socket, level)), int(host))
    return found


OPTIONS = option_numbers()


# Opening


def wanted(kind: int) -> tuple[int, bool, bool]:
    """What a socket type asks for: the type, blocking or not, and close-on-exec."""
    host = TYPES.get(kind & linux.SOCK_TYPE_MASK)
    if host is None:
        raise failure(errno.EINVAL)
    return host, not kind & linux.O_NONBLOCK, bool(kind & linux.O_CLOEXEC)


def wanted_family(family: int) -> int:
    if family not in FAMILIES:
        raise failure(errno.EAFNOSUPPORT)
    return FAMILIES[family]


@call("socket")
def open_socket(process: Process, family: Int, kind: Int, protocol: Int) -> int:
    host, blocking, close_on_exec = wanted(kind)
    made = process.world.socket(wanted_family(family), host, protocol, blocking=blocking)
    return process.descriptors.add(made, close_on_exec=close_on_exec)


@call("socketpair")
def socketpair(process: Process, family: Int, kind: Int, protocol: Int, into: Pointer) -> int:
    host, blocking, close_on_exec = wanted(kind)
    process.memory.views(into, 8, WRITE)
    ends = process.world.socket_pair(wanted_family(family), host, protocol, blocking=blocking)
    write_pair(process, into, ends, close_on_exec)
    return 0


@call("accept")
def accept(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    return accept_with(process, file, into, size, 0)


@call("accept4")
def accept4(process: Process, file: OpenSocket, into: Pointer, size: Pointer, flags: Int) -> int:
    if flags & ~(linux.O_NONBLOCK | linux.O_CLOEXEC):
        raise failure(errno.EINVAL)
    return accept_with(process, file, into, size, flags)


def accept_with(process: Process, file: Socket, into: int, size: int, flags: int) -> int:
    taken, address = file.accept(blocking=not flags & linux.O_NONBLOCK)
    number = process.descriptors.add(taken, close_on_exec=bool(flags & linux.O_CLOEXEC))
    try:
        give_address(process, address, file.family, into, size)
    except OSError:
        process.descriptors.close(number)
        raise
    return number


@call("setsockopt")
def setsockopt(
    process: Process, file: OpenSocket, level: Int, name: Int, start: Pointer, size: Unsigned
) -> int:
    file.set_option(*option(level, name), process.memory.read(start, min(size, 1024)))
    return 0


@call("getsockopt")
def getsockopt(
    process: Process, file: OpenSocket, level: Int, name: Int, into: Pointer, size: Pointer
) -> int:
    room = process.memory.integer(size, 4)
    value = file.option(*option(level, name), room)[:room]
    process.memory.write(into, value)
    process.memory.write(size, len(value).to_bytes(4, "little"))
    return 0


def option(level: int, name: int) -> tuple[int, int]:
    found = OPTIONS.get((level, name))
    if found is None:
        raise failure(errno.ENOPROTOOPT)
    return found
