"""Sockets: Python's, which are the host's."""

from __future__ import annotations

import array
import errno
import fcntl
import socket
import struct
import sys
import termios
from typing import Any

from ..world import Address, Buffers, Socket, failure
from .files import HostFile

# Of Linux's struct tcp_info: tcpi_unacked, which for a listener is the length of its queue.
QUEUED = struct.Struct("<24xI")
# Of macOS's socket.h, which Python does not tell: bytes in the buffer for sending.
SO_NWRITE = 0x1024
QUIETLY = int(getattr(socket, "MSG_NOSIGNAL", 0))


class HostSocket(HostFile, Socket):
    """A socket of the host.  It is never given a timeout, so a call is one call of the kernel."""

    def __init__(self, opened: socket.socket, *, blocking: bool) -> None:
        super().__init__(opened.fileno())
        self._socket = opened
        self._listens = False
        self._error = 0
        self.family = opened.family
        opened.setblocking(blocking)

    def close(self) -> None:
        self._socket.close()

    def bind(self, address: Address) -> None:
        self._socket.bind(address)

    def listen(self, backlog: int) -> None:
        self._socket.listen(backlog)
        self._listens = True

    def accept(self, *, blocking: bool) -> tuple[Socket, Address]:
        taken, address = self._socket.accept()
        return HostSocket(taken, blocking=blocking), plain(address)

    def connect(self, address: Address) -> None:
        self._socket.connect(address)

    def name(self) -> Address:
        return plain(self._socket.getsockname())

    def peer(self) -> Address:
        return plain(self._socket.getpeername())

    def option(self, level: int, name: int, size: int) -> bytes:
        if (level, name) == (socket.SOL_SOCKET, socket.SO_ERROR):
            number, self._error = self.error(), 0
            return number.to_bytes(4, "little")[:size]
        return self._socket.getsockopt(level, name, min(size, 1024))

    def set_option(self, level: int, name: int, value: bytes) -> None:
        self._socket.setsockopt(level, name, value)

    def error(self) -> int:
        """The host's kernel forgets an error that it has told, and so it is kept here."""
        told = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._error = self._error or told
        return self._error

    def listening(self) -> int | None:
        if not self._listens:
            return None
        if sys.platform != "linux" or self.family == socket.AF_UNIX:
            return 1
        size = QUEUED.size
        (count,) = QUEUED.unpack(self._socket.getsockopt(socket.SOL_TCP, socket.TCP_INFO, size))
        return max(1, count)

    def room(self) -> int:
        return max(0, self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - self.unsent())

    def unsent(self) -> int:
        if sys.platform == "darwin":
            return self._socket.getsockopt(socket.SOL_SOCKET, SO_NWRITE)
        if not hasattr(termios, "TIOCOUTQ"):
            return 0
        unsent = array.array("i", [0])
        fcntl.ioctl(self.number, termios.TIOCOUTQ, unsent)
        return unsent[0]

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def read(self, into: Buffers, offset: int | None = None) -> int:
        self._fail_late()
        return super().read(into, offset)

    def write(self, data: Buffers, offset: int | None = None) -> int:
        if offset is None and (self.quiet or self._error):
            return self.send(data, 0, None)
        return super().write(data, offset)

    def send(self, data: Buffers, flags: int, address: Address | None) -> int:
        self._fail_late()
        flags |= QUIETLY if self.quiet else 0
        if address is None:
            return self._socket.sendmsg(data, (), flags)
        return self._socket.sendmsg(data, (), flags, address)

    def receive(self, into: Buffers, flags: int) -> tuple[int, int, Address | None]:
        self._fail_late()
        count, _, happened, address = self._socket.recvmsg_into(into, 0, flags)
        return count, happened, None if address is None else plain(address)

    def _fail_late(self) -> None:
        number, self._error = self._error, 0
        if number:
            raise failure(number)

    def seek(self, offset: int, whence: int) -> int:
        raise failure(errno.ESPIPE)


def plain(address: Any) -> Address:
    """A Unix socket's path may come as text, and no path as nothing."""
    if address is None:
        return b""
    if isinstance(address, str):
        return address.encode("utf-8", "surrogateescape")
    return address
