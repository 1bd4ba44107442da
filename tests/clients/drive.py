"""Many connections at once, each of which sends its bytes in its own pieces.

A piece that is to be *seen* by the server before the next one is sent needs more than a pause: the
kernel's own table of connections (`/proc/net/tcp`) says when the server has taken it. Where there
is no such table, a pause has to do.

When the reference says that the server closes, the client does not end its input before it has: a
server that forgets to close is noticed. When it says that the connection stays, the client ends its
input after the last answer, and nothing may come after that.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.clients import wire
from tests.clients.compare import Times, differences
from tests.clients.server import Server
from tests.model.conversation import Conversation, End, converse
from tests.model.site import Directory, whole_seconds

AT_ONCE: Final = 100
AT_ONCE_THROUGH_QEMU: Final = 2
"""Connections that qemu's own network lets through to a kernel of its own; more get lost in it."""
DRIFT_IN_QEMU: Final = 600
"""Seconds that the clock of such a kernel may lose: it stands while qemu is given no time."""
PATIENCE_SECONDS: Final = 120
TABLE: Final = Path("/proc/net/tcp")


@dataclass(frozen=True)
class Trial:
    """One connection."""

    title: str
    pieces: Sequence[bytes]
    ended: bool = False
    """The client ends its input right after the last piece."""

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


def whole(title: str, data: bytes) -> Trial:
    """All at once."""
    return Trial(title, [data])


def byte_by_byte(title: str, data: bytes, most: int = 512) -> Trial:
    """A byte a piece; of long data only the first and last bytes, and what is between in one."""
    half = min(most, len(data)) // 2
    first, middle, last = data[:half], data[half : len(data) - half], data[len(data) - half :]
    singles = [[bytes([byte]) for byte in part] for part in (first, last)]
    return Trial(
        f"{title}, byte by byte", [*singles[0], *([middle] if middle else []), *singles[1]]
    )


def every_split(title: str, data: bytes) -> Iterator[Trial]:
    """Two pieces, cut at every place."""
    for cut in range(1, len(data)):
        yield Trial(f"{title}, split after {cut}", [data[:cut], data[cut:]])


def every_prefix(title: str, data: bytes) -> Iterator[Trial]:
    """The client sends so many bytes and ends its input."""
    for cut in range(1, len(data) + 1):
        yield Trial(f"{title}, cut off after {cut}", [data[:cut]], ended=True)


def followed(title: str, data: bytes, then: bytes) -> Trial:
    """Another request right behind it."""
    return Trial(f"{title}, followed by another", [data + then])


@dataclass(frozen=True)
class Failure:
    """A trial that did not go as the reference says."""

    trial: Trial
    differences: list[str]
    seen: bytes

    def __str__(self) -> str:
        lines = [f"{self.trial.title}: {self.differences[0]}", *self.differences[1:]]
        sent, seen = self.trial.data, self.seen
        return "\n    ".join([*lines, f"sent {sent[:300]!r}", f"read {seen[:300]!r}"])


class Taken:
    """Waits until the server has taken what was sent to it, for all connections together."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def wait(self, client: socket.socket) -> None:
        if not TABLE.exists():
            await asyncio.sleep(0.02)
            return
        ours, theirs = client.getsockname()[1], client.getpeername()[1]
        future = asyncio.get_running_loop().create_future()
        self._waiting[theirs, ours] = future
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        await future

    async def _watch(self) -> None:
        while self._waiting:
            busy = set(busy_connections(TABLE.read_text()))
            for pair in [pair for pair in self._waiting if pair not in busy]:
                future = self._waiting.pop(pair)
                if not future.done():
                    future.set_result(None)
            await asyncio.sleep(0.0005)


BUSY: Final = re.compile(
    r"^ *\d+: \w+:(?P<local>\w+) \w+:(?P<remote>\w+) \w\w "
    r"(?!0+:0+ )(?P<sending>\w+):(?P<receiving>\w+)",
    re.MULTILINE,
)


def busy_connections(table: str) -> Iterator[tuple[int, int]]:
    """(Server's port, client's port) of what has bytes on the way, seen from either side."""
    for row in BUSY.finditer(table):
        ports = int(row["local"], 16), int(row["remote"], 16)
        if int(row["receiving"], 16):
            yield ports
        if int(row["sending"], 16):
            yield ports[::-1]


async def exchange(
    address: tuple[str, int], trial: Trial, expected: Conversation, taken: Taken
) -> bytes:
    """Everything that the server says on one connection."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Nothing is left of a connection that is done with, so that the kernel's table stays short.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    seen = bytearray()
    answered, ended = asyncio.Event(), asyncio.Event()
    bodiless = [answer.bodiless for answer in expected.answers]

    async def listen() -> None:
        # A reset is an end too: what is missing because of it will be missed.
        with suppress(ConnectionError):
            while piece := await loop.sock_recv(client, 1 << 18):
                seen.extend(piece)
                if len(wire.split(bytes(seen), bodiless)[0]) == len(bodiless):
                    answered.set()
        answered.set()
        ended.set()

    async def speak() -> None:
        with suppress(ConnectionError, OSError):
            for number, piece in enumerate(trial.pieces):
                if number:
                    await taken.wait(client)
                if ended.is_set():
                    return
                await loop.sock_sendall(client, piece)
            if trial.ended:
                client.shutdown(socket.SHUT_WR)
            elif expected.end == End.OPEN:
                if expected.answers:
                    await answered.wait()
                client.shutdown(socket.SHUT_WR)

    try:
        await loop.sock_connect(client, address)
        async with asyncio.timeout(PATIENCE_SECONDS):
            listening = asyncio.create_task(listen())
            speaking = asyncio.create_task(speak())
            await listening
            speaking.cancel()
            with suppress(asyncio.CancelledError):
                await speaking
    except TimeoutError:
        seen.extend(b"\n(no end within %d seconds)" % PATIENCE_SECONDS)
    finally:
        client.close()
    return bytes(seen)


async def run(
    address: tuple[str, int],
    trials: Iterable[Trial],
    root: Directory,
    at_once: int = AT_ONCE,
    drift: float = 0,
) -> list[Failure]:
    """Make every trial, some of them at once, with a server whose clock may drift; what failed."""
    failures: list[Failure] = []
    taken = Taken()
    waiting = iter(trials)

    async def client() -> None:
        for trial in waiting:
            before = time.time()
            expected = converse(trial.data, root, int(before), ended=trial.ended)
            seen = await exchange(address, trial, expected, taken)
            found = differences(seen, expected, Times(before, time.time(), drift))
            if found:
                failures.append(Failure(trial, found, seen))

    await asyncio.gather(*(client() for _ in range(at_once)))
    return failures


def failures(server: Server, trials: Iterable[Trial], root: Directory) -> list[Failure]:
    """What `run` finds, for a test that is not a coroutine."""
    if server.machine == "kernel":
        seen, at_once = whole_seconds(root), AT_ONCE_THROUGH_QEMU
        return asyncio.run(run(server.address, trials, seen, at_once, DRIFT_IN_QEMU))
    return asyncio.run(run(server.address, trials, root))


def agree(server: Server, trials: Iterable[Trial], root: Directory) -> None:
    """Assert that the server and the reference say the same in every trial."""
    found = failures(server, trials, root)
    shown = "\n".join(map(str, found[:10]))
    assert not found, f"{len(found)} trials went otherwise than the reference says:\n{shown}"
