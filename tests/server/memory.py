"""Structs in a machine's memory: tests put numbers and bytes into fields, and take them out."""

from __future__ import annotations

from svc0.a64 import Field, Struct, i32, i64, sizeof
from svc0.machine.call import Caller
from svc0.server.connection import Buffer


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
