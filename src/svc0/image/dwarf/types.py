"""Types: what registers and memory hold, as a debugger prints it.

    x, w, v           a register as a number without sign
    u8 … i64          a field of a Struct
    struct            Connection, with its fields: print *(struct Connection *)connection
    flags             the names of bits: (KEEP_ALIVE | HEAD)

A unit has the structs that its Python file can name.  An entry refers to the
types before it by where they begin in the unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag
from struct import pack
from typing import Final

from svc0.a64 import Field, Routine, Struct

from ..strings import Strings
from .numbers import uleb
from .shapes import CODES, END_OF_CHILDREN

__all__ = ["Types", "structs_of"]

SIGNED, UNSIGNED, CHARACTER = 5, 7, 8  # DW_ATE_…

NUMBERS: Final = {
    "x": (UNSIGNED, 8), "w": (UNSIGNED, 4), "v": (UNSIGNED, 16),
    "u8": (CHARACTER, 1), "u16": (UNSIGNED, 2), "u32": (UNSIGNED, 4), "u64": (UNSIGNED, 8),
    "i16": (SIGNED, 2), "i32": (SIGNED, 4), "i64": (SIGNED, 8),
}  # fmt: skip


class Types:
    """The entries of types of one unit, which begin at a place in it."""

    def __init__(self, start: int, strings: Strings) -> None:
        self.start, self.strings = start, strings
        self.entries = bytearray()
        self.places: dict[object, int] = {}

    def put(self, key: object, entry: bytes) -> int:
        """Add an entry; where it begins in the unit."""
        self.places[key] = at = self.start + len(self.entries)
        self.entries += entry
        return at

    def number(self, name: str) -> int:
        """Where ``u16`` is."""
        if name in self.places:
            return self.places[name]
        encoding, size = NUMBERS[name]
        named = pack("<I", self.strings[name])
        return self.put(name, CODES["number"] + named + pack("<BB", encoding, size))

    def array(self, of: int, count: int) -> int:
        """So many of what is there."""
        if (key := (of, count)) in self.places:
            return self.places[key]
        dimension = CODES["count"] + uleb(count) + END_OF_CHILDREN
        return self.put(key, CODES["array"] + pack("<I", of) + dimension)

    def memory(self, size: int) -> int:
        """Bytes that nobody has said more about: a number if they are as many as one has."""
        whole = {2: "u16", 4: "u32", 8: "u64"}.get(size)
        return self.number(whole) if whole else self.array(self.number("u8"), size)

    def flags(self, kind: type[IntFlag], number: str) -> int:
        """Names of bits in a number."""
        if (key := (kind, number)) in self.places:
            return self.places[key]
        entry = CODES["flags"] + pack("<I", self.strings[kind.__name__])
        entry += pack("<IB", self.number(number), NUMBERS[number][1])
        for flag in kind:
            entry += CODES["flag"] + pack("<I", self.strings[str(flag.name)]) + uleb(flag.value)
        return self.put(key, entry + END_OF_CHILDREN)

    def struct(self, kind: type[Struct]) -> int:
        """A struct, after the types of its fields."""
        if kind in self.places:
            return self.places[kind]
        members = [(name, field, self.field(field)) for name, field in kind.fields.items()]
        entry = CODES["struct"] + pack("<I", self.strings[kind.__name__]) + uleb(kind.size)
        for name, field, at in members:
            entry += CODES["member"] + pack("<II", self.strings[name], at) + uleb(int(field))
        return self.put(kind, entry + END_OF_CHILDREN)

    def field(self, field: Field) -> int:
        """The type of a field: a struct, flags or a number, perhaps many of them."""
        number = type(field).__name__
        if isinstance(field, Struct):
            one = self.struct(type(field))
        elif field.values is not None:
            one = self.flags(field.values, number)
        else:
            one = self.number(number)
        return one if field.count == 1 else self.array(one, field.count)


def structs_of(routines: Iterable[Routine]) -> list[type[Struct]]:
    """The structs that the Python of these routines can name, in the order of their names."""
    found = {
        value
        for routine in routines
        for value in routine.body.__globals__.values()
        if isinstance(value, type) and issubclass(value, Struct) and value is not Struct
    }
    return sorted(found, key=lambda kind: (kind.__name__, kind.__module__))
