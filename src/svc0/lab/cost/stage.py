"""The server in this very process, every instruction and system call of it counted.

The emulator has no clock but ours, which stands still unless a scene lets time pass, there is one
worker and it is not forked, and clients move only while the server waits for them.  So the same
image answers the same requests by the same instructions, on every computer: what is counted here
can be compared.

The kernel is one that knows openat2, as every Linux since 5.6 does.
"""

from __future__ import annotations

import os
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from svc0.machine import _linux as linux
from svc0.machine.executable import read
from svc0.machine.host import HostWorld
from svc0.machine.host.events import HostEvents, HostTimer
from svc0.machine.host.sockets import HostSocket
from svc0.machine.linux import Linux
from svc0.machine.linux.files import openat
from svc0.machine.linux.personality import guest_error
from svc0.machine.process import Process
from svc0.machine.world import Address, Buffers, Events, File, Socket, Timer

__all__ = [
    "CLOCK",
    "LOG",
    "ROUNDS",
    "WARM_UP",
    "Client",
    "Clock",
    "Count",
    "Play",
    "Round",
    "Scene",
    "StageError",
    "Watcher",
    "answered",
    "exchange",
    "measure",
]

NOW: Final = 1_700_000_000
SECOND: Final = 1_000_000_000
PATIENCE: Final = 10
"""Seconds after which what should come will never come."""

QUIET: Final = 0.02
"""Seconds without a byte after which an answer of unknown length is whole."""

MOMENT: Final = 0.002
"""Seconds between two looks at what is slow."""

CLOCK: Final = "clock_gettime"
LOG: Final = "write"
WARM_UP: Final = 32
ROUNDS: Final = 32


class StageError(Exception):
    """The scene cannot go on; one line for people."""


class Finished(BaseException):
    """The scene is over.  Not an Exception: nothing on the way may take it for a failure."""


@dataclass
class Count:
    """What was counted from one moment on."""

    instructions: int = 0
    calls: Counter[str] = field(default_factory=Counter[str])

    def __sub__(self, other: Count) -> Count:
        return Count(self.instructions - other.instructions, self.calls - other.calls)


class Watcher(Protocol):
    """Who wants to see more than numbers."""

    def attach(self, process: Process) -> None:
        """The process is there, and has not begun."""
        ...

    def begin(self) -> None:
        """A round that counts begins; the server waits."""
        ...

    def end(self) -> None:
        """The last round is over; the server waits."""
        ...


# --- the clients ------------------------------------------------------------------


class Client:
    """A connection; what is known of answers is shared with all the others of the scene."""

    def __init__(self, port: int, known: dict[bytes, Known]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.drained = b""
        self.ended = False
        self._known = known

    def close(self) -> None:
        self.socket.close()
        self.ended = True

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def has_answer(self) -> bool:
        return bool(self.drained or select.select([self.socket], [], [], MOMENT)[0])

    def take(self, kind: bytes) -> bytes:
        """An answer, or several: as long as it was the first time for something of this kind."""
        known = self._known.get(kind)
        data, self.drained = self.drained, b""
        self.socket.settimeout(QUIET if known is None else PATIENCE)
        try:
            while known is None or len(data) < known.size:
                part = self.socket.recv(1 << 20)
                if not part:
                    self.ended = True
                    break
                data += part
        except TimeoutError:
            if known is not None:
                raise StageError("an answer is shorter than it was the first time") from None
        known = self._known.setdefault(kind, Known(len(data), self.ended))
        self.ended = known.ends
        return data


@dataclass(frozen=True)
class Known:
    """What the first answer of a kind was like: its length, and whether the connection ended."""

    size: int
    ends: bool


class Clients:
    """All connections of a scene."""

    def __init__(self) -> None:
        self.port = 0
        self.all: list[Client] = []
        self._known: dict[bytes, Known] = {}

    def connect(self) -> Client:
        self.all.append(Client(self.port, self._known))
        return self.all[-1]

    def kept(self, number: int = 0) -> Client:
        """The connection that was kept from the round before, or a new one in its place."""
        while len(self.all) <= number:
            self.connect()
        if self.all[number].ended:
            self.all[number].close()
            self.all[number] = Client(self.port, self._known)
        return self.all[number]

    def drain(self) -> None:
        """Take what is there."""
        sockets = {each.socket: each for each in self.all if not each.ended}
        for ready in select.select(list(sockets), [], [], PATIENCE)[0]:
            sockets[ready].drained += ready.recv(1 << 20)

    def close(self) -> None:
        for each in self.all:
            each.close()


@dataclass
class Clock:
    """The time, in nanoseconds: the same by every clock, and it stands still."""

    now: int = NOW * SECOND

    def advance(self, seconds: int) -> None:
        """Let time pass; what was to happen until then happens when the server waits."""
        self.now += seconds * SECOND


@dataclass(frozen=True)
class Round:
    """What a round has at hand: how many were before it, the folder that is served, clients."""

    number: int
    site: Path
    clients: Clients
    clock: Clock


Scene: TypeAlias = Generator[int, None, None]
"""What clients do.  It goes on when the server waits, and yields to let it work: for how many files
the server must find something to do when it goes on; 0 if there may be nothing."""

Play: TypeAlias = Callable[[Round], Scene]
"""What is done in a round."""


def exchange(client: Client, request: bytes, status: int = 0, kind: bytes = b"") -> Scene:
    """Ask, and take the answer, which has this status; several requests in one are pipelined."""
    client.send(request)
    yield 1
    yield from answered(client, kind or request, status)


def answered(client: Client, kind: bytes, status: int = 0) -> Scene:
    """Take the answer to what was asked."""
    while not client.has_answer():
        yield 0
    answer = client.take(kind)
    if not answer:
        raise StageError("the server closed the connection without an answer")
    if status and not answer.startswith(b"HTTP/1.1 %d " % status):
        raise StageError(f"the answer is not {status}, but {answer[:60]!r}")


# --- the world --------------------------------------------------------------------


class NewLinux(Linux):
    """A kernel with openat2; what it resolves is not the question here."""

    def _unknown(self, process: Process, number: int) -> int:
        if number != linux.CALLS["openat2"]:
            return super()._unknown(process, number)
        directory, path, how = process.cpu[0], process.cpu[1], process.cpu[2]
        flags = process.memory.integer(how, 8)
        try:
            return openat(process, directory, process.memory.string(path), flags, 0)
        except OSError as error:
            return -guest_error(error.errno)


class Sink(File):
    """Takes what is written and keeps it."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: Buffers, offset: int | None = None) -> int:
        before = len(self.content)
        self.content += b"".join(data)
        return len(self.content) - before


class Still(HostTimer):
    """A timer by our clock."""

    clock: Clock

    def _now(self) -> int:
        return self.clock.now


class Turns(HostEvents):
    """Before the server waits, it is the clients' turn."""

    turn: Callable[[], int]

    def wait(self, most: int, timeout: int | None) -> list[tuple[int, int]]:
        end = time.monotonic() + PATIENCE
        wanted = self.turn()
        while True:
            found = super().wait(most, int(MOMENT * SECOND))
            if found and len(found) >= wanted:
                return found
            if time.monotonic() > end:
                raise StageError("the server waits, and the client too: is the request whole?")
            if not wanted:
                wanted = self.turn()


class Accepted(HostSocket):
    """A socket, at the other end of which everything is taken at once.

    So a large answer is one call, whatever the sizes of buffers are on this computer.
    """

    drain: Callable[[], None]

    def accept(self, *, blocking: bool) -> tuple[Socket, Address]:
        taken, address = self._socket.accept()
        made = Accepted(taken, blocking=blocking)
        made.drain = self.drain
        return made, address

    def send(self, data: Buffers, flags: int, address: Address | None) -> int:
        left = [memoryview(each).cast("B") for each in data]
        sent = 0
        while True:
            try:
                part = super().send(left, flags, address)
            except BlockingIOError:
                self.drain()
                continue
            sent += part
            left = behind(left, part)
            if not left:
                return sent

    def write(self, data: Buffers, offset: int | None = None) -> int:
        return self.send(data, 0, None)


def behind(data: list[memoryview], size: int) -> list[memoryview]:
    """What is left of buffers when so many bytes are taken from their beginning.

    >>> [bytes(each) for each in behind([memoryview(b"one"), memoryview(b"two")], 4)]
    [b'wo']
    """
    left: list[memoryview] = []
    for each in data:
        if size < len(each):
            left.append(each[size:])
        size = max(0, size - len(each))
    return left


class Stage(HostWorld):
    """This computer's sockets and files, without its time and its other processes."""

    def __init__(self, clock: Clock, turn: Callable[[], int], drain: Callable[[], None]) -> None:
        super().__init__()
        self.clock, self.out, self.errors = clock, Sink(), Sink()
        self._turn, self._drain = turn, drain

    def standard(self) -> Sequence[File]:
        return [Sink(), self.out, self.errors]

    def now(self, clock: int) -> int:
        return self.clock.now

    def events(self) -> Events:
        events = Turns(self._waiting)
        events.turn = self._turn
        return events

    def timer(self, clock: int, *, blocking: bool) -> Timer:
        made = Still(self._waiting, clock, blocking=blocking)
        made.clock = self.clock
        return made

    def socket(self, family: int, kind: int, protocol: int, *, blocking: bool) -> Socket:
        made = Accepted(socket.socket(family, kind, protocol), blocking=blocking)
        made.drain = self._drain
        return made

    def fork(self) -> int:
        return 0  # go on as the worker

    def parent(self) -> int:
        return self.process()

    def control(self, option: int, value: int, text: bytes) -> None: ...

    def set_limit(self, resource: int, limits: tuple[int, int]) -> None: ...

    def send_file(self, out: File, source: File, offset: int | None, size: int) -> int:
        assert offset is not None
        sent = 0
        while sent < size:
            try:
                part = super().send_file(out, source, offset + sent, size - sent)
            except BlockingIOError:
                self._drain()
                continue
            if not part:
                break
            sent += part
        return sent


# --- the measurement --------------------------------------------------------------


def measure(
    image: bytes,
    site: Path,
    play: Play,
    rounds: int = ROUNDS,
    *,
    warm_up: int = WARM_UP,
    before: Play | None = None,
    watcher: Watcher | None = None,
) -> Count:
    """What so many rounds cost, after some to warm up, in which another thing may be done."""
    clients, clock, marks = Clients(), Clock(), list[Count]()
    counted = Count()

    def mark() -> None:
        marks.append(Count(process.cpu.instructions, counted.calls.copy()))

    def scene() -> Scene:
        for number in range(warm_up + rounds):
            if number == warm_up:
                mark()
            if number >= warm_up and watcher:
                watcher.begin()
            now = before if before and number < warm_up else play
            yield from now(Round(number, site, clients, clock))
        mark()
        if watcher:
            watcher.end()

    script = scene()

    def turn() -> int:
        if not clients.port:
            found = re.search(rb":(\d+)/\n", stage.errors.content)
            assert found, stage.errors.content
            clients.port = int(found[1])
        try:
            return next(script)
        except StopIteration:
            raise Finished from None
        except OSError as error:  # the client's, which the server must not take for its own
            raise StageError(f"the connection to the server broke: {error}") from None

    def observe(call: str, _arguments: tuple[int, ...], _result: int) -> None:
        counted.calls[call] += 1

    stage = Stage(clock, turn, clients.drain)
    process = Process(read(image), NewLinux(), stage)
    process.observers.append(observe)
    process.cpu.count_instructions()
    if watcher:
        watcher.attach(process)
    words = ["svc0", "-r", os.fspath(site), "-p", "0", "-w", "1", "-b", "127.0.0.1"]
    process.start([os.fsencode(word) for word in words], {})
    try:
        while True:
            process.step()
    except Finished:
        begin, end = marks
        return end - begin
    finally:
        clients.close()
        stage.end()
        for number in process.descriptors:
            with suppress(OSError):
                process.descriptors.close(number)
