"""A client that waits for every answer, whole, before it asks again."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Self

PATIENCE = 60
BUFFER = 1 << 18


class Client:
    """One connection, opened when it is wanted, and again when the server closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.socket: socket.socket | None = None
        self.left = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> socket.socket:
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.left = b""
        return self.socket

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def ask(self, file: str, times: int = 1, *, close: bool = False) -> None:
        """Ask for a file so many times in one write, and take all answers."""
        self.send(file, times, close=close)
        for _ in range(times):
            self.take()
        if close:
            while self.connect().recv(BUFFER):
                pass  # to the end, so that the server's part is over
            self.close()

    def send(self, file: str, times: int = 1, *, close: bool = False) -> None:
        end = "Connection: close\r\n\r\n" if close else "\r\n"
        self.connect().sendall(f"GET /{file} HTTP/1.1\r\nHost: 127.0.0.1\r\n{end}".encode() * times)

    def take(self) -> None:
        """One answer: its status is 200, and its length is told."""
        data = self.left
        while b"\r\n\r\n" not in data:
            data += self.some()
        head, _, rest = data.partition(b"\r\n\r\n")
        size = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        assert head[9:12] == b"200", head
        assert size, head
        while len(rest) < int(size[1]):
            rest += self.some()
        self.left = rest[int(size[1]) :]

    def some(self) -> bytes:
        assert self.socket is not None
        data = self.socket.recv(BUFFER)
        assert data, "the server closed the connection before its answer was whole"
        return data
