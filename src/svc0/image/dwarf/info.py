"""Information: files, routines and their names, as a tree of entries (.debug_info).

    compile unit        svc0/server/text.py
      base type         x, w, v: what registers hold
      subprogram        parse_decimal, its addresses, its line
        parameter       text, an x: a list of locations
        variable        count, an x: a list of locations

An entry begins with the number of its shape; shapes (.debug_abbrev) say which
attributes follow, in which form.  Shapes are here once, as a table.
"""

from __future__ import annotations

from struct import pack
from typing import Final

from svc0.a64 import Routine

from ..layout import Program
from ..sources import by_source
from ..strings import Strings
from .lines import line_table
from .locations import Name, Stretch, location_list, meanings
from .numbers import counted, sized, uleb

__all__ = ["Information"]

# The numbers of the standard, as few as there are in use: DW_TAG_…, DW_AT_…, DW_FORM_….
COMPILE_UNIT, SUBPROGRAM, PARAMETER, VARIABLE, BASE_TYPE = 0x11, 0x2E, 0x05, 0x34, 0x24
LOCATION, NAME, BYTE_SIZE, STMT_LIST, LOW_PC, HIGH_PC = 0x02, 0x03, 0x0B, 0x10, 0x11, 0x12
LANGUAGE, COMP_DIR, PRODUCER, DECL_FILE, DECL_LINE = 0x13, 0x1B, 0x25, 0x3A, 0x3B
ENCODING, EXTERNAL, FRAME_BASE, TYPE, RANGES, NORETURN = 0x3E, 0x3F, 0x40, 0x49, 0x55, 0x87
ADDR, DATA1, DATA2, UDATA, STRP, REF4 = 0x01, 0x0B, 0x05, 0x0F, 0x0E, 0x13
SEC_OFFSET, EXPRLOC, FLAG_PRESENT = 0x17, 0x18, 0x19

ASSEMBLER = 0x8001  # DW_LANG_Mips_Assembler: what as and clang call any assembly language
UNSIGNED = 7  # DW_ATE_unsigned
CALL_FRAME_CFA = bytes([0x9C])  # an expression: the address that .debug_frame computes

ROUTINE = [
    (NAME, STRP), (EXTERNAL, FLAG_PRESENT), (DECL_FILE, UDATA), (DECL_LINE, UDATA),
    (LOW_PC, ADDR), (HIGH_PC, UDATA), (FRAME_BASE, EXPRLOC),
]  # fmt: skip
NAMED = [(NAME, STRP), (TYPE, REF4), (LOCATION, SEC_OFFSET)]
SHAPES: Final = {
    "unit": (COMPILE_UNIT, True, [
        (PRODUCER, STRP), (LANGUAGE, DATA2), (NAME, STRP), (COMP_DIR, STRP),
        (LOW_PC, ADDR), (RANGES, SEC_OFFSET), (STMT_LIST, SEC_OFFSET),
    ]),
    "type": (BASE_TYPE, False, [(NAME, STRP), (ENCODING, DATA1), (BYTE_SIZE, DATA1)]),
    "routine": (SUBPROGRAM, True, ROUTINE),
    "routine without return": (SUBPROGRAM, True, [*ROUTINE, (NORETURN, FLAG_PRESENT)]),
    "parameter": (PARAMETER, False, NAMED),
    "variable": (VARIABLE, False, NAMED),
}  # fmt: skip
CODES: Final = {name: uleb(n) for n, name in enumerate(SHAPES, 1)}

TYPES: Final = {"x": 8, "w": 4, "v": 16}
"""What registers hold, and in how many bytes."""

LISTS_HEADER: Final = pack("<HBBI", 5, 8, 0, 0)
"""Of ranges and of locations: version, size of an address, no segments, no index."""

UNIT_HEADER: Final = pack("<HBBI", 5, 1, 8, 0)
"""Version, an ordinary unit, size of an address, where the shapes are."""

START_LENGTH, END_OF_LIST = bytes([7]), bytes([0])
END_OF_CHILDREN = bytes([0])


class Information:
    """The entries of one program, and the sections that they refer to."""

    def __init__(self, program: Program, source_root: str) -> None:
        self.program, self.root = program, source_root
        self.strings = Strings()
        self.lines, self.units = bytearray(), bytearray()
        self.ranges, self.locations = bytearray(LISTS_HEADER), bytearray(LISTS_HEADER)
        for source, routines in by_source(program).items():
            self.units += sized(self.unit(source, routines))

    def sections(self) -> dict[str, bytes]:
        """What there is, by the names of sections."""
        return {
            ".debug_info": bytes(self.units),
            ".debug_abbrev": shapes(),
            ".debug_line": bytes(self.lines),
            ".debug_str": bytes(self.strings),
            ".debug_rnglists": sized(bytes(self.ranges)),
            ".debug_loclists": sized(bytes(self.locations)),
        }

    def unit(self, source: str, routines: list[Routine]) -> bytes:
        """The entries of one Python file."""
        lines = len(self.lines)
        self.lines += line_table(self.program, source, self.root, routines)
        strings = (self.strings["svc0"], ASSEMBLER, self.strings[source], self.strings[self.root])
        entries = UNIT_HEADER + CODES["unit"]
        entries += pack("<IHIIQII", *strings, 0, self.range_list(routines), lines)
        types: dict[str, int] = {}
        for name, size in TYPES.items():
            types[name] = 4 + len(entries)  # from the start of the unit, whose length comes first
            entries += CODES["type"] + pack("<IBB", self.strings[name], UNSIGNED, size)
        for routine in routines:
            entries += self.routine(routine, types)
        return entries + END_OF_CHILDREN

    def range_list(self, routines: list[Routine]) -> int:
        """Where the list is that says which addresses a file has written."""
        at = 4 + len(self.ranges)
        for routine in routines:
            start, size = self.program.addresses[routine], self.program.size(routine)
            self.ranges += START_LENGTH + pack("<Q", start) + uleb(size)
        self.ranges += END_OF_LIST
        return at

    def routine(self, routine: Routine, types: dict[str, int]) -> bytes:
        """The entry of a routine, and of everything it has a name for."""
        shape = "routine" if routine.returns else "routine without return"
        entry = CODES[shape] + pack("<I", self.strings[self.program.names[routine]])
        entry += uleb(1) + uleb(routine.body.__code__.co_firstlineno)
        entry += pack("<Q", self.program.addresses[routine]) + uleb(self.program.size(routine))
        entry += counted(CALL_FRAME_CFA)
        for (name, kind), stretches in meanings(self.program, routine).items():
            entry += self.name(routine, (name, kind), stretches, types)
        return entry + END_OF_CHILDREN

    def name(
        self, routine: Routine, name: Name, stretches: list[Stretch], types: dict[str, int]
    ) -> bytes:
        """The entry of one name."""
        at = 4 + len(self.locations)
        self.locations += location_list(self.program.addresses[routine], stretches)
        shape = "parameter" if name[0] in routine.parameters else "variable"
        return CODES[shape] + pack("<III", self.strings[name[0]], types[name[1]], at)


def shapes() -> bytes:
    """The table of shapes (.debug_abbrev)."""
    table = b""
    for name, (tag, children, attributes) in SHAPES.items():
        table += CODES[name] + uleb(tag) + bytes([children])
        for attribute, form in attributes:
            table += uleb(attribute) + uleb(form)
        table += bytes(2)
    return table + bytes(1)
