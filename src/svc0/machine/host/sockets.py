"""Sockets: Python's, which are the host's."""

from __future__ import annotations

import errno
import socket
from typing import Any

from ..world import Address, Buffers, Socket, failure
from .files import HostFile


class HostSocket(HostFile, Socket):
    """A socket of the host.  It is never given a timeout, so a call is one call of the kernel."""

    def __init__(self, opened: socket.socket, *, blocking: bool) -> None:
        super().__init__(opened.fileno())
        self._socket = opened
        self.family = opened.family
        opened.setblocking(blocking)

    def close(self) -> None:
        self._socket.close()

    def bind(self, address: Address) -> None:
        self._socket.bind(address)

    def listen(self, backlog: int) -> None:
        self._socket.listen(backlog)

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
        return self._socket.getsockopt(level, name, min(size, 1024))

    def set_option(self, level: int, name: int, value: bytes) -> None:
        self._socket.setsockopt(level, name, value)

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def send(self, data: Buffers, flags: int, address: Address | None) -> int:
        if address is None:
            return self._socket.sendmsg(data, (), flags)
        return self._socket.sendmsg(data, (), flags, address)

    def receive(self, into: Buffers, flags: int) -> tuple[int, int, Address | None]:
        count, _, happened, address = self._socket.recvmsg_into(into, 0, flags)
        return count, happened, None if address is None else plain(address)

    def seek(self, offset: int, whence: int) -> int:
        raise failure(errno.ESPIPE)


def plain(address: Any) -> Address:
    """A Unix socket's path may come as text, and no path as nothing."""
    if address is None:
        return b""
    if isinstance(address, str):
        return address.encode("utf-8", "surrogateescape")
    return address
