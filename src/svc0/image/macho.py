"""Mach-O: a position-independent executable for arm64 macOS, and its signature.

    __TEXT       header
                 load commands     what the kernel and dyld do with the rest
                 __const           constants
                 __text            routines
    __DATA       __bss             variables: nothing in the file
    __DWARF      __debug_…         for a debugger; not in a stripped executable
    __LINKEDIT   symbols           none in a stripped executable
                 strings           their names
                 signature         of everything before it (signature.py)

The kernel refuses what has no dynamic linker, and the dynamic linker (dyld) what is
not linked with libSystem.  So both are named, and nothing of them is used: there is
no symbol to bind, no address to correct.

What is mapped is the same with and without symbols, but for the load commands that
count them and for ``__DWARF``, which nothing looks at.  The UUID is the same too, so
a debugger takes the one file for the other.

The names and numbers are those of xnu's EXTERNAL_HEADERS/mach-o/loader.h and nlist.h.
Why each is what it is: docs/decisions/0006-mach-o.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import pack
from typing import Final
from uuid import UUID

from svc0.a64 import Place, Routine

from .dwarf import debug_sections
from .layout import PAGE_MACOS, Program, lay_out, up
from .signature import sign, size
from .strings import Strings

__all__ = ["BASE", "HEADERS", "executable", "macho"]

BASE: Final = 1 << 32
"""Where the image begins before the kernel moves it: behind 4 GiB that nobody may touch."""

HEADERS: Final = 0x600
"""How many bytes the layout must leave free for the header and the load commands: 1520 at most."""

HEADER, SYMBOL = 32, 16
MAGIC, ARM64, ALL_ARM64, EXECUTE = 0xFEED_FACF, 0x0100_000C, 0, 2  # MH_MAGIC_64, CPU_…, MH_EXECUTE
MH_NOUNDEFS, MH_DYLDLINK, MH_TWOLEVEL, MH_PIE = 0x1, 0x4, 0x80, 0x20_0000
R, W, X = 1, 2, 4

LC_SYMTAB, LC_DYSYMTAB, LC_LOAD_DYLIB, LC_LOAD_DYLINKER = 0x2, 0xB, 0xC, 0xE
LC_SEGMENT_64, LC_UUID, LC_CODE_SIGNATURE, LC_BUILD_VERSION = 0x19, 0x1B, 0x1D, 0x32
LC_DYLD_INFO_ONLY, LC_MAIN = 0x8000_0022, 0x8000_0028

INSTRUCTIONS, ZERO_FILL, DEBUG = 0x8000_0400, 0x1, 0x0200_0000  # S_ATTR_…, S_ZEROFILL
IN_SECTION, EXTERNAL = 0xE, 0x1  # N_SECT, N_EXT
LINKEDIT_ALIGN: Final = 16

DYLD, LIBRARY = b"/usr/lib/dyld\0", b"/usr/lib/libSystem.B.dylib\0"
MACOS, OLDEST, SDK = 1, 11 << 16, 15 << 16
"""The platform, the first macOS there was for arm64, and the rules that dyld may judge us by."""

VERSION: Final = 1 << 16
"""1.0.0, of the library: every libSystem is compatible with it."""


def macho(
    entry: Routine, *, strip: bool = True, source_root: str = ".", identifier: str = "svc0"
) -> bytes:
    """The executable whose first instruction is the entry's.

    Unless stripped, it has symbols and debug information, in which ``source_root`` is the folder
    that Python's imports begin in; the default names no folder of this machine.  The identifier
    is what the signature calls the program.
    """
    program = lay_out(entry, "macos", headers=HEADERS, base=BASE)
    return executable(program, strip=strip, source_root=source_root, identifier=identifier)


def executable(
    program: Program, *, strip: bool = True, source_root: str = ".", identifier: str = "svc0"
) -> bytes:
    """The file of a program that was laid out for macOS, with room for ``HEADERS``, at ``BASE``."""
    assert program.text.address - program.text.offset == BASE, "laid out for macOS, at BASE"
    assert not any(program.constants.content[:HEADERS]), "laid out with headers=HEADERS"
    file = bytearray(loaded(program))
    text = text_segment(program, len(file))
    segments = [PAGE_ZERO, text, *data_segments(program, len(file))]
    symbols = SymbolTable(
        program, [section for segment in segments for section in segment.sections]
    )
    if not strip:
        symbols.add_all()
        segments.append(debug_segment(file, segments[-1].end, debug_sections(program, source_root)))
    start = len(file)
    file += bytes(symbols)
    limit = len(file)
    length = limit - start + size(limit, identifier)
    segments.append(Segment("__LINKEDIT", segments[-1].end, whole(length), start, length, R))
    head = header([
        *map(bytes, segments),
        command(LC_DYLD_INFO_ONLY, bytes(40)),
        *symbols.commands(start),
        *program_commands(program),
        command(LC_CODE_SIGNATURE, pack("<II", limit, size(limit, identifier))),
    ])  # fmt: skip
    file[: len(head)] = head
    return bytes(file) + sign(bytes(file), text.size, identifier)


def header(commands: Sequence[bytes]) -> bytes:
    """The first bytes of the file, up to the last load command."""
    content = b"".join(commands)
    assert HEADER + len(content) <= HEADERS, "there is room for every command that is written here"
    flags = MH_NOUNDEFS | MH_DYLDLINK | MH_TWOLEVEL | MH_PIE
    kind = MAGIC, ARM64, ALL_ARM64, EXECUTE
    return pack("<IIIIIIII", *kind, len(commands), len(content), flags, 0) + content


def whole(size: int) -> int:
    """So many bytes as whole pages."""
    return up(size, PAGE_MACOS)


def loaded(program: Program) -> bytes:
    """The content of ``__TEXT``, with room for what comes first.

    It fills whole pages: the kernel maps whole pages, and dyld of macOS 11 wants the executable
    segment to be as large in the file as in memory.
    """
    file = program.constants.content.ljust(program.text.offset, b"\0") + program.text.content
    return file.ljust(whole(len(file)), b"\0")


# --- load commands --------------------------------------------------------------------


def command(kind: int, content: bytes) -> bytes:
    """A load command: what it is, its size, which is a multiple of 8, its content."""
    content += bytes(-len(content) % 8)
    return pack("<II", kind, 8 + len(content)) + content


def program_commands(program: Program) -> list[bytes]:
    """Who loads the program, what it is, where it starts, which library it is linked with."""
    entry = program.addresses[program.entry] - BASE
    return [
        command(LC_LOAD_DYLINKER, pack("<I", 12) + DYLD),
        command(LC_UUID, uuid(program)),
        command(LC_BUILD_VERSION, pack("<IIII", MACOS, OLDEST, SDK, 0)),
        command(LC_MAIN, pack("<QQ", entry, 0)),
        command(LC_LOAD_DYLIB, pack("<IIII", 24, 0, VERSION, VERSION) + LIBRARY),
    ]


def uuid(program: Program) -> bytes:
    """16 bytes that are those of this program and of no other: a hash of what it consists of."""
    content = program.constants.content + program.text.content
    return UUID(bytes=sha256(content).digest()[:16], version=5).bytes


@dataclass(frozen=True)
class Section:
    """A part of a segment with a name; what has no content in the file has no offset."""

    name: str
    address: int
    size: int
    offset: int = 0
    flags: int = 0
    align: int = 4
    """The exponent: 4 is 16 bytes."""

    def put(self, segment: str) -> bytes:
        """A section_64."""
        names = pack("<16s16s", self.name.encode(), segment.encode())
        place = pack("<QQII", self.address, self.size, self.offset, self.align)
        return names + place + pack("<IIIIII", 0, 0, self.flags, 0, 0, 0)


@dataclass(frozen=True)
class Segment:
    """Pages with the same rights: ``memory`` bytes, of which ``size`` come from the file."""

    name: str
    address: int
    memory: int
    offset: int
    size: int
    rights: int
    sections: Sequence[Section] = ()

    @property
    def end(self) -> int:
        """The address after it."""
        return self.address + self.memory

    def __bytes__(self) -> bytes:
        """The load command."""
        place = pack("<QQQQ", self.address, self.memory, self.offset, self.size)
        rights = pack("<IIII", self.rights, self.rights, len(self.sections), 0)
        sections = b"".join(section.put(self.name) for section in self.sections)
        return command(LC_SEGMENT_64, pack("<16s", self.name.encode()) + place + rights + sections)


PAGE_ZERO: Final = Segment("__PAGEZERO", 0, BASE, 0, 0, 0)


def text_segment(program: Program, size: int) -> Segment:
    """Everything that may be executed or only read; there need not be constants."""
    constants, text = program.constants, program.text
    sections = [
        Section("__const", BASE + HEADERS, constants.size - HEADERS, HEADERS),
        Section("__text", text.address, text.size, text.offset, INSTRUCTIONS, align=12),
    ]
    there = [section for section in sections if section.size]
    return Segment("__TEXT", BASE, size, 0, size, R | X, there)


def data_segments(program: Program, offset: int) -> list[Segment]:
    """The variables, if there are any: an offset, as every segment has, but nothing there."""
    zeros = program.zeros
    section = Section("__bss", zeros.address, zeros.size, flags=ZERO_FILL)
    segment = Segment("__DATA", zeros.address, whole(zeros.size), offset, 0, R | W, [section])
    return [segment] if zeros.size else []


def debug_segment(file: bytearray, address: int, contents: dict[str, bytes]) -> Segment:
    """Debug information, put at the end of the file, and at an address: all segments have one.

    One that is not mapped has been refused, by one dyld or another (docs/decisions/0006-mach-o.md).
    """
    start = len(file)
    sections: list[Section] = []
    for name, content in contents.items():
        at, called = len(file), "__" + name.removeprefix(".")
        sections.append(
            Section(called, address + at - start, len(content), at, flags=DEBUG, align=0)
        )
        file += content
    file += bytes(whole(len(file)) - len(file))
    size = len(file) - start
    return Segment("__DWARF", address, size, start, size, R, sections)


# --- symbols: what people look at -----------------------------------------------------


class SymbolTable:
    """The symbols and their names, which begin ``__LINKEDIT``; at first there are none.

    A debugger shows a name without its first underscore, which every compiler for macOS writes.
    """

    def __init__(self, program: Program, sections: Sequence[Section]) -> None:
        self.program, self.sections = program, sections
        self.strings = Strings()
        self.table: list[bytes] = []

    def add_all(self) -> None:
        """Routines and data by address; last the entry, the only one that others may know."""
        others = [place for place in self.program.names if place is not self.program.entry]
        self.table = [self.symbol(place, IN_SECTION) for place in others]
        self.table.append(self.symbol(self.program.entry, IN_SECTION | EXTERNAL))

    def symbol(self, place: Place, kind: int) -> bytes:
        """An nlist_64; sections are counted from 1 through all segments.

        Empty data may lie before the first section, if there are no others.
        """
        address = self.program.addresses[place]
        name = self.strings["_" + self.program.names[place]]
        before = [n for n, section in enumerate(self.sections, 1) if section.address <= address]
        return pack("<IBBHQ", name, kind, max(before, default=1), 0, address)

    def __bytes__(self) -> bytes:
        """Both tables; what follows them is aligned."""
        content = b"".join(self.table) + bytes(self.strings)
        return content.ljust(up(len(content), LINKEDIT_ALIGN), b"\0")

    def commands(self, start: int) -> list[bytes]:
        """Where the tables are in the file, and which symbols only this file knows."""
        count = len(self.table)
        own, shared = max(0, count - 1), min(1, count)
        before = count * SYMBOL
        tables = pack("<IIII", start, count, start + before, len(bytes(self)) - before)
        groups = pack("<IIIIII", 0, own, own, shared, count, 0)
        return [command(LC_SYMTAB, tables), command(LC_DYSYMTAB, groups + bytes(48))]
