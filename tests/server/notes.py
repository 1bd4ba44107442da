"""Notes: what goes into a kqueue and what comes out of it, with every field of struct kevent."""

from __future__ import annotations

from typing import NamedTuple

from svc0.a64 import i16, i64
from svc0.kernel.structs import Kevent
from svc0.machine.call import Caller


class Note(NamedTuple):
    """A struct kevent: what is to be waited for, or what has happened."""

    ident: int
    filter: int
    flags: int
    fflags: int = 0
    data: int = 0
    udata: int = 0

    def packed(self) -> bytes:
        """As it lies in memory."""
        return b"".join(
            (int(value) % (1 << 8 * field.width)).to_bytes(field.width, "little")
            for field, value in zip(Kevent.fields.values(), self, strict=True)
        )


def read_notes(machine: Caller, address: int, count: int) -> list[Note]:
    """So many of them from memory."""
    return [
        Note(
            *(
                int.from_bytes(
                    machine.read(at + field, field.width),
                    "little",
                    signed=isinstance(field, i16 | i64),
                )
                for field in Kevent.fields.values()
            )
        )
        for at in range(address, address + count * Kevent.size, Kevent.size)
    ]
