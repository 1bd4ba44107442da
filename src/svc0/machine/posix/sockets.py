"""Sockets: where they are, whom they talk to, and what they say."""

from __future__ import annotations

import errno

from ..dialect import MOST_VECTORS, vector
from ..memory import READ, WRITE
from ..process import Process
from ..world import Address, failure
from .table import Int, OpenSocket, Pointer, Size, Unsigned, call


def give_address(
    process: Process, address: Address | None, family: int, into: int, size: int
) -> None:
    """Store as much of an address as there is room for, and how long it really is."""
    if not into:
        return
    room = process.memory.integer(size, 4, signed=True)
    if room < 0:
        raise failure(errno.EINVAL)
    content = b"" if address is None else process.dialect.address(address, family)
    process.memory.write(into, content[:room])
    process.memory.write(size, len(content).to_bytes(4, "little"))


@call("bind")
def bind(process: Process, file: OpenSocket, start: Pointer, size: Unsigned) -> int:
    file.bind(process.dialect.read_address(process.memory, start, size, file.family))
    return 0


@call("listen")
def listen(process: Process, file: OpenSocket, backlog: Int) -> int:
    file.listen(max(0, backlog))
    return 0


@call("connect")
def connect(process: Process, file: OpenSocket, start: Pointer, size: Unsigned) -> int:
    file.connect(process.dialect.read_address(process.memory, start, size, file.family))
    return 0


@call("getsockname")
def getsockname(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    give_address(process, file.name(), file.family, into, size)
    return 0


@call("getpeername")
def getpeername(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    give_address(process, file.peer(), file.family, into, size)
    return 0


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
    dialect, memory = process.dialect, process.memory
    address = dialect.read_address(memory, to, to_size, file.family) if to else None
    data = dialect.offered(file, dialect.views(memory, start, size, READ))
    return file.send(data, dialect.host_message_flags(flags), address)


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
    into = process.dialect.views(process.memory, start, size, WRITE)
    count, _, address = file.receive(into, process.dialect.host_message_flags(flags))
    give_address(process, address, file.family, sender, sender_size)
    return count


# Of a msghdr: the four bytes behind the size of the address are nothing.
ADDRESS_END, VECTORS = 12, 16


def read_header(process: Process, header: int) -> tuple[int, ...]:
    """name, its size, vectors, their count, control, its size, flags (always 0: nobody reads
    them)"""
    dialect, memory = process.dialect, process.memory
    packed = memory.read(header, ADDRESS_END).ljust(VECTORS, b"\0")
    packed += memory.read(header + VECTORS, dialect.message_flags - VECTORS)
    fields = dialect.message_header.unpack(packed.ljust(dialect.message_header.size, b"\0"))
    if not dialect.fewest_vectors <= fields[3] <= MOST_VECTORS:
        raise failure(errno.EMSGSIZE)
    return fields


@call("sendmsg")
def sendmsg(process: Process, file: OpenSocket, header: Pointer, flags: Unsigned) -> int:
    dialect, memory = process.dialect, process.memory
    name, name_size, start, count, _, control_size, _ = read_header(process, header)
    if control_size:
        process.complain("sendmsg with control data is not emulated: answered EOPNOTSUPP")
        raise failure(errno.EOPNOTSUPP)
    address = dialect.read_address(memory, name, name_size, file.family) if name else None
    data = dialect.offered(file, vector(dialect, memory, start, count))
    return file.send(data, dialect.host_message_flags(flags), address)


@call("recvmsg")
def recvmsg(process: Process, file: OpenSocket, header: Pointer, flags: Unsigned) -> int:
    dialect, memory = process.dialect, process.memory
    name, name_size, start, count, control, _, _ = read_header(process, header)
    into = vector(dialect, memory, start, count, WRITE)
    received, happened, address = file.receive(into, dialect.host_message_flags(flags))
    content = b"" if address is None or not name else dialect.address(address, file.family)
    memory.write(name, content[:name_size])
    happened = dialect.guest_message_flags(happened)
    fields = name, len(content), start, count, control, 0, happened
    memory.write(header, dialect.message_header.pack(*fields))
    return received
