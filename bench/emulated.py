"""The server in this very process, every instruction and system call of it counted.

The emulator has no clock but ours, its timer never expires, there is one worker and it is not
forked, and a client moves only while the server waits for it.  So the same image answers the same
requests by the same instructions, on every computer: what is counted here can be compared.

The kernel is one that knows openat2, as every Linux since 5.6 does.
"""

from __future__ import annotations

import os
import re
import select
import socket
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from svc0.machine import _linux as linux
from svc0.machine.executable import read
from svc0.machine.host import HostWorld
from svc0.machine.host.events import HostEvents, HostTimer
from svc0.machine.linux import Linux
from svc0.machine.linux.files import openat
from svc0.machine.linux.personality import guest_error
from svc0.machine.process import Process
from svc0.machine.world import Buffers, Events, File, Timer

NOW: Final = 1_700_000_000
SECOND: Final = 1_000_000_000
PATIENCE: Final = 10
QUIET: Final = 0.01
"""Seconds without a byte after which an answer of unknown length is whole."""

CLOCK: Final = "clock_gettime"
WARM_UP: Final = 32

Scene: TypeAlias = Generator[None, None, None]
"""What the client does: it goes on whenever the server waits, and yields to let it work."""


class Finished(BaseException):
    """The scene is over.  Not an Exception: nothing on the way may take it for a failure."""


@dataclass
class Count:
    """What was counted from one moment on."""

    instructions: int = 0
    calls: Counter[str] = field(default_factory=Counter[str])

    def __sub__(self, other: Count) -> Count:
        return Count(self.instructions - other.instructions, self.calls - other.calls)


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


class Never(HostTimer):
    """A timer that does not expire."""

    def set(self, first: int, interval: int, *, absolute: bool) -> tuple[int, int]:
        return 0, 0


class Turns(HostEvents):
    """Before the server waits, it is the client's turn."""

    turn: Callable[[], None]

    def wait(self, most: int, timeout: int | None) -> list[tuple[int, int]]:
        self.turn()
        found = super().wait(most, PATIENCE * SECOND)
        assert found, "the server waits, and the client too"
        return found


class Stage(HostWorld):
    """This computer's sockets and files, without its time and its other processes."""

    def __init__(self, turn: Callable[[], None], drain: Callable[[], None]) -> None:
        super().__init__()
        self.out, self.errors = Sink(), Sink()
        self._turn, self._drain = turn, drain

    def standard(self) -> Sequence[File]:
        return [Sink(), self.out, self.errors]

    def now(self, clock: int) -> int:
        return NOW * SECOND

    def events(self) -> Events:
        events = Turns(self._waiting)
        events.turn = self._turn
        return events

    def timer(self, clock: int, *, blocking: bool) -> Timer:
        return Never(self._waiting, clock, blocking=blocking)

    def fork(self) -> int:
        return 0  # go on as the worker

    def parent(self) -> int:
        return self.process()

    def control(self, option: int, value: int, text: bytes) -> None: ...

    def set_limit(self, resource: int, limits: tuple[int, int]) -> None: ...

    def send_file(self, out: File, source: File, offset: int | None, size: int) -> int:
        """To a client that takes everything at once, whatever the sizes of buffers here are."""
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


class Client:
    """The client of a scene."""

    def __init__(self) -> None:
        self.port = 0
        self.socket: socket.socket | None = None
        self.drained = b""
        self.sizes: dict[bytes, int] = {}

    def connect(self) -> None:
        self.close()
        self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.drained = b""

    def send(self, data: bytes) -> None:
        assert self.socket is not None
        self.socket.sendall(data)

    def has_answer(self) -> bool:
        assert self.socket is not None
        return bool(self.drained or select.select([self.socket], [], [], QUIET)[0])

    def drain(self) -> None:
        """Take what is there."""
        assert self.socket is not None
        if select.select([self.socket], [], [], PATIENCE)[0]:
            self.drained += self.socket.recv(1 << 20)

    def take(self, request: bytes) -> bytes:
        """The answer to a request, or to several, which is as long as it was the first time."""
        assert self.socket is not None
        size = self.sizes.get(request)
        data, self.drained = self.drained, b""
        self.socket.settimeout(QUIET if size is None else PATIENCE)
        try:
            while size is None or len(data) < size:
                part = self.socket.recv(1 << 20)
                if not part:
                    break
                data += part
        except TimeoutError:
            assert size is None, "the answer became shorter"
        self.sizes[request] = len(data)
        return data


def measure(image: bytes, site: Path, request: bytes, status: int, rounds: int) -> Count:
    """What so many times the same request cost, after as many to warm up.

    A request that says `Connection: close` gets a connection of its own each time; several in one
    are pipelined.
    """
    once = b"Connection: close" in request
    client, marks = Client(), list[Count]()
    counted = Count()

    def scene() -> Scene:
        if not once:
            client.connect()
            yield
        for number in range(WARM_UP + rounds):
            if number == WARM_UP:
                marks.append(Count(process.cpu.instructions, counted.calls.copy()))
            if once:
                client.connect()
            client.send(request)
            yield
            while not client.has_answer():
                yield
            answer = client.take(request)
            assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
        marks.append(Count(process.cpu.instructions, counted.calls.copy()))

    script = scene()

    def turn() -> None:
        if not client.port:
            found = re.search(rb":(\d+)/\n", stage.errors.content)
            assert found, stage.errors.content
            client.port = int(found[1])
        try:
            next(script)
        except StopIteration:
            raise Finished from None

    def observe(call: str, _arguments: tuple[int, ...], _result: int) -> None:
        counted.calls[call] += 1

    stage = Stage(turn, client.drain)
    process = Process(read(image), NewLinux(), stage)
    process.observers.append(observe)
    process.cpu.count_instructions()
    words = ["svc0", "-r", os.fspath(site), "-p", "0", "-w", "1", "-b", "127.0.0.1"]
    process.start([os.fsencode(word) for word in words], {})
    try:
        while True:
            process.step()
    except Finished:
        begin, end = marks
        return end - begin
    finally:
        client.close()
        stage.end()
        for number in range(len(process.descriptors)):
            with suppress(OSError):
                process.descriptors.close(number)
