"""Sockets: how they are opened, their options, and files that are sent to them."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys

from .. import _darwin as darwin
from ..dialect import vector
from ..memory import WRITE
from ..posix.files import write_pair
from ..posix.sockets import give_address
from ..posix.table import Int, Long, Open, OpenSocket, Pointer, Unsigned
from ..process import Process
from ..world import HUNG_UP, File, Socket, failure
from .dialect import FAMILIES, MOST_TAKEN, DarwinDialect
from .failures import DarwinError, guest_number
from .table import call

TYPES = {guest: int(getattr(socket, name)) for name, guest in darwin.SOCKET_TYPES.items()}
SOL_SOCKET = darwin.LEVELS["SOL_SOCKET"]
BY_NAME = darwin.OPTIONS["SOL_SOCKET"]
# The same thing by another name, and what Linux has and Python does not name.
NAMES_ELSEWHERE = {"TCP_KEEPALIVE": "TCP_KEEPIDLE", "SO_LINGER_SEC": "SO_LINGER"}
LINUX_NUMBERS = {"TCP_NOTSENT_LOWAT": 25}
# Asked for, they are told as this number when they are on: the kernel's own bit.
SWITCHES = {
    (SOL_SOCKET, BY_NAME[name]): BY_NAME[name]
    for name in ("SO_ACCEPTCONN", "SO_REUSEADDR", "SO_KEEPALIVE", "SO_REUSEPORT")
} | {(darwin.LEVELS["IPPROTO_TCP"], darwin.OPTIONS["IPPROTO_TCP"]["TCP_NODELAY"]): 4}
SIZES = {(SOL_SOCKET, BY_NAME["SO_SNDBUF"]), (SOL_SOCKET, BY_NAME["SO_RCVBUF"])}
TICKS_A_SECOND = 100
PIECE = 1 << 16


def host_options() -> dict[tuple[int, int], tuple[int, int]]:
    """(level, name) of the guest to those of the host, as far as the host knows them."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for level, options in darwin.OPTIONS.items():
        for name, guest in options.items():
            same = LINUX_NUMBERS.get(name) if sys.platform == "linux" else None
            host = getattr(socket, name, None) or getattr(
                socket, NAMES_ELSEWHERE.get(name, name), same
            )
            if host is not None:
                found[darwin.LEVELS[level], guest] = (int(getattr(socket, level)), int(host))
    return found


OPTIONS = host_options()

# Opening


def host_type(kind: int) -> int:
    """There are no flags in it, as there are on Linux."""
    if kind not in TYPES:
        raise failure(errno.EPROTOTYPE)
    return TYPES[kind]


def host_family(family: int) -> int:
    if family not in FAMILIES:
        raise failure(errno.EAFNOSUPPORT)
    return FAMILIES[family]


@call("socket")
def open_socket(process: Process, family: Int, kind: Int, protocol: Int) -> int:
    made = process.world.socket(host_family(family), host_type(kind), protocol, blocking=True)
    return process.descriptors.add(made)


@call("socketpair")
def socketpair(process: Process, family: Int, kind: Int, protocol: Int, into: Pointer) -> int:
    process.memory.views(into, 8, WRITE)
    chosen = host_family(family), host_type(kind)
    ends = process.world.socket_pair(*chosen, protocol, blocking=True)
    write_pair(process, into, ends, close_on_exec=False)
    return 0


@call("accept")
def accept(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    """The new one blocks or does not, and signals or does not, as the listener does."""
    taken, address = file.accept(blocking=not file.flags() & os.O_NONBLOCK)
    taken.quiet, taken.accepted = file.quiet, True
    number = process.descriptors.add(taken)
    try:
        give_address(process, address, file.family, into, size)
    except OSError:
        process.descriptors.close(number)
        raise
    return number


@call("getpeername")
def getpeername(process: Process, file: OpenSocket, into: Pointer, size: Pointer) -> int:
    refuse_what_is_over(process, file)
    give_address(process, file.peer(), file.family, into, size)
    return 0


def refuse_what_is_over(process: Process, file: Socket) -> None:
    """Of a connection that is shut both ways, the kernel wants to hear nothing."""
    if file.accepted and process.world.poll([(file, 0)], 0)[0] & HUNG_UP:
        raise failure(errno.EINVAL)


# Options


@call("setsockopt")
def setsockopt(
    process: Process, file: OpenSocket, level: Int, name: Int, start: Pointer, size: Unsigned
) -> int:
    value = process.memory.read(start, min(size, 1024))
    refuse_what_is_over(process, file)
    if (level, name) == (SOL_SOCKET, BY_NAME["SO_NOSIGPIPE"]):
        file.quiet = any(exactly(value, 4))
    elif (level, name) == (SOL_SOCKET, BY_NAME["SO_LINGER"]):
        on, ticks = darwin.LINGER.unpack(exactly(value, darwin.LINGER.size))
        seconds = -(-ticks // TICKS_A_SECOND)
        file.set_option(*option(process, level, name), darwin.LINGER.pack(on, seconds))
    else:
        file.set_option(*option(process, level, name), exactly(value, 4))
    return 0


def exactly(value: bytes, size: int) -> bytes:
    """What is too short means nothing."""
    if len(value) < size:
        raise failure(errno.EINVAL)
    return value


@call("getsockopt")
def getsockopt(
    process: Process, file: OpenSocket, level: Int, name: Int, into: Pointer, size: Pointer
) -> int:
    room = process.memory.integer(size, 4)
    value = option_value(process, file, level, name, room)[:room]
    process.memory.write(into, value)
    process.memory.write(size, len(value).to_bytes(4, "little"))
    return 0


def option_value(process: Process, file: Socket, level: int, name: int, room: int) -> bytes:
    asked = level, name
    if asked == (SOL_SOCKET, BY_NAME["SO_NOSIGPIPE"]):
        return int(file.quiet).to_bytes(4, "little")
    if asked == (SOL_SOCKET, BY_NAME["SO_NREAD"]):
        waiting = file.waiting() if file.listening() is None else 0
        return waiting.to_bytes(4, "little")
    if asked == (SOL_SOCKET, BY_NAME["SO_NWRITE"]):
        unsent = file.unsent() if file.listening() is None else 0
        return unsent.to_bytes(4, "little")
    value = file.option(*option(process, level, name), room)
    number = int.from_bytes(value[:4], "little")
    if asked == (SOL_SOCKET, BY_NAME["SO_ERROR"]):
        return (guest_number(number) if number else 0).to_bytes(4, "little")
    if asked in SWITCHES:
        return (SWITCHES[asked] if number else 0).to_bytes(4, "little")
    if asked in SIZES and sys.platform == "linux":
        return (number // 2).to_bytes(4, "little")  # it has doubled what it was told
    return value


def option(process: Process, level: int, name: int) -> tuple[int, int]:
    found = OPTIONS.get((level, name))
    if found is None:
        process.complain(
            f"socket option {level:#x}, {name:#x} is not emulated: answered ENOPROTOOPT"
        )
        raise failure(errno.ENOPROTOOPT)
    return found


# Files


@call("sendfile")
def sendfile(
    process: Process,
    source: Open,
    out: OpenSocket,
    offset: Long,
    length: Pointer,
    headers: Pointer,
    flags: Int,
) -> int:
    """How many bytes went is stored whatever happens, EAGAIN included."""
    wanted = process.memory.integer(length, 8, signed=True)
    process.memory.views(length, 8, WRITE)
    sending = Sending(process, source, out)
    try:
        if not stat.S_ISREG(source.status().mode):
            raise DarwinError("ENOTSUP")
        if flags or offset < 0:
            raise failure(errno.EINVAL)
        head, tail = sending.around(headers)
        sending.around_bytes(head)
        sending.file(offset, wanted)
        sending.around_bytes(tail)
    finally:
        process.memory.write(length, sending.count.to_bytes(8, "little"))
    return 0


class Sending:
    """One sendfile, and how far it got."""

    def __init__(self, process: Process, source: File, out: Socket) -> None:
        self._process, self._source, self._out = process, source, out
        self.count = 0

    def around(self, headers: int) -> tuple[list[memoryview], list[memoryview]]:
        """What is to be sent before and after the file, by a struct sf_hdtr."""
        if not headers:
            return [], []
        memory, dialect = self._process.memory, self._process.dialect
        fields = darwin.SF_HDTR.unpack(memory.read(headers, darwin.SF_HDTR.size))
        pairs = fields[:2], fields[2:]
        head, tail = (vector(dialect, memory, *pair) if pair[0] else [] for pair in pairs)
        return head, tail

    def around_bytes(self, data: list[memoryview]) -> None:
        """An ordinary writev, of which nobody looks whether it took everything."""
        if data:
            self.count += self._out.write(self._process.dialect.offered(self._out, data))

    def file(self, offset: int, wanted: int) -> None:
        """As far as there is room, which the kernel looks for before it sees what is left: so
        EAGAIN may mean that everything went."""
        blocking = not self._out.flags() & os.O_NONBLOCK
        room = MOST_TAKEN
        while True:
            if not blocking and room <= 0:
                self._has_room_again()
                raise failure(errno.EAGAIN)
            size = PIECE if blocking else min(PIECE, room)
            piece = self._read(offset, min(size, wanted - self.count) if wanted else size)
            if not piece:
                return
            sent = self._send(piece)
            self.count, offset, room = self.count + sent, offset + sent, room - sent

    def _read(self, offset: int, size: int) -> bytes:
        piece = bytearray(max(0, size))
        return bytes(piece[: self._source.read([memoryview(piece)], offset)]) if piece else b""

    def _send(self, piece: bytes) -> int:
        """What only sends a file never makes a signal."""
        before, self._out.quiet = self._out.quiet, True
        try:
            return self._out.send([memoryview(piece)], 0, None)
        finally:
            self._out.quiet = before

    def _has_room_again(self) -> None:
        dialect = self._process.dialect
        assert isinstance(dialect, DarwinDialect)
        dialect.has_room(self._out)
