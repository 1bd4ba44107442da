"""Structs in a machine's memory: tests put numbers and bytes into fields, and take them out."""

from __future__ import annotations

from collections.abc import Iterable

from svc0.a64 import Field, Struct, i32, i64, sizeof
from svc0.machine.call import Caller
from svc0.server.cache import CACHE, SHELVES, Cache, Entry, Life, Places, Size
from svc0.server.connection import NO_FILE, Buffer
from tests.model.respond import answer


class Memory:
    """One struct in a machine's memory, flush against a page that is not there.

    ``memory[Connection.state]`` is a number; ``memory.bytes(Workspace.date)`` are bytes.
    """

    def __init__(self, machine: Caller, kind: type[Struct], address: int = 0) -> None:
        self.machine = machine
        self.address = address or machine.place(bytearray(sizeof(kind)), kind=kind)

    def __int__(self) -> int:
        return self.address

    def bytes(self, field: Field, size: int | None = None) -> bytes:
        """The bytes from a field on: all of it, or so many."""
        return self.machine.read(int(self.address + field), field.size if size is None else size)

    def __setitem__(self, field: Field, value: int | bytes) -> None:
        if isinstance(value, int):
            assert field.width, f"{field} is not a number"
            value = (int(value) % (1 << 8 * field.width)).to_bytes(field.width, "little")
        self.machine.write(int(self.address + field), value)

    def __getitem__(self, field: Field) -> int:
        assert field.width, f"{field} is not a number"
        content = self.machine.read(int(self.address + field), field.width)
        return int.from_bytes(content, "little", signed=isinstance(field, i32 | i64))


class Input(Memory):
    """A Buffer into which a client's bytes come."""

    def __init__(self, machine: Caller, data: bytes = b"") -> None:
        super().__init__(machine, Buffer)
        for room in (Buffer.input, Buffer.output):  # as in a buffer that was just taken
            machine.forget(self.address + room, room.size)
        self.receive(data)

    def receive(self, data: bytes) -> None:
        """More bytes have come."""
        received = self[Buffer.received]
        assert received + len(data) <= Buffer.input.size, "there is no room for it"
        self.machine.write(self.address + Buffer.input + received, data)
        self[Buffer.received] = received + len(data)

    def at(self, offset: int, size: int) -> bytes:
        """Some bytes of the input."""
        return self.machine.read(self.address + Buffer.input + offset, size)


def lay_shelves(machine: Caller, places: int = 2, sizes: Iterable[Size] = Size) -> Memory:
    """The cache, with so many places on each of these shelves."""
    cache = Memory(machine, Cache, machine.address(CACHE))
    for size in sizes:
        shelf, content = Cache.shelves[size], places * Entry.size
        begin = machine.place(bytearray(content), name=f"entries of {size.name}")
        room = places * SHELVES[size].room
        answers = machine.place(bytearray(room), name=f"answers of {size.name}")
        for field, value in {
            Places.begin: begin,
            Places.fresh: begin,
            Places.end: begin + content,
            Places.hand: begin,
            Places.answers: answers,
        }.items():
            machine.write(cache.address + shelf + field, value.to_bytes(8, "little"))
    return cache


class Kept(Memory):
    """An entry that is about a file, as keeping leaves it: its heads are those of the model.

    ``fields`` are what the head says of the file.  Its bytes lie behind the head, or there are none
    and the file is open.
    """

    def __init__(
        self,
        machine: Caller,
        fields: dict[bytes, bytes],
        now: int,
        content: bytes | None,
        *,
        size: int | None = None,
        file: int = NO_FILE,
    ) -> None:
        super().__init__(machine, Entry)
        total = len(content or b"") if size is None else size
        same = {name: fields[name] for name in (b"Last-Modified", b"ETag")}
        self.head = answer(200, now, fields={**fields, b"Content-Length": b"%d" % total}).encode()
        self.fresh = answer(304, now, fields=same).encode()
        self.body = b"" if content is None else content
        place = machine.place(bytearray(self.head + self.body), name="the answer")
        length_at = self.head.index(b"Content-Length: ") + len(b"Content-Length: ")
        rest_at = self.head.index(b"\r\n", length_at)
        for field, value in {
            Entry.answer: place,
            Entry.answer_size: len(self.head + self.body),
            Entry.head_size: len(self.head),
            Entry.fresh_size: len(self.fresh),
            Entry.date_at: self.head.index(b"Date: ") + len(b"Date: "),
            Entry.length_at: length_at,
            Entry.fields_end: len(self.head) - len(b"\r\n\r\n"),
            Entry.body: place + len(self.head),
            Entry.rest: place + rest_at,
            Entry.rest_size: len(self.head) - 4 - rest_at + len(b"\r\nContent-Range: bytes "),
            Entry.status: 200,
            Entry.file: file,
            Entry.life: Life.KEPT,
            Entry.shelf: Size.OPEN if content is None else Size.SMALL,
            Entry.fresh: self.fresh,
            Entry.facts.total: total,
            Entry.facts.etag: fields[b"ETag"],
            Entry.facts.etag_size: len(fields[b"ETag"]),
        }.items():
            self[field] = value
