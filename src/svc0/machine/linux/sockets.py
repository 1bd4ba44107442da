"""Sockets: addresses, options and messages, decoded by the names that Python gives them too."""

from __future__ import annotations

import errno
import socket
import struct
import sys

from .. import _linux as linux
from ..memory import READ, WRITE, Memory
from ..process import Process
from ..world import Address, Socket, failure
from .buffers import vector, views
from .files import write_pair
from .table import Int, OpenSocket, Pointer, Size, Unsigned, call

FAMILIES = {guest: int(getattr(socket, name)) for name, guest in linux.FAMILIES.items()}
GUEST_FAMILIES = {host: guest for guest, host in FAMILIES.items()}
TYPES = {guest: int(getattr(socket, name)) for name, guest in linux.SOCKET_TYPES.items()}
# A flag that the host does not have is one that it can only ignore.
FLAGS = {guest: int(getattr(socket, name, 0)) for name, guest in linux.MESSAGE_FLAGS.items()}


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


def host_message_flags(flags: int) -> int:
    return sum(host for guest, host in FLAGS.items() if flags & guest)


def guest_message_flags(flags: int) -> int:
    return sum(guest for guest, host in FLAGS.items() if host and flags & host)


# Addresses


def decode_address(memory: Memory, start: int, size: int, family: int) -> Address:
    """A sockaddr of the socket's own family."""
    if not 2 <= size <= 128:
        raise failure(errno.EINVAL)
    content = memory.read(start, size)
    if FAMILIES.get(int.from_bytes(content[:2], "little")) != family:
        raise failure(errno.EAFNOSUPPORT if family == socket.AF_INET else errno.EINVAL)
    rest = content[2:]
    if family == socket.AF_UNIX:
        # An abstract name is all of its bytes; a path ends at the first zero.
        return rest if rest.startswith(b"\0") else rest.partition(b"\0")[0]
    try:
        if family == socket.AF_INET:
            port, host = linux.SOCKADDR_IN.unpack(rest[: linux.SOCKADDR_IN.size])
            return socket.inet_ntop(family, host), port
        port, flow, host = linux.SOCKADDR_IN6.unpack_from(rest)
        scope = int.from_bytes(rest[22:26], "little")
        return socket.inet_ntop(family, host), port, flow, scope
    except struct.error:
        raise failure(errno.EINVAL) from None


def encode_address(address: Address, family: int) -> bytes:
    content = GUEST_FAMILIES[family].to_bytes(2, "little")
    if isinstance(address, bytes):
        ends_with_zero = address and not address.startswith(b"\0")
        return content + address + (b"\0" if ends_with_zero else b"")
    host = socket.inet_pton(family, address[0].partition("%")[0])
    if len(address) == 2:
        return content + linux.SOCKADDR_IN.pack(address[1], host)
    numbers = linux.SOCKADDR_IN6.pack(address[1], address[2], host)
    return content + numbers + address[3].to_bytes(4, "little")


def give_address(
    process: Process, address: Address | None, family: int, into: int, size: int
) -> None:
    """Store as much of an address as there is room for, and how long it really is."""
    if not into:
        return
    room = process.memory.integer(size, 4, signed=True)
    if room < 0:
        raise failure(errno.EINVAL)
    content = b"" if address is None else encode_address(address, family)
    process.memory.write(into, content[:room])
    process.memory.write(size, len(content).to_bytes(4, "little"))


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


@call("bind")
def bind(process: Process, file: OpenSocket, start: Pointer, size: Unsigned) -> int:
    file.bind(decode_address(process.memory, start, size, file.family))
    return 0


@call("listen")
def listen(process: Process, file: OpenSocket, backlog: Int) -> int:
    file.listen(max(0, backlog))
    return 0


@call("connect")
def connect(process: Process, file: OpenSocket, start: Pointer, size: Unsigned) -> int:
    file.connect(decode_address(process.memory, start, size, file.family))
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


@call("getsockname")
def getsockname(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    give_address(process, file.name(), file.family, into, size)
    return 0


@call("getpeername")
def getpeername(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    give_address(process, file.peer(), file.family, into, size)
    return 0


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


@call("shutdown")
def shutdown(process: Process, file: OpenSocket, how: Int) -> int:
    file.shutdown(how)
    return 0


# Messages


@call("sendto")
def sendto(
    process: Process,
    file: OpenSocket,
    start: Pointer,
    size: Size,
    flags: Unsigned,
    to: Pointer,
    to_size: Unsigned,
) -> int:
    address = decode_address(process.memory, to, to_size, file.family) if to else None
    data = views(process.memory, start, size, READ)
    return file.send(data, host_message_flags(flags), address)


@call("recvfrom")
def recvfrom(
    process: Process,
    file: OpenSocket,
    start: Pointer,
    size: Size,
    flags: Unsigned,
    sender: Pointer,
    sender_size: Pointer,
) -> int:
    into = views(process.memory, start, size, WRITE)
    count, _, address = file.receive(into, host_message_flags(flags))
    give_address(process, address, file.family, sender, sender_size)
    return count


@call("sendmsg")
def sendmsg(process: Process, file: OpenSocket, header: Pointer, flags: Unsigned) -> int:
    memory = process.memory
    fields = linux.MSGHDR.unpack(memory.read(header, linux.MSGHDR.size))
    name, name_size, start, count, _, control_size, _ = fields
    if control_size:
        raise failure(errno.EOPNOTSUPP)
    address = decode_address(memory, name, name_size, file.family) if name else None
    return file.send(vector(memory, start, count), host_message_flags(flags), address)


@call("recvmsg")
def recvmsg(process: Process, file: OpenSocket, header: Pointer, flags: Unsigned) -> int:
    memory = process.memory
    fields = linux.MSGHDR.unpack(memory.read(header, linux.MSGHDR.size))
    name, name_size, start, count, control, _, _ = fields
    into = vector(memory, start, count, WRITE)
    received, happened, address = file.receive(into, host_message_flags(flags))
    content = b"" if address is None or not name else encode_address(address, file.family)
    memory.write(name, content[:name_size])
    happened = guest_message_flags(happened)
    packed = linux.MSGHDR.pack(name, len(content), start, count, control, 0, happened)
    memory.write(header, packed)
    return received
