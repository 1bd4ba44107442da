"""Information: files, routines and their names, as a tree of entries (.debug_info).

    compile unit        svc0/server/text.py
      types             numbers, structs, flags                    types.py
      data              CRLF, in the unit of the entry
      subprogram        parse_decimal, its addresses, its line
        parameter       text, an x: a list of locations            locations.py
        variable        count, an x: a list of locations

An entry begins with the number of its shape (shapes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from typing import Final

from svc0.a64 import Place, Platform, Routine

from ..layout import Program
from ..sources import by_source
from ..strings import Strings
from .lines import line_table
from .locations import Name, Stretch, location_list, meanings
from .numbers import counted, sized, uleb
from .shapes import CODES, END_OF_CHILDREN, shapes
from .types import Types, structs_of

__all__ = ["Information"]

LANGUAGES: Final[Mapping[Platform, int]] = {"linux": 0x8001, "macos": 0x000C}
"""DW_LANG_Mips_Assembler, which as and clang call any assembly language, and DW_LANG_C99: gdb stops
at the first instruction of what is in assembler, and LLDB has names and types for nothing that is
in a language it does not compile."""

ADDRESS, CALL_FRAME_CFA = bytes([0x03]), bytes([0x9C])  # DW_OP_…; the latter from .debug_frame

LISTS_HEADER: Final = pack("<HBBI", 5, 8, 0, 0)
"""Of ranges and of locations: version, size of an address, no segments, no index."""

UNIT_HEADER: Final = pack("<HBBI", 5, 1, 8, 0)
"""Version, an ordinary unit, size of an address, where the shapes are."""

LENGTH: Final = 4
"""What comes before each of these headers, and is counted in offsets."""

START_LENGTH, END_OF_LIST = bytes([7]), bytes([0])  # DW_RLE_…


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
        """The entries of one Python file: types first, since everything refers to them."""
        lines = len(self.lines)
        self.lines += line_table(self.program, source, self.root, routines)
        language = LANGUAGES[self.program.platform]
        names = (self.strings["svc0"], language, self.strings[source], self.strings[self.root])
        head = UNIT_HEADER + CODES["unit"]
        head += pack("<IHIIQII", *names, 0, self.range_list(routines), lines)
        types = Types(LENGTH + len(head), self.strings)
        for kind in structs_of(routines):
            types.struct(kind)
        entries = self.data(types) if self.program.entry in routines else b""
        entries += b"".join(self.routine(routine, types) for routine in routines)
        return head + types.entries + entries + END_OF_CHILDREN

    def range_list(self, routines: list[Routine]) -> int:
        """Where the list is that says which addresses a file has written."""
        at = LENGTH + len(self.ranges)
        for routine in routines:
            start, size = self.program.addresses[routine], self.program.size(routine)
            self.ranges += START_LENGTH + pack("<Q", start) + uleb(size)
        self.ranges += END_OF_LIST
        return at

    def data(self, types: Types) -> bytes:
        """The entries of constants and variables, which belong to no file."""
        places = [place for place in self.program.names if not isinstance(place, Routine)]
        return b"".join(self.datum(place, types) for place in places)

    def datum(self, place: Place, types: Types) -> bytes:
        """The entry of a constant or a variable: a name for memory."""
        name = self.strings[self.program.names[place]]
        kind = types.memory(self.program.size(place))
        where = ADDRESS + pack("<Q", self.program.addresses[place])
        return CODES["data"] + pack("<II", name, kind) + counted(where)

    def routine(self, routine: Routine, types: Types) -> bytes:
        """The entry of a routine, and of everything it has a name for."""
        shape = "routine" if routine.returns else "routine without return"
        entry = CODES[shape] + pack("<I", self.strings[self.program.names[routine]])
        entry += uleb(1) + uleb(routine.body.__code__.co_firstlineno)
        entry += pack("<Q", self.program.addresses[routine]) + uleb(self.program.size(routine))
        entry += counted(CALL_FRAME_CFA)
        for name, stretches in meanings(self.program, routine).items():
            entry += self.name(routine, name, stretches, types)
        return entry + END_OF_CHILDREN

    def name(self, routine: Routine, name: Name, stretches: list[Stretch], types: Types) -> bytes:
        """The entry of one name."""
        called, kind = name
        at = LENGTH + len(self.locations)
        self.locations += location_list(self.program.addresses[routine], stretches)
        shape = "parameter" if called in routine.parameters else "variable"
        return CODES[shape] + pack("<III", self.strings[called], types.number(kind), at)
