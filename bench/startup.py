"""From the start of a process to the first byte of its first answer."""

from __future__ import annotations

import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from bench.running import INDEX, PATIENCE, DeadError, command, free_port, start, stop
from bench.servers import Place, Processor, Server

STARTS: Final = 10
PAUSE: Final = 0.0003


def first_byte(server: Server, processor: Processor, site: Path) -> float:
    """Seconds; a client tries to connect all the time."""
    with tempfile.TemporaryDirectory(prefix="svc0-start-") as scratch:
        place = Place(free_port(), site, Path(scratch), (site / INDEX).stat().st_size)
        words = command(server, processor, place)
        begin = time.perf_counter()
        process = start(server, words, place)
        try:
            while (took := time.perf_counter() - begin) < PATIENCE:
                with (
                    suppress(ConnectionRefusedError),
                    socket.create_connection(("127.0.0.1", place.port)) as client,
                ):
                    client.sendall(b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    assert client.recv(1) == b"H"
                    return time.perf_counter() - begin
                time.sleep(PAUSE)
        finally:
            stop(process)
    raise DeadError(f"no byte after {took:.0f} seconds")
