"""A client by hand: bytes out, answers in, and what a process of the server has open."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from tests.clients.server import Server
from tests.clients.wire import Received, split
from tests.tools import lacking

T = TypeVar("T")

PATIENCE: Final = 60
"""Seconds after which something that must happen is said not to: no measure of speed."""

SMALL: Final = 4096
GET: Final = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Client:
    """One connection to a server."""

    def __init__(self, server: Server, *, room: int = 0) -> None:
        """With ``room``, the client's kernel takes little more than so many bytes unread."""
        host, port = server.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.data = b""
        try:
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, head: bool = False) -> Received:
        """The next whole answer."""
        while True:
            found, self.data = split(self.data, [head])
            if found:
                return found[0]
            more = self.socket.recv(1 << 16)
            assert more, f"the connection was closed after {self.data!r}"
            self.data += more

    def ask(self, target: str = "/") -> Received:
        self.send(f"GET {target} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        return self.answer()

    def rest(self) -> bytes:
        """All that comes until the server's end; a reset is an error here."""
        parts = [self.data]
        while part := self.socket.recv(1 << 20):
            parts.append(part)
        self.data = b""
        return b"".join(parts)

    def take(self, size: int) -> int:
        """Read so many bytes, or to the server's end, and forget them: how many they were."""
        left = size
        while left and (part := self.socket.recv(min(left, 1 << 20))):
            left -= len(part)
        return size - left

    def reset(self) -> None:
        """Leave without a word: what comes is answered with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def eventually(look: Callable[[], T], what: str) -> T:
    """What is true at last, or an error with what it should have been."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


def proc(process: int) -> Path:
    """What Linux tells of a process, and other systems tell otherwise."""
    if not Path("/proc/self").exists():
        lacking("there is no /proc")
    return Path(f"/proc/{process}")


def children(process: int) -> list[int]:
    """The processes that a process has made and that run: the workers of a server."""
    made = (proc(process) / f"task/{process}/children").read_text().split()
    return [int(one) for one in made if is_running(int(one))]


def workers(server: Server, count: int = 1) -> list[int]:
    """The workers of a server, as soon as they are there."""

    def found() -> list[int]:
        running = children(server.process.pid)
        return running if len(running) == count else []

    return eventually(found, f"there are {count} workers")


def is_running(process: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return (proc(process) / "stat").read_text().rpartition(") ")[2][0] not in "ZX"
    return False


def descriptors(process: int) -> list[str]:
    """What a process has open."""
    found: list[str] = []
    for entry in (proc(process) / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed while we look
            found.append(os.readlink(entry))
    return sorted(found)


def connections(process: int) -> int:
    """How many sockets a process has open."""
    return sum(name.startswith("socket:") for name in descriptors(process))
